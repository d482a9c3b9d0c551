// One pass of a team of threads over a network's samples. The formulas are those of the CPU
// (activations.hpp, losses.hpp, dual numbers); here is the schedule.
//
// What a team's threads hand to one another goes through the scratch space, with a barrier between
// writing and reading.
#pragma once

#include "mlp_plan.cuh"

namespace thalweg::cuda {

// Every `stride`th number: the outputs of one sample, as losses read them.
template <class S>
struct Column {
  Array<S> array;
  int stride;

  THALWEG_INLINE S operator[](int o) const { return array[o * stride]; }
  THALWEG_INLINE void set(int o, S x) const { array.set(o * stride, x); }
};

// Which samples a pass sees.
template <class Real>
struct MlpSamples {
  const Real *inputs, *targets;
  const int* chosen;  // positions, or null: all of them in their order
  int count;

  THALWEG_INLINE long place(int n) const { return chosen ? chosen[n] : n; }
};

// One pass over the samples, on plain numbers or (H v) on dual ones.
template <class S, class Team>
class MlpPass {
 public:
  using Real = real_of<S>;

  THALWEG_DEVICE MlpPass(const MlpShape& shape, const MlpPlan& plan, const Team& team,
                         Real* scratch, const MlpSamples<Real>& samples, Array<S> point)
      : shape_(shape),
        plan_(plan),
        team_(team),
        scratch_(scratch),
        samples_(samples),
        point_(point) {}

  // each(first, count) with the outputs of a chunk of samples in place, for all threads to read.
  template <class Each>
  THALWEG_DEVICE void forward(bool slopes, Each each) const {
    for (int first = 0; first < samples_.count; first += plan_.chunk) {
      const int left = samples_.count - first, count = left < plan_.chunk ? left : plan_.chunk;
      if (first > 0) team_.sync();  // the chunk before is done with
      take_inputs(first, count);
      team_.sync();
      for (int l = 0; l < shape_.layers; ++l) {
        forward_layer(l, quads_of(count));
        team_.sync();
        if (l + 1 == shape_.layers) break;
        activate(l, quads_of(count), slopes);
        team_.sync();
      }
      each(first, count);
    }
  }
  THALWEG_INLINE Column<S> outputs(int n) const {
    return {plane(plan_.units[shape_.layers - 1] + n), plan_.pitch};
  }
  THALWEG_INLINE const Real* target(int n) const {
    return samples_.targets + samples_.place(n) * shape_.targets();
  }

  // This thread's part of the summed loss.
  THALWEG_DEVICE Real loss() const {
    Real sum = 0;
    forward(false, [&](int first, int count) {
      with_loss(shape_.loss, [&](auto rule) {
        team_.each(count, [&](int n) {
          sum += value_of(rule.value(shape_.outputs(), outputs(n), target(first + n)));
        });
      });
    });
    return sum;
  }
  // The same, and the gradient of the mean; of dual numbers its tangent.
  THALWEG_DEVICE Real loss_and_gradient(Real* gradient) const {
    Real sum = 0;
    const Real weight = Real(1) / static_cast<Real>(samples_.count);
    forward(true, [&](int first, int count) {
      output_slopes(first, count, weight, sum);
      team_.sync();
      backward(quads_of(count), gradient, first > 0);
    });
    return sum;
  }

 private:
  static constexpr bool dual = !std::is_same_v<S, Real>;
  static constexpr int widest = dual ? 4 : 8, wide = GradientCut::wide(dual);
  const MlpShape& shape_;
  const MlpPlan& plan_;
  const Team& team_;
  Real* scratch_;
  const MlpSamples<Real>& samples_;
  Array<S> point_;

