// Full Hessians: whole ones where a landscape makes them by blocks, else rows of them, as products
// with unit vectors.
#include "device_landscape.hpp"

namespace thalweg::cuda {

template <class Real>
void DeviceLandscape<Real>::hessian(long replicas, const Real* x, Real* h,
                                    const StopQuestion& stop) const {
  const Use use(device_);
  return hessian_units() > 0 ? whole_hessians(replicas, x, h, stop)
                             : hessian_rows(replicas, x, h, stop);
}

// Some Hessians at a time in memory, and of those some units in a launch.
template <class Real>
void DeviceLandscape<Real>::whole_hessians(long replicas, const Real* x, Real* h,
                                           const StopQuestion& stop) const {
  const long dim = this->dim(), units = hessian_units();
  const double share = static_cast<double>(dim) / static_cast<double>(units);
  const Parts parts(load(replicas, 1, (dim + 1) * dim * sizeof(Real), "the Hessian"));
  const Buffer<Real> points(parts.most() * dim, "points"),
      made(parts.most() * dim * dim, "Hessians");
  parts.each_large(stop, [&](long first, long count) {
    points.fill(x + first * dim, count * dim);
    Parts(load(count * units, share, 0, "")).each(stop, [&](long skipped, long some) {
      run(HessianJob<Real>{some, first, skipped, units, points.data(), made.data()});
    });
    made.read(h + first * dim * dim, count * dim * dim);
  });
}

template <class Real>
void DeviceLandscape<Real>::hessian_rows(long replicas, const Real* x, Real* h,
                                         const StopQuestion& stop) const {
  const long dim = this->dim();
  // With each row its point, of which most rows share one.
  const Parts parts(load(replicas * dim, 8, 2 * dim * sizeof(Real), "a row of the Hessian"));
  const Buffer<Real> points((parts.most() / dim + 2) * dim, "points"),
      made(parts.most() * dim, "Hessians");
  parts.each(stop, [&](long first, long count) {
    const long point = first / dim, last = (first + count - 1) / dim;
    points.fill(x + point * dim, (last + 1 - point) * dim);
    run(BatchJob<Real>{Work::product, count, points.data(), nullptr, nullptr, made.data(), point,
                       first - point * dim});
    made.read(h + first * dim, count * dim);
  });
}

#define THALWEG_INSTANTIATE(R)                                                                   \
  template void DeviceLandscape<R>::hessian(long, const R*, R*, const StopQuestion&) const;      \
  template void DeviceLandscape<R>::hessian_rows(long, const R*, R*, const StopQuestion&) const; \
  template void DeviceLandscape<R>::whole_hessians(long, const R*, R*, const StopQuestion&) const;
THALWEG_INSTANTIATE(float)
THALWEG_INSTANTIATE(double)
#undef THALWEG_INSTANTIATE

}  // namespace thalweg::cuda
