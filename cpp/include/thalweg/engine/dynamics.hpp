// Dynamics as the engine runs them: a rule makes steps, advance() makes runs.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <thalweg/dynamics/descent_motion.hpp>
#include <thalweg/dynamics/flow_motion.hpp>
#include <thalweg/dynamics/langevin_motion.hpp>
#include <thalweg/dynamics/walk_motion.hpp>
#include <thalweg/engine/ensemble.hpp>
#include <thalweg/engine/threads.hpp>
#include <variant>

namespace thalweg {

using Options = std::map<std::string, double>;

// Every motion there is. A target that runs them itself takes the motion out of a rule.
template <class Real>
using Motion = std::variant<LangevinMotion<Real>, SgdMotion<Real>, AdamMotion<Real>,
                            FlowMotion<Real>, WalkMotion<Real>>;

// A motion with the names of what it is made from and what it carries. A rule is shared by all
// threads and holds only what the user chose; what changes is in the Walkers.
template <class Real>
class Rule {
 public:
  using S = Lanes<Real>;
  using Truth = Mask<Real, S::lanes>;
  virtual ~Rule() = default;

  std::vector<std::string> parameters;   // per replica, set by the user
  std::vector<std::string> vectors;      // carried from step to step, one number per parameter
  std::vector<std::string> scalars;      // carried from step to step, one number per replica
  std::vector<std::string> observables;  // what can be recorded besides the energy

  virtual Motion<Real> motion() const = 0;
  virtual Slots slots() const = 0;
  // What run_steps() asks of a motion.
  virtual Known known_at_start() const = 0;
  virtual void enter(Ensemble<Real>& ensemble, long first_step) const = 0;
  virtual Known step(Ensemble<Real>&, long step, Known after) const = 0;
  virtual Truth lost(Walkers<Real>& w, long step) const = 0;
  virtual S observe(const Walkers<Real>&, Observable) const = 0;

  // Throws std::invalid_argument for what this rule does not record.
  std::vector<Observable> observables_named(const std::vector<std::string>& names) const;
};

// What must be known of points to tell these of them.
inline Known known_for(const std::vector<Observable>& observables) {
  const auto of_gradient = [](Observable what) {
    return what == Observable::gradient_squared_norm || what == Observable::virial;
  };
  return std::ranges::any_of(observables, of_gradient) ? Known::gradient : Known::nothing;
}

// Throws std::invalid_argument for minibatches larger than the number of samples.
void check_batches(const BatchPlan& plan, long samples);

// Options a rule does not know are refused; those it knows and are missing too.
template <class Real>
std::unique_ptr<Rule<Real>> make_rule(const std::string& name, const Options&);

// What is carried from call to call, row-major arrays. One set is read and another one written, so
// that a call which is stopped has changed nothing.
template <class Real, class Int, class Long>
struct StateArrays {
  Real *points, *vectors, *scalars;  // [R, P], [K, R, P], [M, R]
  Real *energy, *gradient;           // [R], [R, P] of the points, or null: not known, not wanted
  Real* start_energy;                // [R] of the points before, or null; only written
  Int* status;
  Long *status_step, *restores;

  Known known() const {
    if (!energy) return Known::nothing;
    return gradient ? Known::gradient : Known::energy;
  }
};
template <class Real>
using StateBefore = StateArrays<const Real, const int, const std::int64_t>;
template <class Real>
using StateAfter = StateArrays<Real, int, std::int64_t>;

struct RunPlan {
  long replicas, first_step, steps, record_every;
  std::vector<std::string> observables;
  bool record_points;
  std::uint64_t seed;
  std::vector<std::uint32_t> replica_names;
  const double* parameters;  // [n, R]
  int threads;

  long records() const { return (first_step + steps) / record_every - first_step / record_every; }
};

// Runs plan.steps steps. `energies` [S_rec, R], `observed` [n, S_rec, R], `points` [S_rec, R, P].
template <class Real>
void advance(const Landscape<Real>&, const Rule<Real>&, const RunPlan&, const StateBefore<Real>&,
             const StateAfter<Real>&, Real* energies, Real* observed, Real* points,
             const StopQuestion&);

}  // namespace thalweg
