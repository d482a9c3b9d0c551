// MLP plan for narrow networks: the lanes of a pack are replicas, each with its own weights.
#pragma once

#include <thalweg/landscapes/mlp.hpp>
#include <thalweg/math/product.hpp>

namespace thalweg {

// T: a plain number where all replicas share the inputs, a pack where each has its own.
template <class S, class T, class P>
struct ReplicaLanes {
  const MlpShape& shape;
  Array<S> point;
  const T* inputs;  // [count, inputs]
  P* gradient;      // laid out like the point; null if not wanted

  long rows(int, long count) const { return count; }
  long width(int l) const { return shape.sizes[l]; }
  S bias(int l, long, long j) const {
    return shape.bias ? point[shape.biases[l] + j] : S(real_of<S>(0));
  }
  void bias_sums(int l, long count, Array<S> delta, Into into) const {
    const long out = width(l + 1);
    keep_sums(out, count, Panel<S>{delta, out, 1}, gradient + shape.biases[l], into);
  }

  void forward_product(int l, long count, const Array<S>* units, Array<S> z) const {
    const long in = width(l), out = width(l + 1);
    const Panel<S> weights{point + shape.weights[l], 1, in}, result{z, out, 1};
    if (units)
      multiply(count, out, in, Panel<S>{*units, in, 1}, weights, result);
    else
      multiply(count, out, in, Matrix<const T>{inputs, in, 1}, weights, result);
  }
  void gradient_product(int l, long count, const Array<S>* units, Array<S> delta, Into into) const {
    const long in = width(l), out = width(l + 1);
    const Matrix<P> result{gradient + shape.weights[l], 1, in};
    if (units)
      keep(in, out, count, Panel<S>{*units, 1, in}, Panel<S>{delta, out, 1}, result, into);
    else
      keep(in, out, count, Matrix<const T>{inputs, 1, in}, Panel<S>{delta, out, 1}, result, into);
  }
  void backward_product(int l, long count, Array<S> delta, UnitSlopes<S> slopes,
                        Array<S> before) const {
    const long in = width(l), out = width(l + 1);
    multiply_times(count, in, out, Panel<S>{delta, out, 1},
                   Panel<S>{point + shape.weights[l], in, 1}, slopes, before);
  }
};

// Summed loss of a chunk; if asked, weight * d loss / d outputs goes to work.delta[0].
template <bool with_slope, class S, class T>
S mlp_loss(const MlpShape& shape, const T* targets, long count, MlpWorkspace<S>& work,
           real_of<S> weight) {
  const int outputs = shape.outputs(), width = shape.targets();
  const Array<S> f = work.units[shape.layers - 1];
  S sum(real_of<S>(0));
  with_loss(shape.loss, [&](auto loss) {
    for (long n = 0; n < count; ++n) {
      const T* y = targets + n * width;
      if constexpr (with_slope)
        sum += loss.slope(outputs, f + n * outputs, y, weight, work.delta[0] + n * outputs);
      else
        sum += loss.value(outputs, f + n * outputs, y);
    }
  });
  return sum;
}

}  // namespace thalweg
