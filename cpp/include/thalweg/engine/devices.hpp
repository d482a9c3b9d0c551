// The devices of a target that has some: what a user asks before choosing one.
#pragma once

#include <cstddef>
#include <string>

namespace thalweg {

struct DeviceInfo {
  std::string name;
  std::size_t memory, free_memory;  // bytes
  int processors, major, minor;     // multiprocessors; compute capability
};

// Why none can be used, in words; empty where one can.
std::string why_no_device();
int count_devices();
// Throws std::invalid_argument for a device that is not there.
DeviceInfo device_info(int device);
// New landscapes of this thread are made on this device.
void use_device(int device);

}  // namespace thalweg
