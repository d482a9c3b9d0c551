// Descent by a gradient, full or of a minibatch: SGD with momentum, and Adam.
#pragma once

#include <thalweg/dynamics/descent.hpp>
#include <thalweg/dynamics/walker.hpp>

namespace thalweg {

// What descents share; Method::move is what differs between them.
template <class Method>
struct DescentMotion {
  BatchPlan plan;
  Slots slots;

  THALWEG_DEVICE BatchPlan batches() const { return plan; }
  THALWEG_DEVICE Known known_at_start() const {
    return plan.used() ? Known::nothing : Known::gradient;
  }
  template <class E>
  THALWEG_DEVICE void enter(E&, long) const {}
  template <class E>
  THALWEG_DEVICE Known step(E& ensemble, long step, Known after) const {
    using W = typename E::Walker;
    if (plan.used()) {
      ensemble.minibatches(plan, step);
      ensemble.gradient(point, slope, energy_now);
    }
    const typename W::Number bound(ensemble.upper_bound());
    ensemble.for_each([&](W& w) {
      static_cast<const Method&>(*this).move(w, step);
      keep_inside(w, point, bound);
    });
    return learn(ensemble, plan.used() ? Known::nothing : after);
  }
  template <class W>
  THALWEG_DEVICE auto lost(W& w, long) const {
    return negate(is_finite(w.scalar(energy_now)));
  }
  template <class W>
  THALWEG_DEVICE typename W::Number observe(const W& w, Observable what) const {
    return observe_point(w, what);
  }
};

template <class Real>
struct SgdMotion : DescentMotion<SgdMotion<Real>> {
  static constexpr const char* name = "SGD";
  bool nesterov;
  enum Parameter : int { learning_rate, momentum };

  template <class W>
  THALWEG_DEVICE void move(W& w, long) const {
    using S = typename W::Number;
    const Sgd<S> rule{w.parameter(learning_rate), w.parameter(momentum), nesterov};
    S *x = w.vector(point), *v = w.vector(first_vector);
    const S* g = w.vector(slope);
    w.each([&](long i) {
      v[i] = rule.velocity(v[i], g[i]);
      x[i] = rule.move(x[i], v[i], g[i]);
    });
  }
};

template <class Real>
struct AdamMotion : DescentMotion<AdamMotion<Real>> {
  static constexpr const char* name = "Adam";
  enum Parameter : int { learning_rate, beta1, beta2, epsilon };

  // 1 / (1 - beta^step), in double whatever Real is: beta^step underflows gently.
  static THALWEG_DEVICE __attribute__((noinline)) Real correction_of(Real beta, long step) {
    const double power = std::pow(static_cast<double>(beta), static_cast<double>(step));
    return static_cast<Real>(1 / (1 - power));
  }
  template <class S>
  static THALWEG_DEVICE S correction(S beta, long step) {
    return lane_by_lane(beta, [=](Real b) { return correction_of(b, step); });
  }
  template <class W>
  THALWEG_DEVICE void move(W& w, long step) const {
    using S = typename W::Number;
    const S b1 = w.parameter(beta1), b2 = w.parameter(beta2);
    const Adam<S> rule{
        w.parameter(learning_rate), b1, b2, w.parameter(epsilon), correction(b1, step),
        correction(b2, step)};
    S *x = w.vector(point), *m = w.vector(first_vector), *v = w.vector(first_vector + 1);
    const S* g = w.vector(slope);
    w.each([&](long i) {
      m[i] = rule.mean(m[i], g[i]);
      v[i] = rule.square(v[i], g[i]);
      x[i] = rule.move(x[i], m[i], v[i]);
    });
  }
};

}  // namespace thalweg
