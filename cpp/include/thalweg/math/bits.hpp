// The concept Number, and the parts of a number: sign, exponent, mantissa, nearest integer.
//
// Bit patterns are unsigned here: the arithmetic on them wraps, by intent.
#pragma once

#include <concepts>

#include "pack.hpp"

namespace thalweg {

namespace detail {

template <class S>
inline constexpr bool is_pack = false;
template <class R, int W>
inline constexpr bool is_pack<Pack<R, W>> = true;

}  // namespace detail

// What a formula's innermost operations run on: float, double or a Pack of them, but not a Dual.
template <class S>
concept Number = std::is_floating_point_v<S> || detail::is_pack<S>;

namespace detail {

template <Number S>
inline constexpr bool is_single = sizeof(real_of<S>) == 4;
template <Number S>
inline constexpr int mantissa_bits = is_single<S> ? 23 : 52;

// One unsigned integer of a number's size, and one per lane.
template <Number S>
using lane_bits = std::make_unsigned_t<integer_of<real_of<S>>>;
template <class S>
struct bits_type {
  using type = lane_bits<S>;
};
template <class R, int W>
struct bits_type<Pack<R, W>> {
  using type = typename native_register<lane_bits<R>>::type;
};
template <Number S>
using bits_of = typename bits_type<S>::type;

template <Number S>
THALWEG_INLINE bits_of<S> bits(S x) {
  return std::bit_cast<bits_of<S>>(to_bits(x));
}
template <Number S>
THALWEG_INLINE S number(bits_of<S> b) {
  return from_bits<S>(std::bit_cast<int_of<S>>(b));
}
template <Number S>
THALWEG_INLINE bool_of<S> is_nonzero(bits_of<S> b) {
  return {b != 0};
}

template <Number S>
inline constexpr lane_bits<S> sign_bit = lane_bits<S>(1) << (8 * sizeof(lane_bits<S>) - 1);
template <Number S>
inline constexpr lane_bits<S> one_bits = std::bit_cast<lane_bits<S>>(real_of<S>(1));
template <Number S>
inline constexpr real_of<S> infinity = std::numeric_limits<real_of<S>>::infinity();
template <Number S>
inline constexpr real_of<S> quiet_nan = std::numeric_limits<real_of<S>>::quiet_NaN();

// The constant for the width at hand.
template <Number S>
THALWEG_INLINE S pick(float single, double twice) {
  return is_single<S> ? S(static_cast<real_of<S>>(single)) : S(static_cast<real_of<S>>(twice));
}

template <Number S>
THALWEG_INLINE S with_sign_of(S y, S x) {  // y >= 0, or of x's sign already
  return number<S>(bits(y) | (bits(x) & sign_bit<S>));
}

// c0 + x (c1 + x (c2 + ...)).
template <Number S>
THALWEG_INLINE S polynomial(S, real_of<S> c) {
  return S(c);
}
template <Number S, class... C>
THALWEG_INLINE S polynomial(S x, real_of<S> c, C... rest) {
  return fma(x, polynomial(x, rest...), S(c));
}

#if defined(__CUDA_ARCH__)
// 1 / b to a unit or so in the last place (float), or to 20 bits (double).
THALWEG_INLINE float rough_inverse(float b) {
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(b));
  return r;
}
THALWEG_INLINE double rough_inverse(double b) {
  double r;
  asm("rcp.approx.ftz.f64 %0, %1;" : "=d"(r) : "d"(b));
  return r;
}
#endif

// a / b where neither is large or small enough for an intermediate result to leave the range of
// normal numbers: a processor divides; a GPU has no division, and the general one of its compiler
// takes twice the instructions, and a branch. Newton's steps towards 1 / b, then Markstein's
// correction of the quotient by what is left of a (doi:10.1147/rd.341.0111).
template <Number S>
THALWEG_INLINE S divide_in_range(S a, S b) {
#if defined(__CUDA_ARCH__)
  const S one = S(real_of<S>(1));
  S r = rough_inverse(b), e = fma(-b, r, one);
  if constexpr (!is_single<S>) {
    r = fma(r, fma(e, e, e), r);
    e = fma(-b, r, one);
  }
  r = fma(r, e, r);
  const S q = a * r;
  return fma(fma(-b, q, a), r, q);
#else
  return a / b;
#endif
}

// The integer nearest to x * factor. Adding 1.5 * 2^mantissa_bits drops the fraction and leaves the
// integer (if it is small enough) in the last bits of the sum.
template <Number S>
struct Rounded {
  S value;
  bits_of<S> low_bits;
};
template <Number S>
THALWEG_INLINE Rounded<S> round_product(S x, S factor) {
  const S magic = pick<S>(0x1.8p23f, 0x1.8p52);
  const S shifted = fma(x, factor, magic);
  return {shifted - magic, bits(shifted)};
}

// 2^n for n in the range of normal exponents.
template <Number S>
THALWEG_INLINE S power_of_two(bits_of<S> n) {
  return number<S>((n << mantissa_bits<S>)+one_bits<S>);
}

// The same n as round_product's, and 2^n: a magic number with the exponent's bias in it leaves n +
// bias where one shift makes 2^n of it.
template <Number S>
struct RoundedPower {
  S value, power;
};
template <Number S>
THALWEG_INLINE RoundedPower<S> round_product_power(S x, S factor) {
  const S magic = pick<S>(0x1.8p23f + 127, 0x1.8p52 + 1023);
  const S shifted = fma(x, factor, magic);
  return {shifted - magic, number<S>(bits(shifted) << mantissa_bits<S>)};
}

// p * 2^n, rounded once, for p in [0.5, 2] and n from below the smallest denormal to overflow.
template <Number S>
THALWEG_INLINE S scale(S p, Rounded<S> n) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, Lanes<float>>)
    return {_mm512_maskz_scalef_ps(0xffff, p.v, n.value.v)};
  if constexpr (std::is_same_v<S, Lanes<double>>)
    return {_mm512_maskz_scalef_pd(0xff, p.v, n.value.v)};
