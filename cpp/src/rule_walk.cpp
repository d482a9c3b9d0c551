#include "rules.hpp"

namespace thalweg {
namespace {

template <class Real>
class RandomWalkRule final : public MotionRule<Real, WalkMotion> {
 public:
  explicit RandomWalkRule(const Options& options) {
    OptionReader read("random_walk", options);
    this->motion_.mode = static_cast<WalkMode>(static_cast<int>(read.number("mode")));
    this->motion_.adapt_steps = static_cast<long>(read.number("adapt_steps"));
    read.done();
    this->parameters = {"step_size", "energy_cap"};
    this->vectors = {"start"};
    this->scalars = {"accepted", "accepted_rest", "step_size"};
    this->observables = {"squared_norm", "squared_distance", "overlap", "accepted", "step_size"};
    this->settle(1, 1);
  }
};

const Registered<RandomWalkRule> random_walk("random_walk");

}  // namespace
}  // namespace thalweg
