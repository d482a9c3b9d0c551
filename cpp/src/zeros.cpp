#include <algorithm>
#include <thalweg/solvers/zeros.hpp>

namespace thalweg {
namespace {

double largest_of(const ComplexVector& v, long count) {
  double most = 0;
  for (long i = 0; i < count; ++i)
    most = std::max(most, v.re()[i] * v.re()[i] + v.im()[i] * v.im()[i]);
  return std::sqrt(most);
}

void conjugate(ComplexVector& v) {
  for (long i = 0; i < v.size; ++i) v.im()[i] = -v.im()[i];
}

}  // namespace

CoupledSystem::CoupledSystem(const Polynomial& w, std::vector<Symmetry> symmetries,
                             std::vector<ComplexNumber> given)
    : equations(w, std::move(symmetries)),
      base(w.variables),
      sources(std::move(given)),
      couplings(static_cast<long>(sources.size()) / w.variables),
      there(system_there(equations)) {
  const int* at = w.indices.data();
  for (std::size_t m = 0; m < w.degrees.size(); at += w.degrees[m++])
    if (w.degrees[m] == 1) base[*at] += w.coefficients[m];
}

std::vector<ComplexNumber> CoupledSystem::linear(const ComplexNumber* c) const {
  std::vector<ComplexNumber> sum = base;
  for (long a = 0; a < couplings; ++a)
    for (long i = 0; i < size(); ++i) sum[i] += c[a] * sources[a * size() + i];
  return sum;
}

ComplexNumber probe_of_gap(long i) {
  return {std::cos(double(i * i + 1)), std::sin(double(3 * i * i))};
}

ZeroFinder::ZeroFinder(const QuadraticSystem& system)
    : z(system.size() + 1),
      kept(z),
      linear(system.size()),
      system_(system),
      a_(system.size()),
      hessian_(system.size()),
      f_(system.size()),
      step_(system.size()),
      gradient_(system.size()) {}

void ZeroFinder::load(const ComplexNumber* point) {
  const long n = system_.size();
  for (long i = 0; i < n; ++i) {
    z.re()[i] = point[i].real();
    z.im()[i] = point[i].imag();
  }
  z.re()[n] = 1;
  z.im()[n] = 0;
}

void ZeroFinder::store(ComplexNumber* point) const {
  for (long i = 0; i < system_.size(); ++i) point[i] = {z.re()[i], z.im()[i]};
}

double ZeroFinder::largest() const { return largest_of(z, system_.size()); }

double ZeroFinder::evaluate() {
  system_.residual(z, linear.data(), f_);
  return largest_of(f_, f_.size);
}

double ZeroFinder::squared_residual() {
  evaluate();
  return squared_norm(f_);
}

bool ZeroFinder::factor() {
  system_.hessian(z, a_);
  system_.add_symmetries(z, a_);
  return a_.factor();
}

double ZeroFinder::newton_step() {
  step_ = f_;
  a_.solve(step_);
  for (long i = 0; i < step_.size; ++i) {
    z.re()[i] -= step_.re()[i];
    z.im()[i] -= step_.im()[i];
  }
  return largest_of(step_, step_.size);
}

// A is symmetric, so (A^dagger A)^-1 y = A^-1 conj(A^-1 conj(y)): power iteration on it.
double ZeroFinder::gap() {
  ComplexVector y(system_.size());
  for (long i = 0; i < y.size; ++i) {
    y.re()[i] = probe_of_gap(i).real();
    y.im()[i] = probe_of_gap(i).imag();
  }
  double growth = 0;
  for (int round = 0; round < 6; ++round) {
    const double before = std::sqrt(squared_norm(y));
    for (long i = 0; i < y.size; ++i) {
      y.re()[i] /= before;
      y.im()[i] /= -before;
    }
    a_.solve(y);
    conjugate(y);
    a_.solve(y);
    growth = std::sqrt(squared_norm(y));
  }
  return growth > 0 ? 1 / std::sqrt(growth) : 0;
}

double ZeroFinder::linearize() {
  system_.hessian(z, hessian_);
  system_.pull_back(hessian_, f_, gradient_);
  return std::sqrt(squared_norm(gradient_));
}

double ZeroFinder::damped_step(double damping) {
  system_.normal_matrix(hessian_, damping, a_);
  if (!a_.factor(ComplexLu::Pivots::diagonal)) return std::numeric_limits<double>::infinity();
  step_ = gradient_;
  a_.solve(step_);
  for (long i = 0; i < step_.size; ++i) {
    z.re()[i] -= step_.re()[i];
    z.im()[i] -= step_.im()[i];
  }
  return squared_residual();
}

}  // namespace thalweg
