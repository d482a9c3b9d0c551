// Zeros of dW/dz = 0: from random starts by Levenberg and Marquardt's method, from nearby points by
// Newton's, and from zeros at other couplings by following paths.
#pragma once

#include <memory>
#include <thalweg/engine/threads.hpp>
#include <thalweg/solvers/quadratic_system.hpp>

namespace thalweg {

// Equations whose constant terms depend on couplings c: F = quadratic(z) + base + c . sources.
struct CoupledSystem {
  QuadraticSystem equations;
  std::vector<ComplexNumber> base;     // [n]
  std::vector<ComplexNumber> sources;  // [m, n]
  long couplings = 0;                  // m

  // Degree 1 of `w` is the base.
  CoupledSystem(const Polynomial& w, std::vector<Symmetry> symmetries,
                std::vector<ComplexNumber> sources);
  long size() const { return equations.size(); }
  std::vector<ComplexNumber> linear(const ComplexNumber* couplings) const;
};

// How a search ended.
enum class Outcome : int {
  zero = 0,        // |F| at rounding error and the gauge-fixed Hessian regular
  stationary = 1,  // the gradient of |F|^2 vanishes, F does not: a spurious minimum
  runaway = 2,     // the point was leaving for infinity
  unfinished = 3,  // out of iterations, or a path that was given up
  degenerate = 4,  // F vanishes, but the zero is not isolated (or only almost a zero)
};

struct ZeroReport {
  Outcome outcome = Outcome::unfinished;
  double residual = 0;  // max |F_i|
  double gap = 0;       // smallest singular value of A, the Hessian made regular along orbits
  long steps = 0;       // matrices factored
};

// One point at a time, with scratch space; one per worker.
class ZeroFinder {
 public:
  explicit ZeroFinder(const QuadraticSystem& system);

  ComplexVector z;  // size() + 1 numbers, the last one 1
  std::vector<ComplexNumber> linear;

  void load(const ComplexNumber* point);
  void store(ComplexNumber* point) const;
  // Newton's method with A from z; the report says whether it ended at a zero.
  ZeroReport polish(int most_steps);
  ZeroReport levenberg_marquardt(int most_steps, Watch& watch);

  // Parts that path tracking uses as well.
  const QuadraticSystem& system() const { return system_; }
  bool factor();         // A at z
  double evaluate();     // F at z into f, and its largest modulus
  double newton_step();  // z -= A^-1 F with the factors at hand; the step's largest modulus
  ComplexLu& factors() { return a_; }
  double largest() const;  // modulus of a variable
  double gap();            // from the factors at hand

 private:
  const QuadraticSystem& system_;
  ComplexLu a_, hessian_;
  ComplexVector f_, step_, gradient_, trial_;
  double squared_residual();
  double damped_step(double damping);
  ZeroReport judge(long steps);
  bool newton_converges(int most_steps, long& steps);
};

constexpr double largest_modulus = 1e4;  // of a variable, beyond which a search has run away
constexpr double smallest_gap = 1e-7;    // of A, relative to the square of the size of z

// From each start [count, n]; zeros may be starts. Reports [count].
void find_zeros(const CoupledSystem&, const ComplexNumber* couplings, long count,
                const ComplexNumber* starts, int most_steps, ComplexNumber* points,
                ZeroReport* reports, int threads, const StopQuestion&);
void polish_zeros(const CoupledSystem&, const ComplexNumber* couplings, long count,
                  const ComplexNumber* starts, ComplexNumber* points, ZeroReport* reports,
                  int threads, const StopQuestion&);
// Each start, a zero at the first of `vertices` couplings [vertices, m], along straight lines from
// vertex to vertex.
void follow_paths(const CoupledSystem&, long vertices, const ComplexNumber* couplings, long count,
                  const ComplexNumber* starts, ComplexNumber* points, ZeroReport* reports,
                  int threads, const StopQuestion&);

}  // namespace thalweg
