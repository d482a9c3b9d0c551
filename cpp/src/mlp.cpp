// The MLP as a landscape: its shape checked, its schedule chosen.
#include <thalweg/engine/batch.hpp>

#include "mlp_evaluator.hpp"

namespace thalweg {
namespace {

template <std::size_t n>
int find_name(const char* argument, const std::string& name, const char* const (&names)[n]) {
  std::string known;
  for (std::size_t i = 0; i < n; ++i) {
    if (name == names[i]) return static_cast<int>(i);
    known += (i ? ", " : "") + std::string(names[i]);
  }
  throw std::invalid_argument(std::string(argument) + ": expected one of " + known + ", got '" +
                              name + "'");
}

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

MlpShape make_mlp_shape(const std::vector<int>& sizes, const std::string& activation,
                        const std::string& loss, const std::vector<double>& scales, bool bias,
                        double weight_decay) {
  MlpShape shape;
  const int layers = static_cast<int>(sizes.size()) - 1;
  if (layers < 1 || layers > MlpShape::most_layers)
    throw std::invalid_argument(
        "layer_sizes: expected 2 to 9 sizes (1 to 8 layers of weights), got " +
        std::to_string(sizes.size()));
  if (static_cast<int>(scales.size()) != layers)
    throw std::invalid_argument("scales: expected one for each of the " + std::to_string(layers) +
                                " layers, got " + std::to_string(scales.size()));
  shape.layers = layers;
  shape.bias = bias;
  shape.weight_decay = weight_decay;
  shape.activation = static_cast<Activation>(find_name("activation", activation, activation_names));
  shape.loss = static_cast<Loss>(find_name("loss", loss, loss_names));
  for (int l = 0; l <= layers; ++l) {
    if (sizes[l] < 1)
      throw std::invalid_argument("layer_sizes: expected sizes of at least 1, got " +
                                  std::to_string(sizes[l]));
    shape.sizes[l] = sizes[l];
  }
  for (int l = 0; l < layers; ++l) {
    shape.scales[l] = scales[l];
    shape.weights[l] = shape.dim;
    shape.dim += static_cast<long>(sizes[l]) * sizes[l + 1];
    shape.biases[l] = shape.dim;
    if (bias) shape.dim += sizes[l + 1];
  }
  const bool binary = shape.loss == Loss::logistic || shape.loss == Loss::hinge_squared;
  if (binary && sizes.back() != 1)
    throw std::invalid_argument("layer_sizes: a binary loss expects 1 output, got " +
                                std::to_string(sizes.back()));
  if (shape.loss == Loss::cross_entropy && sizes.back() < 2)
    throw std::invalid_argument("layer_sizes: cross_entropy expects at least 2 outputs, got 1");
  return shape;
}

template <class Real>
Mlp<Real>::Mlp(const MlpShape& shape, MlpData<Real> data) : shape_(shape), data_(std::move(data)) {
  if (data_.samples < 1)
    throw std::invalid_argument("data: expected at least one sample, got none");
  if (data_.input_replicas && data_.target_replicas &&
      data_.input_replicas != data_.target_replicas)
    throw std::invalid_argument("data: expected as many sets of targets as of inputs, got " +
                                std::to_string(data_.target_replicas) + " and " +
                                std::to_string(data_.input_replicas));
}

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
  if (what == PerSample::margins && shape_.loss == Loss::mse)
    throw std::invalid_argument("margins: expected a classification loss, got mse");
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

template class Mlp<float>;
template class Mlp<double>;

}  // namespace thalweg
