// Moving numbers between lanes: interleaving two packs, transposing W of them.
#pragma once

#include <thalweg/math/pack.hpp>
#include <utility>

namespace thalweg {

// out[0], out[1] = a0 b0 a1 b1 ...
template <class S>
THALWEG_INLINE void interleave(S a, S b, S* out) {
  constexpr int W = S::lanes;
  [&]<std::size_t... i>(std::index_sequence<i...>) __attribute__((always_inline)) {
    out[0] = S(__builtin_shufflevector(a.v, b.v, (i / 2 + (i % 2) * W)...));
    out[1] = S(__builtin_shufflevector(a.v, b.v, (W / 2 + i / 2 + (i % 2) * W)...));
  }(std::make_index_sequence<W>());
}

// x[i] lane j <-> x[j] lane i. Each round interleaves the first half with the second; after log2(W)
// rounds every number's row and lane have changed places.
template <class S>
THALWEG_INLINE void transpose(S* x) {
  constexpr int W = S::lanes;
  for (int round = 1; round < W; round *= 2) {
    S y[W];
    for (int i = 0; i < W / 2; ++i) interleave(x[i], x[i + W / 2], y + 2 * i);
    for (int i = 0; i < W; ++i) x[i] = y[i];
  }
}

// A copy of numbers by whole packs: a row of a network is too short to be worth a call of memcpy.
template <class S>
THALWEG_INLINE void copy_numbers(const real_of<S>* from, long count, real_of<S>* to) {
  constexpr long W = S::lanes;
  long i = 0;
  for (; i + W <= count; i += W) S::load(from + i).store(to + i);
  if (i == count) return;
  if (count > W)  // the last pack overlaps the one before
    S::load(from + count - W).store(to + count - W);
  else
    for (; i < count; ++i) to[i] = from[i];
}

// out[j * out_row + i] = in[i * in_row + j] for i < rows, j < columns: a transposed copy by tiles.
// With `pad` rows of out are filled up with zeros to whole packs, which is quicker.
template <class S>
void transpose_into(const real_of<S>* in, long rows, long columns, long in_row, real_of<S>* out,
                    long out_row, bool pad = false) {
  constexpr long W = S::lanes;
  for (long i0 = 0; i0 < rows; i0 += W)
    for (long j0 = 0; j0 < columns; j0 += W) {
      const long m = rows - i0 < W ? rows - i0 : W, n = columns - j0 < W ? columns - j0 : W;
      if (n == W && (m == W || pad)) {
        S x[W];
        for (long i = 0; i < W; ++i)
          x[i] = i < m ? S::load(in + (i0 + i) * in_row + j0) : S(real_of<S>(0));
        transpose(x);
        for (long j = 0; j < W; ++j) x[j].store(out + (j0 + j) * out_row + i0);
        continue;
      }
      for (long j = j0; j < j0 + n; ++j)
        for (long i = i0; i < i0 + m; ++i) out[j * out_row + i] = in[i * in_row + j];
    }
}

}  // namespace thalweg
