// Schedule for narrow networks: W replicas side by side, each with its own weights.
#include <thalweg/landscapes/mlp_shallow.hpp>

#include "hessian_rows.hpp"

namespace thalweg {
namespace {

template <class Real>
class ReplicaLanesEvaluator final : public MlpEvaluator<Real> {
 public:
  using typename MlpEvaluator<Real>::S;
  using MlpEvaluator<Real>::W;

  ReplicaLanesEvaluator(const MlpShape& shape, const MlpData<Real>& data)
      : MlpEvaluator<Real>(shape, data), shared_inputs_(data.inputs.data()) {
    std::copy_n(shape.sizes, shape.layers + 1, width_);
  }

  void bind(const Rows<Real>& rows) override {
    rows_ = rows;
    gathered_ = 0;
    minibatch(nullptr, 0);
  }
  void minibatch(const int* samples, int size) override {
    const bool whole = size == 0;
    count_ = whole ? data_.samples : size;
    inputs_in_lanes_ = !whole || data_.input_replicas > 0;
    targets_in_lanes_ = !whole || data_.target_replicas > 0;
    if (!whole) gather(samples, size);
    // A new block, or back from minibatches: the lanes hold something else.
    if (whole && gathered_ != data_.samples && (inputs_in_lanes_ || targets_in_lanes_))
      gather(nullptr, data_.samples);
  }

  S energy(const S* x) override {
    return evaluate<false>(point(x), static_cast<S*>(nullptr)) + this->decay(x);
  }
  S gradient(const S* x, S* g) override {
    const S loss = evaluate<true>(point(x), g);
    this->add_decay(x, g);
    return loss + this->decay(x);
  }
  void product(const S* x, const S* v, S* hv) override {
    evaluate<true>(Array<Dual<S>>{const_cast<S*>(x), const_cast<S*>(v)}, hv);
    this->add_decay(v, hv);
  }

  void hessian(const HessianShare<Real>& share, const S* x, Real* h, Watch& watch) override {
    fits_lanes<Real>(shape_) && share.parts() == 1
        ? hessian_into<HessianInLanes<Real>>(share, x, h, watch)
        : hessian_into<HessianRows<Real>>(share, x, h, watch);
  }

  void per_sample(PerSample what, const Rows<Real>& block, const S* x, Real* out) override {
    const int outputs = shape_.outputs(), targets = shape_.targets();
    forward(x, [&](long first, long count, Array<S> f) {
      with_targets(first, [&](auto* y) {
        for (long n = 0; n < count; ++n) {
          const S value = this->of_sample(what, f + n * outputs, y + n * targets);
          for (int l = 0; l < block.used; ++l) out[block.row[l] * count_ + first + n] = value[l];
        }
      });
    });
  }
  void predict(const Rows<Real>& block, const S* x, long samples, const Real* inputs,
               bool per_replica, Real* out) override {
    count_ = samples;
    shared_inputs_ = inputs;
    inputs_in_lanes_ = per_replica;
    if (per_replica) {
      gather(inputs, samples, true, shape_.inputs(), nullptr, samples, lane_inputs_);
    }
    const int outputs = shape_.outputs();
    forward(x, [&](long first, long count, Array<S> f) {
      for (int l = 0; l < block.used; ++l) {
        Real* to = out + (block.row[l] * samples + first) * outputs;
        for (long i = 0; i < count * outputs; ++i) to[i] = f[i][l];
      }
    });
  }

 private:
  using MlpEvaluator<Real>::shape_;
  using MlpEvaluator<Real>::data_;
  using MlpEvaluator<Real>::count_;
  using MlpEvaluator<Real>::chunk_;
  using MlpEvaluator<Real>::rows_;
  long width_[MlpShape::most_layers + 1];
  long gathered_ = 0;  // samples in the lanes; -1: a minibatch
  bool inputs_in_lanes_ = false, targets_in_lanes_ = false;
  const Real* shared_inputs_;
  std::vector<S> lane_inputs_, lane_targets_;

  template <class Out>
  void hessian_into(const HessianShare<Real>& share, const S* x, Real* h, Watch& watch) {
    constexpr long most_samples = 128;  // in one pass: each adds once to all of h, in main memory
    const long chunk = std::min(count_, most_samples);
    HessianSpace<Real> space(shape_, chunk);
    Out out(shape_, share, h);
    MlpHessian<S> field(shape_, x, space.work);
    const Real weight = Real(1) / static_cast<Real>(count_);
    for (long first = 0; first < count_; first += chunk) {
      const long m = std::min(chunk, count_ - first);
      with_targets(first, [&](auto* y) {
        with_inputs(first, [&](auto* in) { field.prepare(in, y, m, weight); });
        each_group(shape_, share, [&](const UnitsInLanes<S>& units) {
          watch.poll();
          field.strip(units, y, space.strip, space.row);
          out.put(units, space.strip, space.row, first > 0);
        });
      });
    }
    out.finish();
  }

