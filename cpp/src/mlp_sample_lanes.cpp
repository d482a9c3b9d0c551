// Schedule for single replicas of narrow networks: one at a time, samples side by side in the
// lanes.
#include <thalweg/landscapes/mlp_sample_lanes.hpp>

#include "mlp_evaluator.hpp"

namespace thalweg {
namespace {

template <class Real>
class SampleLanesEvaluator final : public MlpEvaluator<Real> {
 public:
  using typename MlpEvaluator<Real>::S;
  using MlpEvaluator<Real>::W;

  SampleLanesEvaluator(const MlpShape& shape, const MlpData<Real>& data)
      : MlpEvaluator<Real>(shape, data), layout_(shape, W), gradient_(layout_.size, S(Real(0))) {
    std::copy_n(shape.sizes, shape.layers + 1, rows_per_layer_);
    ++rows_per_layer_[shape.layers];  // the losses
    for (int l = 1; l < shape.layers; ++l) widest_ = std::max(widest_, layout_.row[l]);
  }

  void bind(const Rows<Real>& rows) override {
    rows_ = rows;
    minibatch(nullptr, 0);
  }
  void minibatch(const int* samples, int size) override {
    whole_ = size == 0;
    count_ = whole_ ? data_.samples : size;
    if (!whole_) take(this->own_inputs(), this->own_targets(), samples, chosen_);
  }

  S energy(const S* x) override { return evaluate<false, S>({numbers_of(x)}) + this->decay(x); }
  S gradient(const S* x, S* g) override {
    const S loss = evaluate<true, S>({numbers_of(x)});
    take_gradient<S>(g);
    this->add_decay(x, g);
    return loss + this->decay(x);
  }
  void product(const S* x, const S* v, S* hv) override {
    evaluate<true, Dual<S>>({numbers_of(x), numbers_of(v)});
    take_gradient<Dual<S>>(hv);
    this->add_decay(v, hv);
  }

  void per_sample(PerSample what, const Rows<Real>& block, const S* x, Real* out) override {
    Real* to = out + block.row[0] * count_;
    forward(x, [&](const Pass& pass, Array<S> f) {
      for (long p = 0; p < pass.packs; ++p) {
        const S value =
            this->of_sample(what, Column<S>{f + p, pass.packs}, targets(pass) + p * width());
        const long n = pass.first + p * W, used = std::min<long>(W, pass.first + pass.count - n);
        for (long l = 0; l < used; ++l) to[n + l] = value[l];
      }
    });
  }
  void predict(const Rows<Real>& block, const S* x, long samples, const Real* inputs,
               bool per_replica, Real* out) override {
    count_ = samples;
    whole_ = false;
    take(inputs + (per_replica ? block.row[0] * samples * shape_.inputs() : 0), nullptr, nullptr,
         chosen_);
    const long outputs = shape_.outputs();
    forward(x, [&](const Pass& pass, Array<S> f) {
      const Real* flat = reinterpret_cast<const Real*>(f.values);
      Real* to = out + (block.row[0] * samples + pass.first) * outputs;
      for (long n = 0; n < pass.count; ++n)
        for (long o = 0; o < outputs; ++o) to[n * outputs + o] = flat[o * pass.packs * W + n];
    });
  }

 private:
  using MlpEvaluator<Real>::shape_;
  using MlpEvaluator<Real>::data_;
  using MlpEvaluator<Real>::count_;
  using MlpEvaluator<Real>::chunk_;
  using MlpEvaluator<Real>::rows_;
  // Samples as they are wanted: each a padded row; in lanes, [inputs, packs] of one pass after
  // another; their targets in lanes, [packs, targets].
  struct Samples {
    std::vector<S> rows, inputs, targets;
  };
  struct Pass {
    long first, count;       // of samples
    long first_pack, packs;  // of samples in lanes
  };
  // Chunks are of whole tiles of four or all there is: a pass is of whole packs and whole chunks.
  static constexpr long chunks_per_pass = 4;
  long pass_ = (chunks_per_pass * chunk_ + W - 1) / W * W;
  SampleLayout layout_;
  long rows_per_layer_[MlpShape::most_layers + 1];
  long widest_ = 1;    // rows of units, in packs
  bool whole_ = true;  // all samples, not a choice of them
  long taken_ = -1;    // whose samples all_ holds; shared ones belong to row 0
  Samples all_, chosen_;
  std::vector<S> gradient_, rows_of_units_;

  static Real* numbers_of(const S* x) {  // only read
    return reinterpret_cast<Real*>(const_cast<S*>(x));
  }
  long width() const { return shape_.targets(); }
  long packs() const { return (std::min(pass_, count_) + W - 1) / W; }  // of the longest pass

