// A complex number in double precision, for devices: std::complex is not to be had there.
#pragma once

#include <thalweg/math/pack.hpp>

namespace thalweg::cuda {

struct Complex {
  double re, im;

  Complex() = default;
  THALWEG_INLINE Complex(double re, double im = 0) : re(re), im(im) {}
  THALWEG_INLINE double real() const { return re; }
  THALWEG_INLINE Complex& operator+=(Complex b) { return re += b.re, im += b.im, *this; }
  THALWEG_INLINE Complex& operator-=(Complex b) { return re -= b.re, im -= b.im, *this; }
  THALWEG_INLINE Complex& operator/=(Complex b) { return *this = *this / b; }
  friend THALWEG_INLINE Complex operator*(Complex a, Complex b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
  friend THALWEG_INLINE Complex operator*(Complex a, double b) { return {a.re * b, a.im * b}; }
  friend THALWEG_INLINE Complex operator/(Complex a, double b) { return {a.re / b, a.im / b}; }
  // Smith's way, by the ratio of the divisor's parts: squares neither overflow nor vanish.
  friend THALWEG_INLINE Complex operator/(Complex a, Complex b) {
    if (abs(b.re) >= abs(b.im)) {
      const double ratio = b.im / b.re, below = b.re + b.im * ratio;
      return {(a.re + a.im * ratio) / below, (a.im - a.re * ratio) / below};
    }
    const double ratio = b.re / b.im, below = b.re * ratio + b.im;
    return {(a.re * ratio + a.im) / below, (a.im * ratio - a.re) / below};
  }
};
THALWEG_INLINE Complex conj(Complex a) { return {a.re, -a.im}; }
THALWEG_INLINE double norm(Complex a) { return a.re * a.re + a.im * a.im; }

}  // namespace thalweg::cuda
