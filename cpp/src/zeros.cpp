#include <algorithm>
#include <thalweg/solvers/zeros.hpp>

namespace thalweg {
namespace {

constexpr double rounding = 1e-12;  // |F| at a zero, relative to the squares it is a sum of

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
      couplings(static_cast<long>(sources.size()) / w.variables) {
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

ZeroFinder::ZeroFinder(const QuadraticSystem& system)
    : z(system.size() + 1),
      linear(system.size()),
      system_(system),
      a_(system.size()),
      hessian_(system.size()),
      f_(system.size()),
      step_(system.size()),
      gradient_(system.size()),
      trial_(z) {}

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
  for (long i = 0; i < y.size; ++i) {  // no zero's null vector is orthogonal to this one
    y.re()[i] = std::cos(double(i * i + 1));
    y.im()[i] = std::sin(double(3 * i * i));
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

// Newton until steps stop shrinking; false as soon as they do not shrink fast.
bool ZeroFinder::newton_converges(int most_steps, long& steps) {
  double before = evaluate(), shortest = std::numeric_limits<double>::infinity();
  for (int k = 0; k < most_steps; ++k) {
    ++steps;
    if (!factor()) return false;
    const double step = newton_step(), after = evaluate(), size = 1 + largest();
    if (!(after < largest_modulus * size)) return false;
    const bool at_rounding = after < rounding * size * size;
    // Near-singular zeros: steps shrink no more, but are only the rounding of F, magnified.
    if (step < 1e-14 * size || (at_rounding && step > 0.5 * shortest)) return true;
    if (!at_rounding && after > 0.5 * before) return false;
    shortest = std::min(step, shortest);
    before = after;
  }
  return false;
}

// A zero is moved to the best place of its orbit first: far out every Hessian looks singular.
ZeroReport ZeroFinder::judge(long steps) {
  ZeroReport report;
  if (largest() < largest_modulus && system_.balance(z)) newton_converges(20, steps);
  report.steps = steps;
  report.residual = evaluate();
  report.gap = gap();
  const double size = 1 + largest();
  const bool vanishes = report.residual < rounding * size * size;
  const bool regular = report.gap > smallest_gap * size;
  report.outcome = vanishes && regular      ? Outcome::zero
                   : size > largest_modulus ? Outcome::runaway
                   : vanishes               ? Outcome::degenerate
                                            : Outcome::unfinished;
  return report;
}

ZeroReport ZeroFinder::polish(int most_steps) {
  long steps = 0;
  if (newton_converges(most_steps, steps)) return judge(steps);
  ZeroReport report;
  report.steps = steps;
  report.residual = evaluate();
  return report;
}

ZeroReport ZeroFinder::levenberg_marquardt(int most_steps, Watch& watch) {
  constexpr double newton_below = 0.1, vanishing = 1e-9, most_damping = 1e20;
  const double far = 3 * (1 + largest());  // where a search without success was going, if beyond
  double damping = 1, try_below = newton_below;
  ZeroReport report;
  double cost = squared_residual();
  while (report.steps < most_steps && damping < most_damping && std::isfinite(cost)) {
    watch.poll();
    if (std::sqrt(cost) < try_below) {
      trial_ = z;
      if (newton_converges(30, report.steps)) return judge(report.steps);
      z = trial_;
      cost = squared_residual();
      try_below = 0.03 * std::sqrt(cost);  // again only much nearer
    }
    system_.hessian(z, hessian_);
    system_.pull_back(hessian_, f_, gradient_);
    if (std::sqrt(squared_norm(gradient_)) < vanishing * std::sqrt(cost)) {
      report.outcome = Outcome::stationary;
      break;
    }
    trial_ = z;
    ++report.steps;
    const double tried = damped_step(damping);
    if (tried < cost) {
      cost = tried;
      damping *= 0.3;
    } else {
      z = trial_;
      squared_residual();
      damping *= 4;
    }
    if (largest() > largest_modulus) break;
  }
  report.residual = evaluate();
  if (report.outcome != Outcome::unfinished) return report;
  // No step lowers |F| any more: rounding has hidden the last digits of a gradient that vanishes.
  const bool stuck = damping >= most_damping;
  if (stuck && std::sqrt(squared_norm(gradient_)) < 1e-6 * std::sqrt(cost))
    report.outcome = Outcome::stationary;
  else if (largest() > far)
    report.outcome = Outcome::runaway;
  return report;
}

// z -= (H^dagger H + damping)^-1 H^dagger F; returns |F|^2 there.
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

namespace {

// work(finder, task, watch) for every task, with one finder for each worker.
template <class Work>
void for_points(const CoupledSystem& system, long count, int threads, const StopQuestion& stop,
                Work work) {
  std::vector<std::unique_ptr<ZeroFinder>> finders(workers_for(count, threads));
  parallel_for(
      count, threads,
      [&](long task, int worker, Watch& watch) {
        if (!finders[worker]) finders[worker] = std::make_unique<ZeroFinder>(system.equations);
        work(*finders[worker], task, watch);
      },
      stop);
}

}  // namespace

void find_zeros(const CoupledSystem& system, const ComplexNumber* couplings, long count,
                const ComplexNumber* starts, int most_steps, ComplexNumber* points,
                ZeroReport* reports, int threads, const StopQuestion& stop) {
  const auto linear = system.linear(couplings);
  const long n = system.size();
  for_points(system, count, threads, stop, [&](ZeroFinder& finder, long task, Watch& watch) {
    finder.linear = linear;
    finder.load(starts + task * n);
    reports[task] = finder.levenberg_marquardt(most_steps, watch);
    finder.store(points + task * n);
  });
}

void polish_zeros(const CoupledSystem& system, const ComplexNumber* couplings, long count,
                  const ComplexNumber* starts, ComplexNumber* points, ZeroReport* reports,
                  int threads, const StopQuestion& stop) {
  const auto linear = system.linear(couplings);
  const long n = system.size();
  for_points(system, count, threads, stop, [&](ZeroFinder& finder, long task, Watch&) {
    finder.linear = linear;
    finder.load(starts + task * n);
    reports[task] = finder.polish(50);
    finder.store(points + task * n);
  });
}

}  // namespace thalweg
