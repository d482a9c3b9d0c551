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

template <class Real>
std::unique_ptr<MlpEvaluator<Real>> make_evaluator(const Mlp<Real>& mlp) {
  return mlp.lane() == Lane::replica ? make_replica_lanes(mlp.shape(), mlp.data())
                                     : make_unit_lanes(mlp.shape(), mlp.data());
}

// One evaluator per worker, one block after another.
template <class Real, class Work>
void for_blocks(const Mlp<Real>& mlp, long replicas, const Real* x, int threads,
                const StopQuestion& stop, Work work) {
  const long blocks = Rows<Real>::count(mlp.lane(), replicas);
  std::vector<std::unique_ptr<MlpEvaluator<Real>>> fields(workers_for(blocks, threads));
  parallel_for(
      blocks, threads,
      [&](long index, int worker, Watch&) {
        if (!fields[worker]) fields[worker] = make_evaluator(mlp);
        const Rows<Real> block(mlp.lane(), mlp.dim(), index, replicas);
        std::vector<Lanes<Real>> point(block.packs());
        block.load(x, point.data());
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

// Replicas in the lanes while a block of them, parameters and gradients, stays in about a third of
// a typical second-level cache; units in the lanes beyond.
template <class Real>
Lane Mlp<Real>::lane() const {
  constexpr long most_parameters = 2400;
  return shape_.dim <= most_parameters ? Lane::replica : Lane::parameter;
}

template <class Real>
std::unique_ptr<Evaluator<Real>> Mlp<Real>::evaluator() const {
  return make_evaluator(*this);
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
