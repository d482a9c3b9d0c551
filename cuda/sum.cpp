// Sums of landscapes of a device: formulas to one list of terms, and a network with such a list.
#include <algorithm>
#include <thalweg/engine/formulas.hpp>

#include "formulas_landscape.hpp"
#include "network_sum.cuh"

namespace thalweg::cuda {
namespace {

template <class Real>
using NetworkKernels = LandscapeWithKernels<Real, NetworkSum>;

// A network with formulas added to it.
template <class Real>
class SumWithNetwork final : public NetworkKernels<Real> {
 public:
  SumWithNetwork(std::shared_ptr<const NetworkKernels<Real>> network,
                 std::shared_ptr<const FormulasLandscape<Real>> formulas)
      : NetworkKernels<Real>(network->device()),
        network_(std::move(network)),
        formulas_(std::move(formulas)) {
    this->kernels_ = network_->kernels();
    this->kernels_.formulas = formulas_->kernels();
  }
  const char* kind() const override { return "sum"; }
  long samples() const override { return network_->samples(); }
  long data_replicas() const override { return network_->data_replicas(); }

 private:
  std::shared_ptr<const NetworkKernels<Real>> network_;
  std::shared_ptr<const FormulasLandscape<Real>> formulas_;
};

// The terms of all the formulas among the summands.
template <class Real>
struct Collected {
  std::vector<Term<Real>> terms;
  std::vector<std::shared_ptr<const Tables<Real>>> tables;
  long variables = 0;
  Real bound = std::numeric_limits<Real>::infinity();

  void add(const FormulasLandscape<Real>& formulas) {
    terms.insert(terms.end(), formulas.terms().begin(), formulas.terms().end());
    tables.insert(tables.end(), formulas.tables().begin(), formulas.tables().end());
    variables = std::max(variables, formulas.kernels().variables);
    bound = std::min(bound, formulas.upper_bound());
  }
};

template <class Real>
void check_summands(const std::vector<LandscapePtr<Real>>& summands) {
  if (summands.empty())
    throw std::invalid_argument("terms: expected at least one landscape, got none");
  const auto device = [](const LandscapePtr<Real>& landscape) {
    const auto* here = dynamic_cast<const DeviceLandscape<Real>*>(landscape.get());
    if (!here)
      throw std::invalid_argument("terms: expected landscapes of a device, got '" +
                                  std::string(landscape->kind()) + "'");
    return here->device();
  };
  for (const auto& summand : summands) {
    if (device(summand) != device(summands[0]))
      throw std::invalid_argument("terms: expected landscapes of one device, got numbers " +
                                  std::to_string(device(summands[0])) + " and " +
                                  std::to_string(device(summand)));
    if (summand->dim() != summands[0]->dim())
      throw std::invalid_argument("terms: expected landscapes of one dim, got " +
                                  std::to_string(summands[0]->dim()) + " and " +
                                  std::to_string(summand->dim()));
  }
}

}  // namespace
}  // namespace thalweg::cuda

namespace thalweg {

template <class Real>
LandscapePtr<Real> make_sum(std::vector<LandscapePtr<Real>> summands) {
  using namespace cuda;
  using WithNetwork = LandscapeWithKernels<Real, NetworkSum>;
  check_summands(summands);
  Collected<Real> found;
  std::shared_ptr<const WithNetwork> network;
  for (const auto& summand : summands) {
    if (const auto* formulas = dynamic_cast<const FormulasLandscape<Real>*>(summand.get())) {
      found.add(*formulas);
      continue;
    }
    if (network)
      throw std::invalid_argument(
          "terms: expected at most one network in a sum on a device, got several; make the sum on "
          "the cpu");
    network = std::dynamic_pointer_cast<const WithNetwork>(summand);
    if (network->kernels().formulas.count > 0)
      throw std::invalid_argument("terms: expected a network, got a sum with one; add all at once");
  }
  const long dim = summands[0]->dim();
  if (network && found.terms.empty()) return network;
  auto formulas = std::make_shared<FormulasLandscape<Real>>(
      "sum", dim, found.bound, found.variables, std::move(found.terms), std::move(found.tables),
      dynamic_cast<const DeviceLandscape<Real>&>(*summands[0]).device());
  if (!network) return formulas;
  return std::make_shared<SumWithNetwork<Real>>(std::move(network), std::move(formulas));
}
template LandscapePtr<float> make_sum(std::vector<LandscapePtr<float>>);
template LandscapePtr<double> make_sum(std::vector<LandscapePtr<double>>);

}  // namespace thalweg
