// The kernels of every landscape: batches, and whole runs of dynamics in one launch.
//
// A landscape L (landscape.cuh) gets its kernels by THALWEG_DEVICE_KERNELS(L) in a .cu file of its
// own; what calls them sees the declarations of device_landscape.hpp only.
#pragma once

#include <algorithm>
#include <thalweg/dynamics/descent_motion.hpp>
#include <thalweg/dynamics/flow_motion.hpp>
#include <thalweg/dynamics/langevin_motion.hpp>
#include <thalweg/dynamics/walk_motion.hpp>

#include "launch.cuh"
#include "space.hpp"
#include "walker.cuh"

namespace thalweg::cuda {

// The slab of this thread's team.
THALWEG_INLINE char* slab_of(const Block& block, const Space& space, int team) {
  if (space.device_slabs)
    return space.device_slabs + (block.index() * space.teams + team) * space.slab_bytes;
  return block.shared + space.sum_bytes + team * space.slab_bytes;
}

// f(row) for the rows of this thread's team.
template <class Team, class F>
THALWEG_INLINE void each_row(const Block& block, long rows, F f) {
  const long teams = Team::teams(block);
  for (long row = block.index() * teams + Team::number(block); row < rows;
       row += block.count() * teams)
    f(row);
}

// --- Batches ---

// The bound of kernels that take no products.
template <class L>
constexpr int bound_of_gradients() {
  if constexpr (requires { L::bound_of_gradients; })
    return L::bound_of_gradients;
  else
    return L::most_threads;
}

template <class Real, class L, class Team, Work work>
struct BatchBody {
  using Landscape = L;
  static constexpr int most_threads = Team::alone             ? 128
                                      : work == Work::product ? L::most_threads
                                                              : bound_of_gradients<L>();
  static constexpr int fewest_blocks = Team::fewest_blocks;
  static constexpr int vectors = work == Work::energy ? 1 : work == Work::gradient ? 2 : 3;
  L landscape;
  BatchJob<Real> job;
  Space space;

  THALWEG_DEVICE void operator()(const Block& block) const {
    const Team team(block, block.shared);
    char* slab = slab_of(block, space, Team::number(block));
    Real* x = reinterpret_cast<Real*>(slab);
    each_row<Team>(block, job.rows, [&](long row) { run(team, row, x, slab + space.scratch); });
  }

 private:
  THALWEG_DEVICE void run(const Team& team, long row, Real* x, char* scratch_bytes) const {
    const long dim = landscape.dim,
               point_row = job.v || work != Work::product ? row : (job.skipped + row) / dim;
    Real *out = x + space.vector_stride, *v = out + space.vector_stride;
    const Scratch scratch{scratch_bytes, job.first + point_row, nullptr, 0, !space.device_slabs,
                          false};
    team.sync();  // the row before is done with
    team.each(dim, [&](long i) { x[i] = job.x[point_row * dim + i]; });
    if constexpr (work == Work::product)
      team.each(dim, [&](long i) {
        v[i] = job.v ? job.v[row * dim + i] : Real(i == (job.skipped + row) % dim);
      });
    team.sync();
    Real energy(0);
    if constexpr (work == Work::energy) energy = landscape.energy(team, x, scratch);
    if constexpr (work == Work::gradient) energy = landscape.gradient(team, x, out, scratch);
    if constexpr (work == Work::product) landscape.product(team, x, v, out, scratch);
    if constexpr (work != Work::product)
      if (team.rank() == 0) job.energy[row] = energy;
    if constexpr (work == Work::energy) return;
    team.sync();
    team.each(dim, [&](long i) { job.vectors[row * dim + i] = out[i]; });
  }
};

template <class Real, class L, class Team, Work work>
void launch_batch(const L& landscape, const BatchJob<Real>& job) {
  using Body = BatchBody<Real, L, Team, work>;
  const Need need{landscape.team_size(),        sizeof(Real), landscape.dim, Body::vectors, 0,
                  landscape.scratch_bytes(work)};
  const Room room = find_room(need, job.rows);
  constexpr const char* names[] = {"energy", "gradient", "product"};
  launch(Body{landscape, job, room.space}, room.space,
         std::string(names[static_cast<int>(work)]) + " of " + L::name);
}

// Calls f with the kind of team the landscape wants: kinds it never wants are not compiled.
template <class L, class F>
void with_team(const L& landscape, F f) {
  if constexpr (L::fewest_threads == LaneTeam::lanes) {
    f(static_cast<LaneTeam*>(nullptr));
  } else {
    if constexpr (L::fewest_threads == 1)
      if (landscape.team_size() == 1) return f(static_cast<ThreadTeam*>(nullptr));
    if constexpr (L::most_threads > 1) f(static_cast<BlockTeam*>(nullptr));
  }
}

template <class Real, class L>
void run_batch(const L& landscape, const BatchJob<Real>& job) {
  with_team(landscape, [&]<class Team>(Team*) {
    switch (job.work) {
      case Work::energy:
        return launch_batch<Real, L, Team, Work::energy>(landscape, job);
      case Work::gradient:
        return launch_batch<Real, L, Team, Work::gradient>(landscape, job);
      case Work::product:
        return launch_batch<Real, L, Team, Work::product>(landscape, job);
    }
  });
}

// --- Runs ---

// What a run tells of itself, into the arrays of its job.
template <class Real, class M, class Walker>
struct Recorder {
  const RunJob<Real>& job;
  const M& motion;
  long row;
  int rank;

