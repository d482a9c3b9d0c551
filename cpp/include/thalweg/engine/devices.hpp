// The devices of a target that has some: what a user asks before choosing one.
#pragma once

#include <cstddef>
#include <memory>
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

// --- Arrays that are on a device already. ---

// What DLPack calls the kind of a device: 2 for CUDA, 1 where devices are emulated.
int dlpack_kind();
// The device that memory is on; -1 for the host's.
int device_of(const void* memory);
// Memory of a device, freed with its last owner. Throws as all of a device's memory does.
std::shared_ptr<void> device_memory(int device, std::size_t bytes, const char* what);
void copy_to_host(int device, void* host, const void* memory, std::size_t bytes);
// Waits for whatever other libraries have a device doing.
void wait_for_device(int device);

}  // namespace thalweg
