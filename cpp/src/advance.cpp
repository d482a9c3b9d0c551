// Runs on this processor. Blocks run one after another, each with all of its steps, so that its
// numbers stay in cache; a user's function moves all blocks together.
#include <thalweg/dynamics/run.hpp>
#include <thalweg/engine/dynamics.hpp>

namespace thalweg {
namespace {

template <class Real>
using Blocks = std::vector<Walkers<Real>>;

template <class Real>
class CompiledField final : public Field<Real> {
 public:
  explicit CompiledField(const Landscape<Real>& landscape)
      : samples_(landscape.samples()),
        upper_bound_(landscape.upper_bound()),
        field_(landscape.evaluator()) {}
  void bind(const Rows<Real>& block) { field_->bind(block); }
  void gradient(Blocks<Real>& blocks, int x, int g, int energy) override {
    Walkers<Real>& w = blocks[0];
    w.scalars[energy] = field_->gradient(w.vector(x), w.vector(g));
  }
  void energy(Blocks<Real>& blocks, int x, int energy) override {
    Walkers<Real>& w = blocks[0];
    w.scalars[energy] = field_->energy(w.vector(x));
  }
  void minibatch(Walkers<Real>&, const int* samples, int size) override {
    field_->minibatch(samples, size);
  }
  long samples() const override { return samples_; }
  Real upper_bound() const override { return upper_bound_; }

 private:
  long samples_;
  Real upper_bound_;
  std::unique_ptr<Evaluator<Real>> field_;
};

template <class Real>
class UserField final : public Field<Real> {
 public:
  UserField(const BatchLandscape<Real>& landscape, long replicas)
      : landscape_(landscape),
        replicas_(replicas),
        x_(replicas * landscape.dim()),
        g_(x_.size()),
        e_(replicas) {}
  void gradient(Blocks<Real>& blocks, int x, int g, int energy) override {
    collect(blocks, x);
    landscape_.gradient(replicas_, x_.data(), e_.data(), g_.data());
    for (auto& w : blocks) w.block.load(g_.data(), w.vector(g));
    spread(blocks, energy);
  }
  void energy(Blocks<Real>& blocks, int x, int energy) override {
    collect(blocks, x);
    landscape_.energy(replicas_, x_.data(), e_.data());
    spread(blocks, energy);
  }
  void minibatch(Walkers<Real>&, const int*, int size) override {
    if (size > 0)
      throw std::invalid_argument(
          "batch_size: expected None (a user's function has no samples to choose from)");
  }
  long samples() const override { return 0; }
  Real upper_bound() const override { return landscape_.upper_bound(); }

 private:
  const BatchLandscape<Real>& landscape_;
  long replicas_;
  std::vector<Real> x_, g_, e_;
  void collect(const Blocks<Real>& blocks, int x) {
    for (const auto& w : blocks) w.block.store(w.vector(x), x_.data());
  }
  void spread(Blocks<Real>& blocks, int energy) {
    for (auto& w : blocks) w.scalars[energy] = w.block.load_number(e_.data());
  }
};

// One call of advance(): what is shared by all blocks.
template <class Real>
struct Run {
  using W = Walkers<Real>;

  const Landscape<Real>& landscape;
  const Rule<Real>& rule;
  const RunPlan& plan;
  const StateBefore<Real>& before;
  const StateAfter<Real>& after;
  Real *energies, *observed, *points;
  const std::vector<Observable> observables = rule.observables_named(plan.observables);

  W load(const Rows<Real>& block) const {
    const long R = plan.replicas, P = landscape.dim();
    const int vectors = static_cast<int>(rule.vectors.size());
    const int scalars = static_cast<int>(rule.scalars.size());
    W w(block, plan.seed, rule.slots());
    block.load(before.points, w.vector(point));
    if (before.energy) w.scalars[energy_now] = block.load_number(before.energy);
    if (before.gradient) block.load(before.gradient, w.vector(slope));
    for (int k = 0; k < vectors; ++k)
      block.load(before.vectors + k * R * P, w.vector(first_vector + k));
    for (int m = 0; m < scalars; ++m)
      w.scalars[first_scalar + m] = block.load_number(before.scalars + m * R);
    for (int lane = 0; lane < W::W; ++lane) {
      const long row = block.row[lane];
      for (std::size_t k = 0; k < w.parameters.size(); ++k)
        w.parameters[k].set(lane, static_cast<Real>(plan.parameters[k * R + row]));
      w.replica[lane] = plan.replica_names[row];
      w.status[lane] = static_cast<Status>(before.status[row]);
      w.status_step[lane] = before.status_step[row];
      w.restores[lane] = before.restores[row];
    }
    return w;
  }

