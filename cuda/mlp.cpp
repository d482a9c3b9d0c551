// Networks on a device.
#include <thalweg/engine/mlp.hpp>

namespace thalweg {

template <class Real>
LandscapePtr<Real> make_mlp(const MlpShape&, MlpData<Real>) {
  throw std::invalid_argument("device: this target has no networks");
}
template LandscapePtr<float> make_mlp(const MlpShape&, MlpData<float>);
template LandscapePtr<double> make_mlp(const MlpShape&, MlpData<double>);

}  // namespace thalweg
