// The products of the MLP's pass on a GPU: tiles of numbers in the registers of one thread.
//
// What belongs to samples lies [unit][sample], samples side by side and padded to whole quads, so
// that a thread reads four of them with one or two 128-bit loads. A tile is four samples of several
// units, or, where samples are summed over, several units beside several units. Sums run over the
// depth in order, whatever the tile.
#pragma once

#include <thalweg/math/contract.hpp>

#include "divider.cuh"

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

// The weights of a layer [units, inputs]. Where rows begin at multiples of four numbers, they are
// called aligned, and read four at a time.
template <class S>
struct Weights {
  Array<S> array;
  int inputs;
};

// Tiles of so many units are there for products with aligned weights or others; backward, with
// transposed weights, four neighbours are four columns.
constexpr bool has_tile(int columns, bool aligned, bool transposed, bool dual) {
  switch (columns) {
    case 1:
      return !(aligned && transposed);
    case 2:
      return !aligned;
    case 4:
      return true;
    default:
      return columns == 8 && aligned && !dual;
  }
}

// Four samples by some units, in registers.
template <int columns, class S>
struct SampleTile {
  Quad<S> sum[columns];

  THALWEG_INLINE SampleTile() {
    repeat<columns>(
        [&](auto c) { repeat<quad>([&](auto i) { sum[c].set(i, S(real_of<S>(0))); }); });
  }
  template <class A>
  THALWEG_INLINE void add(int c, Quad<A> x, S weight) {
    repeat<quad>([&](auto i) { sum[c].set(i, fma(x[i], weight, sum[c][i])); });
  }

  // sum_k a[k] w[unit(c)][k], with a[k] at a + k * pitch.
  template <bool aligned, class A, class Unit>
  THALWEG_INLINE void add_rows(int depth, Array<A> a, int pitch, Weights<S> w, Unit unit) {
    int row[columns];
    repeat<columns>([&](auto c) { row[c] = unit(c) * w.inputs; });
    constexpr int stride = aligned ? quad : 1;
#if defined(__CUDA_ARCH__)
#pragma unroll(quad / stride)
#endif
    for (int k = 0; k < depth; k += stride) {
      if constexpr (aligned) {
        Quad<A> x[quad];
        repeat<quad>([&](auto i) {
          x[i] = Quad<A>::load(a, 0);
          a = a + pitch;
        });
        repeat<columns>([&](auto c) {
          const Quad<S> weight = Quad<S>::load(w.array, row[c] + k);
          repeat<quad>([&](auto i) { add(c, x[i], weight[i]); });
        });
      } else {
        const Quad<A> x = Quad<A>::load(a, 0);
        a = a + pitch;
        repeat<columns>([&](auto c) { add(c, x, w.array[row[c] + k]); });
      }
    }
  }
  // sum_k a[k] w[k][unit(c)].
  template <bool aligned, class A, class Unit>
  THALWEG_INLINE void add_columns(int depth, Array<A> a, int pitch, Weights<S> w, Unit unit) {
    constexpr int side_by_side = aligned ? quad : 1;
    int from[columns / side_by_side];
    repeat<columns / side_by_side>([&](auto g) { from[g] = unit(g * side_by_side); });
#if defined(__CUDA_ARCH__)
#pragma unroll 2
#endif
    for (int k = 0; k < depth; ++k) {
      const Quad<A> x = Quad<A>::load(a, 0);
      a = a + pitch;
      repeat<columns / side_by_side>([&](auto g) {
        if constexpr (aligned) {
          const Quad<S> weight = Quad<S>::load(w.array, from[g]);
          repeat<quad>([&](auto i) { add(g * quad + i, x, weight[i]); });
        } else {
          add(g, x, w.array[from[g]]);
        }
      });
      w.array = w.array + w.inputs;
    }
  }
};

// A product in such tiles: sum_k a[k][n] w[unit][k], or of w[k][unit] if `transposed`, for the
// units below `width`; finish(unit, n, Quad of sums). Units past the end are computed again and
// dropped.
template <int columns, bool aligned, bool transposed, class Team, class A, class S, class Finish>
THALWEG_DEVICE void sample_tiles(const Team& team, Divider quads, int width, int depth, Array<A> a,
                                 int pitch, Weights<S> w, Finish finish) {
  const int across = (width + columns - 1) / columns;
  team.each(quads.divisor() * across, [&](int item) {
    const Quotient place = quads(item);
    const int n = place.rest * quad, first = place.whole * columns;
    // Of columns read four at a time the last four.
    const int last = transposed && aligned ? width - quad : width - 1;
    const auto unit = [&](int c) { return first + c < last ? first + c : last; };
    SampleTile<columns, S> tile;
    if constexpr (transposed)
      tile.template add_columns<aligned>(depth, a + n, pitch, w, unit);
    else
      tile.template add_rows<aligned>(depth, a + n, pitch, w, unit);
    repeat<columns>([&](auto c) {
      if (first + c < width) finish(first + c, n, tile.sum[c]);
    });
  });
}

