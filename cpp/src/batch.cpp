#include <thalweg/engine/batch.hpp>

namespace thalweg {
namespace {

// One evaluator and some arrays of packs for each worker.
template <class Real>
struct Worker {
  std::unique_ptr<Evaluator<Real>> field;
  std::vector<Lanes<Real>> a, b, c;
};

// Calls work(block_rows, worker) for every block of the batch.
template <class Real, class Work>
void for_blocks(const Landscape<Real>& landscape, long replicas, int threads,
                const StopQuestion& stop, Work work) {
  const long blocks = Rows<Real>::blocks(replicas), dim = landscape.dim();
  std::vector<Worker<Real>> workers(workers_for(blocks, threads));
  parallel_for(
      blocks, threads,
      [&](long block, int index, Watch&) {
        Worker<Real>& w = workers[index];
        if (!w.field) w = {landscape.evaluator(), std::vector<Lanes<Real>>(dim), {}, {}};
        const Rows<Real> rows(block, replicas);
        w.field->bind(rows.row.data());
        work(rows, w);
      },
      stop);
}

template <class Real>
void store(const Rows<Real>& rows, Lanes<Real> value, Real* out) {
  for (int lane = 0; lane < rows.used; ++lane) out[rows.row[lane]] = value[lane];
}

}  // namespace

template <class Real>
void batch_energy(const Landscape<Real>& landscape, long replicas, const Real* x, Real* e,
                  int threads, const StopQuestion& stop) {
  for_blocks(landscape, replicas, threads, stop, [&](const Rows<Real>& rows, Worker<Real>& w) {
    into_lanes(rows, x, landscape.dim(), w.a.data());
    store(rows, w.field->energy(w.a.data()), e);
  });
}

template <class Real>
void batch_gradient(const Landscape<Real>& landscape, long replicas, const Real* x, Real* e,
                    Real* g, int threads, const StopQuestion& stop) {
  const long dim = landscape.dim();
  for_blocks(landscape, replicas, threads, stop, [&](const Rows<Real>& rows, Worker<Real>& w) {
    w.b.resize(dim);
    into_lanes(rows, x, dim, w.a.data());
    store(rows, w.field->gradient(w.a.data(), w.b.data()), e);
    from_lanes(rows, w.b.data(), dim, g);
  });
}

template <class Real>
void batch_product(const Landscape<Real>& landscape, long replicas, const Real* x, const Real* v,
                   Real* hv, int threads, const StopQuestion& stop) {
  const long dim = landscape.dim();
  for_blocks(landscape, replicas, threads, stop, [&](const Rows<Real>& rows, Worker<Real>& w) {
    w.b.resize(dim);
    w.c.resize(dim);
    into_lanes(rows, x, dim, w.a.data());
    into_lanes(rows, v, dim, w.b.data());
    w.field->product(w.a.data(), w.b.data(), w.c.data());
    from_lanes(rows, w.c.data(), dim, hv);
  });
}

// Column by column: a lane is one column of one replica's Hessian, so that a single replica fills
// the register too. Columns are products with unit vectors; the matrix is symmetric, so column j
// is stored as row j.
template <class Real>
void batch_hessian(const Landscape<Real>& landscape, long replicas, const Real* x, Real* h,
                   int threads, const StopQuestion& stop) {
  constexpr int W = native_lanes<Real>;
  const long dim = landscape.dim(), lines = replicas * dim, blocks = Rows<Real>::blocks(lines);
  std::vector<Worker<Real>> workers(workers_for(blocks, threads));
  parallel_for(
      blocks, threads,
      [&](long block, int index, Watch&) {
        Worker<Real>& w = workers[index];
        const std::vector<Lanes<Real>> empty(dim);
        if (!w.field) w = {landscape.evaluator(), empty, empty, empty};
        const Rows<Real> line(block, lines);
        Rows<Real> point = line;
        for (long& row : point.row) row /= dim;
        w.field->bind(point.row.data());
        into_lanes(point, x, dim, w.a.data());
        std::fill(w.b.begin(), w.b.end(), Lanes<Real>(Real(0)));
        for (int lane = 0; lane < W; ++lane) w.b[line.row[lane] % dim].set(lane, 1);
        w.field->product(w.a.data(), w.b.data(), w.c.data());
        from_lanes(line, w.c.data(), dim, h);
      },
      stop);
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
