// How a body becomes a kernel: a plain struct with operator()(const Block&) const, called by every
// thread of a launch. Body::most_threads bounds the threads of a block.
#pragma once

#include <string>

#include "device.hpp"
#include "jobs.hpp"

namespace thalweg::cuda {

// `what` names kernel and landscape in errors. Returns when the kernel has run.
template <class Body>
void launch(const Body& body, const Space& space, const std::string& what);

#if defined(__CUDACC__)

// In device.cu: throws DeviceError, with `what` in it, for what the runtime says of a launch.
void prepare_kernel(const void* kernel, std::size_t shared_bytes, const std::string& what);
void check_launch(const std::string& what);

// Bodies that spill where the compiler is left to choose say how many blocks are to fit a
// processor.
template <class Body>
constexpr int fewest_blocks() {
  if constexpr (requires { Body::fewest_blocks; })
    return Body::fewest_blocks;
  else
    return 0;  // the compiler's choice
}

template <class Body>
__global__ void __launch_bounds__(Body::most_threads, fewest_blocks<Body>())
    kernel(const __grid_constant__ Body body) {
  extern __shared__ __align__(16) char shared[];
  body(Block{shared});
}

template <class Body>
void launch(const Body& body, const Space& space, const std::string& what) {
  prepare_kernel(reinterpret_cast<const void*>(&kernel<Body>), space.shared_bytes, what);
  const int threads = space.teams * space.team_size;
  kernel<Body><<<static_cast<unsigned>(space.blocks), threads, space.shared_bytes>>>(body);
  check_launch(what);
  finish(what);
}

#else

// In device_emulated.cpp: calls body for all threads of all blocks.
void launch_emulated(const Space& space, const std::string& what,
                     void (*body)(const void* context, const Block&), const void* context);

template <class Body>
void launch(const Body& body, const Space& space, const std::string& what) {
  const auto call = [](const void* context, const Block& block) {
    (*static_cast<const Body*>(context))(block);
  };
  launch_emulated(space, what, call, &body);
  finish(what);
}

#endif

}  // namespace thalweg::cuda