// f(constant) for the tile width of a plan.
template <bool aligned, bool transposed, bool dual, int widest = 8, class F>
THALWEG_INLINE void with_columns(int columns, F f) {
  if constexpr (widest > 1)
    if (columns < widest || !has_tile(widest, aligned, transposed, dual))
      return with_columns<aligned, transposed, dual, widest / 2>(columns, f);
  if constexpr (has_tile(widest, aligned, transposed, dual))
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

// Tiles of a gradient, units by inputs; the unit that is always 1 often makes one more than fours.
// Dual numbers take more registers.
struct GradientShape {
  int rows, columns;
};
constexpr int number_of_shapes(bool dual) { return dual ? 2 : 3; }
constexpr GradientShape shape_of(int number, bool dual) {  // number 0: a single unit
  const int rows = number == 0 ? 1 : 3 + number;
  return {rows, dual ? 4 : 6 - (number == 0 ? 1 : number)};
}

// How a sum over samples is cut: tiles, and for each so many parts of the quads.
struct GradientCut {
  int shape;              // number
  Divider across, tiles;  // tiles of a row, and of all
  Divider each;           // quads of a part
  int splits;             // parts of a whole chunk

  THALWEG_INLINE int parts(int quads) const { return each(quads + each.divisor() - 1).whole; }
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

// Sums of a tile, and whose they are: those of units j(r) and inputs k(c), the last of which is
// the unit 1. Rows and columns lie `down` and `across` apart, so that neighbouring threads read
// neighbouring units. Past the ends, units are computed again, to be dropped.
template <int rows, int columns, class Real>
struct GradientTile {
  Real sum[rows][columns];
  int row, down, height, column, across, width;

  THALWEG_INLINE int j(int r) const { return row + r * down; }
  THALWEG_INLINE int k(int c) const { return column + c * across; }

  // sum_n delta[j][n] a[k][n] over the quads [begin, end), one at least.
  template <class D, class A>
  THALWEG_INLINE void add_up(int begin, int end, Array<D> delta, UnitRows<A> a) {
    int delta_at[rows], a_at[columns];
    repeat<rows>([&](auto r) {
      delta_at[r] = (j(r) < height ? j(r) : height - 1) * a.pitch;
      repeat<columns>([&](auto c) { sum[r][c] = Real(0); });
    });
    repeat<columns>([&](auto c) { a_at[c] = a.at(k(c) < width ? k(c) : width - 1); });
    Array<A> from = a.array + begin * quad;
    delta = delta + begin * quad;
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
    do {
      Quad<A> x[columns];
      repeat<columns>([&](auto c) { x[c] = Quad<A>::load(from, a_at[c]); });
      repeat<rows>([&](auto r) {
        const Quad<D> d = Quad<D>::load(delta, delta_at[r]);
        repeat<columns>([&](auto c) {
          repeat<quad>([&](auto i) { sum[r][c] = add_gradient(d[i], x[c][i], sum[r][c]); });
        });
      });
      from = from + quad;
      delta = delta + quad;
    } while (++begin < end);
  }
  // put(place, sum, whether of a weight) with places in a gradient as it lies in a point: weights
  // [height, inputs], biases [height].
  template <class Put>
  THALWEG_INLINE void keep(Real* gradient, int inputs, Put put) const {
    bool inside[rows];
    repeat<rows>([&](auto r) { inside[r] = j(r) < height; });
    repeat<columns>([&](auto c) {
      if (k(c) >= width) return;
      const bool weight = k(c) < inputs;
      const int step = weight ? inputs : 1;
      Real* at = gradient + ((weight ? k(c) : height * inputs) + row * step);
      repeat<rows>([&](auto r) {
        if (inside[r]) put(*at, sum[r][c], weight);
        at += down * step;
      });
    });
  }
};

// All of a gradient's product: finish(split, tile), each once.
template <int rows, int columns, class Real, class Team, class D, class A, class Finish>
THALWEG_DEVICE void gradient_tiles(const Team& team, const GradientCut& cut, int height, int width,
                                   int quads, Array<D> delta, UnitRows<A> a, Finish finish) {
  const Divider tiles = cut.tiles, across = cut.across;
  const int down = (height + rows - 1) / rows, each = cut.each.divisor();
  team.each(tiles.divisor() * cut.parts(quads), [&](int item) {
    const Quotient part = tiles(item), place = across(part.rest);
    GradientTile<rows, columns, Real> tile;
    tile.row = place.whole, tile.down = down, tile.height = height;
    tile.column = place.rest, tile.across = across.divisor(), tile.width = width;
    const int begin = part.whole * each, end = begin + each;
    tile.add_up(begin, end < quads ? end : quads, delta, a);
    finish(part.whole, tile);
  });
}

}  // namespace thalweg::cuda