  void store(const W& w) const {
    const long R = plan.replicas, P = landscape.dim();
    w.block.store(w.vector(point), after.points);
    if (after.energy) w.block.store_number(w.scalars[energy_now], after.energy);
    if (after.gradient) w.block.store(w.vector(slope), after.gradient);
    for (std::size_t k = 0; k < rule.vectors.size(); ++k)
      w.block.store(w.vector(first_vector + k), after.vectors + k * R * P);
    for (std::size_t m = 0; m < rule.scalars.size(); ++m)
      w.block.store_number(w.scalars[first_scalar + m], after.scalars + m * R);
    for (int lane = 0; lane < w.block.used; ++lane) {
      const long row = w.block.row[lane];
      after.status[row] = static_cast<int>(w.status[lane]);
      after.status_step[row] = w.status_step[lane];
      after.restores[row] = w.restores[lane];
    }
  }

  void record(const W& w, long row) const {
    const long R = plan.replicas, records = plan.records();
    w.block.store_number(w.scalars[energy_now], energies + row * R);
    for (std::size_t k = 0; k < observables.size(); ++k)
      w.block.store_number(rule.observe(w, observables[k]), observed + (k * records + row) * R);
    if (points) w.block.store(w.vector(point), points + row * R * landscape.dim());
  }

  // The gradient at a point does not depend on who asks: what the call before knew is as good.
  // A user's energy may differ in its last bits from that beside the gradient.
  Steps steps() const {
    const bool users = dynamic_cast<const BatchLandscape<Real>*>(&landscape);
    const Known wanted = both(after.known(), known_for(observables));
    return {plan.first_step, plan.steps, plan.record_every, before.known(),
            users ? Known::gradient : wanted};
  }

  struct Host {
    const Run& run;
    Watch& watch;
    void poll() const { watch.poll(); }
    void started(const W& w) const {
      if (run.after.start_energy)
        w.block.store_number(w.scalars[energy_now], run.after.start_energy);
    }
    void record(const W& w, long row) const { run.record(w, row); }
  };
  void all_steps(Ensemble<Real>& ensemble, Watch& watch) const {
    Host host{*this, watch};
    run_steps(ensemble, rule, steps(), host);
    for (const W& w : ensemble.blocks) store(w);
  }
};

}  // namespace

template <class Real>
void advance(const Landscape<Real>& landscape, const Rule<Real>& rule, const RunPlan& plan,
             const StateBefore<Real>& before, const StateAfter<Real>& after, Real* energies,
             Real* observed, Real* points, const StopQuestion& stop) {
  if (const auto* remote = dynamic_cast<const RemoteLandscape<Real>*>(&landscape))
    return remote->advance(rule, plan, before, after, energies, observed, points, stop);
  const Run<Real> run{landscape, rule, plan, before, after, energies, observed, points};
  const BatchPlan batches = std::visit([](const auto& m) { return m.batches(); }, rule.motion());
  const long samples = batches.used() ? batches.size : landscape.samples();
  const Partition<Real> cut(landscape.blocking(samples), landscape.dim(), plan.replicas);
  const long blocks = cut.count();
  if (const auto* user = dynamic_cast<const BatchLandscape<Real>*>(&landscape)) {
    UserField<Real> field(*user, plan.replicas);
    Ensemble<Real> ensemble{{}, field};
    for (long b = 0; b < blocks; ++b) ensemble.blocks.push_back(run.load(cut[b]));
    parallel_for(1, 1, [&](long, int, Watch& watch) { run.all_steps(ensemble, watch); }, stop);
    return;
  }
  std::vector<std::unique_ptr<CompiledField<Real>>> fields(workers_for(blocks, plan.threads));
  parallel_for(
      blocks, plan.threads,
      [&](long block, int worker, Watch& watch) {
        if (!fields[worker]) fields[worker] = std::make_unique<CompiledField<Real>>(landscape);
        Ensemble<Real> ensemble{{}, *fields[worker]};
        ensemble.blocks.push_back(run.load(cut[block]));
        fields[worker]->bind(ensemble.blocks[0].block);
        run.all_steps(ensemble, watch);
      },
      stop);
}

template void advance(const Landscape<float>&, const Rule<float>&, const RunPlan&,
                      const StateBefore<float>&, const StateAfter<float>&, float*, float*, float*,
                      const StopQuestion&);
template void advance(const Landscape<double>&, const Rule<double>&, const RunPlan&,
                      const StateBefore<double>&, const StateAfter<double>&, double*, double*,
                      double*, const StopQuestion&);

}  // namespace thalweg
