// The pass of a shallow network: few inputs, one hidden layer, one output, replicas in the lanes.
//
// Its products are so small that calls, stores and loads between them took a fifth of a step of
// Langevin dynamics. Here all that belongs to a hidden unit is summed in registers, over the
// samples of a chunk. Every sum has the order of mlp.hpp, so the bits are the same. Units lie one
// behind another in the workspace: [hidden, count].
#pragma once

#include <thalweg/landscapes/mlp_replica_lanes.hpp>

namespace thalweg {

inline constexpr int most_shallow_inputs = 4;  // for each of these numbers code of its own

inline bool is_shallow(const MlpShape& shape) {
  return shape.layers == 2 && shape.outputs() == 1 && shape.inputs() <= most_shallow_inputs;
}

namespace detail {

// f(inputs) with the number a constant.
template <int inputs = most_shallow_inputs, class F>
THALWEG_INLINE void with_inputs(int wanted, F f) {
  if constexpr (inputs > 1)
    if (wanted < inputs) return with_inputs<inputs - 1>(wanted, f);
  f(std::integral_constant<int, inputs>{});
}

// Where a sum may begin as well as with its first product: x + -0 is x, whatever x.
template <class S>
THALWEG_INLINE S nothing() {
  return S(real_of<S>(-0.0));
}

// scale z + b of hidden unit j.
template <int inputs, class S, class T, class P>
void shallow_affine(const ReplicaLanes<S, T, P>& plan, long j, long count, Array<S> z) {
  const MlpShape& shape = plan.shape;
  S weight[inputs];
  repeat<inputs>([&](auto i) __attribute__((always_inline)) {
    weight[i] = plan.point[shape.weights[0] + j * inputs + i];
  });
  const S bias = plan.bias(0, 0, j);
  with_affine<S>(shape.scales[0], [&](auto affine) __attribute__((always_inline)) {
    const T* x = plan.inputs;
    for (long n = 0; n < count; ++n, x += inputs) {
      S sum = S(x[0]) * weight[0];
      repeat<inputs - 1>([&](auto i) __attribute__((always_inline)) {
        sum = fma(S(x[i + 1]), weight[i + 1], sum);
      });
      z.set(n, affine(sum, bias));
    }
  });
}

// From there the activations of hidden unit j, and its part of the outputs. (Sums and activation in
// one loop make a chain too long for a processor to have enough of them under way.)
template <class Unit, class S, class T, class P>
void shallow_unit(const ReplicaLanes<S, T, P>& plan, Unit unit, long j, long count,
                  const MlpWorkspace<S>& work, bool slopes) {
  const Array<S> a = work.units[0] + j * count, slope = work.slopes[0] + j * count;
  const Array<S> f = work.units[1];
  const S upper = plan.point[plan.shape.weights[1] + j];
  for (long n = 0; n < count; ++n) {
    const S z = a[n], value = unit.value(z);
    a.set(n, value);
    if constexpr (!Unit::slope_from_value)
      if (slopes) slope.set(n, unit.slope(z, value));
    f.set(n, fma(value, upper, j == 0 ? nothing<S>() : f[n]));
  }
}

}  // namespace detail

// What mlp_forward does.
template <class S, class T, class P>
void shallow_forward(const ReplicaLanes<S, T, P>& plan, long count, MlpWorkspace<S>& work,
                     bool slopes) {
  const MlpShape& shape = plan.shape;
  with_activation(shape.activation, [&](auto unit) {
    for (long j = 0; j < shape.sizes[1]; ++j) {
      detail::with_inputs(shape.inputs(), [&](auto inputs) {
        detail::shallow_affine<inputs>(plan, j, count, work.units[0] + j * count);
      });
      detail::shallow_unit(plan, unit, j, count, work, slopes);
    }
  });
  const Array<S> f = work.units[1];
  mlp_affine(plan, 1, count, f, [&](long n, S x) { f.set(n, x); });
}

namespace detail {

// The gradient of some hidden units while it is summed, and that of the output's bias, which goes
// along with any of them.
template <int units, int inputs, class S>
struct ShallowSums {
  S output, upper[units], bias[units], weight[units][inputs];

