// A batch [R, P] is run block by block: W rows are transposed into lanes, computed, and put back.
#pragma once

#include <algorithm>
#include <array>
#include <thalweg/engine/landscape.hpp>
#include <thalweg/engine/threads.hpp>

namespace thalweg {

// The rows of one block. Lanes past the end of the batch repeat its last row and are not stored.
template <class Real>
struct Rows {
  static constexpr int W = native_lanes<Real>;
  std::array<long, W> row;
  int used;

  Rows(long block, long replicas) {
    const long first = block * W;
    used = static_cast<int>(std::min<long>(W, replicas - first));
    for (int lane = 0; lane < W; ++lane) row[lane] = std::min(first + lane, replicas - 1);
  }
  static long blocks(long replicas) { return (replicas + W - 1) / W; }
};

// Rows of src [R, width] into lanes, and lanes into rows of dst.
template <class Real>
void into_lanes(const Rows<Real>& rows, const Real* src, long width, Lanes<Real>* dst) {
  Real* flat = reinterpret_cast<Real*>(dst);
  for (int lane = 0; lane < rows.W; ++lane) {
    const Real* from = src + rows.row[lane] * width;
    for (long i = 0; i < width; ++i) flat[i * rows.W + lane] = from[i];
  }
}
template <class Real>
void from_lanes(const Rows<Real>& rows, const Lanes<Real>* src, long width, Real* dst) {
  const Real* flat = reinterpret_cast<const Real*>(src);
  for (int lane = 0; lane < rows.used; ++lane) {
    Real* to = dst + rows.row[lane] * width;
    for (long i = 0; i < width; ++i) to[i] = flat[i * rows.W + lane];
  }
}

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
