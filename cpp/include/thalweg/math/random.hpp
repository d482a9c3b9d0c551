// Uniforms, normals, signs and permutations from Philox blocks.
//
// Uniforms and signs are exact functions of the random words, so they are the same bits on every target.
// Normals go through log, sqrt, sin and cos, and agree across targets to rounding.
#pragma once

#include "philox.hpp"

namespace thalweg {

template <Number S>
inline constexpr int numbers_per_block = detail::is_single<S> ? 4 : 2;

// The numbers of one block, in order; each lane has its own counter.
template <Number S>
struct Numbers {
  S value[numbers_per_block<S>];
};

namespace detail {

// The random bits of each number: a word for a float, two (the first in the low half) for a double.
template <Number S>
struct RandomBits {
  int_of<S> value[numbers_per_block<S>];
};
template <Number S>
THALWEG_INLINE RandomBits<S> random_bits(Key key, Counter<words_of<S>> c) {
  RandomBits<S> r;
  if constexpr (is_single<S>) {
    const auto b = philox(c, key);
    for (int i = 0; i < 4; ++i) r.value[i] = std::bit_cast<int_of<S>>(b.word[i]);
  } else {
    using U = std::conditional_t<is_pack<S>, Words64, std::uint64_t>;
    const auto b = philox_rounds(Counter<U>{c.block, c.replica, c.step, c.stream}, key);
    for (int i = 0; i < 2; ++i)
      r.value[i] = std::bit_cast<int_of<S>>((b.word[2 * i] & 0xffffffffu) | (b.word[2 * i + 1] << 32));
  }
  return r;
}

// (m + 1/2) 2^-b with m the first b bits and b = 23 (52): exact, and never 0 or 1.
template <Number S>
THALWEG_INLINE S to_uniform(int_of<S> bits) {
  const auto m = shift_right_unsigned<S>(bits, is_single<S> ? 9 : 12);
  return from_bits<S>(m | one_bits<S>) - pick<S>(0x1.fffffep-1f, 0x1.fffffffffffffp-1);
}

// sqrt(-2 log u), u in (0, 1] from all bits: the tail ends at 6.7 (float) and 8.6 (double).
template <Number S>
THALWEG_INLINE S to_radius(int_of<S> bits) {
  const S one = S(real_of<S>(1));
  if constexpr (is_single<S>) {
    const S u = fma(to_real<S>(shift_right_unsigned<S>(bits, 1)), S(0x1p-31f), S(0x1p-32f));
    const auto [m, k] = split<S, false>(u);
    const S f = m - one;
    const S p = polynomial(f, -2.0f, 0x1.000014p+0f, -0x1.5555e4p-1f, 0x1.ffdddcp-2f, -0x1.99221ep-2f,
                           0x1.5885cap-2f, -0x1.32d668p-2f, 0x1.ee3f7ep-3f, -0x1.bb882p-4f);
    return sqrt(fma(f, p, k * S(-0x1.62e43p+0f)));
  } else {
    const auto [m, k] = split<S, false>(to_uniform<S>(bits));
    const S f = m - one, s = f / (m + one), z = s * s;
    const S p = polynomial(z, -4.0, -0x1.555555555577dp+0, -0x1.99999998eeca8p-1, -0x1.249249b38c7ccp-1,
                           -0x1.c71c00785cb13p-2, -0x1.74750928d8c35p-2, -0x1.384fca86a8b04p-2,
                           -0x1.3ad62c3479202p-2);
    return sqrt(fma(s, p, k * S(-0x1.62e42fefa39efp+0)));
  }
}

// sin and cos of a uniform angle: a signed eighth of a turn either way, then one bit each to exchange
// the two and to turn the second round. The number's own low bits serve; they do not reach the angle.
template <Number S>
THALWEG_INLINE SinCos<S> to_direction(int_of<S> bits) {
  using Int = integer_of<real_of<S>>;
  S angle;
  if constexpr (is_single<S>)
    angle = to_real<S>(bits) * S(0x1.921fb6p-32f);
  else
    angle = (from_bits<S>(shift_right_unsigned<S>(bits, 12) | one_bits<S>) - S(1.5)) * S(0x1.921fb54442d18p+0);
  const auto [s, c] = sincos_reduced(angle);
  const auto exchange = is_nonzero<S>(bits & Int(2));
  const S signed_c = from_bits<S>(to_bits(c) ^ (bits << (8 * sizeof(Int) - 1)));
  return {select(exchange, signed_c, s), select(exchange, s, signed_c)};
}

}  // namespace detail

// Uniform in (0, 1): (m + 1/2) 2^-23 for floats, (m + 1/2) 2^-52 for doubles.
template <Number S>
THALWEG_INLINE Numbers<S> uniforms(Key key, Counter<words_of<S>> c) {
  const auto bits = detail::random_bits<S>(key, c);
  Numbers<S> n;
  for (int i = 0; i < numbers_per_block<S>; ++i) n.value[i] = detail::to_uniform<S>(bits.value[i]);
  return n;
}

// Standard normal, by Box and Muller's transformation (doi:10.1214/aoms/1177706645).
template <Number S>
THALWEG_INLINE Numbers<S> normals(Key key, Counter<words_of<S>> c) {
  const auto bits = detail::random_bits<S>(key, c);
  Numbers<S> n;
  for (int i = 0; i < numbers_per_block<S>; i += 2) {
    const S radius = detail::to_radius<S>(bits.value[i]);
    const auto direction = detail::to_direction<S>(bits.value[i + 1]);
    n.value[i] = radius * direction.cos;
    n.value[i + 1] = radius * direction.sin;
  }
  return n;
}

// +1 or -1 with equal probability (Rademacher): the first bit is the sign.
template <Number S>
THALWEG_INLINE Numbers<S> signs(Key key, Counter<words_of<S>> c) {
  const auto bits = detail::random_bits<S>(key, c);
  Numbers<S> n;
  for (int i = 0; i < numbers_per_block<S>; ++i)
    n.value[i] = detail::with_sign_of(S(real_of<S>(1)), from_bits<S>(bits.value[i]));
  return n;
}

// Writes the numbers of consecutive blocks (counting_words) in their order: lanes * numbers_per_block.
template <Number S>
THALWEG_INLINE void store_consecutive(const Numbers<S>& n, real_of<S>* out) {
  constexpr int lanes = number_traits<S>::lanes, slots = numbers_per_block<S>;
  for (int l = 0; l < lanes; ++l)
    for (int i = 0; i < slots; ++i)
      if constexpr (std::is_floating_point_v<S>)
        out[i] = n.value[i];
      else
        out[l * slots + i] = n.value[i][l];
}

// A permutation of 0 .. n - 1, all equally likely up to a relative bias below n 2^-32 a place
// (Fisher and Yates's shuffle; place i is exchanged using random word n - 1 - i).
THALWEG_INLINE void permutation(Key key, std::uint32_t replica, std::uint32_t step, Stream stream,
                                std::int32_t n, std::int32_t* out) {
  for (std::int32_t i = 0; i < n; ++i) out[i] = i;
  Block<std::uint32_t> b{};
  for (std::int32_t i = n - 1, drawn = 0; i > 0; --i, ++drawn) {
    if (drawn % 4 == 0) b = philox(counter<float>(std::uint32_t(drawn / 4), replica, step, stream), key);
    const auto j = bounded(b.word[drawn % 4], std::uint32_t(i) + 1);
    const std::int32_t moved = out[i];
    out[i] = out[j];
    out[j] = moved;
  }
}

}  // namespace thalweg
