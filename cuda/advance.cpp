// A chunk of a run: state to the device, one launch for all of its steps, state and records back.
#include "device_landscape.hpp"

namespace thalweg::cuda {
namespace {

// The arrays of one call on the device. Carried ones are copied in and changed in place.
template <class Real>
struct RunBuffers {
  Buffer<std::uint32_t> names;
  Buffer<Real> parameters, points, vectors, scalars, energy, gradient, start_energy;
  Buffer<int> status;
  Buffer<std::int64_t> status_step, restores;
  Buffer<Real> energies, observed, recorded_points;
};

// Bytes of all of them.
template <class Real>
std::size_t bytes_of(const RunPlan& plan, const Slots& slots, long dim, bool points) {
  const std::size_t R = plan.replicas, P = dim, records = plan.records();
  const std::size_t reals = R * (slots.parameters + slots.scalars + 2) +
                            R * P * (slots.vectors + 2) +
                            records * R * (1 + plan.observables.size() + (points ? P : 0));
  return reals * sizeof(Real) + R * (sizeof(std::uint32_t) + sizeof(int) + 16);
}

template <class Real>
std::vector<Real> converted(const double* x, std::size_t count) {
  std::vector<Real> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<Real>(x[i]);
  return out;
}

template <class T>
Buffer<T> given_or_empty(const T* host, std::size_t count, const char* what) {
  return host ? Buffer<T>(host, count, what) : Buffer<T>(count, what);
}

}  // namespace

template <class Real>
void DeviceLandscape<Real>::advance(const Rule<Real>& rule, const RunPlan& plan,
                                    const Before& before, const After& after, Real* energies,
                                    Real* observed, Real* points) const {
  const auto observables = rule.observables_named(plan.observables);
  const Motion<Real> motion = rule.motion();
  std::visit([&](const auto& m) { check_batches(m.batches(), this->samples()); }, motion);
  const Use use(device_);
  const Slots slots = rule.slots();
  const long R = plan.replicas, P = this->dim(), records = plan.records();
  require_memory(bytes_of<Real>(plan, slots, P, points != nullptr),
                 "a run of " + std::to_string(R) + " replicas of " + std::to_string(P) +
                     " parameters with " + std::to_string(records) + " records");

  RunBuffers<Real> b;
  b.names = {plan.replica_names.data(), plan.replica_names.size(), "names of replicas"};
  const auto parameters = converted<Real>(plan.parameters, R * slots.parameters);
  b.parameters = {parameters.data(), parameters.size(), "parameters"};
  b.points = {before.points, static_cast<std::size_t>(R * P), "points"};
  b.vectors = {before.vectors, static_cast<std::size_t>(R * P * slots.vectors), "carried vectors"};
  b.scalars = {before.scalars, static_cast<std::size_t>(R * slots.scalars), "carried numbers"};
  if (after.energy || before.energy) b.energy = given_or_empty(before.energy, R, "energies");
  if (after.gradient || before.gradient)
    b.gradient = given_or_empty(before.gradient, R * P, "gradients");
  if (after.start_energy) b.start_energy = Buffer<Real>(R, "energies");
  b.status = {before.status, static_cast<std::size_t>(R), "status"};
  b.status_step = {before.status_step, static_cast<std::size_t>(R), "status"};
  b.restores = {before.restores, static_cast<std::size_t>(R), "status"};
  b.energies = Buffer<Real>(records * R, "recorded energies");
  b.observed = Buffer<Real>(observables.size() * records * R, "recorded observables");
  if (points) b.recorded_points = Buffer<Real>(records * R * P, "recorded points");

  RunJob<Real> job{};
  job.replicas = R;
  job.samples = this->samples();
  job.steps = {plan.first_step, plan.steps, plan.record_every, before.energy != nullptr,
               before.gradient != nullptr};
  job.seed = plan.seed;
  job.names = b.names.data();
  job.parameters = b.parameters.data();
  job.points = b.points.data();
  job.vectors = b.vectors.data();
  job.scalars = b.scalars.data();
  job.energy = b.energy.data();
  job.gradient = b.gradient.data();
  job.start_energy = b.start_energy.data();
  job.status = b.status.data();
  job.status_step = b.status_step.data();
  job.restores = b.restores.data();
  if (observables.size() > job.most_observables)
    throw std::invalid_argument("observables: expected at most " +
                                std::to_string(job.most_observables) + " on a device, got " +
                                std::to_string(observables.size()));
  job.kinds = static_cast<int>(observables.size());
  std::copy(observables.begin(), observables.end(), job.observables);
  job.records = records;
  job.energies = b.energies.data();
  job.observed = b.observed.data();
  job.recorded_points = b.recorded_points.data();
  run(motion, job);

  b.points.read(after.points);
  b.vectors.read(after.vectors);
  b.scalars.read(after.scalars);
  if (after.energy) b.energy.read(after.energy);
  if (after.gradient) b.gradient.read(after.gradient);
  if (after.start_energy) b.start_energy.read(after.start_energy);
  b.status.read(after.status);
  b.status_step.read(after.status_step);
  b.restores.read(after.restores);
  b.energies.read(energies);
  b.observed.read(observed);
  if (points) b.recorded_points.read(points);
}

template void DeviceLandscape<float>::advance(const Rule<float>&, const RunPlan&, const Before&,
                                              const After&, float*, float*, float*) const;
template void DeviceLandscape<double>::advance(const Rule<double>&, const RunPlan&, const Before&,
                                               const After&, double*, double*, double*) const;

}  // namespace thalweg::cuda
