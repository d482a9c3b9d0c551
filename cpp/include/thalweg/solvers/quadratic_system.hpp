// Quadratic equations F = dW/dz = 0 of a cubic superpotential W, with its Hessian H = d2W, the
// tangents T of its continuous symmetries, and power series of solutions in the couplings.
//
// At a zero H has exactly the tangents as null vectors (T^T F = 0 identically), so
// A = H + conj(T) T^dagger is regular there, and steps with A never move along an orbit.
#pragma once

#include <complex>
#include <thalweg/engine/superpotential.hpp>
#include <thalweg/solvers/complex_lu.hpp>
#include <thalweg/solvers/pade.hpp>

namespace thalweg {

using ComplexNumber = std::complex<double>;

// A generator of symmetries: dz_row = sum of value z_column.
struct SymmetryEntry {
  int row, column;
  ComplexNumber value;
};
using Symmetry = std::vector<SymmetryEntry>;

class QuadraticSystem {
 public:
  struct Term {  // value z_first z_second, in one F_i; variable n is 1
    int first, second;
    double re, im;
  };
  struct Tangent {
    std::vector<SymmetryEntry> entries;  // row: place in `rows`
    std::vector<int> rows;
  };

  // W = `w` without its terms of degree 1, plus linear . z. Throws for degrees above 3.
  QuadraticSystem(const Polynomial& w, std::vector<Symmetry> symmetries);
  long size() const { return n_; }

  // z has size() + 1 entries, the last one 1; f has size(); `linear` are dW/dz_i at 0.
  void residual(const ComplexVector& z, const ComplexNumber* linear, ComplexVector& f) const;
  void hessian(const ComplexVector& z, ComplexLu& h) const;
  // Adds conj(T) T^dagger.
  void add_symmetries(const ComplexVector& z, ComplexLu& h) const;
  // Moves z along its orbit to (nearly) the smallest norm there, where A is best conditioned; tells
  // whether it moved.
  bool balance(ComplexVector& z) const;
  // conj(H) H + damping, which is Hermitian and positive; H is in `h`.
  void normal_matrix(ComplexLu& h, double damping, ComplexLu& normal) const;
  // g = conj(H) F, half the gradient of |F|^2; H is in `h`.
  void pull_back(ComplexLu& h, const ComplexVector& f, ComplexVector& g) const;

  // Power series of all variables: coefficients 1 .. order of each beside one another, once in
  // order and once reversed. Number 0 is left out (it sits in the linear part of the equations).
  static constexpr int order = pade::order;
  struct Series {
    static constexpr int width = order + 8;
    std::vector<double> re, im, reversed_re, reversed_im;
    explicit Series(long variables);
    void set(int k, const ComplexVector& coefficient);
    ComplexNumber at(long variable, int k) const {
      return {re[variable * width + k], im[variable * width + k]};
    }
  };
  // f = coefficient k of F's quadratic part, from coefficients 1 .. k - 1.
  void quadratic_coefficient(const Series& z, int k, ComplexVector& f) const;

  // What it is made of, for devices.
  const std::vector<Term>& terms() const { return terms_; }
  const std::vector<long>& starts() const { return starts_; }
  const std::vector<std::vector<int>>& partners() const { return partners_; }
  const std::vector<Tangent>& tangents() const { return tangents_; }

 private:
  long n_;
  std::vector<Term> terms_;
  std::vector<long> starts_;                // of each F_i, and the end
  std::vector<std::vector<int>> partners_;  // of each i: where row i of H is not zero
  std::vector<Tangent> tangents_;

  std::vector<std::vector<ComplexNumber>> tangents_at(const ComplexVector& z) const;
  bool growth(const ComplexVector& z, ComplexLu& gram, ComplexVector& x) const;
  void transform(double scale, const ComplexVector& x, ComplexVector& z) const;
};

}  // namespace thalweg
