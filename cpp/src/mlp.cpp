// The MLP as a landscape: its schedule chosen.
#include <thalweg/engine/batch.hpp>

#include "mlp_costs.hpp"
#include "mlp_evaluator.hpp"

namespace thalweg {
namespace {

// The schedule that the rows and samples at hand ask for. All give the same bits.
template <class Real>
class AnySchedule final : public MlpField<Real> {
 public:
  using typename MlpField<Real>::S;
  explicit AnySchedule(const Mlp<Real>& mlp) : mlp_(mlp) {}

  void bind(const Rows<Real>& rows) override {
    rows_ = rows;
    for (Schedule* s : {&replicas_, &units_, &samples_}) s->bound = false;
    chosen_for_ = 0;
    choose(mlp_.samples());
  }
  void minibatch(const int* samples, int size) override {
    choose(size ? size : mlp_.samples());
    now_->minibatch(samples, size);
  }
  S energy(const S* x) override { return now_->energy(x); }
  S gradient(const S* x, S* g) override { return now_->gradient(x, g); }
  void product(const S* x, const S* v, S* hv) override { now_->product(x, v, hv); }
  void per_sample(PerSample what, const Rows<Real>& rows, const S* x, Real* out) override {
    now_->per_sample(what, rows, x, out);
  }
  void predict(const Rows<Real>& rows, const S* x, long samples, const Real* inputs,
               bool per_replica, Real* out) override {
    choose(samples);
    now_->predict(rows, x, samples, inputs, per_replica, out);
  }

 private:
  using Make = std::unique_ptr<MlpField<Real>> (*)(const MlpShape&, const MlpData<Real>&);
  struct Schedule {
    Make make;
    std::unique_ptr<MlpField<Real>> field = nullptr;
    bool bound = false;  // to rows_
  };
  const Mlp<Real>& mlp_;
  Rows<Real> rows_{Lane::replica, 0, 0, 1};
  Schedule replicas_{make_replica_lanes<Real>}, units_{make_unit_lanes<Real>},
      samples_{make_sample_lanes<Real>};
  MlpField<Real>* now_ = nullptr;
  long chosen_for_ = 0;  // samples

  void choose(long samples) {
    if (samples == chosen_for_) return;
    chosen_for_ = samples;
    Schedule& wanted = schedule_for(samples);
    if (!wanted.field) wanted.field = wanted.make(mlp_.shape(), mlp_.data());
    if (!wanted.bound) wanted.field->bind(rows_);
    wanted.bound = true;
    now_ = wanted.field.get();
  }
  Schedule& schedule_for(long samples) {
    if (rows_.lane == Lane::replica) return replicas_;
    if (!is_narrow(mlp_.shape())) return units_;
    const MlpCosts costs(mlp_.shape(), S::lanes);
    return costs.samples(samples) < costs.units(samples) ? samples_ : units_;
  }
};

// One evaluator per worker, one block after another.
template <class Real, class Work>
void for_blocks(const Mlp<Real>& mlp, long replicas, const Real* x, int threads,
                const StopQuestion& stop, Work work) {
  const Partition<Real> cut(mlp.blocking(mlp.samples()), mlp.dim(), replicas);
  std::vector<std::unique_ptr<AnySchedule<Real>>> fields(workers_for(cut.count(), threads));
  parallel_for(
      cut.count(), threads,
      [&](long index, int worker, Watch&) {
        if (!fields[worker]) fields[worker] = std::make_unique<AnySchedule<Real>>(mlp);
        const Rows<Real> block = cut[index];
        std::vector<Lanes<Real>> point(block.packs());
        block.load(x, point.data());
        fields[worker]->bind(block);
        work(block, *fields[worker], point.data());
      },
      stop);
}

}  // namespace

template <class Real>
Mlp<Real>::Mlp(const MlpShape& shape, MlpData<Real> data) : shape_(shape), data_(std::move(data)) {}

// Left-over rows of a narrow network go one by one where that costs less than a block with idle
// lanes.
template <class Real>
Blocking Mlp<Real>::blocking(long samples) const {
  if (!is_narrow(shape_)) return {false, 0};
  constexpr int W = Lanes<Real>::lanes;
  const MlpCosts costs(shape_, W);
  const double alone = std::min(costs.units(samples), costs.samples(samples));
  return {true, std::clamp(static_cast<int>(costs.replicas(samples) / alone), 1, W - 1)};
}

template <class Real>
std::unique_ptr<Evaluator<Real>> Mlp<Real>::evaluator() const {
  return std::make_unique<AnySchedule<Real>>(*this);
}

template <class Real>
void Mlp<Real>::per_sample(PerSample what, long replicas, const Real* x, Real* out, int threads,
                           const StopQuestion& stop) const {
  for_blocks(*this, replicas, x, threads, stop, [&](auto& block, auto& field, auto* point) {
    field.per_sample(what, block, point, out);
  });
}

template <class Real>
void Mlp<Real>::predict(long replicas, const Real* x, long samples, const Real* inputs,
                        bool per_replica, Real* out, int threads, const StopQuestion& stop) const {
  for_blocks(*this, replicas, x, threads, stop, [&](auto& block, auto& field, auto* point) {
    field.predict(block, point, samples, inputs, per_replica, out);
  });
}

template <class Real>
LandscapePtr<Real> make_mlp(const MlpShape& shape, MlpData<Real> data) {
  return std::make_shared<Mlp<Real>>(shape, std::move(data));
}

template class Mlp<float>;
template class Mlp<double>;
template LandscapePtr<float> make_mlp(const MlpShape&, MlpData<float>);
template LandscapePtr<double> make_mlp(const MlpShape&, MlpData<double>);

}  // namespace thalweg
