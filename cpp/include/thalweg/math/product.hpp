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
// factor are `row` apart and their columns side by side, so that the compiler knows all offsets.
template <class P>
struct PutTimes {
  P* c;
  const P* factor;
  long row;

  THALWEG_INLINE PutTimes at(long p, long q) const {
    return {c + p * row + q, factor + p * row + q, row};
  }
  THALWEG_INLINE void operator()(long p, long q, P sum) const {
    c[p * row + q] = factor[p * row + q] * sum;
  }
};
// The last of three plain products, when C holds the value and the first part of the tangent.
template <class P>
struct PutTimesDual {
  P *value, *tangent;
  const P *factor, *factor_tangent;
  long row;

  THALWEG_INLINE PutTimesDual at(long p, long q) const {
    const long i = p * row + q;
    return {value + i, tangent + i, factor + i, factor_tangent + i, row};
  }
  THALWEG_INLINE void operator()(long p, long q, P sum) const {
    const long i = p * row + q;
    const Dual<P> ab{value[i], tangent[i] + sum};
    const Dual<P> x = Dual<P>{factor[i], factor_tangent[i]} * ab;
    value[i] = x.value;
    tangent[i] = x.tangent;
  }
};
template <class A, class P>
void multiply_times(long h, long w, long d, Panel<A> a, Panel<P> b, Array<P> factor, Array<P> c) {
  contract(h, w, d, constant(values(a)), constant(values(b)),
           PutTimes<P>{c.values, factor.values, w});
}
template <class A, class P>
void multiply_times(long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b,
                    Array<Dual<P>> factor, Array<Dual<P>> c) {
  multiply(h, w, d, constant(values(a)), b, Panel<Dual<P>>{c, w, 1});
  contract(h, w, d, constant(tangents(a)), constant(values(b)),
           PutTimesDual<P>{c.values, c.tangents, factor.values, factor.tangents, w});
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