  THALWEG_INLINE static int quads_of(int count) { return (count + quad - 1) / quad; }
  THALWEG_INLINE static Real value_of(Real x) { return x; }
  THALWEG_INLINE static Real value_of(Dual<Real> x) { return x.value; }
  THALWEG_INLINE Array<S> plane(int offset) const {
    if constexpr (dual)
      return {scratch_ + offset, scratch_ + plan_.plane + offset};
    else
      return {scratch_ + offset};
  }
  template <bool transposed>
  THALWEG_INLINE Weights<S, transposed> weights(int l) const {
    return {point_ + shape_.weights[l], shape_.sizes[l]};
  }
  // Calls f with the inputs of a layer and where they begin: plain numbers for the first layer.
  template <class F>
  THALWEG_INLINE void with_inputs_of(int l, F f) const {
    const int place = l ? plan_.units[l - 1] : plan_.inputs;
    if constexpr (dual) {
      if (l == 0) return f(Array<Real>{scratch_ + place}, place);
    }
    f(plane(place), place);
  }
  THALWEG_INLINE Real scale(int l) const { return static_cast<Real>(shape_.scales[l]); }

  // Numbers of the plan are read before loops: inside, every store might have changed them.

  // Inputs [unit][sample]; a last quad that is not full repeats the last sample.
  THALWEG_DEVICE void take_inputs(int first, int count) const {
    const int width = shape_.inputs(), padded = quads_of(count) * quad, pitch = plan_.pitch;
    const MlpSamples<Real> samples = samples_;
    Real* to = scratch_ + plan_.inputs;
    team_.each(padded * width, [=](int item) {
      const int n = item / width, i = item % width;
      const long from = samples.place(first + (n < count ? n : count - 1)) * width + i;
      to[i * pitch + n] = samples.inputs[from];
    });
    const Array<S> ones = plane(plan_.ones);
    team_.each(padded, [=](int n) { ones.set(n, S(Real(1))); });
  }

  // z = scale W a + b.
  THALWEG_DEVICE void forward_layer(int l, int quads) const {
    const int in = shape_.sizes[l], out = shape_.sizes[l + 1], pitch = plan_.pitch;
    const Array<S> z = plane(plan_.units[l]), biases = point_ + shape_.biases[l];
    const bool biased = shape_.bias;
    const Real scale = this->scale(l);
    with_columns<widest>(plan_.columns_forward[l], [&](auto columns) {
      with_inputs_of(l, [&](auto a, int) {
        sample_tiles<columns>(team_, quads, out, in, a, pitch, weights<false>(l),
                              [=](int unit, int n, Quad<S> sum) {
                                const S bias = biased ? biases[unit] : S(Real(0));
                                repeat<quad>([&](auto i) { sum.set(i, fma(scale, sum[i], bias)); });
                                sum.store(z, unit * pitch + n);
                              });
      });
    });
  }
  // From z to a, in its place, and the slopes.
  THALWEG_DEVICE void activate(int l, int quads, bool slopes) const {
    const Array<S> units = plane(plan_.units[l]), slope_of = plane(plan_.slopes[l]);
    const int items = quads * shape_.sizes[l + 1], pitch = plan_.pitch;
    with_activation(shape_.activation, [&](auto f) {
      team_.each(items, [=](int item) {
        const int at = item / quads * pitch + item % quads * quad;
        const Quad<S> z = Quad<S>::load(units, at);
        Quad<S> a, slope;
        repeat<quad>([&](auto i) { a.set(i, f.value(z[i])); });
        a.store(units, at);
        if (!slopes) return;
        repeat<quad>([&](auto i) { slope.set(i, f.slope(z[i], a[i])); });
        slope.store(slope_of, at);
      });
    });
  }

  // d loss / d outputs of the mean loss, 0 for what fills the last quad.
  THALWEG_DEVICE void output_slopes(int first, int count, Real weight, Real& sum) const {
    const Array<S> to = plane(plan_.slopes[shape_.layers - 1]);
    with_loss(shape_.loss, [&](auto rule) {
      team_.each(quads_of(count) * quad, [&](int n) {
        const Column<S> slopes{to + n, plan_.pitch};
        if (n < count)
          sum +=
              value_of(rule.slope(shape_.outputs(), outputs(n), target(first + n), weight, slopes));
        else
          for (int o = 0; o < shape_.outputs(); ++o) slopes.set(o, S(Real(0)));
      });
    });
  }

