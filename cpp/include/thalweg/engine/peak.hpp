// What one core of this machine can do at most: the yardstick of benchmarks.
#pragma once

namespace thalweg {

// Fused multiply-adds of packs held in registers, in GFLOP/s, measured in about 20 ms.
template <class Real>
double fma_peak();

}  // namespace thalweg
