// Elementary functions and random numbers over arrays on a device: what tests measure them by.
#pragma once

#include <thalweg/math/random.hpp>

#include "team.cuh"

namespace thalweg::cuda {

enum class Function { exp, expm1, log, log1p, tanh, logistic, softplus, sin, cos, sqrt };
inline constexpr const char* function_names[] = {"exp",      "expm1",    "log", "log1p", "tanh",
                                                 "logistic", "softplus", "sin", "cos",   "sqrt"};

// Pointers into device memory.
template <class Real>
struct FunctionJob {
  Function function;
  long count;
  const Real* x;
  Real* y;
};
enum class Draws { uniforms, normals, signs };
template <class Real>
struct DrawJob {
  Draws what;
  std::uint64_t seed;
  Stream stream;
  std::uint32_t step;
  long replicas, count;
  const std::uint32_t* names;  // [replicas]
  Real* out;                   // [replicas, count]
};
struct PermutationJob {
  std::uint64_t seed;
  Stream stream;
  std::uint32_t step;
  long replicas;
  std::int32_t n;
  const std::uint32_t* names;
  std::int32_t* out;  // [replicas, n]
};
struct PhiloxJob {
  long count;
  const std::uint32_t* counters;  // [count, 4]
  std::uint32_t key[2];
  std::uint32_t* out;  // [count, 4]
};

// Chains of fused multiply-adds in registers, each thread its own: `chains` times `length` of them.
template <class Real>
struct PeakJob {
  static constexpr int chains = 8;
  long threads, length;
  Real factor;
  Real* out;  // [threads]
};

// In numbers.cu.
template <class Real>
void run_peak(const PeakJob<Real>&);
template <class Real>
void run_function(const FunctionJob<Real>&);
template <class Real>
void run_draw(const DrawJob<Real>&);
void run_permutations(const PermutationJob&);
void run_philox(const PhiloxJob&);

}  // namespace thalweg::cuda
