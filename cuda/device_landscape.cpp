// Arrays to the device, a launch, arrays back. Memory is sized before any is taken.
#include "device_landscape.hpp"

#include <algorithm>
#include <thalweg/engine/batch.hpp>

namespace thalweg::cuda {
namespace {

std::string sized(const char* what, long replicas, long dim) {
  return std::string(what) + " of " + std::to_string(replicas) + " replicas of " +
         std::to_string(dim) + " parameters";
}

// Rows of Hessians at a time: 256 MiB of them, and at least one whole row each.
constexpr std::size_t hessian_bytes = std::size_t(256) << 20;

}  // namespace

template <class Real>
void DeviceLandscape<Real>::energy(long replicas, const Real* x, Real* e) const {
  const Use use(device_);
  const std::size_t numbers = replicas * this->dim();
  require_memory((numbers + replicas) * sizeof(Real), sized("the energies", replicas, this->dim()));
  const Buffer<Real> points(x, numbers, "points"), energies(replicas, "energies");
  energy_there(replicas, points.data(), energies.data());
  energies.read(e);
}

template <class Real>
void DeviceLandscape<Real>::gradient(long replicas, const Real* x, Real* e, Real* g) const {
  const Use use(device_);
  const std::size_t numbers = replicas * this->dim();
  require_memory((2 * numbers + replicas) * sizeof(Real),
                 sized("the gradients", replicas, this->dim()));
  const Buffer<Real> points(x, numbers, "points"), energies(replicas, "energies"),
      gradients(numbers, "gradients");
  gradient_there(replicas, points.data(), energies.data(), gradients.data());
  energies.read(e);
  gradients.read(g);
}

template <class Real>
void DeviceLandscape<Real>::product(long replicas, const Real* x, const Real* v, Real* hv) const {
  const Use use(device_);
  const std::size_t numbers = replicas * this->dim();
  require_memory(3 * numbers * sizeof(Real),
                 sized("the Hessian-vector products", replicas, this->dim()));
  const Buffer<Real> points(x, numbers, "points"), directions(v, numbers, "directions"),
      products(numbers, "products");
  product_there(replicas, points.data(), directions.data(), products.data());
  products.read(hv);
}

template <class Real>
void DeviceLandscape<Real>::energy_there(long replicas, const Real* x, Real* e) const {
  const Use use(device_);
  run(BatchJob<Real>{Work::energy, replicas, x, nullptr, e, nullptr, 0});
}
template <class Real>
void DeviceLandscape<Real>::gradient_there(long replicas, const Real* x, Real* e, Real* g) const {
  const Use use(device_);
  run(BatchJob<Real>{Work::gradient, replicas, x, nullptr, e, g, 0});
}
template <class Real>
void DeviceLandscape<Real>::product_there(long replicas, const Real* x, const Real* v,
                                          Real* hv) const {
  const Use use(device_);
  run(BatchJob<Real>{Work::product, replicas, x, v, nullptr, hv, 0});
}

// Products with unit vectors, some rows at a time.
template <class Real>
void DeviceLandscape<Real>::hessian(long replicas, const Real* x, Real* h) const {
  const Use use(device_);
  const long dim = this->dim(), rows = replicas * dim;
  const std::size_t row_bytes = dim * sizeof(Real);
  const long at_a_time = std::clamp(static_cast<long>(hessian_bytes / row_bytes), 1L, rows);
  require_memory((replicas + at_a_time) * row_bytes, sized("the Hessians", replicas, dim));
  const Buffer<Real> points(x, replicas * dim, "points"), part(at_a_time * dim, "Hessians");
  for (long first = 0; first < rows; first += at_a_time) {
    const long count = std::min(at_a_time, rows - first);
    run(BatchJob<Real>{Work::product, count, points.data(), nullptr, nullptr, part.data(), first});
    copy_out(h + first * dim, part.data(), count * row_bytes);
  }
}

template class DeviceLandscape<float>;
template class DeviceLandscape<double>;

}  // namespace thalweg::cuda
