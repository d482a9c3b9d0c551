// The one loop of all dynamics: steps, divergence, records. Blocks run one after another, each with
// all of its steps, so that its numbers stay in cache; a user's function moves all blocks together.
#include <cstring>
#include <thalweg/engine/dynamics.hpp>

namespace thalweg {
namespace {

template <class Real>
using Blocks = std::vector<Walkers<Real>>;

template <class Real>
class CompiledField final : public Field<Real> {
 public:
  explicit CompiledField(const Landscape<Real>& landscape)
      : landscape_(landscape), field_(landscape.evaluator()) {}
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
  long samples() const override { return landscape_.samples(); }
  Real upper_bound() const override { return landscape_.upper_bound(); }

 private:
  const Landscape<Real>& landscape_;
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
  using S = Lanes<Real>;
  using W = Walkers<Real>;

  const Landscape<Real>& landscape;
  const Rule<Real>& rule;
  const RunPlan& plan;
  const StateBefore<Real>& before;
  const StateAfter<Real>& after;
  Real *energies, *observed, *points;

  W load(const Rows<Real>& block) const {
    const long R = plan.replicas, P = landscape.dim();
    const int vectors = static_cast<int>(rule.vectors.size());
    const int scalars = static_cast<int>(rule.scalars.size());
    W w(block, W::first_vector + vectors + rule.temporary_vectors,
        W::first_scalar + scalars + rule.temporary_scalars);
    block.load(before.points, w.vector(W::x));
    if (before.energy) w.scalars[W::energy] = block.load_number(before.energy);
    if (before.gradient) block.load(before.gradient, w.vector(W::g));
    for (int k = 0; k < vectors; ++k)
      block.load(before.vectors + k * R * P, w.vector(W::first_vector + k));
    for (int m = 0; m < scalars; ++m)
      w.scalars[W::first_scalar + m] = block.load_number(before.scalars + m * R);
    w.parameters.resize(rule.parameters.size());
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
    w.block.store(w.vector(W::x), after.points);
    if (after.energy) w.block.store_number(w.scalars[W::energy], after.energy);
    if (after.gradient) w.block.store(w.vector(W::g), after.gradient);
    for (std::size_t k = 0; k < rule.vectors.size(); ++k)
      w.block.store(w.vector(W::first_vector + k), after.vectors + k * R * P);
    for (std::size_t m = 0; m < rule.scalars.size(); ++m)
      w.block.store_number(w.scalars[W::first_scalar + m], after.scalars + m * R);
    for (int lane = 0; lane < w.block.used; ++lane) {
      const long row = w.block.row[lane];
      after.status[row] = static_cast<int>(w.status[lane]);
      after.status_step[row] = w.status_step[lane];
      after.restores[row] = w.restores[lane];
    }
  }

  // A lost replica becomes nan and stays so; nan moves nothing else, as lanes do not mix.
  void bury(W& w, long step) const { bury(w, step, rule.lost(w, step)); }
  void bury(W& w, long step, Mask<Real, W::W> found) const {
    const auto lost = found & w.lanes(Status::ok);
    if (!any(lost)) return;
    w.mark(lost, Status::diverged, step);
    const S nan(std::numeric_limits<Real>::quiet_NaN());
    for (long i = 0; i < w.packs; ++i) w.vector(W::x)[i] = select(lost, nan, w.vector(W::x)[i]);
    w.scalars[W::energy] = select(lost, nan, w.scalars[W::energy]);
  }

  static Mask<Real, W::W> infinite_points(const W& w) {
    const S zero(Real(0)), one(Real(1)), *x = w.vector(W::x);
    return w.block.sum([&](long i) { return select(is_finite(x[i]), zero, one); }) > zero;
  }

  void record(Ensemble<Real>& ensemble, long step) const {
    if (step % plan.record_every != 0) return;
    const long row = step / plan.record_every - plan.first_step / plan.record_every - 1;
    const long R = plan.replicas, records = plan.records();
    if (!rule.has_full_energy()) {
      for (auto& w : ensemble.blocks) ensemble.field.minibatch(w, nullptr, 0);
      ensemble.field.energy(ensemble.blocks, W::x, W::energy);
      for (auto& w : ensemble.blocks) bury(w, step);
    }
    for (auto& w : ensemble.blocks) {
      w.block.store_number(w.scalars[W::energy], energies + row * R);
      for (std::size_t k = 0; k < plan.observables.size(); ++k) {
        const S value = rule.observe(w, plan.observables[k]);
        w.block.store_number(value, observed + (k * records + row) * R);
      }
      if (points) w.block.store(w.vector(W::x), points + row * R * landscape.dim());
    }
  }

  // The gradient at a point does not depend on who asks: what the call before knew is as good.
  void know_start(Ensemble<Real>& ensemble) const {
    const Known wanted = rule.known_at_start();
    if (wanted == Known::gradient && !before.gradient) ensemble.gradient();
    if (wanted == Known::energy && !before.energy)
      ensemble.field.energy(ensemble.blocks, W::x, W::energy);
    if (after.start_energy)
      for (const W& w : ensemble.blocks)
        w.block.store_number(w.scalars[W::energy], after.start_energy);
  }

  void all_steps(Ensemble<Real>& ensemble, Watch& watch) const {
    know_start(ensemble);
    rule.enter(ensemble, plan.first_step);
    for (long s = plan.first_step + 1; s <= plan.first_step + plan.steps; ++s) {
      watch.poll();
      rule.step(ensemble, s);
      // With minibatches the energy at hand is that of the point before this step.
      for (auto& w : ensemble.blocks) bury(w, rule.has_full_energy() ? s : s - 1);
      record(ensemble, s);
    }
    if (!rule.has_full_energy())
      for (auto& w : ensemble.blocks) bury(w, plan.first_step + plan.steps, infinite_points(w));
    for (const auto& w : ensemble.blocks) store(w);
  }
};

}  // namespace

template <class Real>
void advance(const Landscape<Real>& landscape, const Rule<Real>& rule, const RunPlan& plan,
             const StateBefore<Real>& before, const StateAfter<Real>& after, Real* energies,
             Real* observed, Real* points, const StopQuestion& stop) {
  if (const auto* remote = dynamic_cast<const RemoteLandscape<Real>*>(&landscape))
    return remote->advance(rule, plan, before, after, energies, observed, points);
  const Run<Real> run{landscape, rule, plan, before, after, energies, observed, points};
  const Partition<Real> cut(landscape.blocking(), landscape.dim(), plan.replicas);
  const long blocks = cut.count();
  if (const auto* user = dynamic_cast<const BatchLandscape<Real>*>(&landscape)) {
    UserField<Real> field(*user, plan.replicas);
    Ensemble<Real> ensemble{{}, field, plan.seed};
    for (long b = 0; b < blocks; ++b) ensemble.blocks.push_back(run.load(cut[b]));
    parallel_for(1, 1, [&](long, int, Watch& watch) { run.all_steps(ensemble, watch); }, stop);
    return;
  }
  std::vector<std::unique_ptr<CompiledField<Real>>> fields(workers_for(blocks, plan.threads));
  parallel_for(
      blocks, plan.threads,
      [&](long block, int worker, Watch& watch) {
        if (!fields[worker]) fields[worker] = std::make_unique<CompiledField<Real>>(landscape);
        Ensemble<Real> ensemble{{}, *fields[worker], plan.seed};
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
