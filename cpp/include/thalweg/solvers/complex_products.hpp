// What elimination is made of, on packs, on plain numbers, and on devices: the same operations in
// the same order give the same factors everywhere.
#pragma once

#include <thalweg/math/pack.hpp>

namespace thalweg {

// y -= a x for complex numbers.
template <class S>
THALWEG_INLINE void subtract_product(S& y_re, S& y_im, S a_re, S a_im, S x_re, S x_im) {
  y_re = y_re - a_re * x_re + a_im * x_im;
  y_im = y_im - a_re * x_im - a_im * x_re;
}

}  // namespace thalweg
