// Zeros of dW/dz = 0: from random starts by Levenberg and Marquardt's method, from nearby points by
// Newton's, and from zeros at other couplings by following paths.
#pragma once

#include <memory>
#include <thalweg/engine/threads.hpp>
#include <thalweg/solvers/quadratic_system.hpp>
#include <thalweg/solvers/zero_search.hpp>

namespace thalweg {

// What a device keeps of equations: cuda/solvers.cpp. Nothing on a processor.
struct SystemThere;
std::shared_ptr<const SystemThere> system_there(const QuadraticSystem&);

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
  std::shared_ptr<const SystemThere> there;  // on a device: its tables in the device's memory
  std::vector<ComplexNumber> linear(const ComplexNumber* couplings) const;
};

// Number i of the vector that power iterations for a gap start from: no null vector of a zero is
// orthogonal to it.
ComplexNumber probe_of_gap(long i);

// A Point of zero_search.hpp on this processor, with scratch space; one per worker.
class ZeroFinder {
 public:
  explicit ZeroFinder(const QuadraticSystem& system);

  ComplexVector z, kept;  // size() + 1 numbers, the last one 1
  std::vector<ComplexNumber> linear;

  void load(const ComplexNumber* point);
  void store(ComplexNumber* point) const;
  const QuadraticSystem& system() const { return system_; }
  ComplexLu& factors() { return a_; }

  double evaluate();
  double squared_residual();
  double largest() const;
  bool factor();
  double newton_step();
  double gap();
  bool balance() { return system_.balance(z); }
  double linearize();
  double damped_step(double damping);
  void keep() { kept = z; }
  void go_back() { z = kept; }

 private:
  const QuadraticSystem& system_;
  ComplexLu a_, hessian_;
  ComplexVector f_, step_, gradient_;
};

inline constexpr int most_steps_of_polish = 50;

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
