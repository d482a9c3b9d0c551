#include "rules.hpp"

namespace thalweg {
namespace {

template <class Real>
class LangevinRule final : public MotionRule<Real, LangevinMotion> {
 public:
  explicit LangevinRule(const Options& options) {
    auto& m = this->motion_;
    OptionReader read("langevin", options);
    m.scheme = static_cast<Scheme>(static_cast<int>(read.number("scheme")));
    m.natural = read.flag("natural");
    m.metropolis = read.flag("metropolis");
    m.cooling_steps = static_cast<long>(read.number("cooling_steps"));
    m.guard = read.number("guard");
    m.restore = read.flag("restore");
    read.done();
    this->parameters = {"temperature", "step_size", "friction", "confinement",
                        "initial_temperature"};
    this->observables = {"squared_norm", "gradient_squared_norm", "virial"};
    if (m.baoab()) {
      m.momentum = this->add(this->vectors, "momentum", first_vector);
      this->observables.push_back("kinetic_energy");
    }
    if (m.restore) m.checkpoint = this->add(this->vectors, "checkpoint", first_vector);
    if (m.guard > 0) m.mean_energy = this->add(this->scalars, "mean_energy", first_scalar);
    if (m.metropolis) {
      m.accepted = this->add(this->scalars, "accepted", first_scalar);
      this->add(this->scalars, "accepted_rest", first_scalar);
      this->observables.push_back("accepted");
    }
    m.first_temporary = first_scalar + static_cast<int>(this->scalars.size());
    m.trial = first_vector + static_cast<int>(this->vectors.size());
    this->settle(m.metropolis ? 2 : 0, m.temporaries);
  }
};

const Registered<LangevinRule> langevin("langevin");

}  // namespace
}  // namespace thalweg
