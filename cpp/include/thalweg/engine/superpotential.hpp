// Superpotentials as the engine runs them.
#pragma once

#include <complex>
#include <thalweg/engine/landscape.hpp>
#include <thalweg/landscapes/superpotential.hpp>

namespace thalweg {

// A polynomial in complex variables: coefficient times a product of variables, for each monomial.
struct Polynomial {
  long variables = 0;
  std::vector<int> degrees;  // of each monomial
  std::vector<int> indices;  // one monomial's variables after the other's
  std::vector<std::complex<double>> coefficients;
};

// Throws std::invalid_argument for indices, degrees or numbers of them that do not fit.
void check_polynomial(const Polynomial& w);

// The monomials sorted by degree, otherwise in their order.
template <class Real>
struct MonomialTable {
  std::vector<int> indices;
  std::vector<Real> coefficients;
  Superpotential<Real> formula;

  MonomialTable(const MonomialTable&) = delete;  // the formula points inside
  explicit MonomialTable(const Polynomial& w) {
    constexpr int highest = Superpotential<Real>::highest_degree;
    check_polynomial(w);
    formula.variables = w.variables;
    long count = formula.first[0] = 0;
    for (int degree = 1; degree <= highest; ++degree) {
      formula.first[degree] = count;
      const int* at = w.indices.data();
      for (std::size_t m = 0; m < w.degrees.size(); at += w.degrees[m++]) {
        if (w.degrees[m] != degree) continue;
        indices.insert(indices.end(), at, at + degree);
        coefficients.push_back(static_cast<Real>(w.coefficients[m].real()));
        coefficients.push_back(static_cast<Real>(w.coefficients[m].imag()));
        ++count;
      }
    }
    formula.first[highest + 1] = count;
    formula.indices = indices.data();
    formula.coefficients = coefficients.data();
  }
};

// V = sum_i |dW/dz_i|^2.
template <class Real>
LandscapePtr<Real> make_superpotential(const Polynomial& w);

}  // namespace thalweg
