#include "device.hpp"

namespace thalweg::cuda {
namespace {

std::string mebibytes(std::size_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

}  // namespace

void require_memory(std::size_t bytes, const std::string& what) {
  const std::size_t free = free_memory(current_use());
  if (bytes <= free) return;
  throw OutOfMemory("device memory: " + what + " needs " + std::to_string(bytes) + " bytes (" +
                    mebibytes(bytes) + "), and " + std::to_string(free) + " (" + mebibytes(free) +
                    ") are free on device " + std::to_string(current_use()) +
                    "; use fewer replicas at a time");
}

}  // namespace thalweg::cuda
