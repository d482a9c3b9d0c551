#include <thalweg/engine/devices.hpp>

#include "device.hpp"

namespace thalweg {

std::string why_no_device() { return cuda::why_not(); }
int count_devices() { return cuda::device_count(); }
DeviceInfo device_info(int device) {
  const cuda::Properties& p = cuda::properties(device);
  return {p.name, p.memory, cuda::free_memory(device), p.processors, p.major, p.minor};
}
void use_device(int device) { cuda::set_current_device(device); }

}  // namespace thalweg
