// The samples of a pass on a GPU, and their losses.
#pragma once

#include <thalweg/landscapes/mlp.hpp>

namespace thalweg::cuda {

// With 32-bit offsets: a GPU computes wider ones in two steps.
template <class S>
using Column = thalweg::Column<S, int>;

// Which samples a pass sees.
template <class Real>
struct MlpSamples {
  const Real *inputs, *targets;
  const int* chosen;  // positions, or null: all of them in their order
  int count;
  bool in_place;  // they are where the pass before left them

  THALWEG_INLINE long place(int n) const { return chosen ? chosen[n] : n; }
};

template <class Real>
THALWEG_INLINE Real value_of(Real x) {
  return x;
}
template <class Real>
THALWEG_INLINE Real value_of(Dual<Real> x) {
  return x.value;
}

// The loss of a sample, and with it weight times its slopes. Calls: unrolled by the compiler,
// losses take more registers than all else, and what calls a pass would have none left.
template <class S, class Real = real_of<S>>
THALWEG_DEVICE __attribute__((noinline)) Real loss_of(Loss loss, int outputs, Column<S> f,
                                                      const Real* target) {
  Real value{};
  with_loss(loss, [&](auto rule) { value = value_of(rule.value(outputs, f, target)); });
  return value;
}
template <class S, class Real = real_of<S>>
THALWEG_DEVICE __attribute__((noinline)) Real loss_and_slopes(Loss loss, int outputs, Column<S> f,
                                                              const Real* target, Real weight,
                                                              Column<S> slopes) {
  Real value{};
  with_loss(loss,
            [&](auto rule) { value = value_of(rule.slope(outputs, f, target, weight, slopes)); });
  return value;
}

}  // namespace thalweg::cuda
