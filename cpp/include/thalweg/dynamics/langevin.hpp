// One step of one coordinate of Langevin dynamics, at temperature T, confined by a Gaussian prior.
//
// plain:   V = L + T |x|^2 / (2 sigma^2);  natural: U = L / T + |x|^2 / (2 sigma^2) at
// temperature 1. Either way the force is -(pull * gradient + prior * x), and the scheme is told
// pull, prior and the temperature of the noise.
#pragma once

#include <thalweg/math/functions.hpp>

namespace thalweg {

template <class S>
struct LangevinForce {
  S pull, prior;
  THALWEG_INLINE S uphill(S x, S gradient) const { return fma(prior, x, pull * gradient); }
};

// x <- x - drift uphill + noise xi. Euler-Maruyama takes xi of this step; Leimkuhler-Matthews the
// mean of this step's and the next one's (doi:10.1093/amrx/abs010), which removes the bias of the
// stationary law on a harmonic well.
template <class S>
struct Overdamped {
  LangevinForce<S> force;
  S drift, noise;
  THALWEG_INLINE S move(S x, S gradient, S xi) const {
    return fma(noise, xi, fma(-drift, force.uphill(x, gradient), x));
  }
};

// BAOAB with unit mass (doi:10.1093/amrx/abs010): kick, drift, fluctuate, drift, kick. One gradient
// per step; no configurational bias on a harmonic well.
template <class S>
struct Baoab {
  LangevinForce<S> force;
  S half_step, keep, noise;  // keep = exp(-friction h), noise = sqrt(T (1 - keep^2))
  THALWEG_INLINE S kick(S p, S x, S gradient) const {
    return fma(-half_step, force.uphill(x, gradient), p);
  }
  THALWEG_INLINE S drift(S x, S p) const { return fma(half_step, p, x); }
  THALWEG_INLINE S fluctuate(S p, S xi) const { return fma(keep, p, noise * xi); }
};

}  // namespace thalweg
