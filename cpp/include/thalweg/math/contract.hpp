// The one matrix product of the engine: C(p, q) = sum_k A(p, k) B(k, q), with elements of B and C
// packs (one matrix per lane) and elements of A packs or plain numbers shared by all lanes.
//
// Register-tiled: a tile of C lives in registers while k runs, and what becomes of its sums is left
// to the caller, who has them there. Each element sums over k in order, whatever the tile, so
// results do not depend on tile sizes and hence not on the instruction set's number of registers.
#pragma once

#include <thalweg/math/dual.hpp>
#include <utility>

namespace thalweg {

// A matrix in memory: element (i, j) at data[i * row + j * column].
template <class T>
struct Matrix {
  T* data;
  long row, column;

  THALWEG_INLINE T& operator()(long i, long j) const { return data[i * row + j * column]; }
  THALWEG_INLINE Matrix at(long i, long j) const {
    return {data + i * row + j * column, row, column};
  }
};

enum class Into { overwrite, accumulate };

namespace detail {

// f(0), f(1), ... f(n - 1) with the argument a constant, so that arrays it indexes become
// registers.
template <int n, class F>
THALWEG_INLINE void repeat(F f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }(std::make_integer_sequence<int, n>());
}
// f(p, q) for all of a tile.
template <int P, int Q, class F>
THALWEG_INLINE void repeat(F f) {
  repeat<P>([&](auto p) __attribute__((always_inline)) {
    repeat<Q>([&](auto q) __attribute__((always_inline)) { f(p, q); });
  });
}

}  // namespace detail

// What becomes of a tile's sums: C = sum, or C += sum. Others may be passed in its place.
template <class S>
struct Put {
  Matrix<S> c;
  Into into = Into::overwrite;

  THALWEG_INLINE Put at(long p, long q) const { return {c.at(p, q), into}; }
  template <int P, int Q>
  THALWEG_INLINE void operator()(const S (&sum)[P][Q]) const {
    detail::repeat<P, Q>([&](auto p, auto q) __attribute__((always_inline)) {
      c(p, q) = into == Into::accumulate ? c(p, q) + sum[p][q] : sum[p][q];
    });
  }
};

