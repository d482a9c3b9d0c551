// Uniforms, normals, signs and permutations from Philox blocks.
//
// Uniforms and signs are exact functions of the random words, so they are the same bits on every
// target. Normals go through log, sqrt, sin and cos, and agree across targets to rounding.
#pragma once

#include <utility>

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
  bits_of<S> value[numbers_per_block<S>];
};
template <Number S>
THALWEG_INLINE RandomBits<S> random_bits(Key key, Counter<words_of<S>> c) {
  RandomBits<S> r;
  if constexpr (is_single<S>) {
    const auto b = philox(c, key);
    for (int i = 0; i < 4; ++i) r.value[i] = b.word[i];
  } else {
    const auto b = philox_rounds<bits_of<S>>({c.block, c.replica, c.step, c.stream}, key);
    for (int i = 0; i < 2; ++i)
      r.value[i] = (b.word[2 * i] & 0xffffffffu) | (b.word[2 * i + 1] << 32);
  }
  return r;
}

// 1 + m 2^-n with m the first n bits, n = 23 (52): in [1, 2), exactly.
template <Number S>
THALWEG_INLINE S one_plus_fraction(bits_of<S> b) {
  return number<S>((b >> (is_single<S> ? 9 : 12)) | one_bits<S>);
}

// (m + 1/2) 2^-n: exact as well, and never 0 or 1.
template <Number S>
THALWEG_INLINE S to_uniform(bits_of<S> b) {
  return one_plus_fraction<S>(b) - pick<S>(0x1.fffffep-1f, 0x1.fffffffffffffp-1);
}

// sqrt(-2 log u), u in (0, 1]. A float takes u from all but one of its bits, so that its tail ends
// at 6.7 rather than 5.8; that of a double ends at 8.6.
template <Number S>
THALWEG_INLINE S to_radius(bits_of<S> b) {
  const S one = S(real_of<S>(1));
  if constexpr (is_single<S>) {
    const S whole = to_real<S>(std::bit_cast<int_of<S>>(b >> 1));
    const auto [m, k] = split<S, false>(fma(whole, S(0x1p-31f), S(0x1p-32f)));
    const S f = m - one;
    const S p =
        polynomial(f, -2.0f, 0x1.000014p+0f, -0x1.5555e4p-1f, 0x1.ffdddcp-2f, -0x1.99221ep-2f,
                   0x1.5885cap-2f, -0x1.32d668p-2f, 0x1.ee3f7ep-3f, -0x1.bb882p-4f);
    return sqrt(fma(f, p, k * S(-0x1.62e43p+0f)));
  } else {
    const auto [m, k] = split<S, false>(to_uniform<S>(b));
    const S f = m - one, s = f / (m + one), z = s * s;
    const S p = polynomial(z, -4.0, -0x1.555555555577dp+0, -0x1.99999998eeca8p-1,
                           -0x1.249249b38c7ccp-1, -0x1.c71c00785cb13p-2, -0x1.74750928d8c35p-2,
                           -0x1.384fca86a8b04p-2, -0x1.3ad62c3479202p-2);
    return sqrt(fma(s, p, k * S(-0x1.62e42fefa39efp+0)));
  }
}

// sin and cos of a uniform angle: a signed eighth of a turn either way, then one bit each to
// exchange the two and to turn the cosine's sign. The last bits serve: they hardly reach the angle.
template <Number S>
THALWEG_INLINE SinCos<S> to_direction(bits_of<S> b) {
  S angle;
  if constexpr (is_single<S>)
    angle = to_real<S>(std::bit_cast<int_of<S>>(b)) * S(0x1.921fb6p-32f);
  else
    angle = (one_plus_fraction<S>(b) - S(1.5)) * S(0x1.921fb54442d18p+0);
  const auto [s, c] = sincos_reduced(angle);
  const auto exchange = is_nonzero<S>(b & 2u);
  const S signed_c = number<S>(bits(c) ^ (b << (8 * sizeof(real_of<S>) - 1)));
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
    n.value[i] = detail::with_sign_of(S(real_of<S>(1)), detail::number<S>(bits.value[i]));
  return n;
}

