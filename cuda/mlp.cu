// The kernels of networks.
#include "kernels.cuh"
#include "mlp_jobs.hpp"
#include "network_sum.cuh"

namespace thalweg::cuda {
namespace {

template <class Real>
struct SamplesBody {
  using Landscape = DeviceMlp<Real>;
  static constexpr int most_threads = Landscape::most_threads;
  DeviceMlp<Real> network;
  SamplesJob<Real> job;
  Space space;

  THALWEG_DEVICE void operator()(const Block& block) const {
    const BlockTeam team(block, block.shared);
    char* slab = slab_of(block, space, 0);
    each_row<BlockTeam>(block, job.rows, [&](long row) { run(team, row, slab); });
  }

 private:
  THALWEG_DEVICE void run(const BlockTeam& team, long row, char* slab) const {
    Real* x = reinterpret_cast<Real*>(slab);
    const Scratch scratch{
        slab + space.scratch, job.first + row, nullptr, 0, !space.device_slabs, false};
    team.sync();  // the row before is done with
    team.each(network.dim, [&](long i) { x[i] = job.x[row * network.dim + i]; });
    team.sync();
    if (job.what != Sampled::outputs)
      return network.per_sample(team, job.what, x, job.out + row * job.samples, scratch);
    const long own = job.own_inputs ? row * job.samples * network.shape.inputs() : 0;
    network.predict(team, x, static_cast<int>(job.samples), job.inputs + own,
                    job.out + row * job.samples * network.shape.outputs(), scratch);
  }
};

}  // namespace

template <class Real>
void run_samples(const DeviceMlp<Real>& network, const SamplesJob<Real>& job) {
  const Need need{
      network.team_size(), sizeof(Real), network.dim, 1, 0, network.scratch_bytes(Work::energy)};
  const Room room = find_room(need, job.rows);
  constexpr const char* names[] = {"sample losses of mlp", "margins of mlp", "outputs of mlp"};
  launch(SamplesBody<Real>{network, job, room.space}, room.space,
         names[static_cast<int>(job.what)]);
}
template void run_samples(const DeviceMlp<float>&, const SamplesJob<float>&);
template void run_samples(const DeviceMlp<double>&, const SamplesJob<double>&);

THALWEG_DEVICE_KERNELS(NetworkSum)

}  // namespace thalweg::cuda
