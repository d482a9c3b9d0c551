// A device that is this processor: memory is the host's, kernels are run by taking turns. For
// tests.
//
// THALWEG_EMULATED_THREADS: how many threads a team that is a block has; default 4.
// THALWEG_EMULATED_DEVICES: how many devices there are; default 2, so that both indices are used.
// THALWEG_EMULATED_MEMORY:  bytes each has; default 4 GiB.
// THALWEG_EMULATED_ROWS:    rows of one launch at most; default: any number.
// THALWEG_EMULATED_FAULT:   part of a kernel's description: that kernel fails, as a device would.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "device.hpp"
#include "launch.cuh"

namespace thalweg::cuda {
namespace {

long from_environment(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtol(text, nullptr, 10) : otherwise;
}

// What a device's memory holds; the owner of each piece is looked up when it is released.
struct Memory {
  std::mutex mutex;
  std::map<void*, std::pair<int, std::size_t>> pieces;
  std::map<int, std::size_t> taken;
};
Memory& memory() {
  static Memory* all = new Memory;  // buffers may outlive static destructors
  return *all;
}

thread_local int chosen = 0, in_use = 0;

void check_device(int device) {
  if (device < 0 || device >= device_count())
    throw std::invalid_argument("device: there are " + std::to_string(device_count()) +
                                " emulated devices, got number " + std::to_string(device));
}

}  // namespace

std::string why_not() {
  return device_count() > 0 ? std::string() : "no device is emulated (THALWEG_EMULATED_DEVICES)";
}
int device_count() { return static_cast<int>(from_environment("THALWEG_EMULATED_DEVICES", 2)); }
const Properties& properties(int device) {
  check_device(device);
  // Little shared memory, so that larger points take the way through device memory in tests too.
  static thread_local Properties all{"this processor, emulating a GPU", 2, 0, 0, 0, 48 * 1024, 0};
  all.memory = static_cast<std::size_t>(from_environment("THALWEG_EMULATED_MEMORY", 4L << 30));
  all.most_rows = from_environment("THALWEG_EMULATED_ROWS", std::numeric_limits<long>::max());
  return all;
}
std::size_t free_memory(int device) {
  const std::size_t all = properties(device).memory;
  std::lock_guard lock(memory().mutex);
  return all - std::min(all, memory().taken[device]);
}

int current_device() { return chosen; }
void set_current_device(int device) {
  check_device(device);
  chosen = device;
}
Use::Use(int device) : before_(in_use) {
  check_device(device);
  in_use = device;
}
Use::~Use() { in_use = before_; }
int current_use() { return in_use; }

void* allocate(std::size_t bytes, const char* what) {
  require_memory(bytes, what);
  void* p = std::malloc(bytes);
  if (!p) throw OutOfMemory(std::string(what) + ": the host has no memory left to emulate with");
  std::memset(p, 0xff, bytes);  // nan, or a wild index: what is not written is seen
  std::lock_guard lock(memory().mutex);
  memory().pieces[p] = {in_use, bytes};
  memory().taken[in_use] += bytes;
  return p;
}
void release(void* p) noexcept {
  {
    std::lock_guard lock(memory().mutex);
    const auto found = memory().pieces.find(p);
    memory().taken[found->second.first] -= found->second.second;
    memory().pieces.erase(found);
  }
  std::free(p);
}
void release_on(int, void* p) noexcept { release(p); }

// Every pointer will do, as tests lend the memory of their NumPy arrays: it is on the device in
// use.
const int dlpack_kind = 1;
int device_of(const void*) { return in_use; }

void copy_in(void* device, const void* host, std::size_t bytes) {
  if (bytes) std::memcpy(device, host, bytes);
}
void copy_out(void* host, const void* device, std::size_t bytes) {
  if (bytes) std::memcpy(host, device, bytes);
}
void copy_across(void* to, const void* from, std::size_t bytes) {
  if (bytes) std::memcpy(to, from, bytes);
}
void clear(void* device, std::size_t bytes) {
  if (bytes) std::memset(device, 0, bytes);
}
void finish(const std::string&) {}

void launch_emulated(const Space& space, const std::string& what,
                     void (*body)(const void*, const Block&), const void* context) {
  const char* fault = std::getenv("THALWEG_EMULATED_FAULT");
  if (fault && *fault && what.find(fault) != std::string::npos)
    throw DeviceError(what + ": the emulated device failed, as it was told to");
  if (space.shared_bytes > properties(in_use).shared_bytes)
    throw DeviceError(what + ": more shared memory than a block can have");
  const bool alone = space.team_size == 1;
  const int few = static_cast<int>(from_environment("THALWEG_EMULATED_THREADS", 4));
  const int team = space.team_size < warp_size ? space.team_size : std::min(space.team_size, few);
  const int threads = space.teams * team;
  std::vector<char> shared(space.shared_bytes + 16);
  Block block{};
  block.shared = shared.data() + (16 - reinterpret_cast<std::uintptr_t>(shared.data()) % 16);
  block.count_ = space.blocks;
  block.threads_ = threads;
  for (block.index_ = 0; block.index_ < space.blocks; ++block.index_) {
    std::fill(shared.begin(), shared.end(), '\xff');
    if (!alone) {
      run_block(block, team, body, context);
      continue;
    }
    for (block.thread_ = 0; block.thread_ < threads; ++block.thread_) body(context, block);
    block.thread_ = 0;
  }
}

}  // namespace thalweg::cuda
