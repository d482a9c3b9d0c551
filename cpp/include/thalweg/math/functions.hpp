// Elementary functions of a Pack or of a plain number: one branch-free text for both, and no calls
// to the C library, which would stop vectorisation. Errors and ranges are measured in
// docs/numerics.md.
//
// The polynomials are near-minimax fits made for these ranges, rounded one coefficient at a time.
// Every error bound holds with and without fused multiply-add: where a cancellation must be exact,
// the constants carry enough trailing zeros for the product to be exact.
#pragma once

#include "bits.hpp"

namespace thalweg {

namespace detail {

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

// k ln 2 + log(1 + f) for f in [-0.25, 0.5].
template <Number S>
THALWEG_INLINE S log1p_reduced(S f, S k) {
  S t = k * pick<S>(0x1.0bfbe8p-15f, 0x1.cf79abc9e3b3ap-40);
  if constexpr (is_single<S>) {
    const S q =
        polynomial(f, -0.5f, 0x1.5555a4p-2f, -0x1.00004ap-2f, 0x1.99699ep-3f, -0x1.54ed96p-3f,
                   0x1.28807cp-3f, -0x1.0d98f6p-3f, 0x1.acf4a2p-4f, -0x1.71e2f4p-5f);
    t = fma(f * f, q, t);
  } else {
    // With s = f / (2 + f): log(1 + f) = 2 atanh(s) = f - s (f - z R(z)), z = s^2.
    const S s = divide_in_range(f, f + S(2.0)), z = s * s;
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
  // The bounds give -1 and inf. At the upper one n is 128 (1024): 2^n would overflow, half of it
  // not.
  const S inside = max(detail::pick<S>(-20.0f, -40.0), min(detail::pick<S>(88.73f, 709.79), x));
  const auto [n, r] = detail::reduce_ln2(inside);
  const S h = detail::power_of_two<S>(n.low_bits - 1u);
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
  // tanh rounds to 1 before the bound. With |x| = n ln2 / 2 + r, s = 2^n and T = tanh(r):
  // tanh |x| = ((s - 1) + (s + 1) T) / ((s + 1) + (s - 1) T), which loses nothing for any n.
  const S bound = detail::pick<S>(9.5f, 20.0), one = S(Real(1));
  const S inside = min(bound, abs(x));
  const auto [n, s] =
      detail::round_product_power(inside, detail::pick<S>(0x1.715476p+1f, 0x1.71547652b82fep+1));
  // One step of reduction is enough: where n is large, tanh is flat.
  const S r = fma(n, detail::pick<S>(-0x1.62e43p-2f, -0x1.62e42fefa39efp-2), inside), z = r * r;
  S q;
  if constexpr (detail::is_single<S>)
    q = detail::polynomial(z, -0x1.554feap-2f, 0x1.0c7fap-3f);
  else
    q = detail::polynomial(z, -0x1.55555555554bbp-2, 0x1.11111110e0507p-3, -0x1.ba1ba115f3e95p-5,
                           0x1.664ec958a5d7ep-6, -0x1.223c51d47371ap-7, 0x1.c37d18876610ep-9);
  const S t = fma(r * z, q, r);
  const S y = detail::divide_in_range(fma(s + one, t, s - one), fma(s - one, t, s + one));
  return detail::with_sign_of(y, x);
}

// 1 / (1 + exp(-x)).
template <Number S>
THALWEG_INLINE S logistic(S x) {
  const S one = S(real_of<S>(1)), e = exp(-abs(x));
  return detail::divide_in_range(select(x > S(real_of<S>(0)), one, e), one + e);
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

// x - n pi / 2, the last digit included. With fused multiply-add full-width parts of pi / 2 do;
// without it n * part must be exact for all parts but the last.
template <Number S>
THALWEG_INLINE S subtract_quarter_turns(S x, S n) {
  auto subtract = [&](auto... part) { ((x = fma(n, S(-part), x)), ...); };
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
  if constexpr (is_single<S>)
    subtract(0x1.921fb4p+0f, 0x1.4442dp-24f, 0x1.846988p-48f);
  else
    subtract(0x1.921fb54442d18p+0, 0x1.1a62633145c06p-54, 0x1.c1cd129024e08p-107);
#else
  if constexpr (is_single<S>)
    subtract(0x1.92p+0f, 0x1.fap-12f, 0x1.54p-20f, 0x1.1p-30f, 0x1.68p-39f, 0x1.84p-48f,
             0x1.a62632p-58f);
  else
    subtract(0x1.921fb5p+0, 0x1.110b46p-26, 0x1.1a6263p-54, 0x1.8a2e03p-81, 0x1.c1cd129024e08p-107);
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

// Both at once: one reduction serves the two. nan where |x| is above 1e5 (float) or 1e8 (double):
// there a step of x is so large a part of a turn that no caller can mean it.
template <Number S>
THALWEG_INLINE SinCos<S> sincos(S x) {
  const auto n = detail::round_product(x, detail::pick<S>(0x1.45f306p-1f, 0x1.45f306dc9c883p-1));
  const auto [s, c] = detail::sincos_reduced(detail::subtract_quarter_turns(x, n.value));
  // The second bit of the quarter is the sign, and for the cosine that of the next quarter.
  const auto odd = detail::is_nonzero<S>(n.low_bits & 1u);
  constexpr int to_sign = 8 * sizeof(real_of<S>) - 2;
  const auto sin_sign = (n.low_bits << to_sign) & detail::sign_bit<S>;
  const auto cos_sign = ((n.low_bits + 1u) << to_sign) & detail::sign_bit<S>;
  const S sin = detail::number<S>(detail::bits(select(odd, c, s)) ^ sin_sign);
  const S cos = detail::number<S>(detail::bits(select(odd, s, c)) ^ cos_sign);
  const auto in_range = abs(x) <= detail::pick<S>(1e5f, 1e8);
  const S nan = S(detail::quiet_nan<S>), zero = S(real_of<S>(0));
  return {select(x == zero, x, select(in_range, sin, nan)), select(in_range, cos, nan)};  // -0 too
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
