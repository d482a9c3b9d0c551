// What kernels are asked of a network besides what every landscape can do.
#pragma once

#include "jobs.hpp"
#include "mlp.cuh"

namespace thalweg::cuda {

// Losses or margins of the network's own samples, or outputs for other ones.
template <class Real>
struct SamplesJob {
  Sampled what;
  long rows, first, samples;  // row 0 is this one of its batch
  const Real* x;              // [R, P]
  const Real* inputs;  // for outputs: [samples, inputs] or, with own_inputs, [R, samples, inputs]
  bool own_inputs;
  Real* out;  // [R, samples] or [R, samples, outputs]
};

// Defined in mlp_hessian.cu.
template <class Real>
void run_hessian(const DeviceMlp<Real>& network, const HessianJob<Real>& job);

// Defined in mlp.cu.
template <class Real>
void run_samples(const DeviceMlp<Real>& network, const SamplesJob<Real>& job);

}  // namespace thalweg::cuda