  // Calls each(pass) for all of them.
  template <class Each>
  void for_passes(Each each) const {
    long first_pack = 0;
    for (long first = 0; first < count_; first += pass_) {
      const long count = std::min(pass_, count_ - first), packs = (count + W - 1) / W;
      each(Pass{first, count, std::exchange(first_pack, first_pack + packs), packs});
    }
  }
  // Without targets, outputs alone are wanted.
  void take(const Real* inputs, const Real* targets, const int* chosen, Samples& to) const {
    const long in = shape_.inputs(), row = layout_.row[0];
    this->padded_rows(inputs, in, chosen, count_, row, to.rows);
    Real* rows = reinterpret_cast<Real*>(to.rows.data());
    if (layout_.has_one[0])
      for (long n = 0; n < count_; ++n) rows[n * row * W + in] = Real(1);
    const long packs = (count_ + W - 1) / W;
    to.inputs.resize(packs * in);
    if (targets) to.targets.resize(packs * width());
    for_passes([&](const Pass& pass) {
      for (long p = 0; p < pass.packs; ++p) {
        const long n = pass.first + p * W, used = std::min<long>(W, pass.first + pass.count - n);
        rows_into_lanes(rows + n * row * W, row * W, used, in,
                        to.inputs.data() + pass.first_pack * in + p, pass.packs);
        if (targets)
          this->in_lanes(
              used, width(), to.targets.data() + (pass.first_pack + p) * width(),
              [&](long l) { return targets + (chosen ? chosen[n + l] : n + l) * width(); });
      }
    });
  }
  const Samples& samples() {
    if (!whole_) return chosen_;
    const bool shared = !data_.input_replicas && !data_.target_replicas;
    if (const long owner = shared ? 0 : rows_.row[0]; taken_ != owner) {
      take(this->own_inputs(), this->own_targets(), nullptr, all_);
      taken_ = owner;
    }
    return all_;
  }
  const S* targets(const Pass& pass) {
    return samples().targets.data() + pass.first_pack * width();
  }

  template <class T>
  using PlainOf = typename SampleLanes<T, S>::Plain;

  template <class T>
  SampleLanes<T, S> plan(Array<PlainOf<T>> point, const Pass& pass) {
    const Samples& s = samples();
    const Array<T> room = this->template scratch<T>(rows_of_units_, packs() * W * widest_);
    return {shape_,
            layout_,
            point,
            s.inputs.data() + pass.first_pack * shape_.inputs(),
            s.rows.data() + pass.first * layout_.row[0],
            room,
            gradient_.data(),
            pass.packs,
            chunk_};
  }
  template <class Each>
  void forward(const S* x, Each each) {
    auto work = this->template workspace<S>(rows_per_layer_, packs());
    for_passes([&](const Pass& pass) {
      mlp_forward(plan<S>({numbers_of(x)}, pass), pass.count, work, false);
      each(pass, work.units[shape_.layers - 1]);
    });
  }

  // The loss of every sample, to the row behind its slopes.
  template <bool with_slope, class T>
  void losses(const Pass& pass, MlpWorkspace<T>& work, Real weight) {
    const Array<T> f = work.units[shape_.layers - 1], slopes = work.delta[0];
    S* row = losses_in(work, pass);
    with_loss(shape_.loss, [&](auto rule) {
      for (long p = 0; p < pass.packs; ++p) {
        const Column<T> outputs{f + p, pass.packs};
        const S* y = targets(pass) + p * width();
        if constexpr (with_slope)
          row[p] = this->value_of(
              rule.slope(shape_.outputs(), outputs, y, weight, Column<T>{slopes + p, pass.packs}));
        else
          row[p] = this->value_of(rule.value(shape_.outputs(), outputs, y));
      }
    });
  }
  template <class T>
  S* losses_in(MlpWorkspace<T>& work, const Pass& pass) const {
    return work.delta[0].values + shape_.outputs() * pass.packs;
  }
  template <bool with_gradient, class T>
  S evaluate(Array<PlainOf<T>> point) {
    auto work = this->template workspace<T>(rows_per_layer_, packs());
    const Real weight = Real(1) / static_cast<Real>(count_);
    const bool apart = !with_gradient || !SampleLanes<T, S>::sums_losses(shape_, layout_);
    S sum(Real(0));
    for_passes([&](const Pass& pass) {
      const Into into = pass.first == 0 ? Into::overwrite : Into::accumulate;
      const auto p = plan<T>(point, pass);
      mlp_forward(p, pass.count, work, with_gradient);
      losses<with_gradient>(pass, work, weight);
      if (apart)
        sum_samples(1, pass.count, chunk_, {numbers_of(losses_in(work, pass)), 0, 1}, &sum, into);
      if constexpr (with_gradient) mlp_backward(p, pass.count, work, into);
    });
    return S(weight * (apart ? sum[0] : sum_of_losses()));
  }
  Real sum_of_losses() const {
    const int last = shape_.layers - 1;
    const S* row = gradient_.data() + layout_.weights[last] + shape_.outputs() * layout_.row[last];
    return numbers_of(row)[shape_.sizes[last]];
  }

  // The padded gradient, laid out as a point.
  template <class T>
  void take_gradient(S* to) const {
    to[rows_.packs() - 1] = S(Real(0));  // its padding
    Real* g = reinterpret_cast<Real*>(to);
    for (int l = 0; l < shape_.layers; ++l) {
      const long in = shape_.sizes[l], out = shape_.sizes[l + 1], row = layout_.row[l] * W;
      const Real* from = numbers_of(gradient_.data() + layout_.weights[l]);
      copy_rows<S>(out, in, from, row, g + shape_.weights[l], in);
      if (!shape_.bias) continue;
      const bool beside = SampleLanes<T, S>::sums_with_weights(shape_, layout_, l);
      const Real* sums = beside ? from + in : numbers_of(gradient_.data() + layout_.sums[l]);
      for (long j = 0; j < out; ++j) g[shape_.biases[l] + j] = sums[j * (beside ? row : W)];
    }
  }
};

}  // namespace

template <class Real>
std::unique_ptr<MlpField<Real>> make_sample_lanes(const MlpShape& shape,
                                                  const MlpData<Real>& data) {
  return std::make_unique<SampleLanesEvaluator<Real>>(shape, data);
}
template std::unique_ptr<MlpField<float>> make_sample_lanes(const MlpShape&, const MlpData<float>&);
template std::unique_ptr<MlpField<double>> make_sample_lanes(const MlpShape&,
                                                             const MlpData<double>&);

}  // namespace thalweg
