// Rows of one block: those of a batch [R, P] that one evaluation takes at a time, how they fill
// packs, and how a batch is cut into such blocks.
#pragma once

#include <algorithm>
#include <array>
#include <thalweg/math/transpose.hpp>

namespace thalweg {

// What the lanes of a pack are. A row gives the same bits either way.
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

  Rows(Lane lane, long dim, long first, int used) : lane(lane), dim(dim), used(used) {
    for (int l = 0; l < W; ++l) row[l] = first + std::min(l, used - 1);
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

  // The sum of term(pack) over a point, in every lane of its replica. Component i always goes into
  // part i mod W, and the parts are added in pairs: the same bits whatever the lanes are.
  template <class Term>
  S sum(Term term) const {
    if (lane == Lane::replica) {
      S parts[W];
      for (S& part : parts) part = S(Real(0));
      for (long i = 0; i < dim; ++i) parts[i % W] += term(i);
      return in_pairs(parts);
    }
    S sum(Real(0));
    for (long i = 0; i < packs(); ++i) sum += term(i);
    Real parts[W];
    sum.store(parts);
    return S(in_pairs(parts));
  }
  // Component i of the point in lane l.
  void set(S* x, int l, long i, Real value) const {
    if (lane == Lane::replica)
      x[i].set(l, value);
    else
      reinterpret_cast<Real*>(x)[i] = value;
  }

 private:
  template <class T>
  static T in_pairs(T (&parts)[W]) {
    for (int half = W / 2; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) parts[l] += parts[l + half];
    return parts[0];
  }
};

// How a landscape of some shape wants the rows of a batch cut into blocks.
struct Blocking {
  bool side_by_side = true;  // W rows to a block, one in each lane; else a block for each row
  // If no more than so many rows are left over, a block for each; 0 where no row can be alone.
  int one_by_one = 0;
};

template <class Real>
class Partition {
 public:
  Partition(Blocking how, long dim, long rows)
      : dim_(dim),
        rows_(rows),
        whole_(how.side_by_side ? rows / W : 0),
        alone_(!how.side_by_side || rows - whole_ * W <= how.one_by_one) {}
  long count() const {
    const long left = rows_ - whole_ * W;
    return whole_ + (alone_ ? left : left > 0);
  }
  Rows<Real> operator[](long index) const {
    if (index >= whole_ && alone_) return {Lane::parameter, dim_, whole_ * (W - 1) + index, 1};
    const long first = index * W;
    return {Lane::replica, dim_, first, static_cast<int>(std::min<long>(W, rows_ - first))};
  }

 private:
  static constexpr long W = Rows<Real>::W;
  long dim_, rows_, whole_;
  bool alone_;
};

}  // namespace thalweg
