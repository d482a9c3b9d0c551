// The products of the MLP's pass on a GPU: tiles of numbers in the registers of one thread.
//
// What belongs to samples lies [unit][sample], samples side by side and padded to whole quads, so
// that a thread reads four of them with one or two 128-bit loads. A tile is four samples of several
// units, or, where samples are summed over, several units beside several units. Sums run over the
// depth in order, whatever the tile.
#pragma once

#include <thalweg/math/contract.hpp>

namespace thalweg::cuda {

using thalweg::detail::repeat;

inline constexpr int quad = 4;  // samples

template <class S>
struct alignas(16) Quad {
  S number[quad];
#if defined(__CUDA_ARCH__)
  struct Words {
    unsigned __int128 word[sizeof(S) / 4];
  };
#endif

  THALWEG_INLINE static Quad load(Array<S> from, int i) {
    return *reinterpret_cast<const Quad*>(from.values + i);
  }
  THALWEG_INLINE void store(Array<S> to, int i) const {
#if defined(__CUDA_ARCH__)  // said in words of 16 bytes: else numbers may be stored one at a time
    const auto words = std::bit_cast<Words>(*this);
    repeat<sizeof(S) / 4>(
        [&](auto w) { reinterpret_cast<unsigned __int128*>(to.values + i)[w] = words.word[w]; });
#else
    *reinterpret_cast<Quad*>(to.values + i) = *this;
#endif
  }
  THALWEG_INLINE S operator[](int i) const { return number[i]; }
  THALWEG_INLINE void set(int i, S x) { number[i] = x; }
};
template <class S>
struct Quad<Dual<S>> {
  Quad<S> values, tangents;

  THALWEG_INLINE static Quad load(Array<Dual<S>> from, int i) {
    return {Quad<S>::load({from.values}, i), Quad<S>::load({from.tangents}, i)};
  }
  THALWEG_INLINE void store(Array<Dual<S>> to, int i) const {
    values.store({to.values}, i);
    tangents.store({to.tangents}, i);
  }
  THALWEG_INLINE Dual<S> operator[](int i) const { return {values[i], tangents[i]}; }
  THALWEG_INLINE void set(int i, Dual<S> x) {
    values.set(i, x.value);
    tangents.set(i, x.tangent);
  }
};

// The weights of a layer as products read them: w(unit, k) for its units and their inputs k, or,
// transposed, for its inputs and the units k they go to.
template <class S, bool transposed>
struct Weights {
  Array<S> array;  // [units, inputs]
  int inputs;

  THALWEG_INLINE int start(int unit) const { return transposed ? unit : unit * inputs; }
  THALWEG_INLINE int step() const { return transposed ? inputs : 1; }
};

// sum_k a[k][n] w(unit, k) for the units first, first + 1 ... below `width` and the four samples
// from n; finish(unit, n, Quad of sums). Units past the end are computed again and dropped.
template <int columns, class A, class S, bool transposed, class Finish>
THALWEG_INLINE void sample_tile(int n, int first, int width, int depth, Array<A> a, int pitch,
                                Weights<S, transposed> w, Finish finish) {
  Quad<S> sum[columns];
  Array<S> from[columns];
  repeat<columns>([&](auto c) {
    from[c] = w.array + w.start(first + c < width ? first + c : width - 1);
    repeat<quad>([&](auto i) { sum[c].set(i, S(real_of<S>(0))); });
  });
  for (int k = 0; k < depth; ++k) {
    const Quad<A> x = Quad<A>::load(a, k * pitch + n);
    repeat<columns>([&](auto c) {
      const S y = from[c][k * w.step()];
      repeat<quad>([&](auto i) { sum[c].set(i, fma(x[i], y, sum[c][i])); });
    });
  }
  repeat<columns>([&](auto c) {
    if (first + c < width) finish(first + c, n, sum[c]);
  });
}

// All of a product in such tiles.
template <int columns, class Team, class A, class S, bool transposed, class Finish>
THALWEG_DEVICE void sample_tiles(const Team& team, int quads, int width, int depth, Array<A> a,
                                 int pitch, Weights<S, transposed> w, Finish finish) {
  const int across = (width + columns - 1) / columns;
  team.each(quads * across, [&](int tile) {
    const int n = tile % quads * quad, first = tile / quads * columns;
    sample_tile<columns>(n, first, width, depth, a, pitch, w, finish);
  });
}

// f(constant) for the tile width of a plan: 1, 2, 4 or 8 units.
template <int widest, class F>
THALWEG_INLINE void with_columns(int columns, F f) {
  if constexpr (widest > 1)
    if (columns < widest) return with_columns<widest / 2>(columns, f);
  f(std::integral_constant<int, widest>{});
}

// What one sample adds to a gradient: the product, or of a product with dual numbers its tangent.
template <class R>
THALWEG_INLINE R add_gradient(R delta, R a, R sum) {
  return fma(delta, a, sum);
}
template <class R>
THALWEG_INLINE R add_gradient(Dual<R> delta, R a, R sum) {
  return fma(delta.tangent, a, sum);
}
template <class R>
THALWEG_INLINE R add_gradient(Dual<R> delta, Dual<R> a, R sum) {
  return fma(delta.tangent, a.value, fma(delta.value, a.tangent, sum));
}

// How a sum over samples is cut: tiles of some rows, and for each `splits` parts of the quads. Of
// five columns, since the unit that is always 1 often makes one more than fours; dual numbers take
// more registers.
struct GradientCut {
  static constexpr int tall = 4;
  static constexpr int wide(bool dual) { return dual ? 4 : 5; }
  int rows;  // 1 or `tall`
  int splits;
};

// One factor of a gradient: unit `k` at array[k * pitch], and behind the last one a unit that is
// always 1, whose products make the gradient of the biases.
template <class A>
struct UnitRows {
  Array<A> array;
  int units, pitch;
  int ones;  // where the unit 1 begins, as seen from `array`

