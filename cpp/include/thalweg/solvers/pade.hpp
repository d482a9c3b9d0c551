// Pade approximants of power series that share their singularities, and so one denominator.
//
// C is a complex number: std::complex on a processor, whose arithmetic checks for infinities as the
// language wants it; a plain pair on a device, which has no std::complex.
//
// All is inlined: GCC fuses products of complex numbers that it computes in vectors, whatever
// -ffp-contract says, so the last bits depend on what a function is compiled together with.
#pragma once

#include <cmath>
#include <thalweg/math/pack.hpp>

namespace thalweg::pade {

inline constexpr int order = 16;  // of the series
inline constexpr int numerator = 11, denominator = order - numerator;
inline constexpr int first = numerator + 1 - denominator;  // coefficient in the equations

// Solves the Hermitian positive system in place by Cholesky's method; false where it is not.
template <class C, int size>
THALWEG_INLINE bool solve_hermitian(C (&m)[size][size], C (&b)[size]) {
  for (int j = 0; j < size; ++j) {
    double d = m[j][j].real();
    for (int k = 0; k < j; ++k) d -= norm(m[j][k]);
    if (!(d > 0)) return false;
    m[j][j] = sqrt(d);
    for (int i = j + 1; i < size; ++i) {
      C sum = m[i][j];
      for (int k = 0; k < j; ++k) sum -= m[i][k] * conj(m[j][k]);
      m[i][j] = sum / m[j][j];
    }
  }
  for (int i = 0; i < size; ++i) {
    for (int k = 0; k < i; ++k) b[i] -= m[i][k] * b[k];
    b[i] /= m[i][i];
  }
  for (int i = size - 1; i >= 0; --i) {
    for (int k = i + 1; k < size; ++k) b[i] -= conj(m[k][i]) * b[k];
    b[i] /= m[i][i];
  }
  return true;
}

// The radius of convergence, roughly, from the norms of the coefficients.
THALWEG_INLINE double radius(const double* norms) {
  double radius = 1e300;
  for (int k = order - 2; k <= order; ++k)
    if (norms[k] > 0) radius = min(std::pow(norms[1] / norms[k], 1.0 / (k - 1)), radius);
  return radius;
}

THALWEG_INLINE void powers(double h, double (&power)[order + 1]) {
  power[0] = 1;
  for (int k = 1; k <= order; ++k) power[k] = power[k - 1] * h;
}

// Least squares over all variables: the product of series and denominator has no terms between
// `numerator` and `order`. inner[p][q] is conj(a_p) . a_q, times the powers p and q of the scale
// of time: then the terms are alike.
template <class C>
THALWEG_INLINE void find_denominator(const C (*inner)[order + 1], const double* power, C* below) {
  constexpr int m = denominator;
  C gram[m][m], b[m];
  double trace = 0;
  for (int i = 0; i < m; ++i) {
    b[i] = 0.0;
    for (int k = numerator + 1; k <= order; ++k) b[i] -= inner[k - i - 1][k];
    for (int j = 0; j < m; ++j) {
      gram[i][j] = 0.0;
      for (int k = numerator + 1; k <= order; ++k) gram[i][j] += inner[k - i - 1][k - j - 1];
    }
    trace += gram[i][i].real();
  }
  for (int i = 0; i < m; ++i) gram[i][i] += 1e-13 * trace;
  for (int i = 0; i <= m; ++i) below[i] = i == 0;
  if (solve_hermitian(gram, b))
    for (int i = 0; i < m; ++i) below[i + 1] = b[i] / power[i + 1];
}

// How much each coefficient counts at time h.
template <class C>
struct Weights {
  const C* below;
  double power[order + 1];
  C scale;

  THALWEG_INLINE Weights(const C* below, double h) : below(below) {
    powers(h, power);
    scale = 0.0;
    for (int j = 0; j <= denominator; ++j) scale += below[j] * power[j];
  }
  THALWEG_INLINE C operator[](int i) const {
    C sum(0.0);
    for (int j = 0; j <= denominator && i + j <= numerator; ++j) sum += below[j] * power[i + j];
    return sum / scale;
  }
};

}  // namespace thalweg::pade
