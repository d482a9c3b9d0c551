// The rules of following a zero while the couplings change along straight lines: steps, their
// control, and when a path is given up.
//
// F is quadratic, so the Taylor series of a path obeys A a_1 = -dF/dt and A a_k = -(coefficient k
// of the quadratic part), all with one factorisation: a step costs one LU, whatever its order. The
// series is summed as a Pade approximant whose denominator is shared by all variables, for they
// share their singularities; the step is the longest one whose end still nearly solves F = 0.
//
// A Point is one of zero_search.hpp that can do this as well:
//
//   void set_segment(v)    couplings go from vertex v to the next
//   void set_time(t)       couplings are those at t in 0 .. 1 of the segment
//   void expand()          series and denominator, with the factors at hand, around the point
//   double radius()        of convergence, roughly
//   void predict(h)        to the approximant at h, of the series around the point kept
#pragma once

#include <thalweg/solvers/zero_search.hpp>

namespace thalweg::search {

inline constexpr long most_steps_of_segment = 2000;

// The longest step, no longer than h, whose end nearly solves the equations; the point is put
// there.
template <class Point>
THALWEG_DEVICE double longest_step(Point& point, double t, double h) {
  constexpr double shortest = 1e-7, accuracy = 1e-4;
  for (;; h *= 0.8) {
    point.predict(h);
    point.set_time(t + h);
    if (point.evaluate() < accuracy * (1 + point.largest())) return h;
    if (h < shortest) return h;
  }
}

// Newton's method with the factors at the predicted point, which serve the next series too.
template <class Point>
THALWEG_DEVICE bool correct(Point& point, long& steps) {
  // `exact`: of a point on the path, relative; rounding may reach 1e-10.
  constexpr double contraction = 0.1, exact = 1e-8;
  ++steps;
  point.evaluate();
  if (!point.factor()) return false;
  const double first = point.newton_step();
  point.evaluate();
  const double second = point.newton_step();
  point.evaluate();
  return second < contraction * first || second < exact * (1 + point.largest());
}

template <class Point, class Poll>
THALWEG_DEVICE bool follow_segment(Point& point, long& steps, Poll poll) {
  constexpr double shortest = 1e-7;
  double t = 0;
  point.set_time(0);
  point.evaluate();
  if (!point.factor()) return false;
  for (long step = 0; t < 1; ++step) {
    poll();
    if (step == most_steps_of_segment || point.largest() > largest_modulus) return false;
    point.expand();
    point.keep();
    // Twice the radius: approximants reach beyond it.
    for (double h = min(2 * point.radius(), min(1 - t, 1.0));; h *= 0.5) {
      h = longest_step(point, t, h);
      if (h < shortest) return false;
      const double next = h > (1 - t) * (1 - 1e-12) ? 1 : t + h;
      point.set_time(next);
      if (correct(point, steps)) {
        t = next;
        break;
      }
      point.go_back();
    }
  }
  return true;
}

template <class Point, class Poll>
THALWEG_DEVICE ZeroReport follow(Point& point, long vertices, Poll poll) {
  long steps = 0;
  ZeroReport report;
  for (long v = 0; v + 1 < vertices; ++v) {
    point.set_segment(v);
    if (!follow_segment(point, steps, poll)) {
      report.steps = steps;
      report.outcome = point.largest() > largest_modulus ? Outcome::runaway : Outcome::unfinished;
      return report;
    }
  }
  report = polish(point, 20);
  report.steps += steps;
  return report;
}

}  // namespace thalweg::search
