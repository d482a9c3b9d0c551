#include <algorithm>
#include <thalweg/math/contract.hpp>
#include <thalweg/solvers/complex_lu.hpp>
#include <thalweg/solvers/complex_products.hpp>

namespace thalweg {
namespace {

using S = Lanes<double>;
constexpr long W = S::lanes, B = ComplexLu::block, block_packs = B / W;
constexpr long block_numbers = 2 * B * B;  // of one inverse: a column's real, then imaginary parts

long padded_size(long n) { return (n + B - 1) / B * B; }

// The square block times `columns` vectors of eight, in place: no element waits for another.
template <int columns>
THALWEG_INLINE void times_block(const double* block, double* const* re, double* const* im) {
  S sum_re[columns][block_packs], sum_im[columns][block_packs];
  detail::repeat<columns>([&](auto c) {
    for (long p = 0; p < block_packs; ++p) sum_re[c][p] = sum_im[c][p] = S(0.0);
  });
  for (long q = 0; q < B; ++q)
    for (long p = 0; p < block_packs; ++p) {
      const S a_re = -S::load(block + 2 * B * q + p * W);
      const S a_im = -S::load(block + 2 * B * q + B + p * W);
      detail::repeat<columns>([&](auto c) {
        subtract_product(sum_re[c][p], sum_im[c][p], a_re, a_im, S(re[c][q]), S(im[c][q]));
      });
    }
  detail::repeat<columns>([&](auto c) {
    for (long p = 0; p < block_packs; ++p) {
      sum_re[c][p].store(re[c] + p * W);
      sum_im[c][p].store(im[c] + p * W);
    }
  });
}

// Packs of rows of several columns -= (eight columns of L) (their eight numbers of U).
template <int columns, int packs>
THALWEG_INLINE void rank_eight(const double* l, long stride, double* const* u_re,
                               double* const* u_im, double* const* re, double* const* im) {
  S y_re[columns][packs], y_im[columns][packs];
  detail::repeat<columns>([&](auto c) {
    detail::repeat<packs>([&](auto p) {
      y_re[c][p] = S::load(re[c] + p * W);
      y_im[c][p] = S::load(im[c] + p * W);
    });
  });
  for (long q = 0; q < B; ++q, l += 2 * stride) {
    S l_re[packs], l_im[packs];
    detail::repeat<packs>([&](auto p) {
      l_re[p] = S::load(l + p * W);
      l_im[p] = S::load(l + stride + p * W);
    });
    detail::repeat<columns>([&](auto c) {
      const S x_re(u_re[c][q]), x_im(u_im[c][q]);
      detail::repeat<packs>(
          [&](auto p) { subtract_product(y_re[c][p], y_im[c][p], l_re[p], l_im[p], x_re, x_im); });
    });
  }
  detail::repeat<columns>([&](auto c) {
    detail::repeat<packs>([&](auto p) {
      y_re[c][p].store(re[c] + p * W);
      y_im[c][p].store(im[c] + p * W);
    });
  });
}

// The inverse of a diagonal block: of its upper triangle, or of the unit triangle below.
void invert_triangle(const double* a, long stride, long width, bool upper, double* inverse) {
  std::fill_n(inverse, block_numbers, 0.0);
  double column_re[B][B] = {}, column_im[B][B] = {};  // strictly triangular parts
  double scale_re[B], scale_im[B];                    // 1 / diagonal
  for (long q = 0; q < width; ++q) {
    const double* re = a + 2 * q * stride;
    const double* im = re + stride;
    const double size = re[q] * re[q] + im[q] * im[q];
    scale_re[q] = upper ? re[q] / size : 1;
    scale_im[q] = upper ? -im[q] / size : 0;
    for (long r = upper ? 0 : q + 1; r < (upper ? q : width); ++r) {
      column_re[q][r] = re[r];
      column_im[q][r] = im[r];
    }
  }
  for (long c = 0; c < width; ++c) inverse[2 * B * c + c] = 1;
  for (long step = 0; step < width; ++step) {
    const long q = upper ? width - 1 - step : step;
    for (long c = upper ? q : 0; c < (upper ? width : q + 1); ++c) {
      double* re = inverse + 2 * B * c;
      double* im = re + B;
      const double x = re[q] * scale_re[q] - im[q] * scale_im[q];
      const double y = re[q] * scale_im[q] + im[q] * scale_re[q];
      for (long p = 0; p < B; p += W) {
        S to_re = S::load(re + p), to_im = S::load(im + p);
        subtract_product(to_re, to_im, S::load(column_re[q] + p), S::load(column_im[q] + p), S(x),
                         S(y));
        to_re.store(re + p);
        to_im.store(im + p);
      }
      re[q] = x;
      im[q] = y;
    }
  }
}

}  // namespace

ComplexVector::ComplexVector(long n)
    : packs(2 * padded_size(n) / W, S(0.0)), size(n), padded(padded_size(n)) {}

double squared_norm(const ComplexVector& v) {
  double sum = 0;
  for (long i = 0; i < v.size; ++i) sum += v.re()[i] * v.re()[i] + v.im()[i] * v.im()[i];
  return sum;
}

ComplexLu::ComplexLu(long n)
    : n_(n),
      rows_(padded_size(n)),
      matrix_(2 * n * rows_ / W, S(0.0)),
      lower_(rows_ / B * block_numbers / W),
      upper_(lower_),
      exchanged_(n) {}

void ComplexLu::clear() { std::fill(matrix_.begin(), matrix_.end(), S(0.0)); }

bool ComplexLu::factor(Pivots pivots) {
  for (long first = 0; first < n_; first += B) {
    const long width = std::min(B, n_ - first);
    if (!factor_panel(first, width, pivots)) return false;
    if (pivots == Pivots::largest)
      for (long j = 0; j < n_; ++j)
        if (j < first || j >= first + width) exchange_rows(first, width, j);
    invert_diagonal(first, width);
    if (first + B < n_) update(first);
  }
  return true;
}

namespace {

// The first of rows from `first` to `last` with the largest |re| + |im|.
long largest_row(const double* x, const double* y, long first, long last, long padded) {
  S most(0.0);
  for (long i = first / W * W; i < padded; i += W) {
    S size = abs(S::load(x + i)) + abs(S::load(y + i));
    for (long r = i; r < first; ++r) size.set(static_cast<int>(r - i), 0.0);
    most = max(size, most);
  }
  double largest = 0;
  for (int l = 0; l < W; ++l) largest = std::max(largest, most[l]);
  long row = first;
  while (row < last && std::abs(x[row]) + std::abs(y[row]) != largest) ++row;
  return row;
}

// f(row, number type) for rows from `first` on: one by one up to a whole pack, then by packs.
template <class F>
THALWEG_INLINE void for_rows(long first, long padded, F f) {
  for (long i = first; i < std::min(padded, (first + W - 1) / W * W); ++i) f(i, double{});
  for (long i = (first + W - 1) / W * W; i < padded; i += W) f(i, S{});
}
template <class T>
THALWEG_INLINE T load(const double* p) {
  if constexpr (std::is_same_v<T, double>)
    return *p;
  else
    return T::load(p);
}
THALWEG_INLINE void store(double* p, double x) { *p = x; }
THALWEG_INLINE void store(double* p, S x) { x.store(p); }

}  // namespace

bool ComplexLu::factor_panel(long first, long width, Pivots pivots) {
  for (long q = first; q < first + width; ++q) {
    double *x = re(q), *y = im(q);
    const long pivot = exchanged_[q] =
        pivots == Pivots::largest ? largest_row(x, y, q, n_ - 1, rows_) : q;
    if (pivot != q)
      for (long j = first; j < first + width; ++j) {
        std::swap(re(j)[q], re(j)[pivot]);
        std::swap(im(j)[q], im(j)[pivot]);
      }
    const double size = x[q] * x[q] + y[q] * y[q];
    if (!(size > 0) || !std::isfinite(size)) return false;
    const double u = x[q] / size, v = -y[q] / size;
    for_rows(q + 1, rows_, [&](long i, auto zero) {  // L: the column over the pivot
      using T = decltype(zero);
      const T a = load<T>(x + i), b = load<T>(y + i);
      store(x + i, a * T(u) - b * T(v));
      store(y + i, a * T(v) + b * T(u));
    });
    for (long j = q + 1; j < first + width; ++j) {
      double *to_x = re(j), *to_y = im(j);
      const double s = to_x[q], t = to_y[q];
      for_rows(q + 1, rows_, [&](long i, auto zero) {
        using T = decltype(zero);
        const T l_x = load<T>(x + i), l_y = load<T>(y + i);
        store(to_x + i, load<T>(to_x + i) - l_x * T(s) + l_y * T(t));
        store(to_y + i, load<T>(to_y + i) - l_x * T(t) - l_y * T(s));
      });
    }
  }
  return true;
}

void ComplexLu::exchange_rows(long first, long width, long column) {
  double *x = re(column), *y = im(column);
  for (long q = first; q < first + width; ++q) {
    std::swap(x[q], x[exchanged_[q]]);
    std::swap(y[q], y[exchanged_[q]]);
  }
}

void ComplexLu::invert_diagonal(long first, long width) {
  const double* corner = re(first) + first;
  const long at = first / B * block_numbers / W;
  invert_triangle(corner, rows_, width, false, reinterpret_cast<double*>(&lower_[at]));
  invert_triangle(corner, rows_, width, true, reinterpret_cast<double*>(&upper_[at]));
}

// Everything right of the panel: its rows of U, then what is below.
void ComplexLu::update(long first) {
  constexpr int together = register_bytes == 64 ? 4 : 2, tall = 2;
  const double* inverse = reinterpret_cast<const double*>(&lower_[first / B * block_numbers / W]);
  const double* panel = re(first);
  const long below = first + B;
  const auto group = [&](auto count, long column) {
    constexpr int columns = count;
    double *u_re[columns], *u_im[columns], *to_re[columns], *to_im[columns];
    for (int c = 0; c < columns; ++c) {
      u_re[c] = re(column + c) + first;
      u_im[c] = im(column + c) + first;
    }
    times_block<columns>(inverse, u_re, u_im);
    long i = below;
    const auto place = [&] {
      for (int c = 0; c < columns; ++c) {
        to_re[c] = re(column + c) + i;
        to_im[c] = im(column + c) + i;
      }
    };
    for (; i + tall * W <= rows_; i += tall * W) {
      place();
      rank_eight<columns, tall>(panel + i, rows_, u_re, u_im, to_re, to_im);
    }
    for (; i < rows_; i += W) {
      place();
      rank_eight<columns, 1>(panel + i, rows_, u_re, u_im, to_re, to_im);
    }
  };
  long column = below;
  for (; column + together <= n_; column += together)
    group(std::integral_constant<int, together>{}, column);
  for (; column < n_; ++column) group(std::integral_constant<int, 1>{}, column);
}

void ComplexLu::solve(ComplexVector& b) const {
  double *x = b.re(), *y = b.im();
  for (long i = 0; i < n_; ++i)
    if (exchanged_[i] != i) {
      std::swap(x[i], x[exchanged_[i]]);
      std::swap(y[i], y[exchanged_[i]]);
    }
  const auto with_block = [&](const std::vector<S>& inverses, long first, long from, long to) {
    double *u_re[1] = {x + first}, *u_im[1] = {y + first};
    times_block<1>(reinterpret_cast<const double*>(&inverses[first / B * block_numbers / W]), u_re,
                   u_im);
    const double* panel = numbers() + 2 * first * rows_;
    const long width = std::min(B, n_ - first);
    for (long i = from; i < to; i += W) {
      S re = S::load(x + i), im = S::load(y + i);
      for (long q = 0; q < width; ++q)
        subtract_product(re, im, S::load(panel + 2 * q * rows_ + i),
                         S::load(panel + (2 * q + 1) * rows_ + i), S(u_re[0][q]), S(u_im[0][q]));
      re.store(x + i);
      im.store(y + i);
    }
  };
  for (long first = 0; first < n_; first += B) with_block(lower_, first, first + B, rows_);
  for (long first = (n_ - 1) / B * B; first >= 0; first -= B) with_block(upper_, first, 0, first);
}

}  // namespace thalweg
