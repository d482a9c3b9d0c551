// What a network is, checked: its shape and its samples.
#include <thalweg/engine/mlp.hpp>

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
void check_mlp_data(const MlpData<Real>& data) {
  if (data.samples < 1) throw std::invalid_argument("data: expected at least one sample, got none");
  if (data.input_replicas && data.target_replicas && data.input_replicas != data.target_replicas)
    throw std::invalid_argument("data: expected as many sets of targets as of inputs, got " +
                                std::to_string(data.target_replicas) + " and " +
                                std::to_string(data.input_replicas));
}
template void check_mlp_data(const MlpData<float>&);
template void check_mlp_data(const MlpData<double>&);

}  // namespace thalweg
