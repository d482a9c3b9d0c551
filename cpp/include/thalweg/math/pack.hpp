// Pack<Real, W>: W numbers that are computed with as one. The lanes of a SIMD register are W
// replicas.
//
// Built on the compiler's vector types, so the same text serves every instruction set. A Pack is
// exactly one native register: wider packs spill and were measured seven times slower.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// A GPU runs the same functions, on plain numbers only: it has no packs.
#if defined(__CUDACC__)
#define THALWEG_DEVICE __host__ __device__
#else
#define THALWEG_DEVICE
#endif
#define THALWEG_INLINE THALWEG_DEVICE inline __attribute__((always_inline))

namespace thalweg {

#if defined(__AVX512F__)
inline constexpr int register_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int register_bytes = 32;
#else
inline constexpr int register_bytes = 16;
#endif

template <class Real>
inline constexpr int native_lanes = register_bytes / static_cast<int>(sizeof(Real));

// The integer of the same size: bit patterns of a real number, and masks of comparisons.
template <class Real>
using integer_of = std::conditional_t<sizeof(Real) == 4, std::int32_t, std::int64_t>;

// The compiler's vector types, one per element type and each one register wide.
template <class T>
struct native_register;
template <>
struct native_register<float> {
  typedef float type __attribute__((vector_size(register_bytes)));
};
template <>
struct native_register<double> {
  typedef double type __attribute__((vector_size(register_bytes)));
};
template <>
struct native_register<std::int32_t> {
  typedef std::int32_t type __attribute__((vector_size(register_bytes)));
};
template <>
struct native_register<std::int64_t> {
  typedef std::int64_t type __attribute__((vector_size(register_bytes)));
};
template <>
struct native_register<std::uint32_t> {
  typedef std::uint32_t type __attribute__((vector_size(register_bytes)));
};
template <>
struct native_register<std::uint64_t> {
  typedef std::uint64_t type __attribute__((vector_size(register_bytes)));
};

// A mask holds one integer a lane: all bits set for true, none for false.
template <class Real, int W>
struct Mask {
  using Int = integer_of<Real>;
  using Native = typename native_register<Int>::type;
  Native bits;

  friend THALWEG_INLINE Mask operator&(Mask a, Mask b) { return {a.bits & b.bits}; }
  friend THALWEG_INLINE Mask operator|(Mask a, Mask b) { return {a.bits | b.bits}; }
  friend THALWEG_INLINE Mask operator~(Mask a) { return {~a.bits}; }
  THALWEG_INLINE bool operator[](int lane) const { return bits[lane] != 0; }
};

template <class Real, int W>
struct Pack {
  static_assert(W * sizeof(Real) == register_bytes, "a Pack is one native register");
  using Scalar = Real;
  using Int = integer_of<Real>;
  static constexpr int lanes = W;
  using Native = typename native_register<Real>::type;
  using NativeInt = typename native_register<Int>::type;
  Native v;

  Pack() = default;
  THALWEG_INLINE Pack(Native n) : v(n) {}
  THALWEG_INLINE Pack(Real x) : v(x - Native{}) {}  // broadcast (x - 0 keeps the sign of zero)

  static THALWEG_INLINE Pack load(const Real* p) {  // any alignment
    Pack r;
    __builtin_memcpy(&r.v, p, sizeof(r.v));
    return r;
  }
  THALWEG_INLINE void store(Real* p) const { __builtin_memcpy(p, &v, sizeof(v)); }
  THALWEG_INLINE Real operator[](int lane) const { return v[lane]; }
  THALWEG_INLINE void set(int lane, Real x) { v[lane] = x; }

