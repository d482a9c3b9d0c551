// Loss of one sample from the network's outputs f and the target y, and its slope d loss / d f.
//
// Binary targets are +1 or -1; the target of cross_entropy is the class index held as a number.
// T is a plain number (one data set for all replicas) or a pack (one per replica). F is an Array,
// or anything else that is read by [o] and written by set(o, x).
#pragma once

#include <thalweg/math/dual.hpp>
#include <utility>

namespace thalweg {

enum class Loss { mse, logistic, cross_entropy, hinge_squared };
inline constexpr const char* loss_names[] = {"mse", "logistic", "cross_entropy", "hinge_squared"};

template <class F>
using number_in = std::remove_cvref_t<decltype(std::declval<F>()[0])>;

struct MeanSquaredError {  // mean over outputs of (f - y)^2
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S value(int outputs, F f, const T* y) {
    S sum(real_of<S>(0));
    for (int o = 0; o < outputs; ++o) {
      const S error = f[o] - S(y[o]);
      sum = fma(error, error, sum);
    }
    return real_of<S>(1) / real_of<S>(outputs) * sum;
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S slope(int outputs, F f, const T* y, real_of<S> weight, F out) {
    const real_of<S> factor = 2 * weight / real_of<S>(outputs);
    for (int o = 0; o < outputs; ++o) out.set(o, factor * (f[o] - S(y[o])));
    return value(outputs, f, y);
  }
};

struct LogisticLoss {  // log(1 + exp(-y f))
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S margin(int, F f, const T* y) {
    return S(y[0]) * f[0];
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S value(int, F f, const T* y) {
    return softplus(-(S(y[0]) * f[0]));
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S slope(int, F f, const T* y, real_of<S> weight, F out) {
    const S m = -(S(y[0]) * f[0]);
    out.set(0, -(weight * (S(y[0]) * logistic(m))));
    return softplus(m);
  }
};

struct HingeSquaredLoss {  // max(0, 1 - y f)^2
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S margin(int, F f, const T* y) {
    return S(y[0]) * f[0];
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_INLINE static S deficit(F f, const T* y) {
    const S zero(real_of<S>(0)), d = S(real_of<S>(1)) - S(y[0]) * f[0];
    return select(d <= zero, zero, d);  // nan passes through
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S value(int, F f, const T* y) {
    const S d = deficit(f, y);
    return d * d;
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S slope(int, F f, const T* y, real_of<S> weight, F out) {
    const S d = deficit(f, y);
    out.set(0, -(2 * weight * (S(y[0]) * d)));
    return d * d;
  }
};

// logsumexp(f) - f_y, computed as log(1 + exp(-margin)) with margin f_y - logsumexp of the other
// classes. This equals the textbook form and keeps full relative precision when the loss is small,
// where 1 - p_y would cancel: at low temperature that is where everything happens.
struct CrossEntropy {
  template <class P>
  THALWEG_INLINE static P constant(P x) {
    return x;
  }
  template <class P>
  THALWEG_INLINE static P constant(Dual<P> x) {
    return x.value;
  }

  // Calls each(class, is_target, exp(f_c - top)) and returns log of the sum over the other classes.
  template <class F, class T, class Each, class S = number_in<F>>
  THALWEG_INLINE static S other_classes(int outputs, F f, const T* y, Each each) {
    using Value = decltype(constant(f[0]));
    const Value target(y[0]), lowest(-std::numeric_limits<real_of<S>>::infinity());
    Value top = lowest;
    for (int o = 0; o < outputs; ++o)
      top = max(select(target == Value(real_of<S>(o)), lowest, constant(f[o])), top);
    S sum(real_of<S>(0));
    for (int o = 0; o < outputs; ++o) {
      const auto is_target = target == Value(real_of<S>(o));
      const S e = select(is_target, S(real_of<S>(0)), exp(f[o] - S(top)));
      sum += e;
      each(o, e);
    }
    return log(sum) + S(top);
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_INLINE static S chosen(int outputs, F f, const T* y) {
    using Value = decltype(constant(f[0]));
    S picked = f[0];
    for (int o = 1; o < outputs; ++o)
      picked = select(Value(y[0]) == Value(real_of<S>(o)), f[o], picked);
    return picked;
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S margin(int outputs, F f, const T* y) {
    return chosen(outputs, f, y) - other_classes(outputs, f, y, [](int, S) {});
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S value(int outputs, F f, const T* y) {
    return softplus(-margin(outputs, f, y));
  }
  template <class F, class T, class S = number_in<F>>
  THALWEG_DEVICE static S slope(int outputs, F f, const T* y, real_of<S> weight, F out) {
    using Value = decltype(constant(f[0]));
    S sum(real_of<S>(0));
    const S others = other_classes(outputs, f, y, [&](int o, S e) {
      out.set(o, e);
      sum += e;
    });
    const S deficit = others - chosen(outputs, f, y);
    const S missed = weight * logistic(deficit);  // weight times the probability of not y
    const S share = missed / sum;
    for (int o = 0; o < outputs; ++o) {
      const auto is_target = Value(y[0]) == Value(real_of<S>(o));
      out.set(o, select(is_target, -missed, share * out[o]));
    }
    return softplus(deficit);
  }
};

// Choose once per chunk of samples.
template <class F>
THALWEG_INLINE void with_loss(Loss loss, F&& f) {
  switch (loss) {
    case Loss::mse:
      return f(MeanSquaredError{});
    case Loss::logistic:
      return f(LogisticLoss{});
    case Loss::cross_entropy:
      return f(CrossEntropy{});
    case Loss::hinge_squared:
      return f(HingeSquaredLoss{});
  }
}

}  // namespace thalweg
