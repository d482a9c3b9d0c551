// V = sum_i A cosh(kappa x_i): harmonic when cold, wall-like when hot, curvature kappa^2 V exactly.
#pragma once

#include <thalweg/math/dual.hpp>

namespace thalweg {

template <class Real>
struct CoshWell {
  static constexpr const char* name = "cosh_well";
  long dim;
  Real amplitude, kappa;

  template <class Source>
  static CoshWell from(Source& s) {
    return {s.dim, s.scalar("amplitude"), s.scalar("kappa")};
  }
  THALWEG_DEVICE Real upper_bound() const { return std::numeric_limits<Real>::infinity(); }

  template <class S, class G, class Each = InOrder>
  THALWEG_DEVICE S evaluate(Array<S> x, G gradient, Each each = {}) const {
    S energy(Real(0));
    each(dim, [&](long i) {
      const S up = exp(kappa * x[i]), down = exp(-(kappa * x[i]));
      energy += Real(0.5) * amplitude * (up + down);
      gradient.set(i, Real(0.5) * amplitude * kappa * (up - down));
    });
    return energy;
  }
};

}  // namespace thalweg
