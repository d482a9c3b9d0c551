// dx/dt = -gradient: Runge-Kutta of fixed step, or Euler with a step each replica adapts so that
// the energy falls as its linear prediction says, to within a fraction kappa.
#pragma once

#include <thalweg/dynamics/descent.hpp>
#include <thalweg/dynamics/walker.hpp>

namespace thalweg {

template <class Real>
struct FlowMotion {
  static constexpr const char* name = "gradient flow";
  bool adaptive;
  Real kappa, maximum_step;
  Slots slots;

  enum Own : int { time = first_scalar, time_rest, size, trial_energy };
  enum OwnVector : int { y = first_vector, k2, k3, k4 };
  enum Parameter : int { step_size, energy_tolerance, gradient_tolerance };

  THALWEG_DEVICE Known known_at_start() const { return Known::gradient; }
  THALWEG_DEVICE BatchPlan batches() const { return {}; }

  template <class E>
  THALWEG_DEVICE void enter(E& ensemble, long first_step) const {
    using W = typename E::Walker;
    if (first_step > 0) return;
    ensemble.for_each([&](W& w) {
      w.scalar(size) = w.parameter(step_size);
      settle(w, 0);
    });
  }
  template <class E>
  THALWEG_DEVICE Known step(E& ensemble, long step, Known) const {
    using W = typename E::Walker;
    adaptive ? adaptive_step(ensemble) : fixed_step(ensemble);
    ensemble.for_each([&](W& w) { settle(w, step); });
    return Known::gradient;
  }
  template <class W>
  THALWEG_DEVICE auto lost(W& w, long) const {
    return negate(is_finite(w.scalar(energy_now)));
  }
  template <class W>
  THALWEG_DEVICE typename W::Number observe(const W& w, Observable what) const {
    if (what == Observable::time) return w.scalar(time);
    if (what == Observable::step_size) return w.scalar(size);
    return observe_point(w, what);
  }

 private:
  template <class W>
  THALWEG_DEVICE void settle(W& w, long step) const {
    const auto gg = observe_point(w, Observable::gradient_squared_norm);
    const auto tolerance = w.parameter(gradient_tolerance);
    w.mark((w.scalar(energy_now) <= w.parameter(energy_tolerance)) | (gg <= tolerance * tolerance),
           Status::converged, step);
  }

  template <class E>
  THALWEG_DEVICE void stage(E& ensemble, int from, int to, Real fraction) const {
    using W = typename E::Walker;
    using S = typename W::Number;
    const S bound(ensemble.upper_bound());
    ensemble.for_each([&](W& w) {
      const RungeKutta4<S> rule{w.scalar(size)};
      const S *x = w.vector(point), *k = w.vector(from);
      S* out = w.vector(y);
      w.each([&](long i) { out[i] = rule.stage(x[i], k[i], fraction); });
      keep_inside(w, y, bound);
    });
    ensemble.gradient(y, to, trial_energy);
  }

  template <class E>
  THALWEG_DEVICE void fixed_step(E& ensemble) const {
    using W = typename E::Walker;
    using S = typename W::Number;
    stage(ensemble, slope, k2, Real(0.5));
    stage(ensemble, k2, k3, Real(0.5));
    stage(ensemble, k3, k4, Real(1));
    const S bound(ensemble.upper_bound());
    ensemble.for_each([&](W& w) {
      const RungeKutta4<S> rule{w.scalar(size)};
      const bool_of<S> moving = w.is(Status::ok);
      S* x = w.vector(point);
      const S *g = w.vector(slope), *b = w.vector(k2), *c = w.vector(k3), *d = w.vector(k4);
      w.each([&](long i) { x[i] = select(moving, rule.move(x[i], g[i], b[i], c[i], d[i]), x[i]); });
      keep_inside(w, point, bound);
      add_to(w.scalar(time), w.scalar(time_rest), select(moving, w.scalar(size), S(Real(0))));
    });
    ensemble.gradient(point, slope, energy_now);
  }

  template <class E>
  THALWEG_DEVICE void adaptive_step(E& ensemble) const {
    using W = typename E::Walker;
    using S = typename W::Number;
    const S bound(ensemble.upper_bound());
    ensemble.for_each([&](W& w) {
      const S *x = w.vector(point), *g = w.vector(slope), h = w.scalar(size);
      S* out = w.vector(y);
      w.each([&](long i) { out[i] = x[i] - h * g[i]; });
      keep_inside(w, y, bound);
    });
    ensemble.gradient(y, k2, trial_energy);
    ensemble.for_each([&](W& w) { judge(w); });
  }
  template <class W>
  THALWEG_DEVICE void judge(W& w) const {
    using S = typename W::Number;
    S *x = w.vector(point), *g = w.vector(slope);
    const S *to = w.vector(y), *g_to = w.vector(k2);
    const S h = w.scalar(size), e = w.scalar(energy_now), e_to = w.scalar(trial_energy);
    const S fall = h * observe_point(w, Observable::gradient_squared_norm);
    // Near a minimum the fall drowns in the rounding of the energies: allow for it.
    const S rounding = Real(8) * std::numeric_limits<Real>::epsilon() * (abs(e) + abs(e_to));
    const bool_of<S> moving = w.is(Status::ok);
    const bool_of<S> good =
        moving & is_finite(e_to) & (abs(e_to - (e - fall)) <= kappa * fall + rounding);
    w.each([&](long i) {
      x[i] = select(good, to[i], x[i]);
      g[i] = select(good, g_to[i], g[i]);
    });
    w.scalar(energy_now) = select(good, e_to, e);
    add_to(w.scalar(time), w.scalar(time_rest), select(good, h, S(Real(0))));
    const S grown = min(Real(1.2) * h, S(maximum_step));
    w.scalar(size) = select(moving, select(good, grown, Real(0.5) * h), h);
  }
};

}  // namespace thalweg
