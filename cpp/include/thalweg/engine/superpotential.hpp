// Superpotentials as the engine runs them.
#pragma once

#include <complex>
#include <thalweg/engine/landscape.hpp>

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

// V = sum_i |dW/dz_i|^2.
template <class Real>
LandscapePtr<Real> make_superpotential(const Polynomial& w);

}  // namespace thalweg
