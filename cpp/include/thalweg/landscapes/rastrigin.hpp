// Rastrigin's function: V = sum_i x_i^2 + amplitude (1 - cos 2 pi x_i). Its minima lie near
// integers.
#pragma once

#include <numbers>
#include <thalweg/math/dual.hpp>

namespace thalweg {

template <class Real>
struct Rastrigin {
  static constexpr const char* name = "rastrigin";
  long dim;
  Real amplitude;

  template <class Source>
  static Rastrigin from(Source& s) {
    return {s.dim, s.scalar("amplitude")};
  }
  THALWEG_DEVICE Real upper_bound() const { return std::numeric_limits<Real>::infinity(); }

  template <class S, class G, class Each = InOrder>
  THALWEG_DEVICE S evaluate(Array<S> x, G gradient, Each each = {}) const {
    constexpr Real turn = Real(2 * std::numbers::pi);
    S energy(Real(0));
    each(dim, [&](long i) {
      const S t = turn * x[i];
      energy += fma(x[i], x[i], amplitude * (S(Real(1)) - cos(t)));
      if constexpr (G::wanted) gradient.set(i, Real(2) * x[i] + turn * amplitude * sin(t));
    });
    return energy;
  }
};

}  // namespace thalweg
