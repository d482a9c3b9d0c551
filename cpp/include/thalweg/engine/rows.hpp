// Rows of one block: those of a batch [R, P] that one evaluation takes at a time, and how they fill
// packs.
#pragma once

#include <algorithm>
#include <array>
#include <thalweg/math/transpose.hpp>

namespace thalweg {

// What the lanes of a pack are. A function of a landscape's shape alone, never of R.
enum class Lane {
  replica,    // W replicas side by side; a point of P numbers takes P packs
  parameter,  // W consecutive parameters of one replica; a point takes ceil(P / W) packs
};

template <class Real>
struct Rows {
  using S = Lanes<Real>;
  static constexpr int W = S::lanes;

  Lane lane;
  long dim;
  std::array<long, W> row;  // which row each lane belongs to; past the end: the last row again
  int used;                 // lanes with a row of their own

  Rows(Lane lane, long dim, long index, long rows) : lane(lane), dim(dim) {
    const long first = lane == Lane::replica ? index * W : index;
    used = lane == Lane::replica ? static_cast<int>(std::min<long>(W, rows - first)) : 1;
    for (int l = 0; l < W; ++l) row[l] = first + std::min(l, used - 1);
  }
  static long count(Lane lane, long rows) {
    return lane == Lane::replica ? (rows + W - 1) / W : rows;
  }
  long packs() const { return lane == Lane::replica ? dim : (dim + W - 1) / W; }

  // Points: from and to rows of a batch. Padding, where there is some, is zero and stays zero.
  void load(const Real* batch, S* x) const {
    Real* flat = reinterpret_cast<Real*>(x);
    if (lane == Lane::parameter) {
      std::copy_n(batch + row[0] * dim, dim, flat);
      std::fill(flat + dim, flat + packs() * W, Real(0));
      return;
    }
    if (consecutive()) return transpose_into<S>(batch + row[0] * dim, W, dim, dim, flat, W);
    for (int l = 0; l < W; ++l) {
      const Real* from = batch + row[l] * dim;
      for (long i = 0; i < dim; ++i) flat[i * W + l] = from[i];
    }
  }
  void store(const S* x, Real* batch) const {
    const Real* flat = reinterpret_cast<const Real*>(x);
    if (lane == Lane::parameter) {
      std::copy_n(flat, dim, batch + row[0] * dim);
      return;
    }
    if (consecutive()) return transpose_into<S>(flat, dim, W, W, batch + row[0] * dim, dim);
    for (int l = 0; l < used; ++l) {
      Real* to = batch + row[l] * dim;
      for (long i = 0; i < dim; ++i) to[i] = flat[i * W + l];
    }
  }
  bool consecutive() const { return used == W && row[W - 1] == row[0] + W - 1; }

  // One number per replica: [R].
  S load_number(const Real* numbers) const {
    S x;
    for (int l = 0; l < W; ++l) x.set(l, numbers[row[l]]);
    return x;
  }
  void store_number(S x, Real* numbers) const {
    for (int l = 0; l < used; ++l) numbers[row[l]] = x[l];
  }

  // A sum over a point's packs made a sum over its components, in every lane.
  S total(S sum) const {
    if (lane == Lane::replica) return sum;
    Real parts[W];
    sum.store(parts);
    for (int half = W / 2; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) parts[l] += parts[l + half];
    return S(parts[0]);
  }
  // Component i of the point in lane l.
  void set(S* x, int l, long i, Real value) const {
    if (lane == Lane::replica)
      x[i].set(l, value);
    else
      reinterpret_cast<Real*>(x)[i] = value;
  }
};

}  // namespace thalweg
