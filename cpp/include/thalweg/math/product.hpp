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

// The plain numbers within packs.
template <class P>
Array<typename P::Scalar> numbers(Array<P> a) {
  return {reinterpret_cast<typename P::Scalar*>(a.values)};
}
template <class P>
Array<Dual<typename P::Scalar>> numbers(Array<Dual<P>> a) {
  using Real = typename P::Scalar;
  return {reinterpret_cast<Real*>(a.values), reinterpret_cast<Real*>(a.tangents)};
}

// Which part of the tangent of a dual product comes first: that with the tangent of A, or of B.
// Sums depend on it, so one order holds whatever the lanes are, and A and B may change places.
enum class First { tangent_of_a, tangent_of_b };

// One part of the tangent of A B, given what becomes of its sums.
template <class A, class P, class Finish>
void tangent_part(bool of_a, long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b,
                  Finish finish) {
  contract(h, w, d, constant(of_a ? tangents(a) : values(a)),
           constant(of_a ? values(b) : tangents(b)), finish);
}

// C = A B. Each of A and B is constant data or a block of the pass, and dual when C is.
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
void multiply(long h, long w, long d, Panel<A> a, Matrix<const P> b, Panel<P> c) {
  contract(h, w, d, constant(values(a)), b, Put<P>{values(c)});
}
template <class A, class P>
void multiply(long h, long w, long d, Panel<Dual<A>> a, Matrix<const P> b, Panel<Dual<P>> c) {
  contract(h, w, d, constant(values(a)), b, Put<P>{values(c)});
  contract(h, w, d, constant(tangents(a)), b, Put<P>{tangents(c)});
}
template <class A, class P>
void multiply(long h, long w, long d, Panel<A> a, Panel<P> b, Panel<P> c,
              First = First::tangent_of_b) {
  contract(h, w, d, constant(values(a)), constant(values(b)), Put<P>{values(c)});
}
template <class A, class P>
void multiply(long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b, Panel<Dual<P>> c,
              First first = First::tangent_of_b) {
  const bool of_a = first == First::tangent_of_a;
  contract(h, w, d, constant(values(a)), constant(values(b)), Put<P>{values(c)});
  tangent_part(of_a, h, w, d, a, b, Put<P>{tangents(c)});
  tangent_part(!of_a, h, w, d, a, b, Put<P>{tangents(c), Into::accumulate});
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
void multiply_times(long h, long w, long d, Panel<A> a, Panel<P> b, Factor factor, Array<P> c,
                    First = First::tangent_of_b) {
  contract(h, w, d, constant(values(a)), constant(values(b)),
           PutTimes<P, Factor>{c.values, factor, w});
}
template <class A, class P, class Factor>
void multiply_times(long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b, Factor factor,
                    Array<Dual<P>> c, First first = First::tangent_of_b) {
  const bool of_a = first == First::tangent_of_a;
  contract(h, w, d, constant(values(a)), constant(values(b)), Put<P>{{c.values, w, 1}});
  tangent_part(of_a, h, w, d, a, b, Put<P>{{c.tangents, w, 1}});
  tangent_part(!of_a, h, w, d, a, b, PutTimesDual<P, Factor>{c, factor, w});
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
void keep(long h, long w, long d, Panel<A> a, Panel<P> b, Matrix<P> c, Into into,
          First = First::tangent_of_b) {
  contract(h, w, d, constant(values(a)), constant(values(b)), Put<P>{c, into});
}
template <class A, class P>
void keep(long h, long w, long d, Panel<Dual<A>> a, Panel<Dual<P>> b, Matrix<P> c, Into into,
          First first = First::tangent_of_b) {
  const bool of_a = first == First::tangent_of_a;
  tangent_part(of_a, h, w, d, a, b, Put<P>{c, into});
  tangent_part(!of_a, h, w, d, a, b, Put<P>{c, Into::accumulate});
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
