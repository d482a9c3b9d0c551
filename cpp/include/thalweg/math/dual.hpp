// Dual<S>: a number with its derivative along one direction.
//
// The gradient of a landscape evaluated on dual numbers gives, in the tangents, the exact
// Hessian-vector product along that direction (Pearlmutter's R-operator); nothing is derived twice.
#pragma once

#include <thalweg/math/functions.hpp>
#include <thalweg/math/pack.hpp>

namespace thalweg {

template <class S>
struct Dual {
  S value, tangent;

  Dual() = default;
  THALWEG_INLINE Dual(S v) : value(v), tangent(real_of<S>(0)) {}
  THALWEG_INLINE Dual(S v, S t) : value(v), tangent(t) {}
  THALWEG_INLINE Dual(real_of<S> x)
    requires(!std::is_same_v<S, real_of<S>>)
      : Dual(S(x)) {}

  THALWEG_INLINE Dual& operator+=(Dual b) { return *this = *this + b; }
  THALWEG_INLINE Dual& operator-=(Dual b) { return *this = *this - b; }
  THALWEG_INLINE Dual& operator*=(Dual b) { return *this = *this * b; }
  friend THALWEG_INLINE Dual operator+(Dual a, Dual b) {
    return {a.value + b.value, a.tangent + b.tangent};
  }
  friend THALWEG_INLINE Dual operator-(Dual a, Dual b) {
    return {a.value - b.value, a.tangent - b.tangent};
  }
  friend THALWEG_INLINE Dual operator-(Dual a) { return {-a.value, -a.tangent}; }
  friend THALWEG_INLINE Dual operator*(Dual a, Dual b) {
    return {a.value * b.value, fma(a.tangent, b.value, a.value * b.tangent)};
  }
  friend THALWEG_INLINE Dual operator*(real_of<S> r, Dual a) {
    return {r * a.value, r * a.tangent};
  }
  friend THALWEG_INLINE Dual operator/(Dual a, Dual b) {
    const S q = a.value / b.value;
    return {q, fma(-q, b.tangent, a.tangent) / b.value};
  }
  friend THALWEG_INLINE auto operator<(Dual a, Dual b) { return a.value < b.value; }
  friend THALWEG_INLINE auto operator<=(Dual a, Dual b) { return a.value <= b.value; }
  friend THALWEG_INLINE auto operator>(Dual a, Dual b) { return a.value > b.value; }
  friend THALWEG_INLINE auto operator==(Dual a, Dual b) { return a.value == b.value; }
};

template <class S>
struct number_traits<Dual<S>> {
  using Real = real_of<S>;
  using Bool = bool_of<S>;
  static constexpr int lanes = number_traits<S>::lanes;
};

template <class M, class S>
THALWEG_INLINE Dual<S> select(M m, Dual<S> yes, Dual<S> no) {
  return {select(m, yes.value, no.value), select(m, yes.tangent, no.tangent)};
}
template <class S>
THALWEG_INLINE Dual<S> fma(Dual<S> a, Dual<S> b, Dual<S> c) {
  return {fma(a.value, b.value, c.value),
          fma(a.tangent, b.value, fma(a.value, b.tangent, c.tangent))};
}
template <class S>
THALWEG_INLINE Dual<S> fma(real_of<S> a, Dual<S> b, Dual<S> c) {
  return {fma(a, b.value, c.value), fma(a, b.tangent, c.tangent)};
}
template <class S>
THALWEG_INLINE Dual<S> max(Dual<S> a, Dual<S> b) {
  return select(a.value > b.value, a, b);
}

// Elementary functions: value, and derivative times tangent.
template <class S>
THALWEG_INLINE Dual<S> exp(Dual<S> x) {
  const S y = exp(x.value);
  return {y, y * x.tangent};
}
template <class S>
THALWEG_INLINE Dual<S> log(Dual<S> x) {
  return {log(x.value), x.tangent / x.value};
}
template <class S>
THALWEG_INLINE Dual<S> tanh(Dual<S> x) {
  const S y = tanh(x.value);
  return {y, fma(-y, y, S(real_of<S>(1))) * x.tangent};
}
template <class S>
THALWEG_INLINE Dual<S> logistic(Dual<S> x) {
  const S y = logistic(x.value);
  return {y, y * (S(real_of<S>(1)) - y) * x.tangent};
}
template <class S>
THALWEG_INLINE Dual<S> softplus(Dual<S> x) {
  return {softplus(x.value), logistic(x.value) * x.tangent};
}
template <class S>
THALWEG_INLINE Dual<S> sin(Dual<S> x) {
  return {sin(x.value), cos(x.value) * x.tangent};
}
template <class S>
THALWEG_INLINE Dual<S> cos(Dual<S> x) {
  return {cos(x.value), -(sin(x.value) * x.tangent)};
}

// Array<S>: numbers in memory. Dual numbers lie as two plain arrays, values and tangents, so that
// points and directions are read where they are and matrix products run on plain packs.
template <class S>
struct Array {
  S* values;

  THALWEG_INLINE S operator[](long i) const { return values[i]; }
  THALWEG_INLINE void set(long i, S x) const { values[i] = x; }
  THALWEG_INLINE Array operator+(long i) const { return {values + i}; }
};
template <class S>
struct Array<Dual<S>> {
  S* values;
  S* tangents;

  THALWEG_INLINE Dual<S> operator[](long i) const { return {values[i], tangents[i]}; }
  THALWEG_INLINE void set(long i, Dual<S> x) const {
    values[i] = x.value;
    tangents[i] = x.tangent;
  }
  THALWEG_INLINE Array operator+(long i) const { return {values + i, tangents + i}; }
};

// Every `stride`th number of an array: the outputs of one sample, say, as losses read them.
template <class S, class Index = long>
struct Column {
  Array<S> array;
  Index stride;

  THALWEG_INLINE S operator[](Index i) const { return array[i * stride]; }
  THALWEG_INLINE void set(Index i, S x) const { array.set(i * stride, x); }
};

// How a formula goes through the coordinates of a point: f(0), f(1), ... f(n - 1). Where several
// threads share a point, another loop in its place gives each thread its part, and what the formula
// returns is that thread's part of the energy.
struct InOrder {
  template <class F>
  THALWEG_INLINE void operator()(long n, F f) const {
    for (long i = 0; i < n; ++i) f(i);
  }
};

// Where a formula puts its gradient. Each component is set exactly once.
template <class S>
struct NoGradient {  // the energy alone is wanted; the compiler drops what only the gradient needs
  static constexpr bool wanted = false;
  THALWEG_INLINE void set(long, S) const {}
};
template <class S>
struct Gradient {
  static constexpr bool wanted = true;
  S* out;
  THALWEG_INLINE void set(long i, S g) const { out[i] = g; }
};
template <class S>
struct Gradient<Dual<S>> {  // of a dual gradient only the tangent is new: H v
  static constexpr bool wanted = true;
  S* out;
  THALWEG_INLINE void set(long i, Dual<S> g) const { out[i] = g.tangent; }
};

}  // namespace thalweg
