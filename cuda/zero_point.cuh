// Where one search for a zero is, over a Team: a Point of zero_search.hpp. Numbers are added up in
// the order of quadratic_system.cpp, so searches take the processor's steps bit for bit.
#pragma once

#include <algorithm>

#include "orbit.cuh"

namespace thalweg::cuda {

// What a search keeps in its slab: numbers, then integers.
struct SearchRoom {
  long n, generators, parts, places;

  static SearchRoom of(const SystemTables& s) { return {s.n, s.generators, s.parts, s.places}; }
  THALWEG_INLINE long vector() const { return 2 * (n + 1); }
  // H by its places; the Gram matrix of the tangents at other times.
  THALWEG_INLINE long sparse() const {
    const long gram = 2 * generators * (generators | 1);
    return 2 * places > gram ? 2 * places : gram;
  }
  using Lu = TeamLu<BlockTeam>;  // sizes are those of any team
  THALWEG_INLINE long numbers() const {
    return 5 * vector() + Lu::matrix_numbers(n) + Lu::other_numbers(n) + sparse() +
           Lu::other_numbers(generators) + 2 * parts + 2 * generators;
  }
  THALWEG_INLINE long integers() const { return Lu::integers(n) + Lu::integers(generators); }
};

template <class Team>
class ZeroPoint {
 public:
  // `linear` is n pairs, and may be in the slab of whoever derives.
  THALWEG_DEVICE ZeroPoint(const Team& team, const SystemTables& s, const double* linear,
                           double* numbers, int* integers)
      : team_(team),
        s_(s),
        linear_(linear),
        z_(take(numbers, s.n + 1)),
        kept_(take(numbers, s.n + 1)),
        f_(take(numbers, s.n + 1)),
        step_(take(numbers, s.n + 1)),
        gradient_(take(numbers, s.n + 1)),
        tangents_(take(numbers, s.parts)),
        along_(take(numbers, s.generators)),
        sparse_(numbers) {
    numbers += SearchRoom{s.n, s.generators, s.parts, s.places}.sparse();
    matrix_ = numbers;
    numbers += TeamLu<Team>::matrix_numbers(s.n);
    others_ = numbers;
    gram_others_ = others_ + TeamLu<Team>::other_numbers(s.n);
    integers_ = integers;
  }

  // From and to pairs in device memory.
  THALWEG_DEVICE void load(const double* point) const {
    team_.each(s_.n + 1, [&](long i) {
      z_.re[i] = i < s_.n ? point[2 * i] : 1;
      z_.im[i] = i < s_.n ? point[2 * i + 1] : 0;
    });
    team_.sync();
  }
  THALWEG_DEVICE void store(double* point) const {
    team_.each(s_.n, [&](long i) {
      point[2 * i] = z_.re[i];
      point[2 * i + 1] = z_.im[i];
    });
  }

  [[gnu::noinline]] THALWEG_DEVICE double evaluate() const {
    team_.each(s_.n, [&](long i) {
      double re = linear_[2 * i], im = linear_[2 * i + 1];
      for (int t = s_.starts[i]; t < s_.starts[i + 1]; ++t) {
        const int j = s_.first[t], k = s_.second[t];
        const double a = s_.values[2 * t], b = s_.values[2 * t + 1];
        const double u = z_.re[j] * z_.re[k] - z_.im[j] * z_.im[k];
        const double v = z_.re[j] * z_.im[k] + z_.im[j] * z_.re[k];
        re += a * u - b * v;
        im += a * v + b * u;
      }
      f_.re[i] = re;
      f_.im[i] = im;
    });
    team_.sync();
    return largest_of(f_);
  }
  THALWEG_DEVICE double squared_residual() const {
    evaluate();
    return squared_norm(team_, f_, s_.n);
  }
  THALWEG_DEVICE double largest() const { return largest_of(z_); }

  [[gnu::noinline]] THALWEG_DEVICE bool factor() const {
    const TeamLu<Team> a = factors();
    orbit().find_tangents();
    a.clear();
    team_.each(s_.n, [&](long i) {  // column i, which is row i: A's parts are symmetric
      double *re = a.re(static_cast<int>(i)), *im = a.im(static_cast<int>(i));
      add_hessian_row(static_cast<int>(i), re, im, [](int j) { return j; });
      add_symmetries(static_cast<int>(i), re, im);
    });
    team_.sync();
    return a.factor(true);
  }
  THALWEG_DEVICE double newton_step() const {
    factors().solve(f_, step_);
    move();
    return largest_of(step_);
  }

  // A is symmetric, so (A^dagger A)^-1 y = A^-1 conj(A^-1 conj(y)): power iteration on it.
  THALWEG_DEVICE double gap() const {
    team_.each(s_.n, [&](long i) {
      step_.re[i] = s_.probe[2 * i];
      step_.im[i] = s_.probe[2 * i + 1];
    });
    team_.sync();
    double growth = 0;
    for (int round = 0; round < 6; ++round) {
      const double before = sqrt(squared_norm(team_, step_, s_.n));
      team_.each(s_.n, [&](long i) {
        step_.re[i] /= before;
        step_.im[i] /= -before;
      });
      team_.sync();
      factors().solve(step_, step_);
      team_.each(s_.n, [&](long i) { step_.im[i] = -step_.im[i]; });
      team_.sync();
      factors().solve(step_, step_);
      growth = sqrt(squared_norm(team_, step_, s_.n));
    }
    return growth > 0 ? 1 / sqrt(growth) : 0;
  }