  static Array<S> point(const S* x) { return {const_cast<S*>(x)}; }  // only read

  template <class Use>
  void with_inputs(long first, Use use) {
    if (inputs_in_lanes_)
      use(static_cast<const S*>(lane_inputs_.data()) + first * shape_.inputs());
    else
      use(shared_inputs_ + first * shape_.inputs());
  }
  template <class Use>
  void with_targets(long first, Use use) {
    if (targets_in_lanes_)
      use(static_cast<const S*>(lane_targets_.data()) + first * shape_.targets());
    else
      use(data_.targets.data() + first * shape_.targets());
  }

  // Samples of each lane's replica, chosen by indices [count, W] or all, side by side in the lanes.
  void gather(const int* samples, long count) {
    gathered_ = samples ? -1 : count;
    const auto one = [&](const std::vector<Real>& from, long replicas, long width,
                         std::vector<S>& to) {
      if (samples || replicas > 0)  // else shared and whole: read in place
        gather(from.data(), data_.samples, replicas > 0, width, samples, count, to);
    };
    one(data_.inputs, data_.input_replicas, shape_.inputs(), lane_inputs_);
    one(data_.targets, data_.target_replicas, shape_.targets(), lane_targets_);
  }
  // Idle lanes are left as they are: whatever they hold, nobody looks at it.
  void gather(const Real* from, long held, bool per_replica, long width, const int* samples,
              long count, std::vector<S>& to) {
    const int used = rows_.used;
    to.resize(count * width, S(Real(0)));
    const Real* own[W];
    for (int l = 0; l < used; ++l) own[l] = from + (per_replica ? rows_.row[l] * held * width : 0);
    for (long n = 0; n < count; ++n) {
      Real* out = reinterpret_cast<Real*>(to.data() + n * width);
      for (int l = 0; l < used; ++l) {
        const Real* sample = own[l] + (samples ? samples[n * W + l] : n) * width;
        for (long i = 0; i < width; ++i) out[i * W + l] = sample[i];
      }
    }
  }

  template <class T, class X>
  ReplicaLanes<T, X, S> plan(Array<T> x, const X* inputs, S* g) const {
    return {shape_, x, inputs, g};
  }
  // Calls each(first_sample, count, outputs) chunk by chunk.
  template <class Each>
  void forward(const S* x, Each each) {
    auto work = this->template workspace<S>(width_, chunk_);
    for (long first = 0; first < count_; first += chunk_) {
      const long m = std::min(chunk_, count_ - first);
      with_inputs(first,
                  [&](auto* in) { mlp_forward(plan(point(x), in, nullptr), m, work, false); });
      each(first, m, work.units[shape_.layers - 1]);
    }
  }
  // The two halves of a pass. A shallow network has its own, on plain numbers.
  template <class Plan, class T>
  void forward_pass(const Plan& p, long count, MlpWorkspace<T>& work, bool slopes) const {
    if constexpr (std::is_same_v<T, S>)
      if (is_shallow(shape_)) return shallow_forward(p, count, work, slopes);
    mlp_forward(p, count, work, slopes);
  }
  template <class Plan, class T>
  void backward_pass(const Plan& p, long count, MlpWorkspace<T>& work, Into into) const {
    if constexpr (std::is_same_v<T, S>)
      if (is_shallow(shape_)) return shallow_backward(p, count, work, into);
    mlp_backward(p, count, work, into);
  }
  template <bool with_gradient, class T>
  S evaluate(Array<T> x, S* g) {
    auto work = this->template workspace<T>(width_, chunk_);
    const Real weight = Real(1) / static_cast<Real>(count_);
    S sum(Real(0));
    for (long first = 0; first < count_; first += chunk_) {
      const long m = std::min(chunk_, count_ - first);
      with_inputs(first, [&](auto* in) {
        const auto p = plan(x, in, g);
        forward_pass(p, m, work, with_gradient);
        with_targets(first, [&](auto* y) {
          sum += this->value_of(mlp_loss<with_gradient>(shape_, y, m, work, weight));
        });
        if constexpr (with_gradient)
          backward_pass(p, m, work, first == 0 ? Into::overwrite : Into::accumulate);
      });
    }
    return weight * sum;
  }
};

}  // namespace

template <class Real>
std::unique_ptr<MlpField<Real>> make_replica_lanes(const MlpShape& shape,
                                                   const MlpData<Real>& data) {
  return std::make_unique<ReplicaLanesEvaluator<Real>>(shape, data);
}
template std::unique_ptr<MlpField<float>> make_replica_lanes(const MlpShape&,
                                                             const MlpData<float>&);
template std::unique_ptr<MlpField<double>> make_replica_lanes(const MlpShape&,
                                                              const MlpData<double>&);

}  // namespace thalweg
