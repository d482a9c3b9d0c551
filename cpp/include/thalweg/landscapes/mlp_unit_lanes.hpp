// MLP plan for wide networks: the lanes of a pack are units of one replica, widths padded with
// zeros.
#pragma once

#include <thalweg/landscapes/mlp.hpp>
#include <thalweg/math/product.hpp>
#include <thalweg/math/transpose.hpp>

namespace thalweg {

// Where padded weights lie, counted in packs: W [out, width of in], its transpose [in, width of
// out] and b [width of out] of each layer.
struct UnitLayout {
  long width[MlpShape::most_layers + 1] = {};
  long weights[MlpShape::most_layers] = {};
  long transposed[MlpShape::most_layers] = {};
  long biases[MlpShape::most_layers] = {};
  long size = 0;
  // All widths but the last are whole packs: then a gradient [P] needs no padding.
  bool whole = true;

  UnitLayout(const MlpShape& shape, int lanes) {
    for (int l = 0; l <= shape.layers; ++l) width[l] = (shape.sizes[l] + lanes - 1) / lanes;
    for (int l = 0; l < shape.layers; ++l) {
      whole = whole && shape.sizes[l] % lanes == 0;
      weights[l] = std::exchange(size, size + shape.sizes[l + 1] * width[l]);
      transposed[l] = std::exchange(size, size + shape.sizes[l] * width[l + 1]);
      biases[l] = std::exchange(size, size + width[l + 1]);
    }
  }
};

// A point [P] into its padded form; what lies between rows is left as it is (zero). The weights of
// the first layer are wanted transposed only.
template <class Real>
void pad_point(const MlpShape& shape, const UnitLayout& layout, int lanes, const Real* x,
               Real* to) {
  using S = Lanes<Real>;
  for (int l = 0; l < shape.layers; ++l) {
    const long in = shape.sizes[l], out = shape.sizes[l + 1];
    const long wide_in = layout.width[l] * lanes, wide_out = layout.width[l + 1] * lanes;
    const Real* w = x + shape.weights[l];
    Real* rows = to + layout.weights[l] * lanes;
    Real* columns = to + layout.transposed[l] * lanes;
    if (l > 0) copy_rows<S>(out, in, w, in, rows, wide_in);
    transpose_into<S>(w, out, in, in, columns, wide_out, true);
    if (shape.bias) copy_numbers<S>(x + shape.biases[l], out, to + layout.biases[l] * lanes);
  }
}

// The weights and biases of a padded gradient, laid out as a point. (Its transpose is not used.)
template <class Real>
void unpad_gradient(const MlpShape& shape, const UnitLayout& layout, int lanes, const Real* from,
                    Real* g) {
  using S = Lanes<Real>;
  for (int l = 0; l < shape.layers; ++l) {
    const long in = shape.sizes[l], out = shape.sizes[l + 1], wide_in = layout.width[l] * lanes;
    const Real* rows = from + layout.weights[l] * lanes;
    Real* w = g + shape.weights[l];
    copy_rows<S>(out, in, rows, wide_in, w, in);
    if (shape.bias) copy_numbers<S>(from + layout.biases[l] * lanes, out, g + shape.biases[l]);
  }
}

template <class S, class P>
struct UnitLanes {
  using Real = typename P::Scalar;
  using Plain = std::conditional_t<std::is_same_v<S, P>, Real, Dual<Real>>;

  const MlpShape& shape;
  const UnitLayout& layout;
  Array<S> point;   // padded
  const P* inputs;  // [count, width(0)], padded
  P* gradient;      // padded, or laid out like a point if the layout is whole

  long rows(int, long count) const { return count; }
  long width(int l) const { return layout.width[l]; }
  S bias(int l, long, long j) const { return point[layout.biases[l] + j]; }
  P* weight_gradient(int l) const {
    return gradient + (layout.whole ? shape.weights[l] / P::lanes : layout.weights[l]);
  }
  P* bias_gradient(int l) const {
    return gradient + (layout.whole ? shape.biases[l] / P::lanes : layout.biases[l]);
  }

  void bias_sums(int l, long count, Array<S> delta, Into into) const {
    const long out = width(l + 1);
    keep_sums(out, count, Panel<S>{delta, out, 1}, bias_gradient(l), into);
  }
  void forward_product(int l, long count, const Array<S>* units, Array<S> z) const {
    const long in = shape.sizes[l], row = width(l) * P::lanes, out = width(l + 1);
    const Panel<S> weights{point + layout.transposed[l], out, 1}, result{z, out, 1};
    if (units)
      multiply(count, out, in, Panel<Plain>{numbers(*units), row, 1}, weights, result);
    else
      multiply(count, out, in, Matrix<const Real>{reinterpret_cast<const Real*>(inputs), row, 1},
               weights, result);
  }
  void gradient_product(int l, long count, const Array<S>* units, Array<S> delta, Into into) const {
    const long in = width(l), out = shape.sizes[l + 1], row = width(l + 1) * P::lanes;
    const Panel<Plain> slopes{numbers(delta), 1, row};
    const Matrix<P> result{weight_gradient(l), in, 1};
    if (units)
      // The part with the tangent of the slopes first, as with replicas in the lanes.
      keep(out, in, count, slopes, Panel<S>{*units, in, 1}, result, into, First::tangent_of_a);
    else
      keep(out, in, count, slopes, Matrix<const P>{inputs, in, 1}, result, into);
  }
  void backward_product(int l, long count, Array<S> delta, UnitSlopes<S> slopes,
                        Array<S> before) const {
    const long in = width(l), out = shape.sizes[l + 1], row = width(l + 1) * P::lanes;
    multiply_times(count, in, out, Panel<Plain>{numbers(delta), row, 1},
                   Panel<S>{point + layout.weights[l], in, 1}, slopes, before);
  }
};

}  // namespace thalweg
