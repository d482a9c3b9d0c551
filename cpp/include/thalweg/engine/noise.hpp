// Random numbers for the points of a block: number i of a replica is the same however lanes are
// used.
#pragma once

#include <thalweg/engine/rows.hpp>
#include <thalweg/math/random.hpp>

namespace thalweg {

template <class Real>
class Noise {
 public:
  using S = Lanes<Real>;
  static constexpr int slots = numbers_per_block<S>, W = S::lanes;

  Noise(std::uint64_t seed, const std::array<std::uint32_t, W>& replicas, const Rows<Real>& block)
      : key_(seed), replicas_(load_words<S>(replicas.data())), block_(block) {}

  // Calls each(i, xi) for every pack i of a point with the normals of one step.
  template <class Each>
  THALWEG_INLINE void normals(Stream stream, long step, Each each) const {
    const long packs = block_.packs();
    for (long first = 0; first < packs; first += slots) {
      const auto n = next(stream, step, first);
      const long m = std::min<long>(slots, packs - first);
      if (m == slots)
        for (int k = 0; k < slots; ++k) each(first + k, n.value[k]);
      else
        for (int k = 0; k < m; ++k) each(first + k, n.value[k]);
    }
  }
  // Calls each(i, xi, zeta) with the normals of two steps.
  template <class Each>
  THALWEG_INLINE void normals(Stream stream, long step, long other, Each each) const {
    const long packs = block_.packs();
    for (long first = 0; first < packs; first += slots) {
      const auto a = next(stream, step, first), b = next(stream, other, first);
      for (int k = 0; k < slots && first + k < packs; ++k) each(first + k, a.value[k], b.value[k]);
    }
  }
  // One number per replica.
  S uniform(Stream stream, long step) const {
    return uniforms<S>(key_, at(same_word<S>(0), stream, step)).value[0];
  }

 private:
  Key key_;
  words_of<S> replicas_;
  Rows<Real> block_;

  THALWEG_INLINE auto at(words_of<S> block, Stream stream, long step) const {
    return counter<S>(block, replicas_, static_cast<std::uint32_t>(step), stream);
  }
  // Packs first .. first + slots - 1 of a point.
  THALWEG_INLINE Numbers<S> next(Stream stream, long step, long first) const {
    if (block_.lane == Lane::replica)
      return thalweg::normals<S>(
          key_, at(same_word<S>(static_cast<std::uint32_t>(first / slots)), stream, step));
    const auto blocks = counting_words<S>(static_cast<std::uint32_t>(first / slots * W));
    Numbers<S> n = in_order(thalweg::normals<S>(key_, at(blocks, stream, step)));
    for (int k = 0; k < slots; ++k)
      if (const long left = block_.dim - (first + k) * W; left < W)  // padding stays zero
        for (int l = static_cast<int>(std::max(left, 0L)); l < W; ++l) n.value[k].set(l, 0);
    return n;
  }

  // Lanes hold consecutive blocks, slot by slot; wanted are their numbers one after another.
  static THALWEG_INLINE Numbers<S> in_order(Numbers<S> n) {
    Numbers<S> out;
    if constexpr (slots == 2) {
      interleave(n.value[0], n.value[1], &out.value[0]);
    } else {
      S even[2], odd[2];
      interleave(n.value[0], n.value[2], even);
      interleave(n.value[1], n.value[3], odd);
      interleave(even[0], odd[0], &out.value[0]);
      interleave(even[1], odd[1], &out.value[2]);
    }
    return out;
  }
};

}  // namespace thalweg