  THALWEG_INLINE Pack& operator+=(Pack b) { return v += b.v, *this; }
  THALWEG_INLINE Pack& operator-=(Pack b) { return v -= b.v, *this; }
  THALWEG_INLINE Pack& operator*=(Pack b) { return v *= b.v, *this; }
  friend THALWEG_INLINE Pack operator+(Pack a, Pack b) { return {a.v + b.v}; }
  friend THALWEG_INLINE Pack operator-(Pack a, Pack b) { return {a.v - b.v}; }
  friend THALWEG_INLINE Pack operator*(Pack a, Pack b) { return {a.v * b.v}; }
  friend THALWEG_INLINE Pack operator/(Pack a, Pack b) { return {a.v / b.v}; }
  friend THALWEG_INLINE Pack operator-(Pack a) { return {-a.v}; }
  friend THALWEG_INLINE Mask<Real, W> operator<(Pack a, Pack b) { return {a.v < b.v}; }
  friend THALWEG_INLINE Mask<Real, W> operator<=(Pack a, Pack b) { return {a.v <= b.v}; }
  friend THALWEG_INLINE Mask<Real, W> operator>(Pack a, Pack b) { return {a.v > b.v}; }
  friend THALWEG_INLINE Mask<Real, W> operator>=(Pack a, Pack b) { return {a.v >= b.v}; }
  friend THALWEG_INLINE Mask<Real, W> operator==(Pack a, Pack b) { return {a.v == b.v}; }
  friend THALWEG_INLINE Mask<Real, W> operator!=(Pack a, Pack b) { return {a.v != b.v}; }
};

// The one pack of a target for a number type.
template <class Real>
using Lanes = Pack<Real, native_lanes<Real>>;

// --- What elementary functions need, for a Pack and for a plain number alike. ---

template <class S>
struct number_traits {  // plain float or double
  using Real = S;
  using Int = integer_of<S>;
  using Bool = bool;
  static constexpr int lanes = 1;
};
template <class R, int W>
struct number_traits<Pack<R, W>> {
  using Real = R;
  using Int = typename Pack<R, W>::NativeInt;
  using Bool = Mask<R, W>;
  static constexpr int lanes = W;
};
template <class S>
using real_of = typename number_traits<S>::Real;
template <class S>
using int_of = typename number_traits<S>::Int;
template <class S>
using bool_of = typename number_traits<S>::Bool;

template <class R, int W>
THALWEG_INLINE Pack<R, W> select(Mask<R, W> m, Pack<R, W> yes, Pack<R, W> no) {
  return {m.bits ? yes.v : no.v};
}
template <class R>
  requires std::is_floating_point_v<R>
THALWEG_INLINE R select(bool m, R yes, R no) {
  return m ? yes : no;
}

// Bit patterns. S is named where it cannot be deduced: from_bits<Pack<float, 8>>(i).
template <class R, int W>
THALWEG_INLINE auto to_bits(Pack<R, W> x) {
  return std::bit_cast<typename Pack<R, W>::NativeInt>(x.v);
}
template <class R>
  requires std::is_floating_point_v<R>
THALWEG_INLINE integer_of<R> to_bits(R x) {
  return std::bit_cast<integer_of<R>>(x);
}
template <class S>
THALWEG_INLINE S from_bits(int_of<S> i) {
  if constexpr (std::is_floating_point_v<S>)
    return std::bit_cast<S>(i);
  else
    return S(std::bit_cast<typename S::Native>(i));
}

// Integers to numbers and back; to_int truncates, and its argument must fit.
template <class S>
THALWEG_INLINE S to_real(int_of<S> i) {
  if constexpr (std::is_floating_point_v<S>)
    return static_cast<S>(i);
  else
    return S(__builtin_convertvector(i, typename S::Native));
}
template <class S>
THALWEG_INLINE int_of<S> to_int(S x) {
  if constexpr (std::is_floating_point_v<S>)
    return static_cast<integer_of<S>>(x);
  else
    return __builtin_convertvector(x.v, typename S::NativeInt);
}

// a * b + c, with one rounding where the instruction set has it. The compiler contracts nothing on
// its own (-ffp-contract=off), so what is fused does not depend on where a formula is inlined.
template <class R, int W>
THALWEG_INLINE Pack<R, W> fma(Pack<R, W> a, Pack<R, W> b, Pack<R, W> c) {
#if defined(__AVX512F__)
  if constexpr (sizeof(R) == 4)
    return {_mm512_fmadd_ps(a.v, b.v, c.v)};
  else
    return {_mm512_fmadd_pd(a.v, b.v, c.v)};
#elif defined(__FMA__)
  if constexpr (sizeof(R) == 4)
    return {_mm256_fmadd_ps(a.v, b.v, c.v)};
  else
    return {_mm256_fmadd_pd(a.v, b.v, c.v)};
#elif defined(__ARM_FEATURE_FMA)
  for (int i = 0; i < W; ++i) c.v[i] = std::fma(a.v[i], b.v[i], c.v[i]);
  return c;
#else
  return {a.v * b.v + c.v};
#endif
}
template <class R, int W>
THALWEG_INLINE Pack<R, W> fma(R a, Pack<R, W> b, Pack<R, W> c) {
  return fma(Pack<R, W>(a), b, c);
}
template <class R>
  requires std::is_floating_point_v<R>
THALWEG_INLINE R fma(R a, R b, R c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

template <class R, int W>
THALWEG_INLINE Pack<R, W> sqrt(Pack<R, W> x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(R) == 4)
    return {_mm512_maskz_sqrt_ps(0xffff, x.v)};
  else
    return {_mm512_maskz_sqrt_pd(0xff, x.v)};
#elif defined(__AVX2__)
  if constexpr (sizeof(R) == 4)
    return {_mm256_sqrt_ps(x.v)};
  else
    return {_mm256_sqrt_pd(x.v)};
#elif defined(__x86_64__)
  if constexpr (sizeof(R) == 4)
    return {_mm_sqrt_ps(x.v)};
  else
    return {_mm_sqrt_pd(x.v)};
#else
  Pack<R, W> r;
  for (int i = 0; i < W; ++i) r.v[i] = std::sqrt(x.v[i]);
  return r;
#endif
}
THALWEG_INLINE float sqrt(float x) { return std::sqrt(x); }
THALWEG_INLINE double sqrt(double x) { return std::sqrt(x); }

template <class S>
THALWEG_INLINE S abs(S x) {
  using Int = integer_of<real_of<S>>;
  return from_bits<S>(to_bits(x) & std::numeric_limits<Int>::max());
}
// max(a, b) is a > b ? a : b and min(a, b) is a < b ? a : b: both give b where either is nan. These
// are the machine instructions' own rules; GCC does not find them in a comparison of vectors.
template <class R>
  requires std::is_floating_point_v<R>
THALWEG_INLINE R max(R a, R b) {
  return select(a > b, a, b);
}
template <class R>
  requires std::is_floating_point_v<R>
THALWEG_INLINE R min(R a, R b) {
  return select(a < b, a, b);
}
template <class R, int W>
THALWEG_INLINE Pack<R, W> max(Pack<R, W> a, Pack<R, W> b) {
  using S = Pack<R, W>;
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, Lanes<float>>) return {_mm512_maskz_max_ps(0xffff, a.v, b.v)};
  if constexpr (std::is_same_v<S, Lanes<double>>) return {_mm512_maskz_max_pd(0xff, a.v, b.v)};
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<S, Lanes<float>>) return {_mm256_max_ps(a.v, b.v)};
  if constexpr (std::is_same_v<S, Lanes<double>>) return {_mm256_max_pd(a.v, b.v)};
