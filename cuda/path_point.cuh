// Where one path is, over a Team: a Point of path_search.hpp.
#pragma once

#include <thalweg/solvers/pade.hpp>
#include <thalweg/solvers/path_search.hpp>

#include "complex.cuh"
#include "zero_point.cuh"

namespace thalweg::cuda {

// What a path keeps in its slab beside a search's numbers.
struct PathRoom {
  // Sums of a convolution in so many parts: as on a processor with registers of 256 bits.
  static constexpr int lanes = 4;
  long n;
  THALWEG_INLINE long numbers() const {
    constexpr long powers = pade::order + 1, weights = pade::numerator + 1;
    return 2 * n * (1 + pade::order + lanes) +
           2 * (powers * powers + pade::denominator + 1 + weights);
  }
};

template <class Team>
class PathPoint : public ZeroPoint<Team> {
 public:
  THALWEG_DEVICE PathPoint(const Team& team, const SystemTables& s, const double* vertices,
                           double* numbers, int* integers)
      : ZeroPoint<Team>(team, s, numbers, numbers + PathRoom{s.n}.numbers(), integers),
        vertices_(vertices),
        now_(numbers),
        series_(now_ + 2L * s.n),
        lanes_(series_ + 2L * s.n * order),
        inner_(reinterpret_cast<Complex*>(lanes_ + 2L * s.n * lanes)),
        denominator_(inner_ + (order + 1) * (order + 1)),
        weights_(denominator_ + pade::denominator + 1) {}

  THALWEG_DEVICE void set_segment(long v) {
    from_ = vertices_ + 2 * v * this->s_.n;
    to_ = from_ + 2L * this->s_.n;
  }
  THALWEG_DEVICE void set_time(double t) const {
    this->team_.each(2L * this->s_.n, [&](long i) { now_[i] = (1 - t) * from_[i] + t * to_[i]; });
    this->team_.sync();
  }
  THALWEG_DEVICE double radius() const { return pade::radius(norms_); }

  [[gnu::noinline]] THALWEG_DEVICE void expand() {
    const Vector rhs = this->step_;
    this->team_.each(this->s_.n, [&](long i) {
      rhs.re[i] = from_[2 * i] - to_[2 * i];
      rhs.im[i] = from_[2 * i + 1] - to_[2 * i + 1];
    });
    this->team_.sync();
    for (int k = 1; k <= order; ++k) {
      if (k > 1) set_quadratic_coefficient(k, rhs);
      this->factors().solve(rhs, coefficient(k));
      norms_[k] = sqrt(squared_norm(this->team_, coefficient(k), this->s_.n));
    }
    find_denominator();
  }

  THALWEG_DEVICE void predict(double h) const {
    this->team_.each(pade::numerator + 1, [&](long k) {
      weights_[k] = pade::Weights<Complex>(denominator_, h)[static_cast<int>(k)];
    });
    this->team_.sync();
    this->team_.each(this->s_.n, [&](long i) {
      Complex sum = weights_[0] * Complex(this->kept_.re[i], this->kept_.im[i]);
      for (int k = 1; k <= pade::numerator; ++k) sum += weights_[k] * at(static_cast<int>(i), k);
      this->z_.re[i] = sum.re;
      this->z_.im[i] = sum.im;
    });
    this->team_.sync();
  }

 private:
  static constexpr int order = pade::order, lanes = PathRoom::lanes;
  const double* vertices_;
  const double *from_ = nullptr, *to_ = nullptr;
  double *now_, *series_, *lanes_;            // [n] pairs; [order][re, im][n]; [lanes][re, im][n]
  Complex *inner_, *denominator_, *weights_;  // [order + 1][order + 1], ...
  double norms_[order + 1];

  THALWEG_INLINE Vector coefficient(int k) const {
    double* re = series_ + 2L * (k - 1) * this->s_.n;
    return {re, re + this->s_.n};
  }
  THALWEG_INLINE Complex at(int i, int k) const {
    const Vector a = coefficient(k);
    return {a.re[i], a.im[i]};
  }

  // rhs = -(coefficient k of F's quadratic part), from coefficients 1 .. k - 1.
  THALWEG_DEVICE void set_quadratic_coefficient(int k, Vector rhs) const {
    const int n = this->s_.n;
    this->team_.each(static_cast<long>(lanes) * n, [&](long item) {
      const int lane = static_cast<int>(item / n), i = static_cast<int>(item % n);
      add_up_lane(k, lane, i, lanes_ + 2L * lane * n);
    });
    this->team_.sync();
    this->team_.each(n, [&](long i) {
      double re = 0, im = 0;
      for (int lane = 0; lane < lanes; ++lane) {
        re += lanes_[2L * lane * n + i];
        im += lanes_[2L * lane * n + n + i];
      }
      rhs.re[i] = -re;
      rhs.im[i] = -im;
    });
    this->team_.sync();
  }
  // The products of coefficients p and k - p, for every `lanes`-th p.
  THALWEG_INLINE void add_up_lane(int k, int lane, int i, double* to) const {
    const SystemTables& s = this->s_;
    double re = 0, im = 0;
    for (int t = s.starts[i]; t < s.starts[i + 1]; ++t) {
      const int j = s.first[t], l = s.second[t];
      if (l == s.n) continue;
      double u = 0, v = 0;
      for (int p = lane == 0 ? lanes : lane; p < k; p += lanes) {
        const Complex a = at(j, p), b = at(l, k - p);
        u = u + a.re * b.re - a.im * b.im;
        v = v + a.re * b.im + a.im * b.re;
      }
      const double a = s.values[2 * t], b = s.values[2 * t + 1];
      re = re + a * u - b * v;
      im = im + a * v + b * u;
    }
    to[i] = re;
    to[s.n + i] = im;
  }

  THALWEG_DEVICE void find_denominator() const {
    constexpr int count = order + 1 - pade::first;
    double power[order + 1];
    pade::powers(radius(), power);
    this->team_.each(count * count, [&](long item) {
      const int p = pade::first + static_cast<int>(item) / count;
      const int q = pade::first + static_cast<int>(item) % count;
      if (q < p) return;
      Complex sum = 0;
      for (int i = 0; i < this->s_.n; ++i) sum += conj(at(i, p)) * at(i, q);
      sum = sum * power[p] * power[q];
      inner_[p * (order + 1) + q] = sum;
      inner_[q * (order + 1) + p] = conj(sum);
    });
    this->team_.sync();
    if (this->team_.rank() == 0)
      pade::find_denominator(reinterpret_cast<const Complex(*)[order + 1]>(inner_), power,
                             denominator_);
    this->team_.sync();
  }
};

}  // namespace thalweg::cuda
