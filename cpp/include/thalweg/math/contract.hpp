// The one matrix product of the engine: C(p, q) = sum_k A(p, k) B(k, q), with elements of B and C
// packs (one matrix per lane) and elements of A packs or plain numbers shared by all lanes.
//
// Register-tiled: a tile of C lives in registers while k runs. Each element sums over k in order
// and is then stored or added, whatever the tile, so results do not depend on tile sizes and hence
// not on the instruction set's number of registers.
#pragma once

#include <thalweg/math/dual.hpp>
#include <utility>

namespace thalweg {

// A matrix in memory: element (i, j) at data[i * row + j * column].
template <class T>
struct Matrix {
  T* data;
  long row, column;
};

enum class Into { overwrite, accumulate };

namespace detail {

inline constexpr int accumulators = register_bytes == 64 ? 24 : 12;
inline constexpr int widest_tile = register_bytes == 64 ? 6 : 3;  // columns

// Tile rows allowed beside q columns: 8, 4, 2 or 1, and no more accumulators than registers allow.
constexpr int tallest_tile(int q) { return q * 8 <= accumulators ? 8 : 4; }

// f(0), f(1), ... f(n - 1) with the argument a constant, so that arrays it indexes become
// registers.
template <int n, class F>
THALWEG_INLINE void repeat(F f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }(std::make_integer_sequence<int, n>());
}

template <int P, int Q, class A, class S>
THALWEG_INLINE void tile(long depth, Matrix<const A> a, Matrix<const S> b, Matrix<S> c, Into into) {
  S sum[P][Q];
  repeat<P>([&](auto p) { repeat<Q>([&](auto q) { sum[p][q] = S(real_of<S>(0)); }); });
  const A* pa = a.data;
  const S* pb = b.data;
  for (long k = 0; k < depth; ++k, pa += a.column, pb += b.row) {
    S column[Q];
    repeat<Q>([&](auto q) {
      column[q] = pb[q * b.column];
      // Held in a register: folding the load into each multiply-add costs a quarter of the speed.
#if defined(__AVX512F__)
      if constexpr (P > 1) asm("" : "+v"(column[q].v));
#elif defined(__x86_64__)
      if constexpr (P > 1) asm("" : "+x"(column[q].v));
#endif
    });
    repeat<P>([&](auto p) {
      const S x(pa[p * a.row]);
      repeat<Q>([&](auto q) { sum[p][q] = fma(x, column[q], sum[p][q]); });
    });
  }
  repeat<P>([&](auto p) {
    repeat<Q>([&](auto q) {
      S& to = c.data[p * c.row + q * c.column];
      to = into == Into::accumulate ? to + sum[p][q] : sum[p][q];
    });
  });
}

// All rows beside one group of Q columns.
template <int P, int Q, class A, class S>
__attribute__((noinline)) void rows(long first, long count, long depth, Matrix<const A> a,
                                    Matrix<const S> b, Matrix<S> c, Into into) {
  long p = first;
  for (; p + P <= count; p += P)
    tile<P, Q>(depth, Matrix<const A>{a.data + p * a.row, a.row, a.column}, b,
               Matrix<S>{c.data + p * c.row, c.row, c.column}, into);
  if constexpr (P > 1)
    if (p < count) rows<P / 2, Q>(p, count, depth, a, b, c, into);
}

template <int Q, class A, class S>
void columns(int wanted, long count, long depth, Matrix<const A> a, Matrix<const S> b, Matrix<S> c,
             Into into) {
  if constexpr (Q > 1)
    if (wanted < Q) return columns<Q - 1>(wanted, count, depth, a, b, c, into);
  rows<tallest_tile(Q), Q>(0, count, depth, a, b, c, into);
}

}  // namespace detail

// C [height x width] (+)= A [height x depth] B [depth x width], for plain packs.
template <class A, class S>
void contract(long height, long width, long depth, Matrix<const A> a, Matrix<const S> b,
              Matrix<S> c, Into into = Into::overwrite) {
  const long groups = (width + detail::widest_tile - 1) / detail::widest_tile;
  for (long g = 0, q = 0; g < groups; ++g) {
    const int q_count = static_cast<int>((width - q) / (groups - g));  // as even as can be
    detail::columns<detail::widest_tile>(q_count, height, depth, a,
                                         Matrix<const S>{b.data + q * b.column, b.row, b.column},
                                         Matrix<S>{c.data + q * c.column, c.row, c.column}, into);
    q += q_count;
  }
}

}  // namespace thalweg