  THALWEG_DEVICE double linearize() const {
    team_.each(s_.n, [&](long row) {
      const int i = static_cast<int>(row), begin = s_.row_starts[i], end = s_.row_starts[i + 1];
      double *x = sparse_, *y = sparse_ + s_.places;
      for (int p = begin; p < end; ++p) x[p] = y[p] = 0;
      add_hessian_row(i, x, y, [&](int j) { return s_.place_of[i * s_.n + j]; });
      double re = 0, im = 0;
      for (int p = begin; p < end; ++p) {
        const int j = s_.columns[p];
        re += x[p] * f_.re[j] + y[p] * f_.im[j];
        im += x[p] * f_.im[j] - y[p] * f_.re[j];
      }
      gradient_.re[i] = re;
      gradient_.im[i] = im;
    });
    team_.sync();
    return sqrt(squared_norm(team_, gradient_, s_.n));
  }
  THALWEG_DEVICE double damped_step(double damping) const {
    set_normal_matrix(damping);
    if (!factors().factor(false)) return std::numeric_limits<double>::infinity();
    factors().solve(gradient_, step_);
    move();
    return squared_residual();
  }

  THALWEG_DEVICE void keep() const { copy(team_, z_, kept_, s_.n + 1); }
  THALWEG_DEVICE void go_back() const { copy(team_, kept_, z_, s_.n + 1); }

  // What `keep` kept, the step and H^dagger F are lost.
  [[gnu::noinline]] THALWEG_DEVICE bool balance() const {
    return orbit().balance(along_, {kept_, step_, gradient_}, sparse_, gram_others_,
                           integers_ + TeamLu<Team>::integers(s_.n));
  }

 protected:
  const Team& team_;
  const SystemTables& s_;
  const double* linear_;
  Vector z_, kept_, f_, step_, gradient_, tangents_, along_;
  double *sparse_, *matrix_, *others_, *gram_others_;
  int* integers_;

  static THALWEG_INLINE Vector take(double*& numbers, long count) {
    const Vector v{numbers, numbers + count};
    numbers += 2 * count;
    return v;
  }
  THALWEG_INLINE TeamLu<Team> factors() const { return {team_, s_.n, matrix_, others_, integers_}; }
  THALWEG_INLINE Orbit<Team> orbit() const { return {team_, s_, z_, tangents_}; }

 private:
  THALWEG_DEVICE double largest_of(Vector v) const {
    double most = 0;
    for (int i = 0; i < s_.n; ++i) most = max(v.re[i] * v.re[i] + v.im[i] * v.im[i], most);
    team_.sync();
    return sqrt(most);
  }
  THALWEG_DEVICE void move() const {
    team_.each(s_.n, [&](long i) {
      z_.re[i] -= step_.re[i];
      z_.im[i] -= step_.im[i];
    });
    team_.sync();
  }

  // Row i of H, added at at(j).
  template <class Place>
  THALWEG_INLINE void add_hessian_row(int i, double* re, double* im, Place at) const {
    for (int t = s_.starts[i]; t < s_.starts[i + 1]; ++t) {
      const int j = s_.first[t], k = s_.second[t];
      const double a = s_.values[2 * t], b = s_.values[2 * t + 1];
      const int to_j = at(j);
      re[to_j] += a * z_.re[k] - b * z_.im[k];
      im[to_j] += a * z_.im[k] + b * z_.re[k];
      if (k == s_.n) continue;
      const int to_k = at(k);
      re[to_k] += a * z_.re[j] - b * z_.im[j];
      im[to_k] += a * z_.im[j] + b * z_.re[j];
    }
  }
  THALWEG_INLINE void add_symmetries(int i, double* re, double* im) const {
    const Vector t = tangents_;
    for (int k = s_.moved_starts[i]; k < s_.moved_starts[i + 1]; ++k) {
      const int s = s_.moved_by[k], g = s_.generator_of[s];
      const double a = t.re[s], b = t.im[s];
      for (int r = s_.generator_starts[g]; r < s_.generator_starts[g + 1]; ++r) {
        const int row = s_.part_variable[r];
        re[row] += a * t.re[r] - b * t.im[r];
        im[row] -= a * t.im[r] + b * t.re[r];
      }
    }
  }
  // H^dagger H + damping, element by element over the rows of H that reach both.
  THALWEG_DEVICE void set_normal_matrix(double damping) const {
    const TeamLu<Team> a = factors();
    const double *x = sparse_, *y = sparse_ + s_.places;
    team_.each(static_cast<long>(s_.n) * s_.n, [&](long at) {
      const int k = static_cast<int>(at / s_.n), j = static_cast<int>(at % s_.n);
      double re = 0, im = 0;
      for (int p = s_.row_starts[k]; p < s_.row_starts[k + 1]; ++p) {
        const int* row = s_.place_of + s_.columns[p] * s_.n;
        const int in_j = row[j], in_k = row[k];
        if (in_j < 0) continue;
        re += x[in_j] * x[in_k] + y[in_j] * y[in_k];
        im += x[in_j] * y[in_k] - y[in_j] * x[in_k];
      }
      a.re(k)[j] = j == k ? re + damping : re;
      a.im(k)[j] = im;
    });
    team_.sync();
  }
};

}  // namespace thalweg::cuda
