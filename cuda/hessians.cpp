// Full Hessians, some rows at a time: products with unit vectors.
#include "device_landscape.hpp"

namespace thalweg::cuda {

template <class Real>
void DeviceLandscape<Real>::hessian(long replicas, const Real* x, Real* h,
                                    const StopQuestion& stop) const {
  const Use use(device_);
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

template void DeviceLandscape<float>::hessian(long, const float*, float*,
                                              const StopQuestion&) const;
template void DeviceLandscape<double>::hessian(long, const double*, double*,
                                               const StopQuestion&) const;

}  // namespace thalweg::cuda
