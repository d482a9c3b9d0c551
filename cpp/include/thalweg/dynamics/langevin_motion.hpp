// Langevin dynamics: schemes, cooling, the Metropolis test, and the guard against blow-ups.
#pragma once

#include <thalweg/dynamics/langevin.hpp>
#include <thalweg/dynamics/walker.hpp>

namespace thalweg {

enum class Scheme { euler_maruyama, leimkuhler_matthews, baoab };

template <class Real>
struct LangevinMotion {
  static constexpr const char* name = "Langevin dynamics";
  Scheme scheme;
  bool natural, metropolis, restore;
  long cooling_steps;
  double guard;
  // Where what it carries stands; see its rule. `first_temporary` is the first of Temporary.
  int momentum, checkpoint, mean_energy, accepted, first_temporary, trial;
  Slots slots;

  enum Temporary : int { pull, prior, drift, noise, keep, heat, trial_energy, temporaries };
  enum Parameter : int { target, step_size, friction, confinement, initial };

  THALWEG_DEVICE bool baoab() const { return scheme == Scheme::baoab; }
  THALWEG_DEVICE Known known_at_start() const { return Known::gradient; }
  THALWEG_DEVICE BatchPlan batches() const { return {}; }

  template <class E>
  THALWEG_DEVICE void enter(E& ensemble, long first_step) const {
    using W = typename E::Walker;
    using S = typename W::Number;
    ensemble.for_each([&](W& w) {
      w.scalar(energy_now) = select(w.is(Status::ok), w.scalar(energy_now), S(nan()));
      set_coefficients(w, first_step + 1);
      if (first_step > 0) return;
      if (restore) copy_vector(w, point, checkpoint);
      if (guard > 0) w.scalar(mean_energy) = w.scalar(energy_now);
      if (baoab()) draw_momentum(w, 0, negate(bool_of<S>{}));
    });
  }

  template <class E>
  THALWEG_DEVICE Known step(E& ensemble, long step, Known after) const {
    using W = typename E::Walker;
    using S = typename W::Number;
    if (step <= cooling_steps + 1) ensemble.for_each([&](W& w) { set_coefficients(w, step); });
    if (metropolis) return metropolis_step(ensemble, step);
    const S bound(ensemble.upper_bound());
    ensemble.for_each([&](W& w) {
      if (baoab())
        baoab_move(w, step, bound);
      else
        overdamped_move(w, step, bound);
    });
    const Known known = learn(ensemble, both(after, needed_after_a_move()));
    if (baoab()) ensemble.for_each([&](W& w) { last_kick(w); });
    if (restore)  // here, where the gradient of restored points can still be had
      if (save_or_restore(ensemble, step)) learn(ensemble, known);
    if (guard > 0) ensemble.for_each([&](W& w) { follow_mean(w, step); });
    return known;
  }

  // Replicas lost in this step. A restored one lives; without restoring, a blow-up ends it.
  template <class W>
  THALWEG_DEVICE auto lost(W& w, long step) const {
    return restore ? negate(is_finite(w.scalar(energy_now))) : blown_up(w, step);
  }

  template <class W>
  THALWEG_DEVICE typename W::Number observe(const W& w, Observable what) const {
    if (what == Observable::kinetic_energy) {
      const auto* p = w.vector(momentum);
      return Real(0.5) * w.sum([&](long i) { return p[i] * p[i]; });
    }
    if (what == Observable::accepted) return w.scalar(accepted);
    return observe_point(w, what);
  }

 private:
  static constexpr long checkpoint_interval = 100;

  // A kick takes the gradient; the guard looks at every energy.
  THALWEG_DEVICE Known needed_after_a_move() const {
    if (baoab()) return Known::gradient;
    return restore || guard > 0 ? Known::energy : Known::nothing;
  }

  static THALWEG_DEVICE Real nan() { return std::numeric_limits<Real>::quiet_NaN(); }
  template <class W>
  THALWEG_DEVICE auto& temporary(W& w, Temporary t) const {
    return w.scalar(first_temporary + t);
  }

  // The temperature of this step: cooling from the initial one geometrically, then constant.
  template <class W>
  THALWEG_DEVICE typename W::Number temperature(const W& w, long step) const {
    using S = typename W::Number;
    const S last = w.parameter(target);
    if (step > cooling_steps) return last;
    const Real fraction = Real(1) - static_cast<Real>(step) / static_cast<Real>(cooling_steps);
    const S ratio = w.parameter(initial) / last;
    return last * exp(fraction * log(ratio));
  }

