// Elementary functions of a Pack or of a plain number: one branch-free text for both, and no calls to
// the C library, which would stop vectorisation. Errors and ranges are measured in docs/numerics.md.
//
// The polynomials are near-minimax fits made for these ranges, rounded one coefficient at a time. Every
// error bound holds with and without fused multiply-add: where a cancellation must be exact, the
// constants carry enough trailing zeros for the product to be exact.
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

template <class S>
inline constexpr bool is_single = sizeof(real_of<S>) == 4;
template <class S>
inline constexpr int mantissa_bits = is_single<S> ? 23 : 52;
template <class S>
inline constexpr integer_of<real_of<S>> one_bits = std::bit_cast<integer_of<real_of<S>>>(real_of<S>(1));
template <class S>
inline constexpr real_of<S> infinity = std::numeric_limits<real_of<S>>::infinity();
template <class S>
inline constexpr real_of<S> quiet_nan = std::numeric_limits<real_of<S>>::quiet_NaN();

// The constant for the width at hand.
template <Number S>
THALWEG_INLINE S pick(float single, double twice) {
  return is_single<S> ? S(static_cast<real_of<S>>(single)) : S(static_cast<real_of<S>>(twice));
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

template <Number S>
THALWEG_INLINE S with_sign_of(S magnitude, S x) {  // magnitude >= 0, or already of x's sign
  return from_bits<S>(to_bits(magnitude) | (to_bits(x) & std::numeric_limits<integer_of<real_of<S>>>::min()));
}

template <Number S>
THALWEG_INLINE int_of<S> shift_right_unsigned(int_of<S> i, int by) {
  if constexpr (std::is_floating_point_v<S>) {
    return static_cast<int_of<S>>(static_cast<std::make_unsigned_t<int_of<S>>>(i) >> by);
  } else {
    using Unsigned = typename native_register<std::make_unsigned_t<integer_of<real_of<S>>>>::type;
    return std::bit_cast<int_of<S>>(std::bit_cast<Unsigned>(i) >> by);
  }
}

template <Number S>
THALWEG_INLINE bool_of<S> is_nonzero(int_of<S> i) {
  if constexpr (std::is_floating_point_v<S>)
    return i != 0;
  else
    return {i != 0};
}

// The integer nearest to x * factor. Adding 1.5 * 2^mantissa_bits drops the fraction and leaves the
// integer (modulo a power of two, and for moderate size) in the last bits of the sum.
template <Number S>
struct Rounded {
  S value;
  int_of<S> low_bits;
};
template <Number S>
THALWEG_INLINE Rounded<S> round_product(S x, S factor) {
  const S magic = pick<S>(0x1.8p23f, 0x1.8p52);
  const S shifted = fma(x, factor, magic);
  return {shifted - magic, to_bits(shifted)};
}

// 2^n for n in the range of normal exponents.
template <Number S>
THALWEG_INLINE S power_of_two(int_of<S> low_bits) {
  return from_bits<S>((low_bits << mantissa_bits<S>)+one_bits<S>);
}

// p * 2^n, rounded once, for p in [0.5, 2] and n from below the smallest denormal to overflow.
template <Number S>
THALWEG_INLINE S scale(S p, Rounded<S> n) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, Lanes<float>>) return {_mm512_maskz_scalef_ps(0xffff, p.v, n.value.v)};
  if constexpr (std::is_same_v<S, Lanes<double>>) return {_mm512_maskz_scalef_pd(0xff, p.v, n.value.v)};
#endif
  // First to the middle of the range, exactly, then to the edge: 2^n = 2^(n + b) 2^-b.
  const S back = select(n.value < S(real_of<S>(0)), pick<S>(0x1p-64f, 0x1p-512), pick<S>(0x1p64f, 0x1p512));
  const S there = from_bits<S>((n.low_bits << mantissa_bits<S>)+(2 * one_bits<S> - to_bits(back)));
  return (p * there) * back;
}

// x = n ln 2 + r with |r| <= ln 2 / 2.
template <Number S>
struct Reduced {
  Rounded<S> n;
  S r;
};
template <Number S>
THALWEG_INLINE Reduced<S> reduce_ln2(S x) {
  const auto n = round_product(x, pick<S>(0x1.715476p+0f, 0x1.71547652b82fep+0));
  S r = fma(n.value, pick<S>(-0x1.62ep-1f, -0x1.62e42fefap-1), x);
  r = fma(n.value, pick<S>(-0x1.0bfbe8p-15f, -0x1.cf79abc9e3b3ap-40), r);
  return {n, r};
}

