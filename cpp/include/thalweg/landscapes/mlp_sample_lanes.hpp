// MLP plan for single replicas of narrow networks: the lanes of a pack are samples.
//
// Activations are [units, packs of samples], so weights are plain numbers, read where they lie in
// the point. Sums over samples have one order and so no lanes: there a sample's inputs of a layer
// are a row, padded with a one if there is room, beside which slopes sum up to the bias gradient.
#pragma once

#include <thalweg/landscapes/mlp.hpp>
#include <thalweg/math/product.hpp>
#include <thalweg/math/transpose.hpp>

namespace thalweg {

// Where a padded gradient lies, counted in packs.
struct SampleLayout {
  long row[MlpShape::most_layers] = {};      // of a layer's inputs, padded
  bool has_one[MlpShape::most_layers] = {};  // a row has room for a one
  // Gradient of W [out, row]; of the last layer one more row, whose `slopes` are the losses.
  long weights[MlpShape::most_layers] = {};
  long sums[MlpShape::most_layers] = {};  // [out], of the slopes
  long size = 0;

  SampleLayout(const MlpShape& shape, int lanes) {
    for (int l = 0; l < shape.layers; ++l) {
      const long in = shape.sizes[l], out = shape.sizes[l + 1];
      row[l] = (in + lanes - 1) / lanes;
      has_one[l] = in % lanes != 0;
      weights[l] = std::exchange(size, size + (l + 1 < shape.layers ? out : out + 1) * row[l]);
      sums[l] = std::exchange(size, size + out);
    }
  }
};

// Calls sum(first, count, into) for each chunk of samples that are summed by themselves.
template <class Sum>
void for_chunks(long count, long chunk, Into into, Sum sum) {
  for (long first = 0; first < count; first += chunk)
    sum(first, count - first < chunk ? count - first : chunk, first == 0 ? into : Into::accumulate);
}

// The sum over samples of each of `height` rows of numbers, in every lane.
template <class P>
void sum_samples(long height, long count, long chunk, Matrix<const typename P::Scalar> a, P* sums,
                 Into into) {
  const P one(typename P::Scalar(1));
  for_chunks(count, chunk, into, [&](long first, long m, Into to) {
    contract(height, 1, m, a.at(0, first), Matrix<const P>{&one, 0, 1}, Put<P>{{sums, 1, 1}, to});
  });
}

template <class S, class P>
struct SampleLanes {
  using Real = typename P::Scalar;
  using Plain = std::conditional_t<std::is_same_v<S, P>, Real, Dual<Real>>;
  static constexpr bool dual = !std::is_same_v<S, P>;

  const MlpShape& shape;
  const SampleLayout& layout;
  Array<Plain> point;
  const P* inputs;  // [inputs, packs]
  const P* rows_of_inputs;
  Array<S> rows_of_units;  // room for one layer
  P* gradient;             // padded
  long packs, chunk;       // of samples

  long rows(int l, long) const { return shape.sizes[l]; }
  long width(int) const { return packs; }
  S bias(int l, long i, long) const {
    if (!shape.bias) return S(Real(0));
    const Plain b = point[shape.biases[l] + i];
    if constexpr (dual)
      return {P(b.value), P(b.tangent)};
    else
      return P(b);
  }

  // Whether the product with rows of inputs gives the bias gradient too. It is a sum of slopes
  // before they are scaled, and of a dual product would be the sum of two.
  static bool sums_with_weights(const MlpShape& shape, const SampleLayout& layout, int l) {
    return !dual && layout.has_one[l] && shape.scales[l] == 1;
  }
  // The same of the losses.
  static bool sums_losses(const MlpShape& shape, const SampleLayout& layout) {
    return !dual && layout.has_one[shape.layers - 1];
  }

  void forward_product(int l, long, const Array<S>* units, Array<S> z) const {
    const long in = shape.sizes[l], out = shape.sizes[l + 1];
    const Panel<Plain> weights{point + shape.weights[l], in, 1};
    const Panel<S> result{z, packs, 1};
    if (units)
      multiply(out, packs, in, weights, Panel<S>{*units, packs, 1}, result, First::tangent_of_a);
    else
      multiply(out, packs, in, weights, Matrix<const P>{inputs, packs, 1}, result);
  }
  void bias_sums(int l, long count, Array<S> delta, Into into) const {
    if (sums_with_weights(shape, layout, l)) return;
    const Panel<Plain> slopes{numbers(delta), packs * P::lanes, 1};
    P* sums = gradient + layout.sums[l];
    if constexpr (dual)
      sum_samples(shape.sizes[l + 1], count, chunk, constant(tangents(slopes)), sums, into);
    else
      sum_samples(shape.sizes[l + 1], count, chunk, constant(values(slopes)), sums, into);
  }
  void gradient_product(int l, long count, const Array<S>* units, Array<S> delta, Into into) const {
    const bool losses = l + 1 == shape.layers && sums_losses(shape, layout);
    const long out = shape.sizes[l + 1] + losses, row = layout.row[l];
    const Array<S> turned = units ? in_rows(l, *units) : rows_of_units;
    const Matrix<P> result{gradient + layout.weights[l], row, 1};
    for_chunks(count, chunk, into, [&](long first, long m, Into to) {
      const Panel<Plain> slopes{numbers(delta) + first, packs * P::lanes, 1};
      if (units)
        keep(out, row, m, slopes, Panel<S>{turned + first * row, row, 1}, result, to,
             First::tangent_of_a);
      else
        keep(out, row, m, slopes, Matrix<const P>{rows_of_inputs + first * row, row, 1}, result,
             to);
    });
  }
  void backward_product(int l, long, Array<S> delta, UnitSlopes<S> slopes, Array<S> before) const {
    const long in = shape.sizes[l], out = shape.sizes[l + 1];
    multiply_times(in, packs, out, Panel<Plain>{point + shape.weights[l], 1, in},
                   Panel<S>{delta, packs, 1}, slopes, before, First::tangent_of_a);
  }

 private:
  Array<S> in_rows(int l, Array<S> units) const {
    const auto turn = [&](const P* from, Real filler, P* to) {
      for (long p = 0; p < packs; ++p)
        lanes_into_rows(from + p, packs, shape.sizes[l], P(filler),
                        to + p * P::lanes * layout.row[l], layout.row[l]);
    };
    turn(units.values, Real(1), rows_of_units.values);
    if constexpr (dual) turn(units.tangents, Real(0), rows_of_units.tangents);
    return rows_of_units;
  }
};

}  // namespace thalweg