  template <class W>
  THALWEG_DEVICE void set_coefficients(W& w, long step) const {
    using S = typename W::Number;
    const S one(Real(1)), two(Real(2));
    const S t = temperature(w, step), h = w.parameter(step_size), rub = w.parameter(friction);
    const S sigma = w.parameter(confinement), box = one / (sigma * sigma);
    const S pulled = natural ? one / t : one;
    const S held = natural ? box : t * box;
    const S bath = natural ? one : t;
    temporary(w, pull) = pulled;
    temporary(w, prior) = held;
    temporary(w, heat) = bath;
    if (baoab()) {
      const S k = exp(-(rub * h));
      temporary(w, drift) = Real(0.5) * h;
      temporary(w, keep) = k;
      temporary(w, noise) = sqrt(bath * (-expm1(-(two * rub * h))));
    } else {
      const S eta = natural ? Real(0.5) * h * h : h;
      temporary(w, drift) = eta;
      temporary(w, noise) = sqrt(two * eta * bath);
    }
  }

  template <class W>
  THALWEG_DEVICE auto force(W& w) const {
    return LangevinForce<typename W::Number>{temporary(w, pull), temporary(w, prior)};
  }
  template <class W>
  THALWEG_DEVICE auto overdamped(W& w) const {
    return Overdamped<typename W::Number>{force(w), temporary(w, drift), temporary(w, noise)};
  }
  template <class W>
  THALWEG_DEVICE auto integrator(W& w) const {
    return Baoab<typename W::Number>{force(w), temporary(w, drift), temporary(w, keep),
                                     temporary(w, noise)};
  }

  template <class W>
  THALWEG_DEVICE void overdamped_move(W& w, long step, typename W::Number bound) const {
    using S = typename W::Number;
    const auto rule = overdamped(w);
    S* x = w.vector(point);
    const S* g = w.vector(slope);
    const bool walled = all(is_finite(bound));
    const auto move = [&](long i, S xi) {
      const S y = rule.move(x[i], g[i], xi);
      x[i] = walled ? inside(y, bound) : y;
    };
    if (scheme == Scheme::leimkuhler_matthews)
      w.normals(Stream::noise, step, step + 1,
                [&](long i, S now, S next) { move(i, Real(0.5) * (now + next)); });
    else
      w.normals(Stream::noise, step, move);
  }

  template <class W>
  THALWEG_DEVICE void baoab_move(W& w, long step, typename W::Number bound) const {
    using S = typename W::Number;
    const auto rule = integrator(w);
    S *x = w.vector(point), *p = w.vector(momentum);
    const S* g = w.vector(slope);
    const bool walled = all(is_finite(bound));
    const auto drifted = [&](S& q, S& v) {
      q = rule.drift(q, v);
      if (!walled) return;
      v = select(q > bound, -v, v);
      q = inside(q, bound);
    };
    w.normals(Stream::noise, step, [&](long i, S xi) {
      S q = x[i], v = rule.kick(p[i], q, g[i]);
      drifted(q, v);
      v = rule.fluctuate(v, xi);
      drifted(q, v);
      x[i] = q;
      p[i] = v;
    });
  }
  template <class W>
  THALWEG_DEVICE void last_kick(W& w) const {
    const auto rule = integrator(w);
    const auto *x = w.vector(point), *g = w.vector(slope);
    auto* p = w.vector(momentum);
    w.each([&](long i) { p[i] = rule.kick(p[i], x[i], g[i]); });
  }
  template <class W>
  THALWEG_DEVICE void draw_momentum(W& w, long step, bool_of<typename W::Number> which) const {
    using S = typename W::Number;
    const S width = sqrt(temporary(w, heat));
    S* p = w.vector(momentum);
    w.normals(Stream::momentum, step,
              [&](long i, S xi) { p[i] = select(which, width * xi, p[i]); });
  }

