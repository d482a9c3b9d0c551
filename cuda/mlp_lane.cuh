// One lane's way through a tiny network: whole samples, with activations, weights and its part of
// the gradient in registers.
//
// Loops over units are unrolled to widths known to the compiler; a narrower network is filled up
// with weights of 0, and what belongs to these is dropped.
#pragma once

#include "mlp_pass.cuh"

namespace thalweg::cuda {

// Most units of each layer, inputs first. A point filled up to them holds for every layer weights
// [units, inputs] and biases [units], in the order of all points of networks.
template <int... most>
struct Widths {
  static constexpr int layers = sizeof...(most) - 1;
  static constexpr int of(int layer) {
    int width = 0, k = 0;
    ((width = k++ == layer ? most : width), ...);
    return width;
  }
  static constexpr int widest() {
    int width = 0;
    ((width = width < most ? most : width), ...);
    return width;
  }
  static constexpr int weights(int layer) {  // where they begin
    int place = 0;
    for (int l = 0; l < layer; ++l) place += of(l + 1) * (of(l) + 1);
    return place;
  }
  static constexpr int biases(int layer) { return weights(layer) + of(layer + 1) * of(layer); }
  static constexpr int numbers() { return weights(layers); }

  static bool hold(const MlpShape& shape) {
    bool all = shape.layers == layers;
    for (int l = 0; all && l <= layers; ++l) all = shape.sizes[l] <= of(l);
    return all;
  }
  static bool are_of(const MlpShape& shape) {  // its points need no filling up
    bool all = shape.layers == layers && shape.bias;
    for (int l = 0; all && l <= layers; ++l) all = shape.sizes[l] == of(l);
    return all;
  }
};

// Where number i of a filled point stands in the network's own, or -1.
template <class Widths>
THALWEG_DEVICE int place_in_point(const MlpShape& shape, int i) {
  int place = -1;
  repeat<Widths::layers>([&](auto l) {
    constexpr int in = Widths::of(l), begin = Widths::weights(l), biases = Widths::biases(l);
    const int k = (i - begin) % in, j = i < biases ? (i - begin) / in : i - biases;
    if (i < begin || i >= Widths::weights(l + 1) || j >= shape.sizes[l + 1]) return;
    if (i >= biases)
      place = shape.bias ? static_cast<int>(shape.biases[l]) + j : -1;
    else if (k < shape.sizes[l])
      place = static_cast<int>(shape.weights[l]) + j * shape.sizes[l] + k;
  });
  return place;
}

// Numbers in registers, as losses read and write them.
template <class S>
struct Registers {
  S* numbers;

  THALWEG_INLINE S operator[](int i) const { return numbers[i]; }
  THALWEG_INLINE void set(int i, S x) const { numbers[i] = x; }
};

// One lane's samples, on plain numbers or (H v) on dual ones.
template <class S, class Widths>
class LanePass {
 public:
  using Real = real_of<S>;
  static constexpr int numbers = Widths::numbers();

  // The point is a filled one.
  THALWEG_INLINE LanePass(const MlpShape& shape, const MlpSamples<Real>& samples, Array<S> point)
      : shape_(shape), samples_(samples), point_(point) {
    if constexpr (held) repeat<numbers>([&](auto i) { held_[i] = point[i]; });
    repeat<layers>([&](auto l) { scale_[l] = static_cast<Real>(shape.scales[l]); });
  }

  // This lane's part of the summed loss.
  THALWEG_INLINE Real loss(int rank) const {
    Real sum = 0;
    each_sample(rank, [&](Units& u, const Real* target) {
      forward<false>(u);
      with_outputs([&](auto rule, auto count) {
        sum += value_of(rule.value(count, Registers<S>{u.units[layers - 1]}, target));
      });
    });
    return sum;
  }
  // The same, and of the gradient of the mean (of dual numbers: its tangent) into sums [numbers].
  THALWEG_INLINE Real loss_and_gradient(int rank, Real* sums) const {
    Real sum = 0;
    const Real weight = Real(1) / static_cast<Real>(samples_.count);
    each_sample(rank, [&](Units& u, const Real* target) {
      forward<true>(u);
      repeat<Widths::of(layers)>([&](auto o) { u.slopes[layers - 1][o] = S(Real(0)); });
      with_outputs([&](auto rule, auto count) {
        sum += value_of(rule.slope(count, Registers<S>{u.units[layers - 1]}, target, weight,
                                   Registers<S>{u.slopes[layers - 1]}));
      });
      u.point = anew(u.point);
      repeat<layers>([&](auto back) { backward<layers - 1 - back>(u, sums); });
    });
    return sum;
  }

 private:
  static constexpr int layers = Widths::layers, widest = Widths::widest();
  static constexpr int together = 4;  // units activated side by side
  // A small point stays in registers; a larger one is read for every sample, and once more going
  // back.
  static constexpr bool held = numbers * sizeof(S) <= 40 * sizeof(float);