  THALWEG_INLINE int at(int k) const { return k < units ? k * pitch : ones; }
};

// sum_n delta[j][n] a[k][n] over the quads [begin, end). Rows and columns of a tile lie `down` and
// `across` apart, so that neighbouring threads read neighbouring units.
template <int rows, int columns, class Real, class D, class A, class Finish>
THALWEG_INLINE void gradient_tile(int row, int down, int height, int column, int across, int width,
                                  int begin, int end, Array<D> delta, UnitRows<A> a,
                                  Finish finish) {
  Real sum[rows][columns];
  int delta_at[rows], a_at[columns];
  repeat<rows>([&](auto r) {
    const int j = row + r * down;
    delta_at[r] = (j < height ? j : height - 1) * a.pitch;
    repeat<columns>([&](auto c) { sum[r][c] = Real(0); });
  });
  repeat<columns>([&](auto c) {
    const int k = column + c * across;
    a_at[c] = a.at(k < width ? k : width - 1);
  });
  for (int n = begin * quad; n < end * quad; n += quad) {
    Quad<A> x[columns];
    repeat<columns>([&](auto c) { x[c] = Quad<A>::load(a.array, a_at[c] + n); });
    repeat<rows>([&](auto r) {
      const Quad<D> d = Quad<D>::load(delta, delta_at[r] + n);
      repeat<columns>([&](auto c) {
        repeat<quad>([&](auto i) { sum[r][c] = add_gradient(d[i], x[c][i], sum[r][c]); });
      });
    });
  }
  repeat<rows>([&](auto r) {
    repeat<columns>([&](auto c) {
      const int j = row + r * down, k = column + c * across;
      if (j < height && k < width) finish(j, k, sum[r][c]);
    });
  });
}

// All of a gradient's product: finish(split, j, k, sum), each once.
template <int rows, int columns, class Real, class Team, class D, class A, class Finish>
THALWEG_DEVICE void gradient_tiles(const Team& team, int splits, int height, int width, int quads,
                                   Array<D> delta, UnitRows<A> a, Finish finish) {
  const int down = (height + rows - 1) / rows, across = (width + columns - 1) / columns;
  team.each(down * across * splits, [&](int item) {
    const int split = item / (down * across), tile = item % (down * across);
    gradient_tile<rows, columns, Real>(tile / across, down, height, tile % across, across, width,
                                       quads * split / splits, quads * (split + 1) / splits, delta,
                                       a,
                                       [&](int j, int k, Real sum) { finish(split, j, k, sum); });
  });
}

}  // namespace thalweg::cuda
