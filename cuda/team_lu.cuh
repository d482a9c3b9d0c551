// Dense complex LU factors over a Team: the method of complex_lu.hpp, element by element in its
// order, so that factors and solutions have its bits. (Its text is made of SIMD registers and their
// loads; of that a team can share the products only.)
//
// In these files every step of a team ends with a barrier, after reads as well: whatever comes next
// may write what was read. Sums that all threads need are added by every thread, in order: for some
// hundred terms that costs no more than an exchange, and has one order for all sizes of teams.
#pragma once

#include <thalweg/solvers/complex_products.hpp>

#include "team.cuh"

namespace thalweg::cuda {

// Complex numbers as two arrays.
struct Vector {
  double *re, *im;
};

template <class Team>
THALWEG_DEVICE double squared_norm(const Team& team, Vector v, int count) {
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += v.re[i] * v.re[i] + v.im[i] * v.im[i];
  team.sync();
  return sum;
}

template <class Team>
class TeamLu {
 public:
  static constexpr int block = 8, searchers = 16;

  // Numbers and integers of one.
  static THALWEG_INLINE long matrix_numbers(long n) { return 2 * n * (n | 1); }
  static THALWEG_INLINE long other_numbers(long n) {
    return (n + block - 1) / block * 2 * block_numbers + 2 * n + 2 * block + searchers;
  }
  static THALWEG_INLINE long integers(long n) { return n + block + searchers; }

  THALWEG_DEVICE TeamLu(const Team& team, int n, double* matrix, double* numbers, int* integers)
      : team_(team), n_(n), rows_(n | 1), matrix_(matrix) {
    const int blocks = (n + block - 1) / block;
    lower_ = numbers;
    upper_ = lower_ + blocks * block_numbers;
    work_ = {upper_ + blocks * block_numbers, upper_ + blocks * block_numbers + n};
    product_ = {work_.im + n, work_.im + n + block};
    sizes_ = product_.im + block;
    source_ = integers;
    exchanged_ = source_ + n;
    candidates_ = exchanged_ + block;
  }
  THALWEG_INLINE double* re(int column) const { return matrix_ + 2L * column * rows_; }
  THALWEG_INLINE double* im(int column) const { return re(column) + rows_; }
  THALWEG_DEVICE void clear() const {
    team_.each(2L * n_ * rows_, [&](long i) { matrix_[i] = 0; });
    team_.sync();
  }

  // Replaces the matrix by its factors; false where a pivot is zero or not finite. Hermitian
  // positive definite matrices do without a search for pivots.
  [[gnu::noinline]] THALWEG_DEVICE bool factor(bool search) const {
    team_.each(n_, [&](long i) { source_[i] = static_cast<int>(i); });
    team_.sync();
    for (int first = 0; first < n_; first += block) {
      const int width = n_ - first < block ? n_ - first : block;
      for (int q = first; q < first + width; ++q) {
        exchange_in_panel(first, width, q, search ? largest_row(q) : q);
        if (!eliminate_in_panel(first, width, q)) return false;
      }
      finish_panel(first, width);
      if (first + block < n_) update(first);
    }
    return true;
  }

  // to = solution for the right-hand side `from`, which may be the same.
  [[gnu::noinline]] THALWEG_DEVICE void solve(Vector from, Vector to) const {
    team_.each(n_, [&](long i) {
      work_.re[i] = from.re[source_[i]];
      work_.im[i] = from.im[source_[i]];
    });
    team_.sync();
    const int last = (n_ - 1) / block * block;
    for (int first = 0; first < n_; first += block) with_block(lower_, first, first + block, n_);
    for (int first = last; first >= 0; first -= block) with_block(upper_, first, 0, first);
    team_.each(n_, [&](long i) {
      to.re[i] = work_.re[i];
      to.im[i] = work_.im[i];
    });
    team_.sync();
  }

