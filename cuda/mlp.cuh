// The MLP on a GPU: one team of threads works on one replica. The formulas are those of the CPU
// (activations.hpp, losses.hpp, dual numbers); here is the schedule.
//
// What a team's threads hand to one another goes through the scratch space, with team.sync()
// between writing and reading. The one who calls has synchronised before; who returns has too.
#pragma once

#include "mlp_plan.cuh"

namespace thalweg {

// A network and its data as kernels are given them: numbers and pointers to device memory.
template <class Real>
struct MlpView {
  MlpShape shape;
  MlpPlan plan, dual_plan;
  const Real *inputs, *targets;  // [N, inputs] and [N, targets], or [R, N, ...]
  int samples;
  bool own_inputs, own_targets;
};

// What is computed of every sample.
enum class SampleNumber { loss, margin };

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

  // each(first, count) with the outputs of a chunk of samples in place, already synchronised.
  template <class Each>
  THALWEG_DEVICE void forward(bool slopes, Each each) const {
    for (int first = 0; first < samples_.count; first += plan_.chunk) {
      const int left = samples_.count - first, count = left < plan_.chunk ? left : plan_.chunk;
      take_inputs(first, count);
      team_.sync();
      for (int l = 0; l < shape_.layers; ++l) {
        forward_layer(l, quads_of(count), slopes);
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
      team_.sync();
    });
    return sum;
  }
  // The same, and the gradient of the mean; of dual numbers its tangent.
  THALWEG_DEVICE Real loss_and_gradient(Real* gradient) const {
    Real sum = 0;
    const Real weight = Real(1) / static_cast<Real>(samples_.count);
    forward(true, [&](int first, int count) {
      sum += output_slopes(first, count, weight);
      team_.sync();
      backward(quads_of(count), gradient, first > 0);
      team_.sync();
    });
    return sum;
  }

 private:
  static constexpr bool dual = !std::is_same_v<S, Real>;
  static constexpr int widest = dual ? 4 : 8;
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
  THALWEG_INLINE Weights<S> weights(int l, int row, int column) const {
    return {point_ + shape_.weights[l], row, column};
  }
  THALWEG_INLINE Real scale(int l) const { return static_cast<Real>(shape_.scales[l]); }

  // Inputs [unit][sample]; a last quad that is not full repeats the last sample.
  THALWEG_DEVICE void take_inputs(int first, int count) const {
    const int width = shape_.inputs(), padded = quads_of(count) * quad;
    team_.each(padded * width, [&](int item) {
      const int n = item / width, i = item % width;
      const long from = samples_.place(first + (n < count ? n : count - 1)) * width + i;
      scratch_[plan_.inputs + i * plan_.pitch + n] = samples_.inputs[from];
    });
    team_.each(padded, [&](int n) { plane(plan_.ones).set(n, S(Real(1))); });
  }

  THALWEG_DEVICE void forward_layer(int l, int quads, bool slopes) const {
    const int in = shape_.sizes[l], out = shape_.sizes[l + 1];
    with_columns<widest>(plan_.columns_forward[l], [&](auto columns) {
      const auto run = [&](auto a) {
        sample_tiles<columns>(
            team_, quads, out, in, a, plan_.pitch, weights(l, in, 1),
            [&](int unit, int n, Quad<S> sum) { keep_affine(l, unit, n, sum); },
            [&](int unit, int n) {
              if (l + 1 < shape_.layers) activate(l, unit, n, slopes);
            });
      };
      if (l)
        run(plane(plan_.units[l - 1]));
      else
        run(Array<Real>{scratch_ + plan_.inputs});
    });
  }
  THALWEG_INLINE void keep_affine(int l, int unit, int n, Quad<S> sum) const {
    const S bias = shape_.bias ? point_[shape_.biases[l] + unit] : S(Real(0));
    const Real scale = this->scale(l);
    detail::repeat<quad>(
        [&](auto i) { sum.set(i, scale == 1 ? sum[i] + bias : fma(scale, sum[i], bias)); });
    sum.store(plane(plan_.units[l]), unit * plan_.pitch + n);
  }
  // From z to a, in its place, and the slope.
  THALWEG_INLINE void activate(int l, int unit, int n, bool slopes) const {
    const int at = unit * plan_.pitch + n;
    const Quad<S> z = Quad<S>::load(plane(plan_.units[l]), at);
    with_activation(shape_.activation, [&](auto f) {
      Quad<S> a, slope;
      detail::repeat<quad>([&](auto i) { a.set(i, f.value(z[i])); });
      a.store(plane(plan_.units[l]), at);
      if (!slopes) return;
      detail::repeat<quad>([&](auto i) { slope.set(i, f.slope(z[i], a[i])); });
      slope.store(plane(plan_.slopes[l]), at);
    });
  }

