#include <algorithm>
#include <thalweg/engine/random.hpp>

namespace thalweg {
namespace {

template <class S>
Numbers<S> numbers(Draw what, Key key, Counter<words_of<S>> c) {
  switch (what) {
    case Draw::uniforms:
      return uniforms<S>(key, c);
    case Draw::normals:
      return normals<S>(key, c);
    case Draw::rademacher:
      break;
  }
  return signs<S>(key, c);
}

}  // namespace

// The lanes hold consecutive blocks of one replica.
template <class Real>
void draw_numbers(Draw what, std::uint64_t seed, Stream stream, std::uint32_t step, long replicas,
                  const std::uint32_t* names, long count, Real* out) {
  using S = Lanes<Real>;
  constexpr long width = S::lanes * numbers_per_block<S>;
  Real drawn[width];
  for (long r = 0; r < replicas; ++r)
    for (long i = 0; i < count; i += width) {
      const auto blocks = counting_words<S>(static_cast<std::uint32_t>(i / numbers_per_block<S>));
      const auto c = counter<S>(blocks, same_word<S>(names[r]), step, stream);
      store_consecutive<S>(numbers<S>(what, Key(seed), c), drawn);
      std::copy_n(drawn, std::min(width, count - i), out + r * count + i);
    }
}
template void draw_numbers(Draw, std::uint64_t, Stream, std::uint32_t, long, const std::uint32_t*,
                           long, float*);
template void draw_numbers(Draw, std::uint64_t, Stream, std::uint32_t, long, const std::uint32_t*,
                           long, double*);

void draw_permutations(std::uint64_t seed, Stream stream, std::uint32_t step, long replicas,
                       const std::uint32_t* names, std::int32_t n, std::int32_t* out) {
  for (long r = 0; r < replicas; ++r)
    permutation(Key(seed), names[r], step, stream, n, out + r * n);
}

void philox_words(long count, const std::uint32_t* counters, const std::uint32_t* key,
                  std::uint32_t* out) {
  const Key k(key[0] | static_cast<std::uint64_t>(key[1]) << 32);
  for (long i = 0; i < count; ++i) {
    const std::uint32_t* c = counters + 4 * i;
    const auto words = philox(Counter<std::uint32_t>{c[0], c[1], c[2], c[3]}, k);
    std::copy_n(words.word, 4, out + 4 * i);
  }
}

}  // namespace thalweg
