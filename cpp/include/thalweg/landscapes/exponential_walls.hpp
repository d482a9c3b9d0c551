// Independent one-sided exponential walls under a hard lid: V = sum_i A exp(-x_i), x_i < lid.
// The solvable model of thermal charting: energies are nearly Gamma distributed at every
// temperature.
#pragma once

#include <thalweg/math/dual.hpp>

namespace thalweg {

template <class Real>
struct ExponentialWalls {
  static constexpr const char* name = "exponential_walls";
  long dim;
  Real amplitude, lid;

  template <class Source>
  static ExponentialWalls from(Source& s) {
    return {s.dim, s.scalar("amplitude"), s.scalar("lid")};
  }
  THALWEG_DEVICE Real upper_bound() const { return lid; }  // dynamics reflect there

  template <class S, class G, class Each = InOrder>
  THALWEG_DEVICE S evaluate(Array<S> x, G gradient, Each each = {}) const {
    const S forbidden(std::numeric_limits<Real>::infinity());
    S energy(Real(0));
    each(dim, [&](long i) {
      const S wall = amplitude * exp(-x[i]);
      energy += select(x[i] > S(lid), forbidden, wall);
      gradient.set(i, -wall);
    });
    return energy;
  }
};

}  // namespace thalweg
