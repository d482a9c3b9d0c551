// The MLP as a landscape: its schedule chosen.
#include <thalweg/engine/batch.hpp>

#include "mlp_evaluator.hpp"

namespace thalweg {
namespace {

// The schedule that the rows at hand ask for. Both give the same bits.
template <class Real>
class EitherSchedule final : public MlpField<Real> {
 public:
  using typename MlpField<Real>::S;
  explicit EitherSchedule(const Mlp<Real>& mlp) : mlp_(mlp) {}

  void bind(const Rows<Real>& rows) override {
    auto& wanted = rows.lane == Lane::replica ? side_by_side_ : one_by_one_;
    if (!wanted)
      wanted = rows.lane == Lane::replica ? make_replica_lanes(mlp_.shape(), mlp_.data())
                                          : make_unit_lanes(mlp_.shape(), mlp_.data());
    now_ = wanted.get();
    now_->bind(rows);
  }
  void minibatch(const int* samples, int size) override { now_->minibatch(samples, size); }
  S energy(const S* x) override { return now_->energy(x); }
  S gradient(const S* x, S* g) override { return now_->gradient(x, g); }
  void product(const S* x, const S* v, S* hv) override { now_->product(x, v, hv); }
  void hessian(const Rows<Real>& rows, const S* x, Real* h) override { now_->hessian(rows, x, h); }
  void per_sample(PerSample what, const Rows<Real>& rows, const S* x, Real* out) override {
    now_->per_sample(what, rows, x, out);
  }
  void predict(const Rows<Real>& rows, const S* x, long samples, const Real* inputs,
               bool per_replica, Real* out) override {
    now_->predict(rows, x, samples, inputs, per_replica, out);
  }

 private:
  const Mlp<Real>& mlp_;
  std::unique_ptr<MlpField<Real>> side_by_side_, one_by_one_;
  MlpField<Real>* now_ = nullptr;
};

// One evaluator per worker, one block after another.
template <class Real, class Work>
void for_blocks(const Mlp<Real>& mlp, long replicas, const Real* x, int threads,
                const StopQuestion& stop, Work work) {
  const Partition<Real> cut(mlp.blocking(), mlp.dim(), replicas);
  std::vector<std::unique_ptr<EitherSchedule<Real>>> fields(workers_for(cut.count(), threads));
  parallel_for(
      cut.count(), threads,
      [&](long index, int worker, Watch&) {
        if (!fields[worker]) fields[worker] = std::make_unique<EitherSchedule<Real>>(mlp);
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
// lanes. Alone, a row pays for the padding of its layers to whole packs.
template <class Real>
Blocking Mlp<Real>::blocking() const {
  if (!is_narrow(shape_)) return {false, 0};
  constexpr long W = Lanes<Real>::lanes;
  long useful = 0, padded = 0;
  for (int l = 0; l < shape_.layers; ++l) {
    const long in = shape_.sizes[l], out = shape_.sizes[l + 1];
    useful += in * out;
    padded += in * ((out + W - 1) / W * W);
  }
  return {true, static_cast<int>(W * useful / padded)};
}

template <class Real>
std::unique_ptr<Evaluator<Real>> Mlp<Real>::evaluator() const {
  return std::make_unique<EitherSchedule<Real>>(*this);
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