  THALWEG_DEVICE void poll() const {}
  THALWEG_DEVICE void started(const Walker& w) const {
    if (job.start_energy && rank == 0) job.start_energy[row] = w.scalar(energy_now);
  }
  THALWEG_DEVICE void record(const Walker& w, long number) const {
    const long R = job.replicas, P = w.dim();
    if (rank == 0) job.energies[number * R + row] = w.scalar(energy_now);
    for (int k = 0; k < job.kinds; ++k) {
      const Real value = motion.observe(w, job.observables[k]);
      if (rank == 0) job.observed[(k * job.records + number) * R + row] = value;
    }
    if (!job.recorded_points) return;
    const Real* x = w.vector(point);
    Real* to = job.recorded_points + (number * R + row) * P;
    w.each([&](long i) { to[i] = x[i]; });
  }
};

// Blocks of a run that are to fit a multiprocessor; 0: the compiler's choice.
template <class L>
constexpr int fewest_blocks_of_runs() {
  if constexpr (requires { L::fewest_blocks_of_runs; })
    return L::fewest_blocks_of_runs;
  else
    return 0;
}

// Descents have more at hand than fits the bound of gradients, and would spill: they are given what
// one block of most threads leaves them.
template <class M>
inline constexpr bool is_descent = std::is_base_of_v<DescentMotion<M>, M>;

template <class Real, class L, class Team, class M>
struct RunBody {
  using Landscape = L;
  static constexpr int most_threads = Team::alone     ? 128
                                      : is_descent<M> ? L::most_threads
                                                      : bound_of_gradients<L>();
  static constexpr int fewest_blocks =
      std::max({Team::fewest_blocks, fewest_blocks_of_runs<L>(), is_descent<M> ? 1 : 0});
  using Walker = TeamWalker<Real, Team>;
  L landscape;
  M motion;
  RunJob<Real> job;
  Space space;

  THALWEG_DEVICE void operator()(const Block& block) const {
    const Team team(block, block.shared);
    char* slab = slab_of(block, space, Team::number(block));
    each_row<Team>(block, job.replicas, [&](long row) { run(team, row, slab); });
  }

 private:
  THALWEG_DEVICE void run(const Team& team, long row, char* slab) const {
    const Key key(job.seed);
    Walker w(team, landscape.dim, reinterpret_cast<Real*>(slab), space.vector_stride, key,
             job.names[row]);
    TeamBatches<Team> batches(team, reinterpret_cast<int*>(slab + space.integers), job.samples, key,
                              job.names[row]);
    const Scratch scratch{
        slab + space.scratch, job.first + row, nullptr, 0, !space.device_slabs, false};
    TeamEnsemble<Real, Team, L> ensemble(team, landscape, w, batches, scratch);
    team.sync();  // the row before is done with
    load(w, row);
    Recorder<Real, M, Walker> recorder{job, motion, row, team.rank()};
    run_steps(ensemble, motion, job.steps, recorder);
    store(w, row, team.rank());
  }

