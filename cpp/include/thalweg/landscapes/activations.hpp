// Activation functions: value a at z, and slope from z and the a already known. Where a alone tells
// the slope, slope(a, a) is slope(z, a), and nobody need keep slopes.
#pragma once

#include <thalweg/math/dual.hpp>

namespace thalweg {

enum class Activation { tanh, relu, logistic, softplus, identity, sin };
inline constexpr const char* activation_names[] = {"tanh",     "relu",     "logistic",
                                                   "softplus", "identity", "sin"};

struct TanhUnit {
  static constexpr bool slope_from_value = true;
  template <class S>
  THALWEG_INLINE static S value(S z) {
    return tanh(z);
  }
  template <class S>
  THALWEG_INLINE static S slope(S, S a) {
    return fma(-a, a, S(real_of<S>(1)));
  }
};
struct ReluUnit {  // the slope at 0 is 0
  static constexpr bool slope_from_value = true;
  template <class S>
  THALWEG_INLINE static S value(S z) {
    const S zero(real_of<S>(0));
    return select(z <= zero, zero, z);  // nan passes through
  }
  template <class S>
  THALWEG_INLINE static S slope(S z, S) {
    const S zero(real_of<S>(0));
    return select(z > zero, S(real_of<S>(1)), zero);
  }
};
struct LogisticUnit {
  static constexpr bool slope_from_value = true;
  template <class S>
  THALWEG_INLINE static S value(S z) {
    return logistic(z);
  }
  template <class S>
  THALWEG_INLINE static S slope(S, S a) {
    return fma(-a, a, a);
  }
};
struct SoftplusUnit {
  static constexpr bool slope_from_value = false;
  template <class S>
  THALWEG_INLINE static S value(S z) {
    return softplus(z);
  }
  template <class S>
  THALWEG_INLINE static S slope(S z, S) {
    return logistic(z);
  }
};
struct IdentityUnit {
  static constexpr bool slope_from_value = true;
  template <class S>
  THALWEG_INLINE static S value(S z) {
    return z;
  }
  template <class S>
  THALWEG_INLINE static S slope(S, S) {
    return S(real_of<S>(1));
  }
};
struct SinUnit {
  static constexpr bool slope_from_value = false;
  template <class S>
  THALWEG_INLINE static S value(S z) {
    return sin(z);
  }
  template <class S>
  THALWEG_INLINE static S slope(S z, S) {
    return cos(z);
  }
};

// Choose once per layer, not once per number.
template <class F>
THALWEG_INLINE void with_activation(Activation activation, F&& f) {
  switch (activation) {
    case Activation::tanh:
      return f(TanhUnit{});
    case Activation::relu:
      return f(ReluUnit{});
    case Activation::logistic:
      return f(LogisticUnit{});
    case Activation::softplus:
      return f(SoftplusUnit{});
    case Activation::identity:
      return f(IdentityUnit{});
    case Activation::sin:
      return f(SinUnit{});
  }
}

}  // namespace thalweg