  // d loss / d outputs of the mean loss, 0 for what fills the last quad.
  THALWEG_DEVICE Real output_slopes(int first, int count, Real weight) const {
    const Array<S> to = plane(plan_.slopes[shape_.layers - 1]);
    Real sum = 0;
    with_loss(shape_.loss, [&](auto rule) {
      team_.each(quads_of(count) * quad, [&](int n) {
        const Column<S> slopes{to + n, plan_.pitch};
        if (n < count)
          sum += value_of(
              rule.slope(shape_.outputs(), outputs(n), target(first + n), weight, slopes));
        else
          for (int o = 0; o < shape_.outputs(); ++o) slopes.set(o, S(Real(0)));
      });
    });
    return sum;
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
    const int in = shape_.sizes[l], out = shape_.sizes[l + 1];
    const Real scale = this->scale(l);
    with_columns<widest>(plan_.columns_backward[l], [&](auto columns) {
      sample_tiles<columns>(
          team_, quads, in, out, plane(plan_.slopes[l]), plan_.pitch, weights(l, 1, in),
          [&](int unit, int n, Quad<S> sum) {
            const int at = unit * plan_.pitch + n;
            Quad<S> x = Quad<S>::load(plane(plan_.slopes[l - 1]), at);
            detail::repeat<quad>([&](auto i) { x.set(i, x[i] * (scale * sum[i])); });
            x.store(plane(plan_.slopes[l - 1]), at);
          },
          [](int, int) {});
    });
  }

  THALWEG_INLINE Real* parts(int l) const {  // the layer before has another place
    return scratch_ + plan_.partial + l % 2 * quad * quad * plan_.threads;
  }
  THALWEG_INLINE void keep_gradient(int l, int j, int k, Real sum, Real* gradient, bool add) const {
    const int in = shape_.sizes[l];
    const bool bias = k == in;
    Real& to = gradient[bias ? shape_.biases[l] + j : shape_.weights[l] + j * in + k];
    const Real g = bias ? sum : scale(l) * sum;
    to = add ? to + g : g;
  }
  THALWEG_DEVICE void gradient_layer(int l, int quads, Real* gradient, bool add) const {
    const int in = shape_.sizes[l], out = shape_.sizes[l + 1], width = in + shape_.bias;
    const GradientCut cut = plan_.gradient[l];
    const auto keep = [&](int split, int j, int k, Real sum) {
      if (cut.splits > 1)
        parts(l)[(split * out + j) * width + k] = sum;
      else
        keep_gradient(l, j, k, sum, gradient, add);
    };
    const auto run = [&](auto a, int a_place) {
      const UnitRows<number_in<decltype(a)>> rows{a, in, plan_.pitch, plan_.ones - a_place};
      const Array<S> delta = plane(plan_.slopes[l]);
      if (cut.rows == 1)
        gradient_tiles<1, quad, Real>(team_, cut.splits, out, width, quads, delta, rows, keep);
      else
        gradient_tiles<quad, quad, Real>(team_, cut.splits, out, width, quads, delta, rows, keep);
    };
    if (l)
      run(plane(plan_.units[l - 1]), plan_.units[l - 1]);
    else
      run(Array<Real>{scratch_ + plan_.inputs}, plan_.inputs);
  }
  THALWEG_DEVICE void add_parts(int l, Real* gradient, bool add) const {
    const int out = shape_.sizes[l + 1], width = shape_.sizes[l] + shape_.bias;
    team_.each(out * width, [&](int item) {
      Real sum = parts(l)[item];
      for (int split = 1; split < plan_.gradient[l].splits; ++split)
        sum += parts(l)[split * out * width + item];
      keep_gradient(l, item / width, item % width, sum, gradient, add);
    });
  }
};

