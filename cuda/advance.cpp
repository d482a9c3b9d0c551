// A chunk of a run: state to the device, one launch for all of its steps, state and records back.
// Replicas go in parts where memory does not hold all of them, or one step of them takes long.
#include "device_landscape.hpp"
#include "slice.hpp"

namespace thalweg::cuda {
namespace {

template <class Real>
std::vector<Real> converted(const double* x, std::size_t count) {
  std::vector<Real> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<Real>(x[i]);
  return out;
}

// What one call of advance() was given.
template <class Real>
struct Given {
  const RunPlan& plan;
  const Slots slots;
  const std::vector<Observable> observables;
  long dim;
  const typename DeviceLandscape<Real>::Before& before;
  const typename DeviceLandscape<Real>::After& after;
  Real *energies, *observed, *points;
  const std::vector<Real> parameters =
      converted<Real>(plan.parameters, plan.replicas* slots.parameters);

  bool energy() const { return after.energy || before.energy; }
  bool gradient() const { return after.gradient || before.gradient; }
  // Device memory for one replica.
  std::size_t bytes() const {
    const std::size_t P = dim, records = plan.records();
    const std::size_t reals = slots.parameters + slots.scalars + 2 + P * (slots.vectors + 2) +
                              records * (1 + observables.size() + (points ? P : 0));
    return reals * sizeof(Real) + sizeof(std::uint32_t) + sizeof(int) + 2 * sizeof(std::int64_t);
  }
  // Parameters times samples seen, of one replica.
  double work(long samples, const BatchPlan& batches) const {
    const long seen = std::max(1L, batches.used() ? batches.size : samples);
    return 3.0 * static_cast<double>(plan.steps) * static_cast<double>(dim) *
           static_cast<double>(seen);
  }
};

// The arrays of some replicas on the device. Carried ones are copied in and changed in place.
template <class Real>
class RunBuffers {
 public:
  RunBuffers(const Given<Real>& given, long first, long count)
      : given_(given), first_(first), count_(count), records_(given.plan.records()) {
    const auto& before = given.before;
    const long P = given.dim, R = count;
    names_ = copied(given.plan.replica_names.data(), 1, 1, "names of replicas");
    parameters_ = copied(given.parameters.data(), given.slots.parameters, 1, "parameters");
    points_ = copied(before.points, 1, P, "points");
    vectors_ = copied(before.vectors, given.slots.vectors, P, "carried vectors");
    scalars_ = copied(before.scalars, given.slots.scalars, 1, "carried numbers");
    if (given.energy()) energy_ = copied(before.energy, 1, 1, "energies");
    if (given.gradient()) gradient_ = copied(before.gradient, 1, P, "gradients");
    if (given.after.start_energy) start_energy_ = Buffer<Real>(R, "energies");
    status_ = copied(before.status, 1, 1, "status");
    status_step_ = copied(before.status_step, 1, 1, "status");
    restores_ = copied(before.restores, 1, 1, "status");
    energies_ = Buffer<Real>(records_ * R, "recorded energies");
    observed_ = Buffer<Real>(given.observables.size() * records_ * R, "recorded observables");
    if (given.points) recorded_points_ = Buffer<Real>(records_ * R * P, "recorded points");
  }

  RunJob<Real> job(long samples) const {
    const RunPlan& plan = given_.plan;
    RunJob<Real> job{};
    job.replicas = count_;
    job.first = first_;
    job.samples = samples;
    job.steps = {plan.first_step, plan.steps, plan.record_every, given_.before.known(),
                 both(given_.after.known(), known_for(given_.observables))};
    job.seed = plan.seed;
    job.names = names_.data();
    job.parameters = parameters_.data();
    job.points = points_.data();
    job.vectors = vectors_.data();
    job.scalars = scalars_.data();
    job.energy = energy_.data();
    job.gradient = gradient_.data();
    job.start_energy = start_energy_.data();
    job.status = status_.data();
    job.status_step = status_step_.data();
    job.restores = restores_.data();
    job.kinds = static_cast<int>(given_.observables.size());
    std::copy(given_.observables.begin(), given_.observables.end(), job.observables);
    job.records = records_;
    job.energies = energies_.data();
    job.observed = observed_.data();
    job.recorded_points = recorded_points_.data();
    return job;
  }

