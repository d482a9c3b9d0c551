// Arrays to the device, launches, arrays back: part by part.
#include "device_landscape.hpp"

#include <algorithm>

namespace thalweg::cuda {

template <class Real>
Load DeviceLandscape<Real>::load(long rows, double evaluations, std::size_t copied,
                                 const char* what) const {
  const long dim = this->dim(), samples = std::max(1L, this->samples());
  return {rows, team_size(), evaluations * static_cast<double>(dim) * static_cast<double>(samples),
          copied, std::string(what) + " of 1 replica of " + std::to_string(dim) + " parameters"};
}

template <class Real>
void DeviceLandscape<Real>::energy(long replicas, const Real* x, Real* e,
                                   const StopQuestion& stop) const {
  const Use use(device_);
  const long dim = this->dim();
  const Parts parts(load(replicas, 1, (dim + 1) * sizeof(Real), "the energy"));
  const Buffer<Real> points(parts.most() * dim, "points"), energies(parts.most(), "energies");
  parts.each(stop, [&](long first, long count) {
    points.fill(x + first * dim, count * dim);
    run(BatchJob<Real>{Work::energy, count, points.data(), nullptr, energies.data(), nullptr, first,
                       0});
    energies.read(e + first, count);
  });
}

template <class Real>
void DeviceLandscape<Real>::gradient(long replicas, const Real* x, Real* e, Real* g,
                                     const StopQuestion& stop) const {
  const Use use(device_);
  const long dim = this->dim();
  const Parts parts(load(replicas, 3, (2 * dim + 1) * sizeof(Real), "the gradient"));
  const Buffer<Real> points(parts.most() * dim, "points"), energies(parts.most(), "energies"),
      gradients(parts.most() * dim, "gradients");
  parts.each(stop, [&](long first, long count) {
    points.fill(x + first * dim, count * dim);
    run(BatchJob<Real>{Work::gradient, count, points.data(), nullptr, energies.data(),
                       gradients.data(), first, 0});
    energies.read(e + first, count);
    gradients.read(g + first * dim, count * dim);
  });
}

template <class Real>
void DeviceLandscape<Real>::product(long replicas, const Real* x, const Real* v, Real* hv,
                                    const StopQuestion& stop) const {
  const Use use(device_);
  const long dim = this->dim();
  const Parts parts(load(replicas, 8, 3 * dim * sizeof(Real), "the Hessian-vector product"));
  const Buffer<Real> points(parts.most() * dim, "points"),
      directions(parts.most() * dim, "directions"), products(parts.most() * dim, "products");
  parts.each(stop, [&](long first, long count) {
    points.fill(x + first * dim, count * dim);
    directions.fill(v + first * dim, count * dim);
    run(BatchJob<Real>{Work::product, count, points.data(), directions.data(), nullptr,
                       products.data(), first, 0});
    products.read(hv + first * dim, count * dim);
  });
}

// --- Arrays that are there: in place. ---

template <class Real>
void DeviceLandscape<Real>::energy_there(long replicas, const Real* x, Real* e,
                                         const StopQuestion& stop) const {
  const Use use(device_);
  const long dim = this->dim();
  Parts(load(replicas, 1, 0, "")).each(stop, [&](long first, long count) {
    run(BatchJob<Real>{Work::energy, count, x + first * dim, nullptr, e + first, nullptr, first,
                       0});
  });
}
template <class Real>
void DeviceLandscape<Real>::gradient_there(long replicas, const Real* x, Real* e, Real* g,
                                           const StopQuestion& stop) const {
  const Use use(device_);
  const long dim = this->dim();
  Parts(load(replicas, 3, 0, "")).each(stop, [&](long first, long count) {
    run(BatchJob<Real>{Work::gradient, count, x + first * dim, nullptr, e + first, g + first * dim,
                       first, 0});
  });
}
template <class Real>
void DeviceLandscape<Real>::product_there(long replicas, const Real* x, const Real* v, Real* hv,
                                          const StopQuestion& stop) const {
  const Use use(device_);
  const long dim = this->dim();
  Parts(load(replicas, 8, 0, "")).each(stop, [&](long first, long count) {
    run(BatchJob<Real>{Work::product, count, x + first * dim, v + first * dim, nullptr,
                       hv + first * dim, first, 0});
  });
}

template class DeviceLandscape<float>;
template class DeviceLandscape<double>;

}  // namespace thalweg::cuda