#endif
  // First to the middle of the range, exactly, then to the edge: 2^n = 2^(n + b) 2^-b.
  const S down = pick<S>(0x1p-64f, 0x1p-512), up = pick<S>(0x1p64f, 0x1p512);
  const S back = select(n.value < S(real_of<S>(0)), down, up);
  return (p * number<S>((n.low_bits << mantissa_bits<S>)+2 * one_bits<S> - bits(back))) * back;
}

// x = mantissa * 2^exponent, mantissa in [0.75, 1.5), for any x > 0 (denormal only where asked
// for).
template <Number S>
struct Split {
  S mantissa, exponent;
};
template <Number S, bool denormals = true>
THALWEG_INLINE Split<S> split(S x) {
#if defined(__AVX512F__)
  // Sign control 3: a negative number gives nan, a zero of either sign gives 1 (and exponent -inf).
  constexpr auto sign = static_cast<_MM_MANTISSA_SIGN_ENUM>(3);
  if constexpr (std::is_same_v<S, Lanes<float>>) {
    const S m = _mm512_maskz_getmant_ps(0xffff, x.v, _MM_MANT_NORM_p75_1p5, sign);
    const S whole = _mm512_maskz_getexp_ps(0xffff, x.v), of_m = _mm512_maskz_getexp_ps(0xffff, m.v);
    return {m, whole - of_m};
  }
  if constexpr (std::is_same_v<S, Lanes<double>>) {
    const S m = _mm512_maskz_getmant_pd(0xff, x.v, _MM_MANT_NORM_p75_1p5, sign);
    const S whole = _mm512_maskz_getexp_pd(0xff, x.v), of_m = _mm512_maskz_getexp_pd(0xff, m.v);
    return {m, whole - of_m};
  }
#endif
  using Bits = lane_bits<S>;
  constexpr Bits bottom = std::bit_cast<Bits>(real_of<S>(0.75));
  constexpr Bits fraction = (Bits(1) << mantissa_bits<S>)-1;
  const S magic = pick<S>(0x1p23f, 0x1p52);
  S bias = magic + pick<S>(127, 1023);
  if constexpr (denormals) {
    const auto denormal = x < S(std::numeric_limits<real_of<S>>::min());
    x = select(denormal, x * pick<S>(0x1p32f, 0x1p64), x);
    bias = select(denormal, bias + pick<S>(32, 64), bias);
  }
  const bits_of<S> b = bits(x) - bottom;
  // The exponent plus 127 (1023), as the last bits of a number near 2^mantissa_bits.
  const S biased = number<S>(((b + one_bits<S>) >> mantissa_bits<S>) | bits(magic));
  return {number<S>((b & fraction) + bottom), biased - bias};
}

}  // namespace detail
}  // namespace thalweg
