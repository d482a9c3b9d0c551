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

// H packs of W lanes into the same numbers with those of a lane side by side: W rows of H, in
// order. Each round interleaves the first half with the second.
template <int H, class S>
THALWEG_INLINE void lanes_together(S* x) {
  for (int round = 1; round < H; round *= 2) {
    S y[H];
    for (int i = 0; i < H / 2; ++i) interleave(x[i], x[i + H / 2], y + 2 * i);
    for (int i = 0; i < H; ++i) x[i] = y[i];
  }
}

// x[i] lane j <-> x[j] lane i.
template <class S>
THALWEG_INLINE void transpose(S* x) {
  lanes_together<S::lanes>(x);
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

// Rows of `width` numbers, `from_row` and `to_row` apart, without what lies between them.
template <class S>
void copy_rows(long rows, long width, const real_of<S>* from, long from_row, real_of<S>* to,
               long to_row) {
  if (from_row == to_row && width == to_row) return copy_numbers<S>(from, rows * width, to);
  for (long i = 0; i < rows; ++i) copy_numbers<S>(from + i * from_row, width, to + i * to_row);
}

// So many numbers are moved one by one, not by a transposition.
inline constexpr long few_numbers = 4;

// Number i of row l of `used` rows into lane l of out[i * stride]; lanes past them repeat the last.
// Rows are read in whole packs.
template <class S>
void rows_into_lanes(const real_of<S>* rows, long row, long used, long width, S* out, long stride) {
  constexpr long W = S::lanes;
  const auto number = [&](long l) { return rows + (l < used ? l : used - 1) * row; };
  if (width < few_numbers) {
    for (long i = 0; i < width; ++i) {
      real_of<S> x[W];
      for (long l = 0; l < W; ++l) x[l] = number(l)[i];
      out[i * stride] = S::load(x);
    }
    return;
  }
  for (long i0 = 0; i0 < width; i0 += W) {
    S x[W];
    for (long l = 0; l < W; ++l) x[l] = S::load(number(l) + i0);
    transpose(x);
    for (long i = 0; i < W && i0 + i < width; ++i) out[(i0 + i) * stride] = x[i];
  }
}

namespace detail {

template <int by, class S>
THALWEG_INLINE S lanes_down(S x) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) __attribute__((always_inline)) {
    return S(__builtin_shufflevector(x.v, x.v, ((i + by) % S::lanes)...));
  }(std::make_index_sequence<S::lanes>());
}

template <int H, class S>
void part_into_rows(const S* lanes, long stride, long height, S filler, S* rows, long row) {
  if constexpr (H < S::lanes)
    if (height >= H) return part_into_rows<2 * H>(lanes, stride, height, filler, rows, row);
  constexpr int per_pack = S::lanes / H;
  S x[H];
  for (long i = 0; i < H; ++i) x[i] = i < height ? lanes[i * stride] : filler;
  lanes_together<H>(x);
  for (int k = 0; k < H; ++k)
    [&]<int... s>(std::integer_sequence<int, s...>) __attribute__((always_inline)) {
      ((rows[(k * per_pack + s) * row] = lanes_down<s * H>(x[k])), ...);
    }(std::make_integer_sequence<int, per_pack>());
}

}  // namespace detail

// The converse, into W rows of whole packs, `row` packs apart. The filler stands behind the last
// number of a row if there is room in its pack, and behind that anything.
template <class S>
void lanes_into_rows(const S* lanes, long stride, long width, S filler, S* rows, long row) {
  for (long i = 0; i < width; i += S::lanes)
    detail::part_into_rows<2>(lanes + i * stride, stride, width - i, filler, rows + i / S::lanes,
                              row);
}

}  // namespace thalweg
