// Random numbers for the W replicas in the lanes of a block.
#pragma once

#include <array>
#include <thalweg/math/random.hpp>

namespace thalweg {

template <class Real>
class Noise {
 public:
  using S = Lanes<Real>;
  static constexpr int slots = numbers_per_block<S>;

  Noise(std::uint64_t seed, const std::array<std::uint32_t, S::lanes>& replicas)
      : key_(seed), replicas_(load_words<S>(replicas.data())) {}

  // Calls each(i, xi) for i in [0, count) with the normals of one step.
  template <class Each>
  THALWEG_INLINE void normals(Stream stream, long step, long count, Each each) const {
    for (long first = 0; first < count; first += slots) {
      const auto n = block(stream, step, first / slots);
      const long m = std::min<long>(slots, count - first);
      if (m == slots)
        for (int k = 0; k < slots; ++k) each(first + k, n.value[k]);
      else
        for (int k = 0; k < m; ++k) each(first + k, n.value[k]);
    }
  }
  // Calls each(i, xi, zeta) with the normals of two steps.
  template <class Each>
  THALWEG_INLINE void normals(Stream stream, long step, long other, long count, Each each) const {
    for (long first = 0; first < count; first += slots) {
      const auto a = block(stream, step, first / slots), b = block(stream, other, first / slots);
      for (int k = 0; k < slots && first + k < count; ++k) each(first + k, a.value[k], b.value[k]);
    }
  }
  S uniform(Stream stream, long step) const {
    return uniforms<S>(key_, at(stream, step, 0)).value[0];
  }

 private:
  Key key_;
  words_of<S> replicas_;

  THALWEG_INLINE auto at(Stream stream, long step, long index) const {
    return counter<S>(same_word<S>(static_cast<std::uint32_t>(index)), replicas_,
                      static_cast<std::uint32_t>(step), stream);
  }
  THALWEG_INLINE Numbers<S> block(Stream stream, long step, long index) const {
    return thalweg::normals<S>(key_, at(stream, step, index));
  }
};

}  // namespace thalweg
