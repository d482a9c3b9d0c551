// The loss of a small fully connected network: forward pass, loss, and gradient by hand, once.
//
// Layer l maps a_l to z = scale_l W_l a_l + b_l and a_{l+1} = activation(z); the last layer has no
// activation. A point holds W_0 [out, in] row-major, b_0, W_1, b_1, ... Samples come in chunks so
// that activations stay in cache; inputs [count, inputs] and targets [count, targets] are plain
// numbers shared by all replicas, or packs with one number per replica. On dual numbers the same
// text gives H v in 3F + 5F' operations (F: forward operations of all layers, F': of all but the
// first).
#pragma once

#include <thalweg/landscapes/activations.hpp>
#include <thalweg/landscapes/losses.hpp>
#include <thalweg/math/contract.hpp>
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

  int inputs() const { return sizes[0]; }
  int outputs() const { return sizes[layers]; }
  int targets() const { return loss == Loss::mse ? outputs() : 1; }  // numbers per sample
};

// What a pass keeps between forward and backward, for one chunk of samples.
template <class S>
struct MlpWorkspace {
  Array<S> units[MlpShape::most_layers];   // a_{l+1} [count, sizes[l + 1]]; the last: outputs
  Array<S> slopes[MlpShape::most_layers];  // activation'(z) of hidden units
  Array<S> delta[2];                       // d loss / d z, of this layer and the one before
};

namespace mlp_detail {

template <class S>
struct Block {  // a matrix over an Array
  Array<S> array;
  long row, column;
};

template <class P>
Matrix<P> values(Block<P> m) {
  return {m.array.values, m.row, m.column};
}
template <class P>
Matrix<P> values(Block<Dual<P>> m) {
  return {m.array.values, m.row, m.column};
}
template <class P>
Matrix<P> tangents(Block<Dual<P>> m) {
  return {m.array.tangents, m.row, m.column};
}
template <class T>
Matrix<const T> constant(Matrix<T> m) {
  return {m.data, m.row, m.column};
}

// C = A B, where A is a block of numbers of the pass or constant data.
template <class A, class P>
void multiply(long h, long w, long d, Matrix<const A> a, Block<P> b, Block<P> c) {
  contract(h, w, d, a, constant(values(b)), values(c));
}
template <class A, class P>
void multiply(long h, long w, long d, Matrix<const A> a, Block<Dual<P>> b, Block<Dual<P>> c) {
  contract(h, w, d, a, constant(values(b)), values(c));
  contract(h, w, d, a, constant(tangents(b)), tangents(c));
}
template <class P>
void multiply(long h, long w, long d, Block<P> a, Block<P> b, Block<P> c) {
  contract(h, w, d, constant(values(a)), constant(values(b)), values(c));
}
template <class P>
void multiply(long h, long w, long d, Block<Dual<P>> a, Block<Dual<P>> b, Block<Dual<P>> c) {
  multiply(h, w, d, constant(values(a)), b, c);
  contract(h, w, d, constant(tangents(a)), constant(values(b)), tangents(c), Into::accumulate);
}

// The part of C (+)= A B that a gradient keeps: the product, or of a dual product the tangent.
template <class A, class P>
void keep(long h, long w, long d, Matrix<const A> a, Block<P> b, Matrix<P> c, Into into) {
  contract(h, w, d, a, constant(values(b)), c, into);
}
template <class A, class P>
void keep(long h, long w, long d, Matrix<const A> a, Block<Dual<P>> b, Matrix<P> c, Into into) {
  contract(h, w, d, a, constant(tangents(b)), c, into);
}
template <class P>
void keep(long h, long w, long d, Block<P> a, Block<P> b, Matrix<P> c, Into into) {
  contract(h, w, d, constant(values(a)), constant(values(b)), c, into);
}
template <class P>
void keep(long h, long w, long d, Block<Dual<P>> a, Block<Dual<P>> b, Matrix<P> c, Into into) {
  contract(h, w, d, constant(values(a)), constant(tangents(b)), c, into);
  contract(h, w, d, constant(tangents(a)), constant(values(b)), c, Into::accumulate);
}
template <class P>
P kept(P x) {
  return x;
}
template <class P>
P kept(Dual<P> x) {
  return x.tangent;
}

// z = scale z + b for [count, width] numbers, then what `each(index, z)` makes of it.
template <class S, class Each>
void affine(const MlpShape& shape, int layer, Array<S> point, long count, Array<S> z, Each each) {
  const int width = shape.sizes[layer + 1];
  const auto scale = static_cast<real_of<S>>(shape.scales[layer]);
  for (int j = 0; j < width; ++j) {
    const S b = shape.bias ? point[shape.biases[layer] + j] : S(real_of<S>(0));
    for (long n = 0; n < count; ++n) each(n * width + j, scale * z[n * width + j] + b);
  }
}

}  // namespace mlp_detail

