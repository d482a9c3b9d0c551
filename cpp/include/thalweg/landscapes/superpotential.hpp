// The energy of a superpotential: V = sum_i |F_i|^2 with F_i = dW/dz_i, W a polynomial in n complex
// variables (the F-term potential of a globally supersymmetric theory).
//
// F is derived by hand, monomial by monomial. The gradient is 2 conj(H conj(F)) with H = d2W, and
// H conj(F) is F along the direction conj(F), so it comes from F on dual numbers; H v of V is the
// gradient on dual numbers again. A point is Re z_0, Im z_0, Re z_1, ...
#pragma once

#include <thalweg/math/contract.hpp>
#include <thalweg/math/dual.hpp>

namespace thalweg {

template <class S>
struct Complex {
  S re, im;

  friend THALWEG_INLINE Complex operator*(Complex a, Complex b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
};

template <class Real>
struct Superpotential {
  static constexpr int highest_degree = 6;
  long variables;  // n
  // Monomials sorted by degree; those of degree d are numbers first[d] .. first[d + 1] - 1.
  long first[highest_degree + 2];
  const int* indices;        // of the variables: d for each monomial of degree d
  const Real* coefficients;  // real and imaginary part of each monomial

  static THALWEG_DEVICE constexpr long workspace(long n) { return 4 * n; }

  // `work` holds workspace(n) numbers.
  template <class S, class G>
  THALWEG_DEVICE S evaluate(Array<S> z, G gradient, Array<S> work) const {
    const Array<S> f = work, pull = work + 2 * variables;
    for (long i = 0; i < 2 * variables; ++i) f.set(i, S(Real(0)));
    derive<S>([&](long i) { return Complex<S>{z[2 * i], z[2 * i + 1]}; },
              [&](long i, Complex<S> term) {
                f.set(2 * i, f[2 * i] + term.re);
                f.set(2 * i + 1, f[2 * i + 1] + term.im);
              });
    S energy(Real(0));
    for (long i = 0; i < 2 * variables; ++i) energy += f[i] * f[i];
    if constexpr (G::wanted) {
      for (long i = 0; i < 2 * variables; ++i) pull.set(i, S(Real(0)));
      derive<Dual<S>>(
          [&](long i) {
            return Complex<Dual<S>>{{z[2 * i], f[2 * i]}, {z[2 * i + 1], -f[2 * i + 1]}};
          },
          [&](long i, Complex<Dual<S>> term) {
            pull.set(2 * i, pull[2 * i] + term.re.tangent);
            pull.set(2 * i + 1, pull[2 * i + 1] + term.im.tangent);
          });
      for (long i = 0; i < variables; ++i) {
        gradient.set(2 * i, Real(2) * pull[2 * i]);
        gradient.set(2 * i + 1, Real(-2) * pull[2 * i + 1]);
      }
    }
    return energy;
  }

 private:
  // Calls add(i, term) for every term of every F_i; variable(i) is z_i.
  template <class T, class Variable, class Add>
  THALWEG_INLINE void derive(Variable variable, Add add) const {
    const int* at = indices;
    detail::repeat<highest_degree>([&](auto less) {
      constexpr int degree = less + 1;
      for (long m = first[degree]; m < first[degree + 1]; ++m, at += degree)
        derive_one<degree, T>(coefficients + 2 * m, at, variable, add);
    });
  }

  // The product without factor p is (all before p) times (all behind p).
  template <int degree, class T, class Variable, class Add>
  static THALWEG_INLINE void derive_one(const Real* c, const int* at, Variable variable, Add add) {
    Complex<T> z[degree], before[degree], behind[degree];
    for (int p = 0; p < degree; ++p) z[p] = variable(at[p]);
    before[0] = {T(c[0]), T(c[1])};
    for (int p = 1; p < degree; ++p) before[p] = before[p - 1] * z[p - 1];
    add(at[degree - 1], before[degree - 1]);
    if constexpr (degree > 1) {
      behind[degree - 2] = z[degree - 1];
      for (int p = degree - 3; p >= 0; --p) behind[p] = z[p + 1] * behind[p + 1];
      for (int p = degree - 2; p >= 0; --p) add(at[p], before[p] * behind[p]);
    }
  }
};

}  // namespace thalweg
