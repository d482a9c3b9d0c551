// Orbits of continuous symmetries, over a Team: the tangents at a point, and moving the point along
// its orbit, as quadratic_system.cpp does.
#pragma once

#include "search_jobs.hpp"
#include "team_lu.cuh"

namespace thalweg::cuda {

template <class Team>
THALWEG_DEVICE void copy(const Team& team, Vector from, Vector to, int count) {
  team.each(count, [&](long i) {
    to.re[i] = from.re[i];
    to.im[i] = from.im[i];
  });
  team.sync();
}

template <class Team>
class Orbit {
 public:
  THALWEG_DEVICE Orbit(const Team& team, const SystemTables& s, Vector z, Vector tangents)
      : team_(team), s_(s), z_(z), tangents_(tangents) {}

  THALWEG_DEVICE void find_tangents() const {
    team_.each(s_.parts, [&](long r) {
      double re = 0, im = 0;
      for (int e = s_.entry_starts[r]; e < s_.entry_starts[r + 1]; ++e) {
        const double a = s_.entry_values[2 * e], b = s_.entry_values[2 * e + 1];
        const double x = z_.re[s_.entry_columns[e]], y = z_.im[s_.entry_columns[e]];
        re += a * x - b * y;
        im += a * y + b * x;
      }
      tangents_.re[r] = re;
      tangents_.im[r] = im;
    });
    team_.sync();
  }

  // Along an orbit |z|^2 is convex (Kempf and Ness): see quadratic_system.cpp, which this follows.
  THALWEG_DEVICE bool balance(Vector along, const Vector (&scratch)[3], double* gram_matrix,
                              double* numbers, int* integers) const {
    constexpr int most_rounds = 100;
    constexpr double longest = 2, enough = 0.02;
    if (s_.generators == 0) return false;
    const TeamLu<Team> gram(team_, s_.generators, gram_matrix, numbers, integers);
    const Vector& kept = scratch[0];
    for (int round = 0; round < most_rounds; ++round) {
      if (!find_growth(along, gram)) return round > 0;
      const double size = 0.5 * sqrt(squared_norm(team_, along, s_.generators));
      const double before = size_of_point();
      if (!(size > enough)) return round > 0;
      copy(team_, z_, kept, s_.n + 1);
      double scale = -0.5 * min(longest / size, 1.0);
      for (transform(scale, along, scratch[1], scratch[2]);
           !(size_of_point() < before) && scale < -1e-3;) {
        copy(team_, kept, z_, s_.n + 1);
        scale *= 0.5;
        transform(scale, along, scratch[1], scratch[2]);
      }
      if (!(size_of_point() < before)) copy(team_, kept, z_, s_.n + 1);
      if (!(size_of_point() < 0.9999 * before)) break;
    }
    return true;
  }

 private:
  const Team& team_;
  const SystemTables& s_;
  Vector z_, tangents_;

  // The processor counts the variable that is 1 as well.
  THALWEG_DEVICE double size_of_point() const { return squared_norm(team_, z_, s_.n + 1); }

  // (T^dagger T)^-1 T^dagger z: along which combination of generators z grows.
  THALWEG_DEVICE bool find_growth(Vector along, const TeamLu<Team>& gram) const {
    const int g = s_.generators;
    find_tangents();
    const double trace = squared_norm(team_, tangents_, s_.parts);
    const auto times_point = [&](int a) {
      double re = 0, im = 0;
      for (int r = s_.generator_starts[a]; r < s_.generator_starts[a + 1]; ++r)
        add_product(tangents_, r, z_, s_.part_variable[r], re, im);
      along.re[a] = re;
      along.im[a] = im;
    };
    team_.each(static_cast<long>(g) * (g + 1), [&](long at) {
      const int a = static_cast<int>(at % g), b = static_cast<int>(at / g);
      if (b == g) return times_point(a);
      double re = 0, im = 0;
      int p = s_.generator_starts[a];
      for (int q = s_.generator_starts[b]; q < s_.generator_starts[b + 1]; ++q) {
        while (p < s_.generator_starts[a + 1] && s_.part_variable[p] < s_.part_variable[q]) ++p;
        if (p == s_.generator_starts[a + 1]) break;
        if (s_.part_variable[p] == s_.part_variable[q])
          add_product(tangents_, p, tangents_, q, re, im);
      }
      gram.re(b)[a] = a == b ? re + 1e-12 * trace : re;
      gram.im(b)[a] = im;
    });
    team_.sync();
    if (!gram.factor(false)) return false;
    gram.solve(along, along);
    return true;
  }
  // sum += conj(a_i) b_j
  static THALWEG_INLINE void add_product(Vector a, int i, Vector b, int j, double& re, double& im) {
    re += a.re[i] * b.re[j] + a.im[i] * b.im[j];
    im += a.re[i] * b.im[j] - a.im[i] * b.re[j];
  }

  // z = exp(scale times the sum of along_a times generator a) z, by its series.
  THALWEG_DEVICE void transform(double scale, Vector along, Vector term, Vector next) const {
    copy(team_, z_, term, s_.n + 1);
    for (int k = 1; k < 100; ++k) {
      team_.each(s_.n + 1, [&](long i) {
        double re = 0, im = 0;
        if (i < s_.n) apply_generators(static_cast<int>(i), scale / k, along, term, re, im);
        next.re[i] = re;
        next.im[i] = im;
        z_.re[i] += re;
        z_.im[i] += im;
      });
      team_.sync();
      const double added = squared_norm(team_, next, s_.n + 1);
      if (!(added > 1e-34 * size_of_point())) return;
      const Vector last = term;
      term = next;
      next = last;
    }
  }
  THALWEG_INLINE void apply_generators(int i, double scale, Vector along, Vector term, double& re,
                                       double& im) const {
    for (int k = s_.moved_starts[i]; k < s_.moved_starts[i + 1]; ++k) {
      const int r = s_.moved_by[k], g = s_.generator_of[r];
      const double x = scale * along.re[g], y = scale * along.im[g];
      for (int e = s_.entry_starts[r]; e < s_.entry_starts[r + 1]; ++e) {
        const double a = s_.entry_values[2 * e], b = s_.entry_values[2 * e + 1];
        const double u = x * a - y * b, v = x * b + y * a;
        const int column = s_.entry_columns[e];
        re += u * term.re[column] - v * term.im[column];
        im += u * term.im[column] + v * term.re[column];
      }
    }
  }
};

}  // namespace thalweg::cuda