namespace detail {

inline constexpr int accumulators = register_bytes == 64 ? 24 : 12;
inline constexpr int widest_tile = register_bytes == 64 ? 6 : 3;  // columns

// Tile rows allowed beside q columns: 8, 4, 2 or 1, and no more accumulators than registers allow.
constexpr int tallest_tile(int q) { return q * 8 <= accumulators ? 8 : 4; }
// The tile for what tiles of p rows leave over. A few accumulators wait for each other as long as
// many, so of a single column all rows that are left are one tile.
constexpr int next_tile(int p, int q) { return q == 1 ? p - 1 : p / 2; }

// What one k adds to a tile. One side's packs are held in registers: folding their loads into each
// multiply-add costs a quarter of the speed. Which side is a matter of measurement.
template <int P, int Q, class A, class S>
THALWEG_INLINE void add_products(const A* pa, long a_row, const S* pb, long b_column,
                                 S (&sum)[P][Q]) {
#if defined(__AVX512F__)
  if constexpr (P >= 4 && (Q == 2 || Q == 3) && std::is_same_v<A, S>) {
    S rows[P];
    repeat<P>([&](auto p) {
      rows[p] = pa[p * a_row];
      asm("" : "+v"(rows[p].v));
    });
    repeat<Q>([&](auto q) {
      const S y = pb[q * b_column];
      repeat<P>([&](auto p) { sum[p][q] = fma(rows[p], y, sum[p][q]); });
    });
    return;
  }
#endif
  S columns[Q];
  repeat<Q>([&](auto q) {
    columns[q] = pb[q * b_column];
#if defined(__AVX512F__)
    if constexpr (P > 1) asm("" : "+v"(columns[q].v));
#elif defined(__x86_64__)
    if constexpr (P > 1) asm("" : "+x"(columns[q].v));
#endif
  });
  repeat<P>([&](auto p) {
    const S x(pa[p * a_row]);
    repeat<Q>([&](auto q) { sum[p][q] = fma(x, columns[q], sum[p][q]); });
  });
}

template <int P, int Q, class A, class S, class Finish>
THALWEG_INLINE void tile(long depth, Matrix<const A> a, Matrix<const S> b, Finish finish) {
  S sum[P][Q];
  const A* pa = a.data;
  const S* pb = b.data;
  {  // The first products start the sums: zeroing them cost a tenth of a short product.
    S columns[Q];
    repeat<Q>([&](auto q) { columns[q] = pb[q * b.column]; });
    repeat<P>([&](auto p) {
      const S x(pa[p * a.row]);
      repeat<Q>([&](auto q) { sum[p][q] = x * columns[q]; });
    });
  }
  for (long k = 1; k < depth; ++k) {
    pa += a.column, pb += b.row;
    add_products<P, Q>(pa, a.row, pb, b.column, sum);
  }
  finish(sum);
}

template <int P, int Q, class A, class S, class Finish>
void rows_of(long groups, long first, long count, long depth, const Matrix<const A>& a,
             const Matrix<const S>& b, const Finish& finish);

// Rows `first` to `count`, P at a time, beside `groups` groups of Q columns; then those left over.
template <int P, int Q, class A, class S, class Finish>
__attribute__((noinline)) void rows(long groups, long first, long count, long depth,
                                    const Matrix<const A>& a, const Matrix<const S>& b,
                                    const Finish& finish) {
  long p = first;
  for (long g = 0; g < groups; ++g)
    for (p = first; p + P <= count; p += P)
      tile<P, Q>(depth, a.at(p, 0), b.at(0, g * Q), finish.at(p, g * Q));
  if constexpr (P > 1)
    if (p < count) rows_of<next_tile(P, Q), Q>(groups, p, count, depth, a, b, finish);
}

// The same by the tallest tile that fits, at most P, found before any call: a short product is
// mostly calls.
template <int P, int Q, class A, class S, class Finish>
void rows_of(long groups, long first, long count, long depth, const Matrix<const A>& a,
             const Matrix<const S>& b, const Finish& finish) {
  if constexpr (P > 1)
    if (count - first < P)
      return rows_of<next_tile(P, Q), Q>(groups, first, count, depth, a, b, finish);
  rows<P, Q>(groups, first, count, depth, a, b, finish);
}

template <int Q, class A, class S, class Finish>
void columns(long wanted, long groups, long count, long depth, const Matrix<const A>& a,
             const Matrix<const S>& b, const Finish& finish) {
  if constexpr (Q > 1)
    if (wanted < Q) return columns<Q - 1>(wanted, groups, count, depth, a, b, finish);
  rows_of<tallest_tile(Q), Q>(groups, 0, count, depth, a, b, finish);
}

}  // namespace detail

// A [height x depth] times B [depth x width], depth >= 1, for plain packs. `finish` is moved to a
// tile by at(row, column) and then called with its sums.
template <class A, class S, class Finish>
void contract(long height, long width, long depth, Matrix<const A> a, Matrix<const S> b,
              Finish finish) {
  constexpr long widest = detail::widest_tile;
  const long groups = (width + widest - 1) / widest;  // of columns, as even as can be
  const long narrow = width / groups, wide_groups = width % groups;
  const long narrow_groups = groups - wide_groups, split = narrow_groups * narrow;
  detail::columns<widest>(narrow, narrow_groups, height, depth, a, b, finish);
  if (wide_groups > 0)
    detail::columns<widest>(narrow + 1, wide_groups, height, depth, a, b.at(0, split),
                            finish.at(0, split));
}

// What a product with a row of ones would give: the sum of each column of b [depth x width], whose
// columns lie side by side. Additions side by side, so that none waits for the one before.
template <int most = 8, class S>
void sum_columns(long width, long depth, Matrix<const S> b, S* sums, Into into) {
  long q = 0;
  for (; q + most <= width; q += most) {
    S sum[most];
    const S* row = b.data + q;
    detail::repeat<most>([&](auto i) { sum[i] = row[i]; });
    for (long k = 1; k < depth; ++k) {
      row += b.row;
      detail::repeat<most>([&](auto i) { sum[i] += row[i]; });
    }
    detail::repeat<most>(
        [&](auto i) { sums[q + i] = into == Into::accumulate ? sums[q + i] + sum[i] : sum[i]; });
  }
  if constexpr (most > 1)
    if (q < width) sum_columns<most / 2>(width - q, depth, b.at(0, q), sums + q, into);
}

}  // namespace thalweg