#elif defined(__x86_64__)
  if constexpr (std::is_same_v<S, Lanes<float>>) return {_mm_max_ps(a.v, b.v)};
  if constexpr (std::is_same_v<S, Lanes<double>>) return {_mm_max_pd(a.v, b.v)};
#endif
  return select(a > b, a, b);
}
template <class R, int W>
THALWEG_INLINE Pack<R, W> min(Pack<R, W> a, Pack<R, W> b) {
  using S = Pack<R, W>;
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, Lanes<float>>) return {_mm512_maskz_min_ps(0xffff, a.v, b.v)};
  if constexpr (std::is_same_v<S, Lanes<double>>) return {_mm512_maskz_min_pd(0xff, a.v, b.v)};
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<S, Lanes<float>>) return {_mm256_min_ps(a.v, b.v)};
  if constexpr (std::is_same_v<S, Lanes<double>>) return {_mm256_min_pd(a.v, b.v)};
#elif defined(__x86_64__)
  if constexpr (std::is_same_v<S, Lanes<float>>) return {_mm_min_ps(a.v, b.v)};
  if constexpr (std::is_same_v<S, Lanes<double>>) return {_mm_min_pd(a.v, b.v)};
#endif
  return select(a < b, a, b);
}
template <class S>
THALWEG_INLINE auto is_finite(S x) {
  return abs(x) <= S(std::numeric_limits<real_of<S>>::max());
}

template <class R, int W>
THALWEG_INLINE bool any(Mask<R, W> m) {
#if defined(__AVX512F__)
  return _mm512_test_epi64_mask((__m512i)m.bits, (__m512i)m.bits) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)m.bits, (__m256i)m.bits);
#elif defined(__x86_64__)
  return _mm_movemask_epi8((__m128i)m.bits) != 0;
#else
  typename Mask<R, W>::Int seen = 0;
  for (int i = 0; i < W; ++i) seen |= m.bits[i];
  return seen != 0;
#endif
}
template <class R, int W>
THALWEG_INLINE bool all(Mask<R, W> m) {
  return !any(~m);
}
template <class R, int W>
THALWEG_INLINE Mask<R, W> negate(Mask<R, W> m) {
  return ~m;
}
// The same of a plain number's truth. (~ of a bool would be an integer, and true.)
THALWEG_INLINE bool any(bool b) { return b; }
THALWEG_INLINE bool all(bool b) { return b; }
THALWEG_INLINE bool negate(bool b) { return !b; }

// f(x) in every lane, one by one.
template <class S, class F>
THALWEG_INLINE S lane_by_lane(S x, F f) {
  if constexpr (std::is_floating_point_v<S>) {
    return f(x);
  } else {
    for (int lane = 0; lane < S::lanes; ++lane) x.set(lane, f(x[lane]));
    return x;
  }
}

}  // namespace thalweg
