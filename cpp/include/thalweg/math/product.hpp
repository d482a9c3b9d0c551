// Matrix products of blocks of numbers, plain or dual: each dual product is two or three plain
// ones.
#pragma once

#include <thalweg/math/contract.hpp>

namespace thalweg {

// A matrix over an Array: of packs, of dual packs, or of the plain numbers within them.
template <class S>
struct Panel {
  Array<S> array;
  long row, column;
};

template <class T>
Matrix<T> values(Panel<T> m) {
  return {m.array.values, m.row, m.column};
}
template <class T>
Matrix<T> values(Panel<Dual<T>> m) {
  return {m.array.values, m.row, m.column};
}
template <class T>
Matrix<T> tangents(Panel<Dual<T>> m) {
  return {m.array.tangents, m.row, m.column};
}
template <class T>
Matrix<const T> constant(Matrix<T> m) {
  return {m.data, m.row, m.column};
}

// C = A B. A is constant data or a block of the pass; in the pass it is dual when B and C are.
template <class A, class P>
void multiply(long h, long w, long d, Matrix<const A> a, Panel<P> b, Panel<P> c) {
  contract(h, w, d, a, constant(values(b)), Put<P>{values(c)});
}
template <class A, class P>
void multiply(long h, long w, long d, Matrix<const A> a, Panel<Dual<P>> b, Panel<Dual<P>> c) {
  contract(h, w, d, a, constant(values(b)), Put<P>{values(c)});
  contract(h, w, d, a, constant(tangents(b)), Put<P>{tangents(c)});
}
template <class A, class P>
void multiply(long h, long w, long d, Panel<A> a, Panel<P> b, Panel<P> c) {
  contract(h, w, d, constant(values(a)), constant(values(b)), Put<P>{values(c)});
}
template <class A, class P>
void multiply(long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b, Panel<Dual<P>> c) {
  multiply(h, w, d, constant(values(a)), b, c);
  contract(h, w, d, constant(tangents(a)), constant(values(b)),
           Put<P>{tangents(c), Into::accumulate});
}

// C = factor * (A B), element by element, while the sums are in registers. Rows of C and of the
// factor are `row` apart and their columns side by side, so that the compiler knows all offsets. A
// Factor is moved by at(i), and with(f) calls f(g) where g(i) is the factor i numbers on.
template <class P, class Factor>
struct PutTimes {
  P* c;
  Factor factor;
  long row;

  THALWEG_INLINE PutTimes at(long p, long q) const {
    return {c + p * row + q, factor.at(p * row + q), row};
  }
  template <int height, int width>
  THALWEG_INLINE void operator()(const P (&sum)[height][width]) const {
    factor.with([&](auto of) __attribute__((always_inline)) {
      detail::repeat<height, width>([&](auto p, auto q) __attribute__((always_inline)) {
        c[p * row + q] = of(p * row + q) * sum[p][q];
      });
    });
  }
};
// The last of three plain products, when C holds the value and the first part of the tangent.
template <class P, class Factor>
struct PutTimesDual {
  Array<Dual<P>> c;
  Factor factor;
  long row;

  THALWEG_INLINE PutTimesDual at(long p, long q) const {
    return {c + (p * row + q), factor.at(p * row + q), row};
  }
  template <int height, int width>
  THALWEG_INLINE void operator()(const P (&sum)[height][width]) const {
    factor.with([&](auto of) __attribute__((always_inline)) {
      detail::repeat<height, width>([&](auto p, auto q) __attribute__((always_inline)) {
        const long i = p * row + q;
        const Dual<P> ab = c[i];
        c.set(i, of(i) * Dual<P>{ab.value, ab.tangent + sum[p][q]});
      });
    });
  }
};
template <class A, class P, class Factor>
void multiply_times(long h, long w, long d, Panel<A> a, Panel<P> b, Factor factor, Array<P> c) {
  contract(h, w, d, constant(values(a)), constant(values(b)),
           PutTimes<P, Factor>{c.values, factor, w});
}
template <class A, class P, class Factor>
void multiply_times(long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b, Factor factor,
                    Array<Dual<P>> c) {
  multiply(h, w, d, constant(values(a)), b, Panel<Dual<P>>{c, w, 1});
  contract(h, w, d, constant(tangents(a)), constant(values(b)),
           PutTimesDual<P, Factor>{c, factor, w});
}

// The part of C (+)= A B that a gradient keeps: the product, or of a dual product the tangent.
template <class A, class P>
void keep(long h, long w, long d, Matrix<const A> a, Panel<P> b, Matrix<P> c, Into into) {
  contract(h, w, d, a, constant(values(b)), Put<P>{c, into});
}
template <class A, class P>
void keep(long h, long w, long d, Matrix<const A> a, Panel<Dual<P>> b, Matrix<P> c, Into into) {
  contract(h, w, d, a, constant(tangents(b)), Put<P>{c, into});
}
template <class A, class P>
void keep(long h, long w, long d, Panel<A> a, Matrix<const P> b, Matrix<P> c, Into into) {
  contract(h, w, d, constant(values(a)), b, Put<P>{c, into});
}
template <class A, class P>
void keep(long h, long w, long d, Panel<Dual<A>> a, Matrix<const P> b, Matrix<P> c, Into into) {
  contract(h, w, d, constant(tangents(a)), b, Put<P>{c, into});
}
template <class A, class P>
void keep(long h, long w, long d, Panel<A> a, Panel<P> b, Matrix<P> c, Into into) {
  contract(h, w, d, constant(values(a)), constant(values(b)), Put<P>{c, into});
}
// Of two dual factors the parts come in an order the caller chooses: that of b's tangent first, or
// that of a's. Sums over chunks depend on it.
template <class A, class P>
void keep(long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b, Matrix<P> c, Into into,
          bool tangent_of_a_first = false) {
  const auto part = [&](bool of_a, Into to) {
    contract(h, w, d, constant(of_a ? tangents(a) : values(a)),
             constant(of_a ? values(b) : tangents(b)), Put<P>{c, to});
  };
  part(tangent_of_a_first, into);
  part(!tangent_of_a_first, Into::accumulate);
}
template <class A, class P>
void keep(long h, long w, long d, Panel<A> a, Panel<P> b, Matrix<P> c, Into into, bool) {
  keep(h, w, d, a, b, c, into);
}
template <class P>
void keep_sums(long w, long d, Panel<P> b, P* sums, Into into) {
  sum_columns(w, d, constant(values(b)), sums, into);
}
template <class P>
void keep_sums(long w, long d, Panel<Dual<P>> b, P* sums, Into into) {
  sum_columns(w, d, constant(tangents(b)), sums, into);
}

}  // namespace thalweg