// exp(r) - 1 for |r| <= ln 2 / 2.
template <Number S>
THALWEG_INLINE S expm1_reduced(S r) {
  S q;
  if constexpr (is_single<S>)
    q = polynomial(r, 0.5f, 0x1.5554b6p-3f, 0x1.5555b4p-5f, 0x1.12243p-7f, 0x1.6c5c4cp-10f);
  else
    q = polynomial(r, 0.5, 0x1.555555555553ep-3, 0x1.5555555553aep-5, 0x1.1111111118d1p-7,
                   0x1.6c16c17a10fdap-10, 0x1.a01a0171b84d2p-13, 0x1.a019b35815a58p-16,
                   0x1.71de972527381p-19, 0x1.2897b4e8d52b7p-22, 0x1.ae49fa9f49bbdp-26);
  return fma(r * r, q, r);
}

// x = mantissa * 2^exponent, mantissa in [0.75, 1.5), for any x > 0 (denormal only where asked for).
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
    return {m, S(_mm512_maskz_getexp_ps(0xffff, x.v)) - S(_mm512_maskz_getexp_ps(0xffff, m.v))};
  }
  if constexpr (std::is_same_v<S, Lanes<double>>) {
    const S m = _mm512_maskz_getmant_pd(0xff, x.v, _MM_MANT_NORM_p75_1p5, sign);
    return {m, S(_mm512_maskz_getexp_pd(0xff, x.v)) - S(_mm512_maskz_getexp_pd(0xff, m.v))};
  }
#endif
  using Real = real_of<S>;
  using Int = integer_of<Real>;
  constexpr Int bottom = std::bit_cast<Int>(Real(0.75)), fraction = (Int(1) << mantissa_bits<S>)-1;
  S bias = pick<S>(0x1p23f + 127, 0x1p52 + 1023);
  if constexpr (denormals) {
    const auto denormal = x < S(std::numeric_limits<Real>::min());
    x = select(denormal, x * pick<S>(0x1p32f, 0x1p64), x);
    bias = select(denormal, bias + pick<S>(32, 64), bias);
  }
  const auto bits = to_bits(x) - bottom;
  const S m = from_bits<S>((bits & fraction) + bottom);
  // The exponent plus 127 (1023), as the last bits of a number near 2^mantissa_bits.
  const S magic = pick<S>(0x1p23f, 0x1p52);
  const S biased = from_bits<S>(shift_right_unsigned<S>(bits + one_bits<S>, mantissa_bits<S>) | to_bits(magic));
  return {m, biased - bias};
}

// k ln 2 + log(1 + f) for f in [-0.25, 0.5].
template <Number S>
THALWEG_INLINE S log1p_reduced(S f, S k) {
  S t = k * pick<S>(0x1.0bfbe8p-15f, 0x1.cf79abc9e3b3ap-40);
  if constexpr (is_single<S>) {
    const S q = polynomial(f, -0.5f, 0x1.5555a4p-2f, -0x1.00004ap-2f, 0x1.99699ep-3f, -0x1.54ed96p-3f,
                           0x1.28807cp-3f, -0x1.0d98f6p-3f, 0x1.acf4a2p-4f, -0x1.71e2f4p-5f);
    t = fma(f * f, q, t);
  } else {
    // With s = f / (2 + f): log(1 + f) = 2 atanh(s) = f - s (f - z R(z)), z = s^2.
    const S s = f / (f + S(2.0)), z = s * s;
    const S R = polynomial(z, 0x1.555555555578p-1, 0x1.99999998ee166p-2, 0x1.249249b3fd66ep-2,
                           0x1.c71c003726aa9p-3, 0x1.747512b0cdf38p-3, 0x1.384f1af79e124p-3,
                           0x1.3adb1d485d428p-3);
    t = fma(s, fma(z, R, -f), t);
  }
  return fma(k, pick<S>(0x1.62ep-1f, 0x1.62e42fefap-1), f + t);
}

}  // namespace detail

