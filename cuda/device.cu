// Devices over the CUDA runtime, which is linked statically and finds the driver when it is called.
#include <cuda_runtime.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <vector>

#include "device.hpp"
#include "launch.cuh"

namespace thalweg::cuda {
namespace {

std::string text_of(cudaError_t error) {
  return std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ")";
}

// A call that failed has left its error behind; it is taken away, so that the next call tells of
// its own. Errors that a device does not recover from are told again by every call.
void check(cudaError_t error, const std::string& doing) {
  if (error == cudaSuccess) return;
  cudaGetLastError();
  throw DeviceError(doing + ": " + text_of(error));
}

struct Devices {
  std::string why_not;
  std::vector<Properties> all;

  Devices() {
    int driver = 0, runtime = 0, count = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    const cudaError_t error = cudaGetDeviceCount(&count);
    cudaGetLastError();
    if (error == cudaSuccess && count > 0) {
      for (int d = 0; d < count; ++d) all.push_back(read(d));
      return;
    }
    const auto version = [](int v) {
      return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10);
    };
    if (driver == 0)
      why_not = "no NVIDIA driver is installed here";
    else if (error == cudaErrorInsufficientDriver)
      why_not = "the driver knows CUDA up to " + version(driver) + ", and this was built with " +
                version(runtime) + ": a newer driver is needed";
    else if (error == cudaErrorNoDevice || error == cudaSuccess)
      why_not = "the driver finds no GPU (is CUDA_VISIBLE_DEVICES set?)";
    else
      why_not = text_of(error);
  }

  static int attribute(cudaDeviceAttr what, int device) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, what, device), "asking a device what it is");
    return value;
  }
  static Properties read(int device) {
    cudaDeviceProp p;
    check(cudaGetDeviceProperties(&p, device), "asking a device what it is");
    return {p.name,
            p.multiProcessorCount,
            p.major,
            p.minor,
            p.totalGlobalMem,
            static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device)),
            std::numeric_limits<long>::max()};
  }
};
const Devices& devices() {
  static const Devices all;
  return all;
}

void check_device(int device) {
  if (!devices().why_not.empty())
    throw DeviceError("cuda: cannot be used here: " + devices().why_not);
  if (device < 0 || device >= device_count())
    throw std::invalid_argument("device: there are " + std::to_string(device_count()) +
                                " CUDA devices (cuda:0 is the first), got number " +
                                std::to_string(device));
}

thread_local int chosen = 0;

}  // namespace

std::string why_not() { return devices().why_not; }
int device_count() { return static_cast<int>(devices().all.size()); }
const Properties& properties(int device) {
  check_device(device);
  return devices().all[device];
}
std::size_t free_memory(int device) {
  const Use use(device);
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking a device how much memory is free");
  return free;
}

int current_device() { return chosen; }
void set_current_device(int device) {
  check_device(device);
  chosen = device;
}
Use::Use(int device) {
  check_device(device);
  check(cudaGetDevice(&before_), "asking which device is in use");
  if (before_ != device) check(cudaSetDevice(device), "using another device");
}
Use::~Use() { cudaSetDevice(before_); }
int current_use() {
  int device = 0;
  check(cudaGetDevice(&device), "asking which device is in use");
  return device;
}

void* allocate(std::size_t bytes, const char* what) {
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    require_memory(bytes, what);  // says how much there is, where that is the reason
    throw OutOfMemory(std::string("device memory: ") + what + " needs " + std::to_string(bytes) +
                      " bytes in one piece, and there is no such piece; use fewer replicas at a "
                      "time");
  }
  check(error, std::string("taking device memory for ") + what);
  return memory;
}
void release(void* memory) noexcept {
  // A device in error refuses: nothing is to be done about it then, and the error is told by the
  // call that hits it.
  if (cudaFree(memory) != cudaSuccess) cudaGetLastError();
}
void release_on(int device, void* memory) noexcept {
  int before = 0;
  cudaGetDevice(&before);
  cudaSetDevice(device);
  release(memory);
  cudaSetDevice(before);
  cudaGetLastError();
}

const int dlpack_kind = 2;
int device_of(const void* memory) {
  cudaPointerAttributes found{};
  check(cudaPointerGetAttributes(&found, memory), "asking where an array is");
  const bool there = found.type == cudaMemoryTypeDevice || found.type == cudaMemoryTypeManaged;
  return there ? found.device : -1;
}

void copy_in(void* device, const void* host, std::size_t bytes) {
  if (bytes) check(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice), "copying to a device");
}
void copy_out(void* host, const void* device, std::size_t bytes) {
  if (bytes)
    check(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost), "copying from a device");
}
void copy_across(void* to, const void* from, std::size_t bytes) {
  if (bytes) check(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToDevice), "copying on a device");
}
void clear(void* device, std::size_t bytes) {
  if (bytes) check(cudaMemset(device, 0, bytes), "clearing device memory");
}
void finish(const std::string& doing) { check(cudaDeviceSynchronize(), doing); }

void prepare_kernel(const void* kernel, std::size_t shared_bytes, const std::string& what) {
  constexpr std::size_t without_asking = 48 * 1024;
  if (shared_bytes > without_asking)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared_bytes)),
          what);
}
void check_launch(const std::string& what) { check(cudaGetLastError(), what); }

}  // namespace thalweg::cuda
