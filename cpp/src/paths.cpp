// Following zeros on this processor: the rules are in path_search.hpp.
#include <thalweg/solvers/path_search.hpp>
#include <thalweg/solvers/zeros.hpp>

namespace thalweg {
namespace {

using pade::order, pade::numerator;

class PathFollower {
 public:
  PathFollower(const CoupledSystem& system)
      : system_(system), finder_(system.equations), series_(system.size()), rhs_(system.size()) {}

  ZeroReport follow(const ComplexNumber* vertices, long count, const ComplexNumber* start,
                    Watch& watch) {
    vertices_ = vertices;
    finder_.load(start);
    return search::follow(*this, count, [&] { watch.poll(); });
  }
  void store(ComplexNumber* point) const { finder_.store(point); }

  // --- A Point of path_search.hpp. ---

  double evaluate() { return finder_.evaluate(); }
  double largest() const { return finder_.largest(); }
  bool factor() { return finder_.factor(); }
  double newton_step() { return finder_.newton_step(); }
  double gap() { return finder_.gap(); }
  bool balance() { return finder_.balance(); }
  void keep() { finder_.keep(); }
  void go_back() { finder_.go_back(); }

  void set_segment(long v) {
    const ComplexNumber* from = vertices_ + v * system_.couplings;
    from_ = system_.linear(from);
    to_ = system_.linear(from + system_.couplings);
  }
  void set_time(double t) {
    for (std::size_t i = 0; i < from_.size(); ++i)
      finder_.linear[i] = (1 - t) * from_[i] + t * to_[i];
  }
  double radius() const { return pade::radius(norms_); }

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
      norms_[k] = std::sqrt(squared_norm(rhs_));
    }
    find_denominator();
  }

  void predict(double h) {
    const ComplexVector& here = finder_.kept;
    const pade::Weights<ComplexNumber> weights(denominator_, h);
    ComplexNumber w[numerator + 1];
    for (int k = 0; k <= numerator; ++k) w[k] = weights[k];
    for (long i = 0; i < rhs_.size; ++i) {
      ComplexNumber sum = w[0] * ComplexNumber(here.re()[i], here.im()[i]);
      for (int k = 1; k <= numerator; ++k) sum += w[k] * series_.at(i, k);
      finder_.z.re()[i] = sum.real();
      finder_.z.im()[i] = sum.imag();
    }
  }

 private:
  const CoupledSystem& system_;
  ZeroFinder finder_;
  QuadraticSystem::Series series_;
  ComplexVector rhs_;
  const ComplexNumber* vertices_ = nullptr;
  std::vector<ComplexNumber> from_, to_;
  double norms_[order + 1];
  ComplexNumber denominator_[pade::denominator + 1];

  void find_denominator() {
    ComplexNumber inner[order + 1][order + 1];  // conj(a_p) . a_q
    double power[order + 1];
    pade::powers(radius(), power);
    for (int p = pade::first; p <= order; ++p)
      for (int q = p; q <= order; ++q) {
        ComplexNumber sum = 0;
        for (long i = 0; i < rhs_.size; ++i) sum += std::conj(series_.at(i, p)) * series_.at(i, q);
        inner[p][q] = sum * power[p] * power[q];
        inner[q][p] = std::conj(inner[p][q]);
      }
    pade::find_denominator(inner, power, denominator_);
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
        followers[worker]->store(points + task * n);
      },
      stop);
}

}  // namespace thalweg