  THALWEG_DEVICE void backward(int quads, Real* gradient, bool add) const {
    for (int l = shape_.layers - 1; l >= 0; --l) {
      gradient_layer(l, quads, gradient, add);
      if (l > 0) backward_layer(l, quads);
      team_.sync();
      if (plan_.gradient[l].splits > 1) add_parts(l, gradient, add);
    }
  }
  // d loss / d z of the layer before, in the place of its slopes.
  THALWEG_DEVICE void backward_layer(int l, int quads) const {
    const int in = shape_.sizes[l], out = shape_.sizes[l + 1], pitch = plan_.pitch;
    const Real scale = this->scale(l);
    const Array<S> before = plane(plan_.slopes[l - 1]);
    with_columns<widest>(plan_.columns_backward[l], [&](auto columns) {
      sample_tiles<columns>(team_, quads, in, out, plane(plan_.slopes[l]), pitch, weights<true>(l),
                            [=](int unit, int n, Quad<S> sum) {
                              Quad<S> x = Quad<S>::load(before, unit * pitch + n);
                              repeat<quad>([&](auto i) { x.set(i, x[i] * (scale * sum[i])); });
                              x.store(before, unit * pitch + n);
                            });
    });
  }

  // Where a layer's gradient goes: that of unit j's weight of its input k, or behind the last,
  // bias.
  struct LayerGradient {
    Real *weights, *biases;
    int in;
    Real scale;
    bool add;

    THALWEG_INLINE void keep(int j, int k, Real sum) const {
      Real& to = k == in ? biases[j] : weights[j * in + k];
      const Real g = k == in ? sum : scale * sum;
      to = add ? to + g : g;
    }
  };
  THALWEG_INLINE LayerGradient layer_gradient(int l, Real* gradient, bool add) const {
    return {gradient + shape_.weights[l], gradient + shape_.biases[l], shape_.sizes[l], scale(l),
            add};
  }
  THALWEG_INLINE Real* parts_of(int l) const {  // the layer before has another place
    return scratch_ + plan_.partial + l % 2 * plan_.parts;
  }
  THALWEG_DEVICE void gradient_layer(int l, int quads, Real* gradient, bool add) const {
    const int in = shape_.sizes[l], out = shape_.sizes[l + 1], width = in + shape_.bias;
    const GradientCut cut = plan_.gradient[l];
    const LayerGradient to = layer_gradient(l, gradient, add);
    Real* parts = cut.splits > 1 ? parts_of(l) : nullptr;
    const auto keep = [=](int split, int j, int k, Real sum) {
      if (parts)
        parts[(split * out + j) * width + k] = sum;
      else
        to.keep(j, k, sum);
    };
    with_inputs_of(l, [&](auto a, int place) {
      const UnitRows<number_in<decltype(a)>> rows{a, in, plan_.pitch, plan_.ones - place};
      const Array<S> delta = plane(plan_.slopes[l]);
      if (cut.rows == 1)
        gradient_tiles<1, wide, Real>(team_, cut.splits, out, width, quads, delta, rows, keep);
      else
        gradient_tiles<GradientCut::tall, wide, Real>(team_, cut.splits, out, width, quads, delta,
                                                      rows, keep);
    });
  }
  THALWEG_DEVICE void add_parts(int l, Real* gradient, bool add) const {
    const int width = shape_.sizes[l] + shape_.bias, size = shape_.sizes[l + 1] * width;
    const int splits = plan_.gradient[l].splits;
    const LayerGradient to = layer_gradient(l, gradient, add);
    const Real* parts = parts_of(l);
    team_.each(size, [=](int item) {
      Real sum = parts[item];
      for (int split = 1; split < splits; ++split) sum += parts[split * size + item];
      to.keep(item / width, item % width, sum);
    });
  }
};

}  // namespace thalweg::cuda
