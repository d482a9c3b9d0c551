// Full Hessians of narrow networks: how replicas and units fill lanes, and work the threads.
#include "hessian_rows.hpp"

namespace thalweg {
namespace {

struct Few {
  long first;
  int replicas;
};

// W replicas at a time, and those left over by powers of two: units fill the lanes they leave.
std::vector<Few> by_powers_of_two(long replicas, int W) {
  std::vector<Few> all;
  long first = 0;
  for (int n = W; n > 0; n /= 2)
    for (; replicas - first >= n; first += n) all.push_back({first, n});
  return all;
}

template <class Real>
HessianShare<Real> share_of(const Few& few, long dim, long piece, long pieces) {
  Rows<Real> rows(Lane::replica, dim, few.first, Rows<Real>::W);
  for (int l = 0; l < rows.W; ++l) rows.row[l] = few.first + l % few.replicas;
  return {rows, few.replicas, piece, pieces};
}

}  // namespace

template <class Real>
bool Mlp<Real>::hessians(long replicas, const Real* x, Real* h, int threads,
                         const StopQuestion& stop) const {
  if (!is_narrow(shape_)) return false;
  const std::vector<Few> few = by_powers_of_two(replicas, Rows<Real>::W);
  const long blocks = static_cast<long>(few.size()), P = shape_.dim;
  // Each piece goes forward and backward on its own: no more of them than keep all threads busy.
  const long busy = workers_for(blocks * P, threads), most = fits_lanes<Real>(shape_) ? 1 : P;
  const long pieces = std::clamp((busy + blocks - 1) / std::max(blocks, 1L), 1L, most);
  struct Worker {
    std::unique_ptr<MlpField<Real>> field;
    std::vector<Lanes<Real>> point;
  };
  std::vector<Worker> workers(workers_for(blocks * pieces, threads));
  parallel_for(
      blocks * pieces, threads,
      [&](long task, int worker, Watch& watch) {
        Worker& w = workers[worker];
        if (!w.field) w.field = make_replica_lanes(shape_, data_);
        w.point.resize(P);
        const auto share = share_of<Real>(few[task / pieces], P, task % pieces, pieces);
        share.rows.load(x, w.point.data());
        w.field->bind(share.rows);
        w.field->hessian(share, w.point.data(), h, watch);
      },
      stop);
  if (pieces > 1)
    parallel_for(
        replicas, threads,
        [&](long r, int, Watch&) { mirror_hessian<Real>(shape_, h + r * P * P); }, stop);
  return true;
}

template bool Mlp<float>::hessians(long, const float*, float*, int, const StopQuestion&) const;
template bool Mlp<double>::hessians(long, const double*, double*, int, const StopQuestion&) const;

}  // namespace thalweg