  // Of one sample.
  struct Units {
    Array<S> point;
    Real inputs[Widths::of(0)];
    S units[layers][widest];   // a_{l+1}; of the last layer: outputs
    S slopes[layers][widest];  // activation'(z), then d loss / d z
  };

  const MlpShape& shape_;
  const MlpSamples<Real>& samples_;
  Array<S> point_;
  S held_[held ? numbers : 1];
  Real scale_[layers];

  THALWEG_INLINE static Real value_of(Real x) { return x; }
  THALWEG_INLINE static Real value_of(Dual<Real> x) { return x.value; }
  THALWEG_INLINE S number(const Units& u, int i) const {
    if constexpr (held)
      return held_[i];
    else
      return u.point[i];
  }
  template <int l>
  THALWEG_INLINE S weight(const Units& u, int j, int k) const {
    return number(u, Widths::weights(l) + j * Widths::of(l) + k);
  }
  THALWEG_INLINE static Array<Real> anew(Array<Real> point) { return {read_anew(point.values)}; }
  THALWEG_INLINE static Array<Dual<Real>> anew(Array<Dual<Real>> point) {
    return {read_anew(point.values), read_anew(point.tangents)};
  }
  template <int l>
  THALWEG_INLINE static auto input(const Units& u, int k) {
    if constexpr (l == 0)
      return u.inputs[k];
    else
      return u.units[l - 1][k];
  }

  template <class F>
  THALWEG_INLINE void each_sample(int rank, F f) const {
    const int width = shape_.inputs(), targets = shape_.targets();
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
    for (int n = rank; n < samples_.count; n += LaneTeam::lanes) {
      const long place = samples_.place(n);
      const Real* from = samples_.inputs + place * width;
      Units u;
      u.point = anew(point_);
      repeat<Widths::of(0)>([&](auto k) { u.inputs[k] = k < width ? from[k] : Real(0); });
      f(u, samples_.targets + place * targets);
    }
  }
  // f(rule, outputs): a number known to the compiler, so that loops over outputs stay in registers.
  template <class F>
  THALWEG_INLINE void with_outputs(F f) const {
    with_loss(shape_.loss, [&](auto rule) {
      repeat<Widths::of(layers)>([&](auto o) {
        if (Widths::of(layers) == 1 || shape_.outputs() == o + 1)
          f(rule, std::integral_constant<int, o + 1>{});
      });
    });
  }

  template <bool slopes>
  THALWEG_INLINE void forward(Units& u) const {
    repeat<layers>([&](auto l) {
      repeat<Widths::of(l + 1)>([&](auto j) {
        S sum(Real(0));
        repeat<Widths::of(l)>([&](auto k) { sum = fma(input<l>(u, k), weight<l>(u, j, k), sum); });
        u.units[l][j] = fma(scale_[l], sum, number(u, Widths::biases(l) + j));
      });
      if constexpr (l + 1 < layers) activate<l, slopes>(u);
    });
  }
  template <int l, bool slopes>
  THALWEG_INLINE void activate(Units& u) const {
    const int width = shape_.sizes[l + 1];
    with_activation(shape_.activation, [&](auto f) {
      repeat<Widths::of(l + 1) / together>([&](auto group) {
        if (group > 0 && group * together >= width) {
          repeat<together>([&](auto i) { u.slopes[l][group * together + i] = S(Real(0)); });
          return;
        }
        repeat<together>([&](auto i) {
          constexpr int j = group * together + i;
          const S z = u.units[l][j], a = f.value(z);
          u.units[l][j] = a;
          if constexpr (slopes) u.slopes[l][j] = f.slope(z, a);
        });
      });
    });
  }
  // What this sample adds to a layer's gradient, and d loss / d z of the layer before.
  template <int l>
  THALWEG_INLINE void backward(Units& u, Real* sums) const {
    constexpr int in = Widths::of(l), out = Widths::of(l + 1);
    repeat<out>([&](auto j) {
      Real& bias = sums[Widths::biases(l) + j];
      bias = add_gradient(u.slopes[l][j], Real(1), bias);
      const S delta = scale_[l] * u.slopes[l][j];
      u.slopes[l][j] = delta;
      repeat<in>([&](auto k) {
        Real& sum = sums[Widths::weights(l) + j * in + k];
        sum = add_gradient(delta, input<l>(u, k), sum);
      });
    });
    if constexpr (l > 0)
      repeat<in>([&](auto k) {
        S sum(Real(0));
        repeat<out>([&](auto j) { sum = fma(u.slopes[l][j], weight<l>(u, j, k), sum); });
        u.slopes[l - 1][k] = u.slopes[l - 1][k] * sum;
      });
  }
};

}  // namespace thalweg::cuda
