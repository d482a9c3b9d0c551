// One pass of a team of threads over a network's samples. The formulas are those of the CPU
// (activations.hpp, losses.hpp, dual numbers); here is the schedule.
//
// What a team's threads hand to one another goes through the scratch space, with a barrier between
// writing and reading.
#pragma once

#include "mlp_plan.cuh"
#include "mlp_samples.cuh"

namespace thalweg::cuda {

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
    const int chunk = plan_.chunk;
    if (!samples_.in_place || samples_.count > chunk) take_inputs(0);
    for (int first = 0; first < samples_.count; first += chunk) {
      const int left = samples_.count - first, count = left < chunk ? left : chunk;
      const Divider quads = quads_of(count);
      for (int l = 0; l < shape_.layers; ++l) {
        forward_layer(l, quads);
        team_.sync();
        if (l + 1 == shape_.layers) break;
        activate(l, quads, slopes);
        team_.sync();
      }
      each(first, count);
      if (left <= chunk) break;
      team_.sync();  // this chunk is done with
      take_inputs(first + chunk);
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
      team_.each(count, [&](int n) {
        sum += loss_of(shape_.loss, shape_.outputs(), outputs(n), target(first + n));
      });
    });
    return sum;
  }
  // The same, and the gradient of the mean; of dual numbers its tangent.
  THALWEG_DEVICE Real loss_and_gradient(Real* gradient) const {
    Real sum = 0;
    const Real weight = Real(1) / static_cast<Real>(samples_.count);
    forward(true, [&](int first, int count) {
      const Divider quads = quads_of(count);
      output_slopes(first, count, quads.divisor(), weight, sum);
      team_.sync();
      backward(quads, gradient, first > 0);
    });
    return sum;
  }

 private:
  static constexpr bool dual = !std::is_same_v<S, Real>;
  const MlpShape& shape_;
  const MlpPlan& plan_;
  const Team& team_;
  Real* scratch_;
  const MlpSamples<Real>& samples_;
  Array<S> point_;

  THALWEG_INLINE Divider quads_of(int count) const {
    const int quads = (count + quad - 1) / quad;
    return quads == plan_.quads.divisor() ? plan_.quads : Divider(quads);
  }
  THALWEG_INLINE Array<S> plane(int offset) const {
    if constexpr (dual)
      return {scratch_ + offset, scratch_ + plan_.plane + offset};
    else
      return {scratch_ + offset};
  }
  THALWEG_INLINE Weights<S> weights(int l) const {
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

  // Inputs [unit][sample] of a chunk; a last quad that is not full repeats the last sample.
  THALWEG_DEVICE void take_inputs(int first) const {
    const int left = samples_.count - first, count = left < plan_.chunk ? left : plan_.chunk;
    const int padded = (count + quad - 1) / quad * quad, pitch = plan_.pitch;
    const Divider width = plan_.features;
    const MlpSamples<Real> samples = samples_;
    Real* to = scratch_ + plan_.inputs;
    team_.each(padded * width.divisor(), [=](int item) {
      const auto [n, i] = width(item);
      const long from = samples.place(first + (n < count ? n : count - 1)) * width.divisor() + i;
      to[i * pitch + n] = samples.inputs[from];
    });
    const Array<S> ones = plane(plan_.ones);
    team_.each(padded, [=](int n) { ones.set(n, S(Real(1))); });
    team_.sync();
  }

  // z = scale W a + b.
  THALWEG_DEVICE void forward_layer(int l, Divider quads) const {
    plan_.aligned[l] ? forward_layer_of<true>(l, quads) : forward_layer_of<false>(l, quads);
  }
  template <bool aligned>
  THALWEG_INLINE void forward_layer_of(int l, Divider quads) const {
    const int in = shape_.sizes[l], out = shape_.sizes[l + 1], pitch = plan_.pitch;
    const Array<S> z = plane(plan_.units[l]), biases = point_ + shape_.biases[l];
    const bool biased = shape_.bias;
    const Real scale = this->scale(l);
    const auto finish = [=](int unit, int n, Quad<S> sum) {
      const S bias = biased ? biases[unit] : S(Real(0));
      repeat<quad>([&](auto i) { sum.set(i, fma(scale, sum[i], bias)); });
      sum.store(z, unit * pitch + n);
    };
    with_columns<aligned, false, dual>(plan_.columns_forward[l], [&](auto columns) {
      with_inputs_of(l, [&](auto a, int) {
        sample_tiles<columns, aligned, false>(team_, quads, out, in, a, pitch, weights(l), finish);
      });
    });
  }
  // From z to a, in its place, and the slopes.
  THALWEG_DEVICE void activate(int l, Divider quads, bool slopes) const {
    const Array<S> units = plane(plan_.units[l]), slope_of = plane(plan_.slopes[l]);
    const int items = quads.divisor() * shape_.sizes[l + 1], pitch = plan_.pitch;
    with_activation(shape_.activation, [&](auto f) {
      team_.each(items, [=](int item) {
        const auto [unit, n] = quads(item);
        const int at = unit * pitch + n * quad;
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
  THALWEG_DEVICE void output_slopes(int first, int count, int quads, Real weight, Real& sum) const {
    const Array<S> to = plane(plan_.slopes[shape_.layers - 1]);
    team_.each(quads * quad, [&](int n) {
      const Column<S> slopes{to + n, plan_.pitch};
      if (n < count)
        sum += loss_and_slopes(shape_.loss, shape_.outputs(), outputs(n), target(first + n), weight,
                               slopes);
      else
        for (int o = 0; o < shape_.outputs(); ++o) slopes.set(o, S(Real(0)));
    });
  }

  THALWEG_DEVICE void backward(Divider quads, Real* gradient, bool add) const {
    for (int l = shape_.layers - 1; l >= 0; --l) {
      gradient_layer(l, quads.divisor(), gradient, add);
      if (l > 0) backward_layer(l, quads);
      team_.sync();
      if (plan_.gradient[l].splits > 1)
        add_parts(l, plan_.gradient[l].parts(quads.divisor()), gradient + shape_.weights[l], add);
    }
  }
  // d loss / d z of the layer before, in the place of its slopes.
  THALWEG_DEVICE void backward_layer(int l, Divider quads) const {
    plan_.aligned[l] ? backward_layer_of<true>(l, quads) : backward_layer_of<false>(l, quads);
  }
  template <bool aligned>
  THALWEG_INLINE void backward_layer_of(int l, Divider quads) const {
    const int in = shape_.sizes[l], out = shape_.sizes[l + 1], pitch = plan_.pitch;
    const Real scale = this->scale(l);
    const Array<S> before = plane(plan_.slopes[l - 1]), delta = plane(plan_.slopes[l]);
    const auto finish = [=](int unit, int n, Quad<S> sum) {
      Quad<S> x = Quad<S>::load(before, unit * pitch + n);
      repeat<quad>([&](auto i) { x.set(i, x[i] * (scale * sum[i])); });
      x.store(before, unit * pitch + n);
    };
    with_columns<aligned, true, dual>(plan_.columns_backward[l], [&](auto columns) {
      sample_tiles<columns, aligned, true>(team_, quads, in, out, delta, pitch, weights(l), finish);
    });
  }

  THALWEG_INLINE Real* parts_of(int l) const {  // the layer before has another place
    return scratch_ + plan_.partial + l % 2 * plan_.parts;
  }
  THALWEG_INLINE int part_size(int l) const {
    const int numbers = shape_.sizes[l + 1] * (shape_.sizes[l] + shape_.bias);
    return (numbers + quad - 1) / quad * quad;
  }
  // A layer's biases lie behind its weights in a point.
  THALWEG_DEVICE void gradient_layer(int l, int quads, Real* gradient, bool add) const {
    const int in = shape_.sizes[l], out = shape_.sizes[l + 1], width = in + shape_.bias;
    const GradientCut cut = plan_.gradient[l];
    const Real scale = this->scale(l);
    const int size = part_size(l);
    Real *parts = parts_of(l), *to = gradient + shape_.weights[l];
    const auto finish = [=](int split, const auto& tile) {
      if (cut.splits > 1)
        return tile.keep(parts + split * size, in, [](Real& at, Real sum, bool) { at = sum; });
      tile.keep(to, in, [=](Real& at, Real sum, bool weight) {
        const Real g = weight ? scale * sum : sum;
        at = add ? at + g : g;
      });
    };
    with_inputs_of(l, [&](auto a, int place) {
      const UnitRows<number_in<decltype(a)>> units{a, in, plan_.pitch, plan_.ones - place};
      const Array<S> delta = plane(plan_.slopes[l]);
      with_shape(cut.shape, [&](auto rows, auto columns) {
        gradient_tiles<rows, columns, Real>(team_, cut, out, width, quads, delta, units, finish);
      });
    });
  }
  template <int number = 0, class F>
  THALWEG_INLINE static void with_shape(int wanted, F f) {
    if constexpr (number + 1 < number_of_shapes(dual))
      if (wanted != number) return with_shape<number + 1>(wanted, f);
    constexpr GradientShape shape = shape_of(number, dual);
    f(std::integral_constant<int, shape.rows>{}, std::integral_constant<int, shape.columns>{});
  }
  THALWEG_DEVICE void add_parts(int l, int count, Real* to, bool add) const {
    const int weights = shape_.sizes[l + 1] * shape_.sizes[l], stride = part_size(l);
    const int size = weights + (shape_.bias ? shape_.sizes[l + 1] : 0);
    const Real scale = this->scale(l);
    const Array<Real> parts{parts_of(l)};
    team_.each(stride / quad, [=](int item) {
      Array<Real> part = parts + item * quad;
      Quad<Real> sum = Quad<Real>::load(part, 0);
      for (int n = 1; n < count; ++n) {
        part = part + stride;
        const Quad<Real> more = Quad<Real>::load(part, 0);
        repeat<quad>([&](auto i) { sum.set(i, sum[i] + more[i]); });
      }
      repeat<quad>([&](auto i) {
        const int at = item * quad + i;
        const Real g = at < weights ? scale * sum[i] : sum[i];
        if (at < size) to[at] = add ? to[at] + g : g;
      });
    });
  }
};

}  // namespace thalweg::cuda