  THALWEG_INLINE ShallowSums() {
    output = nothing<S>();
    repeat<units>([&](auto u) __attribute__((always_inline)) {
      upper[u] = bias[u] = nothing<S>();
      repeat<inputs>([&](auto i) __attribute__((always_inline)) { weight[u][i] = nothing<S>(); });
    });
  }
  // Calls put(place in a point, sum).
  template <class Put>
  THALWEG_INLINE void finish(const MlpShape& shape, long j, Put put) const {
    if (shape.bias && j == 0) put(shape.biases[1], output);
    repeat<units>([&](auto u) __attribute__((always_inline)) {
      put(shape.weights[1] + j + u, upper[u]);
      if (shape.bias) put(shape.biases[0] + j + u, bias[u]);
      repeat<inputs>([&](auto i) __attribute__((always_inline)) {
        put(shape.weights[0] + (j + u) * inputs + i, weight[u][i]);
      });
    });
  }
};

// The gradient of hidden units j, j + 1, ...
template <int inputs, int units, class S, class T, class P>
THALWEG_INLINE void shallow_gradient(const ReplicaLanes<S, T, P>& plan, UnitSlopes<S> of, long j,
                                     long count, Array<S> delta, Into into) {
  const MlpShape& shape = plan.shape;
  const auto scale = static_cast<real_of<S>>(shape.scales[0]);
  const auto output_scale = static_cast<real_of<S>>(shape.scales[1]);
  S upper[units];
  repeat<units>([&](auto u) __attribute__((always_inline)) {
    upper[u] = plan.point[shape.weights[1] + j + u];
  });
  ShallowSums<units, inputs, S> sum;
  const T* x = plan.inputs;
  for (long n = 0; n < count; ++n, x += inputs) {
    S d = delta[n], e[units];
    sum.output += d;
    if (output_scale != 1) d = output_scale * d;
    repeat<units>([&](auto u) __attribute__((always_inline)) {
      sum.upper[u] = fma(of.units[u * count + n], d, sum.upper[u]);
      e[u] = d * upper[u];
    });
    of.with([&](auto slope) __attribute__((always_inline)) {
      repeat<units>([&](auto u)
                        __attribute__((always_inline)) { e[u] = slope(u * count + n) * e[u]; });
    });
    repeat<units>([&](auto u) __attribute__((always_inline)) { sum.bias[u] += e[u]; });
    if (scale != 1)
      repeat<units>([&](auto u) __attribute__((always_inline)) { e[u] = scale * e[u]; });
    repeat<inputs, units>([&](auto i, auto u) __attribute__((always_inline)) {
      sum.weight[u][i] = fma(S(x[i]), e[u], sum.weight[u][i]);
    });
  }
  P* g = plan.gradient;
  sum.finish(shape, j, [&](long i, S x) __attribute__((always_inline)) {
    g[i] = into == Into::accumulate ? g[i] + x : x;
  });
}

}  // namespace detail

// What mlp_backward does.
template <class S, class T, class P>
void shallow_backward(const ReplicaLanes<S, T, P>& plan, long count, MlpWorkspace<S>& work,
                      Into into) {
  const MlpShape& shape = plan.shape;
  const UnitSlopes<S> slopes{shape.activation, work.units[0], work.slopes[0]};
  detail::with_inputs(shape.inputs(), [&](auto inputs) {
    const auto of = [&](auto units, long j) {
      detail::shallow_gradient<inputs, units>(plan, slopes.at(j * count), j, count, work.delta[0],
                                              into);
    };
    constexpr std::integral_constant<int, 2> two;  // one alone would wait for its own sums
    constexpr std::integral_constant<int, 1> one;
    const long hidden = shape.sizes[1];
    for (long j = 0; j + 2 <= hidden; j += 2) of(two, j);
    if (hidden % 2 == 1) of(one, hidden - 1);
  });
}

}  // namespace thalweg