  void read() const {
    const auto& after = given_.after;
    const long P = given_.dim, kinds = static_cast<long>(given_.observables.size());
    back(points_, after.points, 1, P);
    back(vectors_, after.vectors, given_.slots.vectors, P);
    back(scalars_, after.scalars, given_.slots.scalars, 1);
    if (after.energy) back(energy_, after.energy, 1, 1);
    if (after.gradient) back(gradient_, after.gradient, 1, P);
    if (after.start_energy) back(start_energy_, after.start_energy, 1, 1);
    back(status_, after.status, 1, 1);
    back(status_step_, after.status_step, 1, 1);
    back(restores_, after.restores, 1, 1);
    back(energies_, given_.energies, records_, 1);
    back(observed_, given_.observed, kinds * records_, 1);
    if (given_.points) back(recorded_points_, given_.points, records_, P);
  }

 private:
  const Given<Real>& given_;
  long first_, count_, records_;
  Buffer<std::uint32_t> names_;
  Buffer<Real> parameters_, points_, vectors_, scalars_, energy_, gradient_, start_energy_;
  Buffer<int> status_;
  Buffer<std::int64_t> status_step_, restores_;
  Buffer<Real> energies_, observed_, recorded_points_;

  // Of arrays [blocks, R, width].
  Slice slice(long blocks) const { return {0, blocks, given_.plan.replicas, first_, count_}; }
  // Null: only room for it.
  template <class T>
  Buffer<T> copied(const T* host, long blocks, long width, const char* what) const {
    Buffer<T> to(blocks * count_ * width, what);
    if (host) slice(blocks).in(to, host, width);
    return to;
  }
  template <class T>
  void back(const Buffer<T>& from, T* host, long blocks, long width) const {
    slice(blocks).out(from, host, width);
  }
};

}  // namespace

template <class Real>
void DeviceLandscape<Real>::advance(const Rule<Real>& rule, const RunPlan& plan,
                                    const Before& before, const After& after, Real* energies,
                                    Real* observed, Real* points, const StopQuestion& stop) const {
  const Motion<Real> motion = rule.motion();
  const BatchPlan batches = std::visit([](const auto& m) { return m.batches(); }, motion);
  check_batches(batches, this->samples());
  const Given<Real> given{plan,        rule.slots(), rule.observables_named(plan.observables),
                          this->dim(), before,       after,
                          energies,    observed,     points};
  constexpr std::size_t most = RunJob<Real>::most_observables;
  if (given.observables.size() > most)
    throw std::invalid_argument("observables: expected at most " + std::to_string(most) +
                                " on a device, got " + std::to_string(given.observables.size()));
  const Use use(device_);
  const Parts parts({plan.replicas, team_size(), given.work(this->samples(), batches),
                     given.bytes(),
                     "a run of 1 replica of " + std::to_string(given.dim) + " parameters with " +
                         std::to_string(plan.records()) + " records",
                     std::numeric_limits<std::size_t>::max()});
  const auto part = [&](long first, long count) {
    const RunBuffers<Real> buffers(given, first, count);
    run(motion, buffers.job(this->samples()));
    buffers.read();
  };
  // Of several steps it is known that they do not take long: their number was chosen so.
  plan.steps == 1 ? parts.each(stop, part) : parts.each_large(stop, part);
}

template void DeviceLandscape<float>::advance(const Rule<float>&, const RunPlan&, const Before&,
                                              const After&, float*, float*, float*,
                                              const StopQuestion&) const;
template void DeviceLandscape<double>::advance(const Rule<double>&, const RunPlan&, const Before&,
                                               const After&, double*, double*, double*,
                                               const StopQuestion&) const;

}  // namespace thalweg::cuda
