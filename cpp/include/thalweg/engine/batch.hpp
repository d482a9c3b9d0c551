// A batch [R, P] is run block by block: rows are put into packs, computed, and put back.
#pragma once

#include <thalweg/engine/landscape.hpp>
#include <thalweg/engine/threads.hpp>

namespace thalweg {

// Whole-batch operations; arrays are row-major. `e`, `g` and so on are written, never read.
template <class Real>
void batch_energy(const Landscape<Real>&, long replicas, const Real* x, Real* e, int threads,
                  const StopQuestion&);
template <class Real>
void batch_gradient(const Landscape<Real>&, long replicas, const Real* x, Real* e, Real* g,
                    int threads, const StopQuestion&);
template <class Real>
void batch_product(const Landscape<Real>&, long replicas, const Real* x, const Real* v, Real* hv,
                   int threads, const StopQuestion&);
template <class Real>
void batch_hessian(const Landscape<Real>&, long replicas, const Real* x, Real* h, int threads,
                   const StopQuestion&);

}  // namespace thalweg
