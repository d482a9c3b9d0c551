// Dense complex LU factorisation with partial pivoting, for matrices of some 10 to 300 rows.
//
// Column by column, real and imaginary parts apart, in panels of eight columns: a panel is factored
// with vectors along rows, everything to its right takes one rank-8 update held in registers. The
// inverses of the 8 x 8 diagonal blocks are kept, so that a solve has no chain of divisions.
#pragma once

#include <thalweg/math/pack.hpp>
#include <vector>

namespace thalweg {

// A complex vector as two arrays, padded with zeros to whole packs.
struct ComplexVector {
  std::vector<Lanes<double>> packs;
  long size = 0, padded = 0;

  ComplexVector() = default;
  explicit ComplexVector(long size);
  double* re() { return reinterpret_cast<double*>(packs.data()); }
  double* im() { return re() + padded; }
  const double* re() const { return reinterpret_cast<const double*>(packs.data()); }
  const double* im() const { return re() + padded; }
};

double squared_norm(const ComplexVector& v);

class ComplexLu {
 public:
  static constexpr long block = 8;
  enum class Pivots { largest, diagonal };  // diagonal: for Hermitian positive definite matrices

  explicit ComplexLu(long n);
  long size() const { return n_; }
  double* re(long column) { return numbers() + 2 * column * rows_; }
  double* im(long column) { return re(column) + rows_; }
  void clear();

  // Replaces the matrix by its factors; false where a pivot is zero or not finite.
  bool factor(Pivots pivots = Pivots::largest);
  // Replaces b by the solution.
  void solve(ComplexVector& b) const;

 private:
  using S = Lanes<double>;
  long n_, rows_;
  std::vector<S> matrix_;
  std::vector<S> lower_, upper_;  // inverses of the diagonal blocks, [blocks][8 columns][re, im][8]
  std::vector<long> exchanged_;   // row i was exchanged with this one

  double* numbers() { return reinterpret_cast<double*>(matrix_.data()); }
  const double* numbers() const { return reinterpret_cast<const double*>(matrix_.data()); }
  bool factor_panel(long first, long width, Pivots pivots);
  void exchange_rows(long first, long width, long column);
  void invert_diagonal(long first, long width);
  void update(long first);
};

}  // namespace thalweg
