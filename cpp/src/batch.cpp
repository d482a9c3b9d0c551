#include <thalweg/engine/batch.hpp>

namespace thalweg {
namespace {

// One evaluator and some points for each worker.
template <class Real>
struct Worker {
  std::unique_ptr<Evaluator<Real>> field;
  std::vector<Lanes<Real>> a, b, c;
};

// Calls work(block, worker) for every block of `rows` rows.
template <class Real, class Work>
void for_blocks(const Landscape<Real>& landscape, Blocking blocking, long rows, int threads,
                const StopQuestion& stop, Work work) {
  const Partition<Real> cut(blocking, landscape.dim(), rows);
  std::vector<Worker<Real>> workers(workers_for(cut.count(), threads));
  parallel_for(
      cut.count(), threads,
      [&](long index, int worker, Watch&) {
        const Rows<Real> block = cut[index];
        Worker<Real>& w = workers[worker];
        if (!w.field) w.field = landscape.evaluator();
        for (auto* points : {&w.a, &w.b, &w.c}) points->resize(block.packs());
        work(block, w);
      },
      stop);
}

template <class Real>
const RemoteLandscape<Real>* remote(const Landscape<Real>& landscape) {
  return dynamic_cast<const RemoteLandscape<Real>*>(&landscape);
}

}  // namespace

template <class Real>
void batch_energy(const Landscape<Real>& landscape, long replicas, const Real* x, Real* e,
                  int threads, const StopQuestion& stop) {
  if (const auto* there = remote(landscape)) return there->energy(replicas, x, e, stop);
  for_blocks(landscape, landscape.blocking(landscape.samples()), replicas, threads, stop,
             [&](const Rows<Real>& block, Worker<Real>& w) {
               w.field->bind(block);
               block.load(x, w.a.data());
               block.store_number(w.field->energy(w.a.data()), e);
             });
}

template <class Real>
void batch_gradient(const Landscape<Real>& landscape, long replicas, const Real* x, Real* e,
                    Real* g, int threads, const StopQuestion& stop) {
  if (const auto* there = remote(landscape)) return there->gradient(replicas, x, e, g, stop);
  for_blocks(landscape, landscape.blocking(landscape.samples()), replicas, threads, stop,
             [&](const Rows<Real>& block, Worker<Real>& w) {
               w.field->bind(block);
               block.load(x, w.a.data());
               block.store_number(w.field->gradient(w.a.data(), w.b.data()), e);
               block.store(w.b.data(), g);
             });
}

template <class Real>
void batch_product(const Landscape<Real>& landscape, long replicas, const Real* x, const Real* v,
                   Real* hv, int threads, const StopQuestion& stop) {
  if (const auto* there = remote(landscape)) return there->product(replicas, x, v, hv, stop);
  for_blocks(landscape, landscape.blocking(landscape.samples()), replicas, threads, stop,
             [&](const Rows<Real>& block, Worker<Real>& w) {
               w.field->bind(block);
               block.load(x, w.a.data());
               block.load(v, w.b.data());
               w.field->product(w.a.data(), w.b.data(), w.c.data());
               block.store(w.c.data(), hv);
             });
}

// Row by row: a row here is one row of one replica's Hessian, so that a single replica fills the
// lanes too. Rows are products with unit vectors (columns, but the matrix is symmetric).
template <class Real>
void batch_hessian(const Landscape<Real>& landscape, long replicas, const Real* x, Real* h,
                   int threads, const StopQuestion& stop) {
  if (const auto* there = remote(landscape)) return there->hessian(replicas, x, h, stop);
  if (landscape.hessians(replicas, x, h, threads, stop)) return;
  const long dim = landscape.dim();
  for_blocks(landscape, landscape.blocking(landscape.samples()), replicas * dim, threads, stop,
             [&](const Rows<Real>& rows, Worker<Real>& w) {
               Rows<Real> points = rows;
               for (long& row : points.row) row /= dim;
               w.field->bind(points);
               points.load(x, w.a.data());
               std::fill(w.b.begin(), w.b.end(), Lanes<Real>(Real(0)));
               for (int l = 0; l < rows.W; ++l) rows.set(w.b.data(), l, rows.row[l] % dim, 1);
               w.field->product(w.a.data(), w.b.data(), w.c.data());
               rows.store(w.c.data(), h);
             });
}

#define THALWEG_INSTANTIATE(R)                                                                   \
  template void batch_energy(const Landscape<R>&, long, const R*, R*, int, const StopQuestion&); \
  template void batch_gradient(const Landscape<R>&, long, const R*, R*, R*, int,                 \
                               const StopQuestion&);                                             \
  template void batch_product(const Landscape<R>&, long, const R*, const R*, R*, int,            \
                              const StopQuestion&);                                              \
  template void batch_hessian(const Landscape<R>&, long, const R*, R*, int, const StopQuestion&);
THALWEG_INSTANTIATE(float)
THALWEG_INSTANTIATE(double)
#undef THALWEG_INSTANTIATE

}  // namespace thalweg