 private:
  static constexpr int block_numbers = 2 * block * block;  // of an inverse, [8 columns][re, im][8]
  const Team& team_;
  int n_, rows_;
  double *matrix_, *lower_, *upper_;
  Vector work_, product_;                   // [n], [8]
  double* sizes_;                           // [searchers]
  int *source_, *exchanged_, *candidates_;  // [n], [8], [searchers]

  // The first row from q on with the largest |re| + |im|. Several threads search some rows each;
  // how many does not depend on the team.
  THALWEG_DEVICE int largest_row(int q) const {
    const double *x = re(q), *y = im(q);
    team_.each(searchers, [&](long s) {
      double most = 0;
      int row = q;
      for (int i = q + static_cast<int>(s); i < n_; i += searchers) {
        const double size = abs(x[i]) + abs(y[i]);
        if (size > most) {
          most = size;
          row = i;
        }
      }
      sizes_[s] = most;
      candidates_[s] = row;
    });
    team_.sync();
    int best = 0;
    for (int s = 1; s < searchers; ++s)
      if (sizes_[s] > sizes_[best] ||
          (sizes_[s] == sizes_[best] && candidates_[s] < candidates_[best]))
        best = s;
    const int row = candidates_[best];
    team_.sync();
    return row;
  }

  THALWEG_DEVICE void exchange_in_panel(int first, int width, int q, int pivot) const {
    team_.each(width, [&](long j) { exchange(first + static_cast<int>(j), q, pivot); });
    if (team_.rank() == 0) {
      exchanged_[q - first] = pivot;
      const int row = source_[q];
      source_[q] = source_[pivot];
      source_[pivot] = row;
    }
    team_.sync();
  }
  THALWEG_INLINE void exchange(int column, int q, int pivot) const {
    double *x = re(column), *y = im(column);
    const double a = x[q], b = y[q];
    x[q] = x[pivot];
    y[q] = y[pivot];
    x[pivot] = a;
    y[pivot] = b;
  }

  // The column of L below the pivot, and what it takes away from the panel's columns to the right.
  THALWEG_DEVICE bool eliminate_in_panel(int first, int width, int q) const {
    double *x = re(q), *y = im(q);
    const double size = x[q] * x[q] + y[q] * y[q], u = x[q] / size, v = -y[q] / size;
    if (!(size > 0) || !is_finite(size)) {
      team_.sync();
      return false;
    }
    const int below = n_ - q - 1, columns = first + width - q - 1;
    team_.each(below, [&](long k) {
      const long i = q + 1 + k;
      const double a = x[i], b = y[i];
      x[i] = a * u - b * v;
      y[i] = a * v + b * u;
    });
    team_.sync();
    team_.each(static_cast<long>(below) * columns, [&](long k) {
      const int i = q + 1 + static_cast<int>(k % below), j = q + 1 + static_cast<int>(k / below);
      double *to_x = re(j), *to_y = im(j);
      subtract_product(to_x[i], to_y[i], x[i], y[i], to_x[q], to_y[q]);
    });
    team_.sync();
    return true;
  }

  // The panel's exchanges in all other columns, and the inverses of its triangles.
  THALWEG_DEVICE void finish_panel(int first, int width) const {
    team_.each(n_ + 2 * width, [&](long k) {
      const int j = static_cast<int>(k) - 2 * width;
      if (j < 0) {
        invert_column(first, width, static_cast<int>(k) % width, k >= width);
      } else if (j < first || j >= first + width) {
        for (int q = 0; q < width; ++q)
          if (exchanged_[q] != first + q) exchange(j, first + q, exchanged_[q]);
      }
    });
    team_.sync();
  }

