// The Mueller-Brown surface in two dimensions: three minima, two saddles, all known to 12 digits.
// K. Mueller and L. D. Brown, Theor. Chim. Acta 53, 75 (1979), doi:10.1007/BF00547608.
#pragma once

#include <thalweg/math/dual.hpp>

namespace thalweg {

template <class Real>
struct MullerBrown {
  static constexpr const char* name = "muller_brown";

  template <class Source>
  static MullerBrown from(Source& s) {
    s.require_dim(2);
    return {};
  }
  THALWEG_DEVICE Real upper_bound() const { return std::numeric_limits<Real>::infinity(); }

  template <class S, class G>
  THALWEG_DEVICE S evaluate(Array<S> x, G gradient) const {
    constexpr Real height[4] = {-200, -100, -170, 15};
    constexpr Real a[4] = {-1, -1, Real(-6.5), Real(0.7)};
    constexpr Real b[4] = {0, 0, 11, Real(0.6)};
    constexpr Real c[4] = {-10, -10, Real(-6.5), Real(0.7)};
    constexpr Real x0[4] = {1, 0, Real(-0.5), -1};
    constexpr Real y0[4] = {0, Real(0.5), Real(1.5), 1};
    S energy(Real(0)), gx(Real(0)), gy(Real(0));
    for (int k = 0; k < 4; ++k) {
      const S dx = x[0] - S(x0[k]), dy = x[1] - S(y0[k]);
      const S e = height[k] * exp(a[k] * (dx * dx) + b[k] * (dx * dy) + c[k] * (dy * dy));
      energy += e;
      gx += e * (2 * a[k] * dx + b[k] * dy);
      gy += e * (b[k] * dx + 2 * c[k] * dy);
    }
    gradient.set(0, gx);
    gradient.set(1, gy);
    return energy;
  }
};

}  // namespace thalweg
