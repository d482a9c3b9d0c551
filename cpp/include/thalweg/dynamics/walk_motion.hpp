// Isotropic steps of fixed length: free, on the sphere of the start's norm, or (micro) refused
// where the energy would pass a cap, which samples {energy <= cap} uniformly.
#pragma once

#include <thalweg/dynamics/walker.hpp>

namespace thalweg {

enum class WalkMode { free, sphere, micro };

template <class Real>
struct WalkMotion {
  static constexpr const char* name = "random walk";
  WalkMode mode;
  long adapt_steps;
  Slots slots;

  enum OwnVector : int { start = first_vector, y };
  enum Own : int { accepted = first_scalar, accepted_rest, size, trial_energy };
  enum Parameter : int { step_size, energy_cap };

  THALWEG_DEVICE Known known_at_start() const { return Known::energy; }
  THALWEG_DEVICE BatchPlan batches() const { return {}; }

  template <class E>
  THALWEG_DEVICE void enter(E& ensemble, long first_step) const {
    using W = typename E::Walker;
    if (first_step > 0) return;
    ensemble.for_each([&](W& w) {
      copy_vector(w, point, start);
      w.scalar(size) = w.parameter(step_size);
    });
  }
  template <class E>
  THALWEG_DEVICE Known step(E& ensemble, long step, Known) const {
    using W = typename E::Walker;
    const typename W::Number bound(ensemble.upper_bound());
    ensemble.for_each([&](W& w) { propose(w, step, bound); });
    ensemble.energy(y, trial_energy);
    ensemble.for_each([&](W& w) { decide(w, step); });
    return Known::energy;
  }
  template <class W>
  THALWEG_DEVICE auto lost(W& w, long) const {
    return negate(is_finite(w.scalar(energy_now)));
  }
  template <class W>
  THALWEG_DEVICE typename W::Number observe(const W& w, Observable what) const {
    const auto *x = w.vector(point), *x0 = w.vector(start);
    switch (what) {
      case Observable::accepted:
        return w.scalar(accepted);
      case Observable::step_size:
        return w.scalar(size);
      case Observable::overlap: {
        const auto dot = w.sum([&](long i) { return x[i] * x0[i]; });
        return dot / sqrt(squared_norm(w, point) * squared_norm(w, start));
      }
      case Observable::squared_distance:
        return w.sum([&](long i) { return (x[i] - x0[i]) * (x[i] - x0[i]); });
      default:
        return observe_point(w, what);
    }
  }

 private:
  template <class W>
  static THALWEG_DEVICE typename W::Number squared_norm(const W& w, int slot) {
    const auto* x = w.vector(slot);
    return w.sum([&](long i) { return x[i] * x[i]; });
  }

  template <class W>
  THALWEG_DEVICE void propose(W& w, long step, typename W::Number bound) const {
    using S = typename W::Number;
    const S* x = w.vector(point);
    S* to = w.vector(y);
    w.normals(Stream::random_walk, step, [&](long i, S xi) { to[i] = xi; });
    S length = squared_norm(w, y);
    // One or two normals may all be exactly 0, once in some 10^7 steps: any direction will do.
    w.first([&] { to[0] = select(length > S(Real(0)), to[0], S(Real(1))); });
    length = select(length > S(Real(0)), length, S(Real(1)));
    const S scale = w.scalar(size) / sqrt(length);
    w.each([&](long i) { to[i] = fma(scale, to[i], x[i]); });
    if (mode == WalkMode::sphere) {
      const S back = sqrt(squared_norm(w, start) / squared_norm(w, y));
      w.each([&](long i) { to[i] *= back; });
    }
    if (mode == WalkMode::free) keep_inside(w, y, bound);
  }
  template <class W>
  THALWEG_DEVICE void decide(W& w, long step) const {
    using S = typename W::Number;
    using Truth = bool_of<S>;
    const S e = w.scalar(trial_energy), one(Real(1)), zero(Real(0));
    const Truth yes =
        mode == WalkMode::micro ? Truth{e <= w.parameter(energy_cap)} : negate(Truth{});
    S* x = w.vector(point);
    const S* to = w.vector(y);
    w.each([&](long i) { x[i] = select(yes, to[i], x[i]); });
    w.scalar(energy_now) = select(yes, e, w.scalar(energy_now));
    add_to(w.scalar(accepted), w.scalar(accepted_rest), select(yes, one, zero));
    if (mode == WalkMode::micro && step <= adapt_steps)  // steers the acceptance to 40 %
      w.scalar(size) *= select(yes, S(Real(1.0618365465453596)), S(Real(0.9607894391523232)));
  }
};

}  // namespace thalweg
