// Harmonic well: V = 1/2 (x - c)^T A (x - c), A given by its diagonal or as a full matrix.
#pragma once

#include <thalweg/math/dual.hpp>

namespace thalweg {

template <class Real>
struct Quadratic {
  static constexpr const char* name = "quadratic";
  long dim;
  const Real* center;    // [dim]
  const Real* spectrum;  // [dim], or null
  const Real* matrix;    // [dim, dim] symmetric, or null

  template <class Source>
  static Quadratic from(Source& s) {
    const bool full = s.has("matrix");
    return {s.dim, s.array("center", s.dim), full ? nullptr : s.array("spectrum", s.dim),
            full ? s.array("matrix", s.dim * s.dim) : nullptr};
  }
  THALWEG_DEVICE Real upper_bound() const { return std::numeric_limits<Real>::infinity(); }

  template <class S, class G, class Each = InOrder>
  THALWEG_DEVICE S evaluate(Array<S> x, G gradient, Each each = {}) const {
    S twice(Real(0));
    each(dim, [&](long i) {
      const S d = x[i] - S(center[i]);
      const S pull = spectrum ? spectrum[i] * d : row(x, matrix + i * dim);
      twice = fma(pull, d, twice);
      gradient.set(i, pull);
    });
    return Real(0.5) * twice;
  }

 private:
  template <class S>
  THALWEG_DEVICE S row(Array<S> x, const Real* a) const {  // four sums hide the latency of one
    S sum[4] = {S(Real(0)), S(Real(0)), S(Real(0)), S(Real(0))};
    for (long j = 0; j < dim; ++j) sum[j % 4] = fma(a[j], x[j] - S(center[j]), sum[j % 4]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
};

}  // namespace thalweg
