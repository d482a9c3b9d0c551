// What one core of this machine, or the device in use, can do at most: the yardstick of benchmarks.
#pragma once

namespace thalweg {

// Fused multiply-adds of packs held in registers, in GFLOP/s, measured in some 20 ms.
template <class Real>
double fma_peak();

}  // namespace thalweg
