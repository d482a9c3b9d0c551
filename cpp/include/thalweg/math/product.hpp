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
  contract(h, w, d, a, constant(values(b)), values(c));
}
template <class A, class P>
void multiply(long h, long w, long d, Matrix<const A> a, Panel<Dual<P>> b, Panel<Dual<P>> c) {
  contract(h, w, d, a, constant(values(b)), values(c));
  contract(h, w, d, a, constant(tangents(b)), tangents(c));
}
template <class A, class P>
void multiply(long h, long w, long d, Panel<A> a, Panel<P> b, Panel<P> c) {
  contract(h, w, d, constant(values(a)), constant(values(b)), values(c));
}
template <class A, class P>
void multiply(long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b, Panel<Dual<P>> c) {
  multiply(h, w, d, constant(values(a)), b, c);
  contract(h, w, d, constant(tangents(a)), constant(values(b)), tangents(c), Into::accumulate);
}

// The part of C (+)= A B that a gradient keeps: the product, or of a dual product the tangent.
template <class A, class P>
void keep(long h, long w, long d, Matrix<const A> a, Panel<P> b, Matrix<P> c, Into into) {
  contract(h, w, d, a, constant(values(b)), c, into);
}
template <class A, class P>
void keep(long h, long w, long d, Matrix<const A> a, Panel<Dual<P>> b, Matrix<P> c, Into into) {
  contract(h, w, d, a, constant(tangents(b)), c, into);
}
template <class A, class P>
void keep(long h, long w, long d, Panel<A> a, Matrix<const P> b, Matrix<P> c, Into into) {
  contract(h, w, d, constant(values(a)), b, c, into);
}
template <class A, class P>
void keep(long h, long w, long d, Panel<Dual<A>> a, Matrix<const P> b, Matrix<P> c, Into into) {
  contract(h, w, d, constant(tangents(a)), b, c, into);
}
template <class A, class P>
void keep(long h, long w, long d, Panel<A> a, Panel<P> b, Matrix<P> c, Into into) {
  contract(h, w, d, constant(values(a)), constant(values(b)), c, into);
}
template <class A, class P>
void keep(long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b, Matrix<P> c, Into into) {
  contract(h, w, d, constant(values(a)), constant(tangents(b)), c, into);
  contract(h, w, d, constant(tangents(a)), constant(values(b)), c, Into::accumulate);
}

}  // namespace thalweg