#if !defined(__CUDACC__)  // its compiler loses the list of lanes
namespace detail {
// a0 b0 a1 b1 ...: from the first lanes of both, or from the last.
template <bool last, class R, int W, int... lane>
THALWEG_INLINE Pack<R, W> zip(Pack<R, W> a, Pack<R, W> b, std::integer_sequence<int, lane...>) {
  constexpr int first = last ? W / 2 : 0;
  return {__builtin_shufflevector(a.v, b.v, (first + lane / 2 + (lane % 2) * W)...)};
}
template <bool last, class R, int W>
THALWEG_INLINE Pack<R, W> zip(Pack<R, W> a, Pack<R, W> b) {
  return zip<last>(a, b, std::make_integer_sequence<int, W>());
}
}  // namespace detail

// Writes the numbers of consecutive blocks (counting_words) in their order: lanes *
// numbers_per_block.
template <Number S>
THALWEG_INLINE void store_consecutive(const Numbers<S>& n, real_of<S>* out) {
  using detail::zip;
  constexpr int lanes = number_traits<S>::lanes;
  if constexpr (std::is_floating_point_v<S>) {
    for (int i = 0; i < numbers_per_block<S>; ++i) out[i] = n.value[i];
  } else if constexpr (detail::is_single<S>) {
    const S even[2] = {zip<false>(n.value[0], n.value[2]), zip<true>(n.value[0], n.value[2])};
    const S odd[2] = {zip<false>(n.value[1], n.value[3]), zip<true>(n.value[1], n.value[3])};
    for (int i = 0; i < 2; ++i) {
      zip<false>(even[i], odd[i]).store(out + (2 * i) * lanes);
      zip<true>(even[i], odd[i]).store(out + (2 * i + 1) * lanes);
    }
  } else {
    zip<false>(n.value[0], n.value[1]).store(out);
    zip<true>(n.value[0], n.value[1]).store(out + lanes);
  }
}
#endif

// The words of one replica's blocks in their order, drawn for many blocks at once: one by one they
// took nine tenths of the time of a permutation.
template <class S = Lanes<float>>
class RandomWords {
 public:
  THALWEG_DEVICE RandomWords(Key key, Stream stream, std::uint32_t step)
      : key_(key), stream_(stream), step_(step) {}
  THALWEG_DEVICE void begin(std::uint32_t replica) {
    replica_ = replica;
    block_ = 0;
    used_ = 4 * lanes;
  }
  THALWEG_DEVICE std::uint32_t next() {
    if (used_ == 4 * lanes) draw();
    const int k = used_++;
    return words_[k % 4][k / 4];
  }

 private:
  static constexpr int lanes = number_traits<S>::lanes;
  Key key_;
  Stream stream_;
  std::uint32_t step_, replica_ = 0, block_ = 0;
  int used_ = 4 * lanes;
  std::uint32_t words_[4][lanes];

  THALWEG_DEVICE void draw() {
    const auto c = counter<S>(counting_words<S>(block_), same_word<S>(replica_), step_, stream_);
    const auto drawn = philox(c, key_);
    static_assert(sizeof(words_) == sizeof(drawn));
    __builtin_memcpy(words_, &drawn, sizeof(words_));
    block_ += lanes;
    used_ = 0;
  }
};

// A permutation of 0 .. n - 1, all equally likely up to a relative bias below n 2^-32 a place
// (Fisher and Yates's shuffle; place i is exchanged using random word n - 1 - i).
template <class S = Lanes<float>>
THALWEG_DEVICE void permutation(Key key, std::uint32_t replica, std::uint32_t step, Stream stream,
                                std::int32_t n, std::int32_t* out) {
  RandomWords<S> words(key, stream, step);
  words.begin(replica);
  for (std::int32_t i = 0; i < n; ++i) out[i] = i;
  for (std::int32_t i = n - 1; i > 0; --i) {
    const auto j = bounded(words.next(), static_cast<std::uint32_t>(i) + 1);
    const std::int32_t moved = out[i];
    out[i] = out[j];
    out[j] = moved;
  }
}

}  // namespace thalweg