template <Number S>
THALWEG_INLINE S exp(S x) {
  // Beyond these bounds the result is inf or 0; min and max hand a nan through.
  const S inside = max(detail::pick<S>(-105.0f, -746.0), min(detail::pick<S>(89.0f, 710.0), x));
  const auto [n, r] = detail::reduce_ln2(inside);
  return detail::scale(S(real_of<S>(1)) + detail::expm1_reduced(r), n);
}

template <Number S>
THALWEG_INLINE S expm1(S x) {
  const S half = S(real_of<S>(0.5));
  // The bounds give -1 and inf. At the upper one n is 128 (1024): 2^n would overflow, half of it not.
  const S inside = max(detail::pick<S>(-20.0f, -40.0), min(detail::pick<S>(88.73f, 709.79), x));
  const auto [n, r] = detail::reduce_ln2(inside);
  const S h = detail::power_of_two<S>(n.low_bits - 1);
  const S y = fma(h, detail::expm1_reduced(r), h - half);
  // Halving would lose the last bit of a denormal, and the sign of zero.
  return select(abs(x) < detail::pick<S>(0x1p-30f, 0x1p-60), x, y + y);
}

// nan below `pole`, -inf at it, y above it, x itself at inf and nan.
namespace detail {
template <Number S>
THALWEG_INLINE S with_log_limits(S y, S x, S pole) {
  const S at_or_below = select(x == pole, S(-infinity<S>), S(quiet_nan<S>));
  return select(x > pole, select(x < S(infinity<S>), y, x), at_or_below);
}
}  // namespace detail

template <Number S>
THALWEG_INLINE S log(S x) {
  const auto [m, k] = detail::split(x);
  const S y = detail::log1p_reduced(m - S(real_of<S>(1)), k);
#if defined(__AVX512F__)
  if constexpr (detail::is_pack<S>) return y;  // split() has already made the limits
#endif
  return detail::with_log_limits(y, x, S(real_of<S>(0)));
}

template <Number S>
THALWEG_INLINE S log1p(S x) {
  const S one = S(real_of<S>(1)), zero = S(real_of<S>(0));
  const S u = one + x;
  const auto [m, k] = detail::split(u);
  // What rounding 1 + x lost, brought to the scale of m; past 2^60 it is nothing beside m.
  const S v = u - one;
  const S lost = (x - v) + (one - (u - v));
  const S down = select(x < detail::pick<S>(0x1p60f, 0x1p60), m / u, zero);
  const S y = detail::log1p_reduced((m - one) + lost * down, k);
  return detail::with_sign_of(detail::with_log_limits(y, x, -one), x);
}

template <Number S>
THALWEG_INLINE S tanh(S x) {
  using Real = real_of<S>;
  // tanh rounds to 1 before the bounds. With x = n ln2 / 2 + r, s = 2^n and T = tanh(r):
  // tanh(x) = ((s - 1) + (s + 1) T) / ((s + 1) + (s - 1) T), which loses nothing for any n.
  const S bound = detail::pick<S>(9.5f, 20.0), one = S(Real(1));
  const S inside = max(-bound, min(bound, x));
  const auto n = detail::round_product(inside, detail::pick<S>(0x1.715476p+1f, 0x1.71547652b82fep+1));
  S r = fma(n.value, detail::pick<S>(-0x1.62ep-2f, -0x1.62e42fefap-2), inside);
  r = fma(n.value, detail::pick<S>(-0x1.0bfbe8p-16f, -0x1.cf79abc9e3b3ap-41), r);
  const S z = r * r;
  S q;
  if constexpr (detail::is_single<S>)
    q = detail::polynomial(z, -0x1.55554ep-2f, 0x1.110594p-3f, -0x1.afd7f2p-5f);
  else
    q = detail::polynomial(z, -0x1.55555555554bbp-2, 0x1.11111110e0507p-3, -0x1.ba1ba115f3e95p-5,
                           0x1.664ec958a5d7ep-6, -0x1.223c51d47371ap-7, 0x1.c37d18876610ep-9);
  const S t = fma(r * z, q, r), s = detail::power_of_two<S>(n.low_bits);
  const S y = fma(s + one, t, s - one) / fma(s - one, t, s + one);
  return detail::with_sign_of(y, x);  // only -0 needs it
}

// 1 / (1 + exp(-x)).
template <Number S>
THALWEG_INLINE S logistic(S x) {
  const S one = S(real_of<S>(1)), e = exp(-abs(x));
  return select(x > S(real_of<S>(0)), one, e) / (one + e);
}