  // Column c of the inverse of a diagonal block's upper triangle, or of the unit triangle below.
  THALWEG_DEVICE void invert_column(int first, int width, int c, bool upper) const {
    double* x = (upper ? upper_ : lower_) + first / block * block_numbers + 2 * block * c;
    double* y = x + block;
    for (int p = 0; p < block; ++p) {
      x[p] = p == c;
      y[p] = 0;
    }
    for (int q = c; upper ? q >= 0 : q < width; q += upper ? -1 : 1) {
      const double *a = re(first + q) + first, *b = im(first + q) + first;
      const double size = a[q] * a[q] + b[q] * b[q];
      const double s = upper ? a[q] / size : 1, t = upper ? -b[q] / size : 0;
      const double to_x = x[q] * s - y[q] * t, to_y = x[q] * t + y[q] * s;
      for (int p = upper ? 0 : q + 1; p < (upper ? q : width); ++p)
        subtract_product(x[p], y[p], a[p], b[p], to_x, to_y);
      x[q] = to_x;
      y[q] = to_y;
    }
  }

  // Element p of the inverse of a block times a vector of `width` numbers.
  static THALWEG_INLINE void times_block(const double* inverse, int width, int p, const double* x,
                                         const double* y, double& to_x, double& to_y) {
    double sum_x = 0, sum_y = 0;
    for (int q = 0; q < width; ++q)
      subtract_product(sum_x, sum_y, -inverse[2 * block * q + p],
                       -inverse[2 * block * q + block + p], x[q], y[q]);
    to_x = sum_x;
    to_y = sum_y;
  }

  // Everything right of a whole panel: its rows of U, then what is below, several columns of a row
  // to a thread.
  THALWEG_DEVICE void update(int first) const {
    constexpr int together = 4;
    const double* inverse = lower_ + first / block * block_numbers;
    const int below = first + block, left = n_ - below;
    team_.each(left, [&](long k) {
      double *to_x = re(below + static_cast<int>(k)) + first, *to_y = to_x + rows_;
      double x[block], y[block];
      for (int q = 0; q < block; ++q) {
        x[q] = to_x[q];
        y[q] = to_y[q];
      }
      for (int p = 0; p < block; ++p) times_block(inverse, block, p, x, y, to_x[p], to_y[p]);
    });
    team_.sync();
    const int groups = (left + together - 1) / together;
    team_.each(static_cast<long>(left) * groups, [&](long k) {
      const int i = below + static_cast<int>(k % left);
      const int column = below + static_cast<int>(k / left) * together;
      double x[together], y[together];
      for (int c = 0; c < together; ++c) {
        const int j = column + c < n_ ? column + c : column;
        x[c] = re(j)[i];
        y[c] = im(j)[i];
      }
      for (int q = first; q < below; ++q) {
        const double l_x = re(q)[i], l_y = im(q)[i];
        for (int c = 0; c < together; ++c) {
          const int j = column + c < n_ ? column + c : column;
          subtract_product(x[c], y[c], l_x, l_y, re(j)[q], im(j)[q]);
        }
      }
      for (int c = 0; c < together && column + c < n_; ++c) {
        re(column + c)[i] = x[c];
        im(column + c)[i] = y[c];
      }
    });
    team_.sync();
  }

  // Solves for eight numbers, and takes what they account for from those `from` .. `to` - 1.
  THALWEG_DEVICE void with_block(const double* inverses, int first, int from, int to) const {
    const double* inverse = inverses + first / block * block_numbers;
    const int width = n_ - first < block ? n_ - first : block, others = to > from ? to - from : 0;
    team_.each(width, [&](long p) {
      times_block(inverse, width, static_cast<int>(p), work_.re + first, work_.im + first,
                  product_.re[p], product_.im[p]);
    });
    team_.sync();
    team_.each(others + width, [&](long k) {
      const int i = from + static_cast<int>(k);
      if (k >= others) {
        work_.re[first + k - others] = product_.re[k - others];
        work_.im[first + k - others] = product_.im[k - others];
        return;
      }
      double x = work_.re[i], y = work_.im[i];
      for (int q = 0; q < width; ++q)
        subtract_product(x, y, re(first + q)[i], im(first + q)[i], product_.re[q], product_.im[q]);
      work_.re[i] = x;
      work_.im[i] = y;
    });
    team_.sync();
  }
};

}  // namespace thalweg::cuda
