// The loss of a small fully connected network: forward pass, loss, and gradient by hand, once.
//
// Layer l maps a_l to z = scale_l W_l a_l + b_l and a_{l+1} = activation(z); the last layer has no
// activation. A point holds W_0 [out, in] row-major, b_0, W_1, b_1, ... Samples come in chunks so
// that activations stay in cache.
//
// What the lanes of a pack are is left to a Plan: replicas (mlp_replica_lanes.hpp), units
// (mlp_unit_lanes.hpp) or samples (mlp_sample_lanes.hpp). It knows how many rows of how many packs
// the activations of a layer are and how to run the three products of a layer. On dual numbers the
// same text gives H v in 3F + 5F' operations (F: forward operations of all layers, F': of all but
// the first).
#pragma once

#include <thalweg/landscapes/activations.hpp>
#include <thalweg/landscapes/losses.hpp>
#include <thalweg/math/product.hpp>
#include <utility>

namespace thalweg {

struct MlpShape {
  static constexpr int most_layers = 8;

  int layers = 0;                   // of weights
  int sizes[most_layers + 1] = {};  // inputs, hidden units ..., outputs
  double scales[most_layers] = {};
  bool bias = true;
  Activation activation = Activation::tanh;
  Loss loss = Loss::mse;
  double weight_decay = 0;
  long weights[most_layers] = {};  // where a layer's weights and biases begin in a point
  long biases[most_layers] = {};
  long dim = 0;

  THALWEG_DEVICE int inputs() const { return sizes[0]; }
  THALWEG_DEVICE int outputs() const { return sizes[layers]; }
  THALWEG_DEVICE int targets() const {  // numbers per sample
    return loss == Loss::mse ? outputs() : 1;
  }
};

// What a pass keeps between forward and backward, for one chunk of samples.
template <class S>
struct MlpWorkspace {
  Array<S> units[MlpShape::most_layers];  // a_{l+1} [rows, width of layer l + 1]; the last: outputs
  Array<S> slopes[MlpShape::most_layers];  // activation'(z) where a_{l+1} does not tell
  Array<S> delta[2];                       // d loss / d z, of this layer and the one before
};

// activation'(z) of hidden units side by side, from what a pass kept; a factor of a product.
template <class S>
struct UnitSlopes {
  Activation activation;
  Array<S> units, slopes;

  THALWEG_INLINE UnitSlopes at(long i) const { return {activation, units + i, slopes + i}; }
  template <class F>
  THALWEG_INLINE void with(F f) const {
    with_activation(activation, [&](auto unit) __attribute__((always_inline)) {
      f([&](long i) __attribute__((always_inline)) {
        if constexpr (unit.slope_from_value)
          return unit.slope(S(units[i]), S(units[i]));
        else
          return S(slopes[i]);
      });
    });
  }
};

// f(affine), where affine(z, b) is scale z + b. Chosen once per layer: where nothing is scaled, an
// addition takes no room from the products of an activation.
template <class S, class F>
THALWEG_INLINE void with_affine(double scale, F f) {
  if (const auto factor = static_cast<real_of<S>>(scale); factor == 1)
    f([](S z, S b) __attribute__((always_inline)) { return z + b; });
  else
    f([=](S z, S b) __attribute__((always_inline)) { return fma(factor, z, b); });
}

// z = scale z + b, then what `each(index, z)` makes of it.
template <class Plan, class S, class Each>
void mlp_affine(const Plan& plan, int layer, long count, Array<S> z, Each each) {
  const long rows = plan.rows(layer + 1, count), width = plan.width(layer + 1);
  with_affine<S>(plan.shape.scales[layer], [&](auto affine) __attribute__((always_inline)) {
    for (long i = 0; i < rows; ++i)
      for (long j = 0; j < width; ++j)
        each(i * width + j, affine(z[i * width + j], plan.bias(layer, i, j)));
  });
}

// Outputs into work.units[layers - 1]; slopes only where a gradient will follow and wants them.
template <class Plan, class S>
void mlp_forward(const Plan& plan, long count, MlpWorkspace<S>& work, bool slopes) {
  const MlpShape& shape = plan.shape;
  for (int l = 0; l < shape.layers; ++l) {
    const Array<S> units = work.units[l], slope = work.slopes[l];
    plan.forward_product(l, count, l ? &work.units[l - 1] : nullptr, units);
    if (l + 1 == shape.layers) {
      mlp_affine(plan, l, count, units, [&](long i, S x) { units.set(i, x); });
      continue;
    }
    with_activation(shape.activation, [&](auto f) {
      if constexpr (!f.slope_from_value)
        if (slopes)
          return mlp_affine(plan, l, count, units, [&](long i, S x) {
            const S a = f.value(x);
            units.set(i, a);
            slope.set(i, f.slope(x, a));
          });
      mlp_affine(plan, l, count, units, [&](long i, S x) { units.set(i, f.value(x)); });
    });
  }
}

// From d loss / d outputs in work.delta[0] to the gradient, added to what `into` says is there.
template <class Plan, class S>
void mlp_backward(const Plan& plan, long count, MlpWorkspace<S>& work, Into into) {
  const MlpShape& shape = plan.shape;
  Array<S> delta = work.delta[0], before = work.delta[1];
  for (int l = shape.layers - 1; l >= 0; --l) {
    const long size = plan.rows(l + 1, count) * plan.width(l + 1);
    if (shape.bias) plan.bias_sums(l, count, delta, into);
    if (const auto scale = static_cast<real_of<S>>(shape.scales[l]); scale != 1)
      for (long i = 0; i < size; ++i) delta.set(i, scale * delta[i]);
    plan.gradient_product(l, count, l ? &work.units[l - 1] : nullptr, delta, into);
    if (l == 0) return;
    const UnitSlopes<S> slopes{shape.activation, work.units[l - 1], work.slopes[l - 1]};
    plan.backward_product(l, count, delta, slopes, before);
    std::swap(delta, before);
  }
}

}  // namespace thalweg