  // Metropolis-adjusted Langevin: the Euler-Maruyama move is a proposal, accepted so that the
  // stationary law is exact (Roberts and Tweedie 1996, doi:10.2307/3318418).
  template <class E>
  THALWEG_DEVICE Known metropolis_step(E& ensemble, long step) const {
    using W = typename E::Walker;
    using S = typename W::Number;
    ensemble.for_each([&](W& w) {
      const auto rule = overdamped(w);
      const S *x = w.vector(point), *g = w.vector(slope);
      S* to = w.vector(trial);
      w.normals(Stream::noise, step, [&](long i, S xi) { to[i] = rule.move(x[i], g[i], xi); });
    });
    ensemble.gradient(trial, trial + 1, first_temporary + trial_energy);
    ensemble.for_each([&](W& w) { accept(w, step); });
    return Known::gradient;
  }
  template <class W>
  THALWEG_DEVICE void accept(W& w, long step) const {
    using S = typename W::Number;
    const auto rule = overdamped(w);
    S *x = w.vector(point), *g = w.vector(slope);
    const S *y = w.vector(trial), *gy = w.vector(trial + 1);
    const S tether = w.sum([&](long i) { return (y[i] - x[i]) * (y[i] + x[i]); });
    const S out_less_back = w.sum([&](long i) {
      const S there = fma(rule.drift, rule.force.uphill(x[i], g[i]), y[i] - x[i]);
      const S here = fma(rule.drift, rule.force.uphill(y[i], gy[i]), x[i] - y[i]);
      return (there - here) * (there + here);
    });
    const S rise = fma(rule.force.pull, temporary(w, trial_energy) - w.scalar(energy_now),
                       Real(0.5) * rule.force.prior * tether);
    const S log_ratio =
        -(rise / temporary(w, heat)) + out_less_back / (Real(2) * rule.noise * rule.noise);
    const S u = w.uniform(Stream::metropolis, step);
    const auto yes = log(u) < log_ratio;  // false for nan: a point without energy is refused
    w.each([&](long i) {
      x[i] = select(yes, y[i], x[i]);
      g[i] = select(yes, gy[i], g[i]);
    });
    w.scalar(energy_now) = select(yes, temporary(w, trial_energy), w.scalar(energy_now));
    add_to(w.scalar(accepted), w.scalar(accepted + 1), select(yes, S(Real(1)), S(Real(0))));
  }

  // --- The guard: a step too large for a steep wall throws a replica far away, silently. ---

  // Energy beyond which a replica has blown up. Until a while after cooling its mean is not known
  // yet, and equipartition's P T / 2 stands for what it may rise to.
  static constexpr long settling_steps = 200;
  template <class W>
  THALWEG_DEVICE typename W::Number highest(const W& w, long step) const {
    const bool settling = step <= cooling_steps + settling_steps;
    const Real share = settling ? max(Real(1), static_cast<Real>(w.dim()) / 2) : Real(1);
    return static_cast<Real>(guard) * max(w.scalar(mean_energy), share * temperature(w, step));
  }
  template <class W>
  THALWEG_DEVICE bool_of<typename W::Number> blown_up(W& w, long step) const {
    const auto e = w.scalar(energy_now);
    const bool_of<typename W::Number> gone = negate(is_finite(e));
    if (!(guard > 0)) return gone;
    return gone | (e > highest(w, step));
  }
  // Falls soon, rises late: so that a replica which drifts away does not take its mean along.
  template <class W>
  THALWEG_DEVICE void follow_mean(W& w, long step) const {
    using S = typename W::Number;
    const S mean = w.scalar(mean_energy), e = w.scalar(energy_now);
    const S rate = select(e < mean, S(Real(0.01)), S(Real(0.001)));
    w.scalar(mean_energy) = select(blown_up(w, step), mean, mean + rate * (e - mean));
  }
  // Good points are kept now and then; a replica blown up goes back to its last, with fresh
  // momenta.
  template <class E>
  THALWEG_DEVICE bool save_or_restore(E& ensemble, long step) const {
    using W = typename E::Walker;
    bool any_restored = false;
    ensemble.for_each([&](W& w) {
      auto *x = w.vector(point), *kept = w.vector(checkpoint);
      const bool_of<typename W::Number> bad = blown_up(w, step) & w.is(Status::ok);
      if (step % checkpoint_interval == 0)
        w.each([&](long i) { kept[i] = select(bad, kept[i], x[i]); });
      if (!any(bad)) return;
      any_restored = true;
      w.each([&](long i) { x[i] = select(bad, kept[i], x[i]); });
      w.restored(bad);
      if (baoab()) draw_momentum(w, step, bad);
    });
    return any_restored;
  }
};

}  // namespace thalweg
