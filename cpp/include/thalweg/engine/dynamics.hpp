// Dynamics as the engine runs them: a rule makes steps, advance() makes runs.
#pragma once

#include <optional>
#include <thalweg/engine/ensemble.hpp>
#include <thalweg/engine/threads.hpp>

namespace thalweg {

using Options = std::map<std::string, double>;

enum class Known { nothing, energy, gradient };

// A rule of motion. Written once over an Ensemble; the field decides how gradients are had. A rule
// is shared by all threads and holds only what the user chose; what changes is in the Walkers.
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
  int temporary_vectors = 0, temporary_scalars = 0;

  // What of the landscape must be known before the first step. Runs cut in pieces hand it on.
  virtual Known known_at_start() const { return Known::gradient; }
  // Before the first step of a call: anything that follows from the carried state.
  virtual void enter(Ensemble<Real>& ensemble, long first_step) const = 0;
  virtual void step(Ensemble<Real>&, long step) const = 0;
  // Replicas lost in this step, after whatever the rule did to save them.
  virtual Truth lost(Walkers<Real>& w, long /*step*/) const {
    return ~is_finite(w.scalars[Walkers<Real>::energy]);
  }
  // Whether scalars[energy] is the energy of the point on all samples.
  virtual bool has_full_energy() const { return true; }
  virtual S observe(const Walkers<Real>&, const std::string& name) const = 0;
};

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
