// Following zeros while the couplings change along straight lines.
//
// F is quadratic, so the Taylor series of a path obeys A a_1 = -dF/dt and A a_k = -(coefficient k
// of the quadratic part), all with one factorisation: a step costs one LU, whatever its order. The
// series is summed as a Pade approximant whose denominator is shared by all variables, for they
// share their singularities; the step is the longest one whose end still nearly solves F = 0.
#include <algorithm>
#include <array>
#include <thalweg/solvers/zeros.hpp>

namespace thalweg {
namespace {

constexpr int order = QuadraticSystem::order;
constexpr int numerator = 11, denominator = order - numerator;

using Weights = std::array<ComplexNumber, order + 1>;

// Solves the Hermitian positive system in place by Cholesky's method; false where it is not.
template <int size>
bool solve_hermitian(ComplexNumber (&m)[size][size], ComplexNumber (&b)[size]) {
  for (int j = 0; j < size; ++j) {
    double d = m[j][j].real();
    for (int k = 0; k < j; ++k) d -= std::norm(m[j][k]);
    if (!(d > 0)) return false;
    m[j][j] = std::sqrt(d);
    for (int i = j + 1; i < size; ++i) {
      ComplexNumber sum = m[i][j];
      for (int k = 0; k < j; ++k) sum -= m[i][k] * std::conj(m[j][k]);
      m[i][j] = sum / m[j][j];
    }
  }
  for (int i = 0; i < size; ++i) {
    for (int k = 0; k < i; ++k) b[i] -= m[i][k] * b[k];
    b[i] /= m[i][i];
  }
  for (int i = size - 1; i >= 0; --i) {
    for (int k = i + 1; k < size; ++k) b[i] -= std::conj(m[k][i]) * b[k];
    b[i] /= m[i][i];
  }
  return true;
}

class PathFollower {
 public:
  PathFollower(const CoupledSystem& system)
      : system_(system), finder_(system.equations), series_(system.size()), rhs_(system.size()) {}

  ZeroReport follow(const ComplexNumber* vertices, long count, const ComplexNumber* start,
                    Watch& watch) {
    steps_ = 0;
    finder_.load(start);
    ZeroReport report;
    for (long v = 0; v + 1 < count; ++v) {
      const ComplexNumber* from = vertices + v * system_.couplings;
      from_ = system_.linear(from);
      to_ = system_.linear(from + system_.couplings);
      if (!segment(watch)) {
        report.steps = steps_;
        report.outcome =
            finder_.largest() > largest_modulus ? Outcome::runaway : Outcome::unfinished;
        return report;
      }
    }
    report = finder_.polish(20);
    report.steps += steps_;
    return report;
  }
  const ZeroFinder& finder() const { return finder_; }

 private:
  const CoupledSystem& system_;
  ZeroFinder finder_;
  QuadraticSystem::Series series_;
  ComplexVector rhs_;
  std::vector<ComplexNumber> from_, to_;
  double norms_[order + 1];
  ComplexNumber denominator_[denominator + 1];
  long steps_ = 0;

  static constexpr long most_steps = 2000;  // of a segment
  static constexpr double shortest = 1e-7, accuracy = 1e-4, contraction = 0.1,
                          exact =
                              1e-8;  // of a point on the path, relative: rounding may reach 1e-10

  void set_time(double t) {
    for (std::size_t i = 0; i < from_.size(); ++i)
      finder_.linear[i] = (1 - t) * from_[i] + t * to_[i];
  }

  bool segment(Watch& watch) {
    double t = 0, most = 1;
    set_time(0);
    finder_.evaluate();
    if (!finder_.factor()) return false;
    for (long step = 0; t < 1; ++step) {
      watch.poll();
      if (step == most_steps || finder_.largest() > largest_modulus) return false;
      expand();
      const ComplexVector here = finder_.z;
      for (double h = std::min({1 - t, most, reach()});; h *= 0.5) {
        h = predict(here, t, h);
        if (h < shortest) return false;
        const double next = h > (1 - t) * (1 - 1e-12) ? 1 : t + h;
        set_time(next);
        if (correct()) {
          t = next;
          break;
        }
        finder_.z = here;
      }
    }
    return true;
  }

  // Series around z; the factors at hand are those of A there, or as good as.
  void expand() {
    for (std::size_t i = 0; i < from_.size(); ++i) {
      rhs_.re()[i] = from_[i].real() - to_[i].real();
      rhs_.im()[i] = from_[i].imag() - to_[i].imag();
    }
    for (int k = 1; k <= order; ++k) {
      if (k > 1) {
        system_.equations.quadratic_coefficient(series_, k, rhs_);
        for (long i = 0; i < rhs_.size; ++i) {
          rhs_.re()[i] = -rhs_.re()[i];
          rhs_.im()[i] = -rhs_.im()[i];
        }
      }
      finder_.factors().solve(rhs_);
      series_.set(k, rhs_);
      double sum = 0;
      for (long i = 0; i < rhs_.size; ++i)
        sum += rhs_.re()[i] * rhs_.re()[i] + rhs_.im()[i] * rhs_.im()[i];
      norms_[k] = std::sqrt(sum);
    }
    find_denominator();
  }