// Outputs [count, outputs] into work.units[layers - 1]; slopes only where a gradient will follow.
template <class S, class T>
void mlp_forward(const MlpShape& shape, Array<S> point, const T* inputs, long count,
                 MlpWorkspace<S>& work, bool slopes) {
  using namespace mlp_detail;
  for (int l = 0; l < shape.layers; ++l) {
    const long in = shape.sizes[l], out = shape.sizes[l + 1];
    const Block<S> transposed_weights{point + shape.weights[l], 1, in};
    const Block<S> z{work.units[l], out, 1};
    if (l == 0)
      multiply(count, out, in, Matrix<const T>{inputs, in, 1}, transposed_weights, z);
    else
      multiply(count, out, in, Block<S>{work.units[l - 1], in, 1}, transposed_weights, z);
    const Array<S> units = work.units[l], slope = work.slopes[l];
    if (l + 1 == shape.layers)
      affine(shape, l, point, count, units, [&](long i, S x) { units.set(i, x); });
    else if (slopes)
      with_activation(shape.activation, [&](auto f) {
        affine(shape, l, point, count, units, [&](long i, S x) {
          const S a = f.value(x);
          units.set(i, a);
          slope.set(i, f.slope(x, a));
        });
      });
    else
      with_activation(shape.activation, [&](auto f) {
        affine(shape, l, point, count, units, [&](long i, S x) { units.set(i, f.value(x)); });
      });
  }
}

// From d loss / d outputs in work.delta[0] to the gradient, added to what `into` says is there.
template <class S, class T, class P>
void mlp_backward(const MlpShape& shape, Array<S> point, const T* inputs, long count,
                  MlpWorkspace<S>& work, P* gradient, Into into) {
  using namespace mlp_detail;
  Array<S> delta = work.delta[0], before = work.delta[1];
  for (int l = shape.layers - 1; l >= 0; --l) {
    const long in = shape.sizes[l], out = shape.sizes[l + 1];
    if (shape.bias)
      for (long j = 0; j < out; ++j) {
        P& g = gradient[shape.biases[l] + j];
        P sum = into == Into::accumulate ? g : P(real_of<P>(0));
        for (long n = 0; n < count; ++n) sum += kept(delta[n * out + j]);
        g = sum;
      }
    if (const auto scale = static_cast<real_of<S>>(shape.scales[l]); scale != 1)
      for (long i = 0; i < count * out; ++i) delta.set(i, scale * delta[i]);
    const Matrix<P> g{gradient + shape.weights[l], 1, in};
    const Block<S> d{delta, out, 1};
    if (l == 0) {
      keep(in, out, count, Matrix<const T>{inputs, 1, in}, d, g, into);
    } else {
      keep(in, out, count, Block<S>{work.units[l - 1], 1, in}, d, g, into);
      multiply(count, in, out, d, Block<S>{point + shape.weights[l], in, 1},
               Block<S>{before, in, 1});
      const Array<S> slope = work.slopes[l - 1];
      for (long i = 0; i < count * in; ++i) before.set(i, slope[i] * before[i]);
      std::swap(delta, before);
    }
  }
}

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
