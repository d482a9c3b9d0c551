// Devices: what there are, their memory, and their errors. Two files implement this: device.cu over
// the CUDA runtime, device_emulated.cpp on the processor. Nothing else calls either.
//
// Every call is checked. What fails becomes an exception: std::invalid_argument for a device that
// is not there, OutOfMemory, or DeviceError, which says what was being done.
#pragma once

#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace thalweg::cuda {

struct DeviceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::string what) : what_(std::move(what)) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

struct Properties {
  std::string name;
  int processors;            // multiprocessors
  int major, minor;          // compute capability
  std::size_t memory;        // in all
  std::size_t shared_bytes;  // one block can have at most
  long most_rows;            // of one launch: no limit but in tests
};

// Why no device can be used, in words; empty where one can.
std::string why_not();
int device_count();  // 0 where none can be used
const Properties& properties(int device);
std::size_t free_memory(int device);

// The device new landscapes of this thread are made on.
int current_device();
void set_current_device(int device);

// Makes a device the one that calls of this thread go to, while it lives.
class Use {
 public:
  explicit Use(int device);
  ~Use();
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  int before_;
};

int current_use();  // the device calls of this thread go to

// Throws OutOfMemory if so many bytes are not free on the device in use; `what` is wanted.
void require_memory(std::size_t bytes, const std::string& what);

// Memory of the device in use.
void* allocate(std::size_t bytes, const char* what);
void release(void* memory) noexcept;
void release_on(int device, void* memory) noexcept;  // whichever device is in use
void copy_in(void* device, const void* host, std::size_t bytes);
void copy_out(void* host, const void* device, std::size_t bytes);
void copy_across(void* to, const void* from, std::size_t bytes);  // within the device
void clear(void* device, std::size_t bytes);
// Waits for the kernels launched; an error of one of them is thrown as `doing`'s.
void finish(const std::string& doing);

// For arrays shared with other libraries: see engine/devices.hpp.
extern const int dlpack_kind;
int device_of(const void* memory);

// An array in device memory, freed with its owner.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::size_t count, const char* what)
      : data_(count ? static_cast<T*>(allocate(count * sizeof(T), what)) : nullptr),
        count_(count) {}
  Buffer(const T* host, std::size_t count, const char* what) : Buffer(count, what) { fill(host); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer old(std::move(*this));
    swap(other);
    return *this;
  }
  ~Buffer() {
    if (data_) release(data_);
  }
  T* data() const { return data_; }
  std::size_t size() const { return count_; }
  explicit operator bool() const { return data_ != nullptr; }
  void fill(const T* host) const { fill(host, count_); }
  void read(T* host) const { read(host, count_); }
  // The first `count` of them.
  void fill(const T* host, std::size_t count) const { copy_in(data_, host, count * sizeof(T)); }
  void read(T* host, std::size_t count) const { copy_out(host, data_, count * sizeof(T)); }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
  }
};

}  // namespace thalweg::cuda