  // The radius of convergence, roughly, and a bit more.
  double reach() const {
    double radius = 1e300;
    for (int k = order - 2; k <= order; ++k)
      if (norms_[k] > 0) radius = std::min(radius, std::pow(norms_[1] / norms_[k], 1.0 / (k - 1)));
    return 2 * radius;
  }

  // Least squares over all variables: the product of series and denominator has no terms between
  // `numerator` and `order`. Time is scaled so that the terms are alike.
  void find_denominator() {
    constexpr int m = denominator, first = numerator + 1 - m;
    const double scale = reach() / 2;
    ComplexNumber inner[order + 1][order + 1];  // conj(a_p) . a_q
    double power[order + 1];
    power[0] = 1;
    for (int k = 1; k <= order; ++k) power[k] = power[k - 1] * scale;
    for (int p = first; p <= order; ++p)
      for (int q = p; q <= order; ++q) {
        ComplexNumber sum = 0;
        for (long i = 0; i < rhs_.size; ++i) sum += std::conj(series_.at(i, p)) * series_.at(i, q);
        inner[p][q] = sum * power[p] * power[q];
        inner[q][p] = std::conj(inner[p][q]);
      }
    ComplexNumber gram[m][m], b[m];
    double trace = 0;
    for (int i = 0; i < m; ++i) {
      b[i] = 0;
      for (int k = numerator + 1; k <= order; ++k) b[i] -= inner[k - i - 1][k];
      for (int j = 0; j < m; ++j) {
        gram[i][j] = 0;
        for (int k = numerator + 1; k <= order; ++k) gram[i][j] += inner[k - i - 1][k - j - 1];
      }
      trace += gram[i][i].real();
    }
    for (int i = 0; i < m; ++i) gram[i][i] += 1e-13 * trace;
    std::fill(denominator_, denominator_ + m + 1, 0.0);
    denominator_[0] = 1;
    if (solve_hermitian(gram, b))
      for (int i = 0; i < m; ++i) denominator_[i + 1] = b[i] / power[i + 1];
  }

  // How much each coefficient counts at time h.
  Weights weights(double h) const {
    Weights w{};
    ComplexNumber below = 0;
    double power[order + 1];
    power[0] = 1;
    for (int k = 1; k <= order; ++k) power[k] = power[k - 1] * h;
    for (int j = 0; j <= denominator; ++j) {
      below += denominator_[j] * power[j];
      for (int i = 0; i + j <= numerator; ++i) w[i] += denominator_[j] * power[i + j];
    }
    for (auto& each : w) each /= below;
    return w;
  }

  // The longest step, no longer than h, whose end nearly solves the equations; z is put there.
  double predict(const ComplexVector& here, double t, double h) {
    for (;; h *= 0.8) {
      const Weights w = weights(h);
      for (long i = 0; i < rhs_.size; ++i) {
        ComplexNumber sum = w[0] * ComplexNumber(here.re()[i], here.im()[i]);
        for (int k = 1; k <= numerator; ++k) sum += w[k] * series_.at(i, k);
        finder_.z.re()[i] = sum.real();
        finder_.z.im()[i] = sum.imag();
      }
      set_time(t + h);
      if (finder_.evaluate() < accuracy * (1 + finder_.largest()) || h < shortest) return h;
    }
  }

  // Newton's method with the factors at the predicted point, which serve the next series too.
  bool correct() {
    ++steps_;
    finder_.evaluate();
    if (!finder_.factor()) return false;
    const double first = finder_.newton_step();
    finder_.evaluate();
    const double second = finder_.newton_step();
    finder_.evaluate();
    return second < contraction * first || second < exact * (1 + finder_.largest());
  }
};

}  // namespace

void follow_paths(const CoupledSystem& system, long vertices, const ComplexNumber* couplings,
                  long count, const ComplexNumber* starts, ComplexNumber* points,
                  ZeroReport* reports, int threads, const StopQuestion& stop) {
  std::vector<std::unique_ptr<PathFollower>> followers(workers_for(count, threads));
  const long n = system.size();
  parallel_for(
      count, threads,
      [&](long task, int worker, Watch& watch) {
        if (!followers[worker]) followers[worker] = std::make_unique<PathFollower>(system);
        reports[task] = followers[worker]->follow(couplings, vertices, starts + task * n, watch);
        followers[worker]->finder().store(points + task * n);
      },
      stop);
}

}  // namespace thalweg