// log(1 + exp(x)).
template <Number S>
THALWEG_INLINE S softplus(S x) {
  using Real = real_of<S>;
  const S one = S(Real(1)), half = S(Real(0.5)), zero = S(Real(0));
  const S e = exp(-abs(x));
  const auto upper = e > half;  // then 1 + e = 2 (1 + f), and f is exact
  const S f = select(upper, (e - one) * half, e);
  return max(zero, x) + detail::log1p_reduced(f, select(upper, one, zero));
}

template <Number S>
struct SinCos {
  S sin, cos;
};

namespace detail {

// x - n pi / 2, the last digit included: n * part is exact for every part but the last two when there
// is no fused multiply-add, and three full-width parts do when there is.
template <Number S>
THALWEG_INLINE S subtract_quarter_turns(S x, S n) {
  auto subtract = [&](auto... part) { ((x = fma(n, S(-part), x)), ...); };
#if defined(__FMA__)
  if constexpr (is_single<S>)
    subtract(0x1.921fb6p+0f, -0x1.777a5cp-25f, -0x1.ee59dap-50f);
  else
    subtract(0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110);
#else
  if constexpr (is_single<S>)
    subtract(0x1.92p+0f, 0x1.fcp-12f, -0x1.58p-21f, 0x1.1p-30f, 0x1.68p-39f, 0x1.84p-48f, 0x1.a62634p-58f);
  else
    subtract(0x1.921fb58p+0, -0x1.dde974p-27, 0x1.1a62630p-54, 0x1.8a2e038p-81, -0x1.f1976b7ed8fbcp-110);
#endif
  return x;
}

// sin and cos of |r| <= pi / 4.
template <Number S>
THALWEG_INLINE SinCos<S> sincos_reduced(S r) {
  const S z = r * r, one = S(real_of<S>(1));
  S p, q;
  if constexpr (is_single<S>) {
    p = polynomial(z, -0x1.555546p-3f, 0x1.110774p-7f, -0x1.9951f2p-13f);
    q = polynomial(z, 0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e80cp-16f);
  } else {
    p = polynomial(z, -0x1.5555555555548p-3, 0x1.111111110f73p-7, -0x1.a01a019be922dp-13,
                   0x1.71de35552e308p-19, -0x1.ae5e4b8794f57p-26, 0x1.5d8b571476136p-33);
    q = polynomial(z, 0x1.555555555554bp-5, -0x1.6c16c16c15005p-10, 0x1.a01a019c8c7dcp-16,
                   -0x1.27e4f7ef0de33p-22, 0x1.1ee9d9c707311p-29, -0x1.8fa553d56f6f3p-37);
  }
  return {fma(r * z, p, r), fma(z * z, q, fma(z, S(real_of<S>(-0.5)), one))};
}

}  // namespace detail

// Both at once: one reduction serves the two. nan where |x| is above 1e5 (float) or 1e8 (double): there
// a step of x is so large a part of a turn that no caller can mean it.
template <Number S>
THALWEG_INLINE SinCos<S> sincos(S x) {
  using Int = integer_of<real_of<S>>;
  const auto n = detail::round_product(x, detail::pick<S>(0x1.45f306p-1f, 0x1.45f306dc9c883p-1));
  const auto [s, c] = detail::sincos_reduced(detail::subtract_quarter_turns(x, n.value));
  const auto odd = detail::is_nonzero<S>(n.low_bits & Int(1));
  constexpr int to_sign = 8 * sizeof(Int) - 2;
  const auto sin_sign = (n.low_bits & Int(2)) << to_sign;
  const auto cos_sign = ((n.low_bits + Int(1)) & Int(2)) << to_sign;
  const S sin = from_bits<S>(to_bits(select(odd, c, s)) ^ sin_sign);
  const S cos = from_bits<S>(to_bits(select(odd, s, c)) ^ cos_sign);
  const auto in_range = abs(x) <= detail::pick<S>(1e5f, 1e8);
  const S nan = S(detail::quiet_nan<S>);
  return {select(in_range, sin, nan), select(in_range, cos, nan)};
}
template <Number S>
THALWEG_INLINE S sin(S x) {
  return sincos(x).sin;
}
template <Number S>
THALWEG_INLINE S cos(S x) {
  return sincos(x).cos;
}

}  // namespace thalweg
