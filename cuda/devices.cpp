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

int dlpack_kind() { return cuda::dlpack_kind; }
int device_of(const void* memory) { return cuda::device_of(memory); }
std::shared_ptr<void> device_memory(int device, std::size_t bytes, const char* what) {
  const cuda::Use use(device);
  cuda::require_memory(bytes, what);
  return {cuda::allocate(bytes, what),
          [device](void* memory) { cuda::release_on(device, memory); }};
}
void copy_to_host(int device, void* host, const void* memory, std::size_t bytes) {
  const cuda::Use use(device);
  cuda::copy_out(host, memory, bytes);
}
void wait_for_device(int device) {
  const cuda::Use use(device);
  cuda::finish("what other libraries have the device doing");
}

}  // namespace thalweg
