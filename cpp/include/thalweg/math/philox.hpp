// Random numbers as a pure function: Philox4x32-10 (Salmon et al. 2011,
// doi:10.1145/2063384.2063405).
//
// The key is a 64-bit seed, the counter is (block, replica, step, stream), and a block is four
// 32-bit words: four float numbers or two double ones. There is no state, so a replica draws the
// same numbers alone or in any batch, on any thread, before or after a restart. Number i of a
// replica is slot i % numbers_per_block of block i / numbers_per_block.
#pragma once

#include <utility>

#include "functions.hpp"

namespace thalweg {

// What numbers are drawn for; two streams never share a counter. Append only: the values are the
// counter's last word, and a changed value would change every run.
enum class Stream : std::uint32_t {
  noise,
  initialization,
  data,
  batch_order,
  momentum,
  metropolis,
  probe,
  direction,
  random_walk,
  user,
  test,
};
struct NamedStream {
  const char* name;
  Stream stream;
};
inline constexpr NamedStream streams[] = {
    {"noise", Stream::noise},
    {"initialization", Stream::initialization},
    {"data", Stream::data},
    {"batch_order", Stream::batch_order},
    {"momentum", Stream::momentum},
    {"metropolis", Stream::metropolis},
    {"probe", Stream::probe},
    {"direction", Stream::direction},
    {"random_walk", Stream::random_walk},
    {"user", Stream::user},
    {"test", Stream::test},
};

struct Key {
  std::uint32_t low, high;
  THALWEG_DEVICE constexpr explicit Key(std::uint64_t seed)
      : low(static_cast<std::uint32_t>(seed)), high(static_cast<std::uint32_t>(seed >> 32)) {}
};

// The counter words that go with S: one 32-bit word per lane. A lane of doubles holds its word in
// the low half of a 64-bit integer, so that a word and a number have the same lane.
namespace detail {
template <class S>
struct words {
  using type = std::uint32_t;
};
template <int W>
struct words<Pack<float, W>> {
  using type = native_register<std::uint32_t>::type;
};
template <int W>
struct words<Pack<double, W>> {
  using type = native_register<std::uint64_t>::type;
};
}  // namespace detail
template <Number S>
using words_of = typename detail::words<S>::type;

template <class U>
struct Counter {
  U block, replica, step, stream;
};
template <class U>
struct Block {
  U word[4];
};

// The same word in every lane.
template <Number S>
THALWEG_INLINE words_of<S> same_word(std::uint32_t value) {
  if constexpr (std::is_floating_point_v<S>)
    return value;
  else
    return words_of<S>{} + value;
}
// Lane l takes p[l]: replica numbers, say.
template <Number S>
THALWEG_INLINE words_of<S> load_words(const std::uint32_t* p) {
  if constexpr (std::is_floating_point_v<S>) {
    return *p;
  } else {
    typedef std::uint32_t Packed
        __attribute__((vector_size(sizeof(std::uint32_t) * number_traits<S>::lanes)));
    Packed packed;
    __builtin_memcpy(&packed, p, sizeof(packed));
    return __builtin_convertvector(packed, words_of<S>);
  }
}
// Lane l takes first + l: consecutive blocks of one replica, say.
template <Number S>
THALWEG_INLINE words_of<S> counting_words(std::uint32_t first) {
  if constexpr (std::is_floating_point_v<S>) {
    return first;
  } else {
    const auto lanes = []<std::uint32_t... l>(std::integer_sequence<std::uint32_t, l...>) {
      return words_of<S>{l...};
    }(std::make_integer_sequence<std::uint32_t, number_traits<S>::lanes>());
    return (lanes + first) & 0xffffffffu;
  }
}
template <Number S>
THALWEG_INLINE Counter<words_of<S>> counter(words_of<S> block, words_of<S> replica,
                                            std::uint32_t step, Stream stream) {
  return {block, replica, same_word<S>(step), same_word<S>(static_cast<std::uint32_t>(stream))};
}

namespace detail {

// The full products of a 32-bit constant and the low half of each lane.
THALWEG_INLINE std::uint64_t multiply_low_halves(std::uint64_t a, std::uint32_t b) {
  return (a & 0xffffffffu) * b;
}
template <class U>
THALWEG_INLINE U multiply_low_halves(U a, std::uint32_t b) {
#if defined(__AVX512F__)
  return (U)_mm512_maskz_mul_epu32(0xff, (__m512i)a, _mm512_set1_epi64(b));
#elif defined(__AVX2__)
  return (U)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#elif defined(__x86_64__)
  return (U)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x(b));
#else
  return (a & 0xffffffffu) * b;
#endif
}

// Ten rounds on words held in 64-bit lanes. What stands in the high halves does not matter: the
// multiplication ignores it, and so it is left there, in the result as well.
template <class U>
THALWEG_INLINE Block<U> philox_rounds(Counter<U> c, Key key) {
  U c0 = c.block, c1 = c.replica, c2 = c.step, c3 = c.stream;
  std::uint32_t k0 = key.low, k1 = key.high;
  for (int round = 0; round < 10; ++round) {
    const U p0 = multiply_low_halves(c0, 0xD2511F53u);
    const U p1 = multiply_low_halves(c2, 0xCD9E8D57u);
    c0 = (p1 >> 32) ^ c1 ^ k0;
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ k1;
    c3 = p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Even and odd lanes of 32-bit words apart, for a 64-bit product needs the room of two, and joined.
template <class U>
THALWEG_INLINE auto even_lanes(Counter<U> c) {
  using Wide = words_of<Lanes<double>>;
  return Counter<Wide>{std::bit_cast<Wide>(c.block), std::bit_cast<Wide>(c.replica),
                       std::bit_cast<Wide>(c.step), std::bit_cast<Wide>(c.stream)};
}
template <class U>
THALWEG_INLINE auto odd_lanes(Counter<U> c) {
  auto wide = even_lanes(c);
  return decltype(wide){wide.block >> 32, wide.replica >> 32, wide.step >> 32, wide.stream >> 32};
}
template <class Wide>
THALWEG_INLINE auto join_lanes(Wide even, Wide odd) {
  using U = words_of<Lanes<float>>;
#if defined(__AVX512F__)
  return (U)_mm512_mask_shuffle_epi32((__m512i)even, 0xaaaa, (__m512i)odd, _MM_PERM_CCAA);
#elif defined(__AVX2__)
  return (U)_mm256_blend_epi32((__m256i)even, (__m256i)(odd << 32), 0xaa);
#else
  return std::bit_cast<U>((even & 0xffffffffu) | (odd << 32));
#endif
}

}  // namespace detail

// The block of random words at a counter, in each lane its own.
template <class U>
THALWEG_INLINE Block<U> philox(Counter<U> c, Key key) {
  using namespace detail;
  Block<U> b;
  if constexpr (std::is_same_v<U, std::uint32_t>) {
    const auto w = philox_rounds<std::uint64_t>({c.block, c.replica, c.step, c.stream}, key);
    for (int i = 0; i < 4; ++i) b.word[i] = static_cast<U>(w.word[i]);
  } else if constexpr (sizeof(c.block[0]) == 4) {
    const auto even = philox_rounds(even_lanes(c), key), odd = philox_rounds(odd_lanes(c), key);
    for (int i = 0; i < 4; ++i) b.word[i] = join_lanes(even.word[i], odd.word[i]);
  } else {
    const auto w = philox_rounds(c, key);
    for (int i = 0; i < 4; ++i) b.word[i] = w.word[i] & 0xffffffffu;
  }
  return b;
}

// An integer in [0, bound) from a word. The probabilities differ from 1 / bound by less than 2^-32,
// which is a relative bias below bound * 2^-32.
THALWEG_INLINE std::uint32_t bounded(std::uint32_t word, std::uint32_t bound) {
  return static_cast<std::uint32_t>((std::uint64_t(word) * bound) >> 32);
}

}  // namespace thalweg
