// The kernel of networks' Hessians: a team to every unit of every replica.
#include "kernels.cuh"
#include "mlp_hessian.cuh"
#include "mlp_jobs.hpp"

namespace thalweg::cuda {
namespace {

template <class Real>
struct HessianBody {
  static constexpr int most_threads = HessianPlan::most_threads;
  static constexpr int fewest_blocks = 1;  // registers enough, so that none is spilled
  DeviceMlp<Real> network;
  HessianPlan plan;
  HessianJob<Real> job;
  Space space;

  THALWEG_DEVICE void operator()(const Block& block) const {
    const BlockTeam team(block, block.shared);
    char* slab = slab_of(block, space, 0);
    each_row<BlockTeam>(block, job.rows, [&](long row) { run(team, job.skipped + row, slab); });
  }

 private:
  THALWEG_DEVICE void run(const BlockTeam& team, long row, char* slab) const {
    const long dim = network.dim, point = row / job.units;
    Real* x = reinterpret_cast<Real*>(slab);
    team.sync();  // the row before is done with
    team.each(dim, [&](long i) { x[i] = job.x[point * dim + i]; });
    team.sync();
    const Scratch scratch{
        slab + space.scratch, job.first + point, nullptr, 0, !space.device_slabs, false};
    int unit = static_cast<int>(row % job.units), layer = 0;
    for (; unit >= network.shape.sizes[layer + 1]; ++layer) unit -= network.shape.sizes[layer + 1];
    MlpHessianPass<Real, BlockTeam>::make(network, plan, team, x, scratch,
                                          job.h + point * dim * dim, layer, unit);
  }
};

}  // namespace

template <class Real>
void run_hessian(const DeviceMlp<Real>& network, const HessianJob<Real>& job) {
  const HessianPlan plan(network.shape, network.samples, sizeof(Real));
  const Need need{plan.threads, sizeof(Real), network.dim, 1, 0, plan.size * sizeof(Real)};
  const Room room = find_room(need, job.rows);
  launch(HessianBody<Real>{network, plan, job, room.space}, room.space, "hessian of mlp");
}
template void run_hessian(const DeviceMlp<float>&, const HessianJob<float>&);
template void run_hessian(const DeviceMlp<double>&, const HessianJob<double>&);

}  // namespace thalweg::cuda