  THALWEG_DEVICE void load(Walker& w, long row) const {
    const long R = job.replicas, P = w.dim();
    copy(w, job.points + row * P, w.vector(point));
    if (job.steps.before >= Known::energy) w.scalar(energy_now) = job.energy[row];
    if (job.steps.before == Known::gradient) copy(w, job.gradient + row * P, w.vector(slope));
    for (int k = 0; k < motion.slots.vectors; ++k)
      copy(w, job.vectors + (k * R + row) * P, w.vector(first_vector + k));
    for (int m = 0; m < motion.slots.scalars; ++m)
      w.scalar(first_scalar + m) = job.scalars[m * R + row];
    for (int k = 0; k < motion.slots.parameters; ++k)
      w.set_parameter(k, job.parameters[k * R + row]);
    w.status = static_cast<Status>(job.status[row]);
    w.status_step = job.status_step[row];
    w.restores = job.restores[row];
  }
  THALWEG_DEVICE void store(const Walker& w, long row, int rank) const {
    const long R = job.replicas, P = w.dim();
    copy(w, w.vector(point), job.points + row * P);
    if (job.gradient) copy(w, w.vector(slope), job.gradient + row * P);
    for (int k = 0; k < motion.slots.vectors; ++k)
      copy(w, w.vector(first_vector + k), job.vectors + (k * R + row) * P);
    if (rank != 0) return;
    if (job.energy) job.energy[row] = w.scalar(energy_now);
    for (int m = 0; m < motion.slots.scalars; ++m)
      job.scalars[m * R + row] = w.scalar(first_scalar + m);
    job.status[row] = static_cast<int>(w.status);
    job.status_step[row] = w.status_step;
    job.restores[row] = w.restores;
  }
  static THALWEG_DEVICE void copy(const Walker& w, const Real* from, Real* to) {
    w.each([&](long i) { to[i] = from[i]; });
  }
};

template <class Real, class L, class M>
void run_motion(const L& landscape, const M& motion, const RunJob<Real>& job) {
  with_team(landscape, [&]<class Team>(Team*) {
    const BatchPlan plan = motion.batches();
    const long order = plan.used() && !plan.replacement ? job.samples : 0;
    const std::size_t scratch =
        std::max(landscape.scratch_bytes(Work::energy), landscape.scratch_bytes(Work::gradient));
    const Need need{landscape.team_size(),      sizeof(Real),      landscape.dim,
                    motion.slots.all_vectors(), order + plan.size, scratch};
    const Room room = find_room(need, job.replicas);
    launch(RunBody<Real, L, Team, M>{landscape, motion, job, room.space}, room.space,
           std::string(M::name) + " on " + L::name);
  });
}

}  // namespace thalweg::cuda

#define THALWEG_DEVICE_KERNELS_OF(Real, L)                                                    \
  template void run_batch(const L<Real>&, const BatchJob<Real>&);                             \
  template void run_motion(const L<Real>&, const LangevinMotion<Real>&, const RunJob<Real>&); \
  template void run_motion(const L<Real>&, const SgdMotion<Real>&, const RunJob<Real>&);      \
  template void run_motion(const L<Real>&, const AdamMotion<Real>&, const RunJob<Real>&);     \
  template void run_motion(const L<Real>&, const FlowMotion<Real>&, const RunJob<Real>&);     \
  template void run_motion(const L<Real>&, const WalkMotion<Real>&, const RunJob<Real>&);
#define THALWEG_DEVICE_KERNELS(L)     \
  THALWEG_DEVICE_KERNELS_OF(float, L) \
  THALWEG_DEVICE_KERNELS_OF(double, L)
