// One step of one coordinate of the descent methods.
#pragma once

#include <thalweg/math/functions.hpp>

namespace thalweg {

// v <- momentum v + g; x <- x - rate v, or with Nesterov's look-ahead x - rate (g + momentum v).
template <class S>
struct Sgd {
  S rate, momentum;
  bool nesterov;
  THALWEG_INLINE S velocity(S v, S g) const { return fma(momentum, v, g); }
  THALWEG_INLINE S move(S x, S v, S g) const {
    return fma(-rate, nesterov ? fma(momentum, v, g) : v, x);
  }
};

// Adam (arXiv:1412.6980), algorithm 1.
template <class S>
struct Adam {
  S rate, beta1, beta2, epsilon;
  S correction1, correction2;  // 1 / (1 - beta^t) of this step
  THALWEG_INLINE S mean(S m, S g) const { return fma(beta1, m - g, g); }
  THALWEG_INLINE S square(S v, S g) const { return fma(beta2, v - g * g, g * g); }
  THALWEG_INLINE S move(S x, S m, S v) const {
    return x - rate * (m * correction1) / (sqrt(v * correction2) + epsilon);
  }
};

// Classical Runge-Kutta step of dx/dt = -gradient, from the gradients at its four stages.
template <class S>
struct RungeKutta4 {
  S step;
  THALWEG_INLINE S stage(S x, S g, real_of<S> fraction) const {
    return fma(-(fraction * step), g, x);
  }
  THALWEG_INLINE S move(S x, S g1, S g2, S g3, S g4) const {
    constexpr auto sixth = real_of<S>(1) / real_of<S>(6), two = real_of<S>(2);
    return x - sixth * step * (g1 + two * (g2 + g3) + g4);
  }
};

}  // namespace thalweg