// The evaluator of one team: energies, gradients and products of one replica after another.
template <class Real, class Team>
class MlpEvaluator {
 public:
  THALWEG_DEVICE MlpEvaluator(const MlpView<Real>& mlp, const Team& team, Real* scratch)
      : mlp_(mlp), team_(team), scratch_(scratch) {}

  // Which replica comes now; all of its samples.
  THALWEG_DEVICE void bind(long replica) {
    const MlpShape& shape = mlp_.shape;
    const long first = replica * mlp_.samples;
    samples_.inputs = mlp_.inputs + (mlp_.own_inputs ? first * shape.inputs() : 0);
    samples_.targets = mlp_.targets + (mlp_.own_targets ? first * shape.targets() : 0);
    minibatch(nullptr, 0);
  }
  // From now on the loss is the mean over these samples; size 0: over all.
  THALWEG_DEVICE void minibatch(const int* samples, int size) {
    samples_.chosen = size ? samples : nullptr;
    samples_.count = size ? size : mlp_.samples;
  }

  THALWEG_DEVICE Real energy(const Real* x) const {
    return mean(pass(x).loss()) + decay(x);
  }
  THALWEG_DEVICE Real gradient(const Real* x, Real* g) const {
    const Real loss = mean(pass(x).loss_and_gradient(g));
    add_decay(x, g);
    return loss + decay(x);
  }
  THALWEG_DEVICE void product(const Real* x, const Real* v, Real* hv) const {
    const Array<Dual<Real>> point{const_cast<Real*>(x), const_cast<Real*>(v)};  // only read
    MlpPass<Dual<Real>, Team>(mlp_.shape, mlp_.dual_plan, team_, scratch_, samples_, point)
        .loss_and_gradient(hv);
    add_decay(v, hv);
  }

  // Loss or margin of every sample: [N].
  THALWEG_DEVICE void per_sample(SampleNumber what, const Real* x, Real* out) const {
    const auto run = pass(x);
    const int outputs = mlp_.shape.outputs();
    run.forward(false, [&](int first, int count) {
      with_loss(mlp_.shape.loss, [&](auto loss) {
        team_.each(count, [&](int n) {
          const auto f = run.outputs(n);
          const Real* y = run.target(first + n);
          if constexpr (requires { loss.margin(1, f, y); })
            if (what == SampleNumber::margin) {
              out[first + n] = loss.margin(outputs, f, y);
              return;
            }
          out[first + n] = loss.value(outputs, f, y);
        });
      });
      team_.sync();
    });
  }
  // Outputs [count, outputs] for other inputs [count, inputs].
  THALWEG_DEVICE void predict(const Real* x, int count, const Real* inputs, Real* out) {
    samples_ = {inputs, nullptr, nullptr, count};
    const auto run = pass(x);
    const int outputs = mlp_.shape.outputs();
    run.forward(false, [&](int first, int some) {
      team_.each(some * outputs, [&](int item) {
        out[first * outputs + item] = run.outputs(item / outputs)[item % outputs];
      });
      team_.sync();
    });
  }

 private:
  const MlpView<Real>& mlp_;
  const Team& team_;
  Real* scratch_;
  MlpSamples<Real> samples_ = {};

  THALWEG_INLINE MlpPass<Real, Team> pass(const Real* x) const {
    return {mlp_.shape, mlp_.plan, team_, scratch_, samples_, {const_cast<Real*>(x)}};
  }
  THALWEG_INLINE Real mean(Real part) const {
    return Real(1) / static_cast<Real>(samples_.count) * team_.sum(part);
  }
  // lambda / 2 |x|^2, and its gradient or product.
  THALWEG_DEVICE Real decay(const Real* x) const {
    if (mlp_.shape.weight_decay == 0) return 0;
    Real part = 0;
    team_.each(static_cast<int>(mlp_.shape.dim), [&](int i) { part += x[i] * x[i]; });
    return static_cast<Real>(0.5 * mlp_.shape.weight_decay) * team_.sum(part);
  }
  THALWEG_DEVICE void add_decay(const Real* x, Real* g) const {
    if (mlp_.shape.weight_decay == 0) return;
    const Real rate = static_cast<Real>(mlp_.shape.weight_decay);
    team_.each(static_cast<int>(mlp_.shape.dim), [&](int i) { g[i] = fma(rate, x[i], g[i]); });
    team_.sync();
  }
};

}  // namespace thalweg
