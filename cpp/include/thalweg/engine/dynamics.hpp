// Dynamics as the engine runs them: a rule makes steps, advance() makes runs.
#pragma once

#include <optional>
#include <thalweg/engine/ensemble.hpp>
#include <thalweg/engine/threads.hpp>

namespace thalweg {

using Options = std::map<std::string, double>;

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

// What is carried from call to call, row-major. All of it is read and written anew, never in place.
template <class Real>
struct RunState {
  std::vector<Real> points, vectors, scalars;  // [R, P], [K, R, P], [M, R]
  std::vector<int> status;
  std::vector<std::int64_t> status_step, restores;
};

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
void advance(const Landscape<Real>&, const Rule<Real>&, const RunPlan&, RunState<Real>&,
             Real* energies, Real* observed, Real* points, const StopQuestion&);

}  // namespace thalweg
