#include "rules.hpp"

namespace thalweg {
namespace {

// What both descents read and show.
template <class Real, template <class> class M>
class DescentRule : public MotionRule<Real, M> {
 protected:
  explicit DescentRule(OptionReader& read) {
    BatchPlan& plan = this->motion_.plan;
    plan.size = static_cast<long>(read.number("batch_size"));
    plan.replacement = read.flag("replacement");
    this->observables = {"squared_norm"};
    if (!plan.used())
      this->observables.insert(this->observables.end(), {"gradient_squared_norm", "virial"});
  }
};

template <class Real>
class SgdRule final : public DescentRule<Real, SgdMotion> {
 public:
  explicit SgdRule(const Options& options) : SgdRule(OptionReader("sgd", options)) {}

 private:
  explicit SgdRule(OptionReader read) : DescentRule<Real, SgdMotion>(read) {
    this->motion_.nesterov = read.flag("nesterov");
    read.done();
    this->parameters = {"learning_rate", "momentum"};
    this->vectors = {"velocity"};
    this->settle(0, 0);
  }
};

template <class Real>
class AdamRule final : public DescentRule<Real, AdamMotion> {
 public:
  explicit AdamRule(const Options& options) : AdamRule(OptionReader("adam", options)) {}

 private:
  explicit AdamRule(OptionReader read) : DescentRule<Real, AdamMotion>(read) {
    read.done();
    this->parameters = {"learning_rate", "beta1", "beta2", "epsilon"};
    this->vectors = {"mean", "square"};
    this->settle(0, 0);
  }
};

template <class Real>
class GradientFlowRule final : public MotionRule<Real, FlowMotion> {
 public:
  explicit GradientFlowRule(const Options& options) {
    auto& m = this->motion_;
    OptionReader read("gradient_flow", options);
    m.adaptive = read.flag("adaptive");
    m.kappa = static_cast<Real>(read.number("kappa"));
    m.maximum_step = static_cast<Real>(read.number("maximum_step"));
    read.done();
    this->parameters = {"step_size", "energy_tolerance", "gradient_tolerance"};
    this->scalars = {"time", "time_rest", "step_size"};
    this->observables = {"squared_norm", "gradient_squared_norm", "virial", "time", "step_size"};
    this->settle(m.adaptive ? 2 : 4, 1);
  }
};

const Registered<SgdRule> sgd("sgd");
const Registered<AdamRule> adam("adam");
const Registered<GradientFlowRule> gradient_flow("gradient_flow");

}  // namespace
}  // namespace thalweg
