// The rules of searches for zeros: when a step is taken, damped, given up, and what a search ended
// at. Written once, for points of the processor (ZeroFinder) and of devices (cuda/zero_point.cuh).
//
// A Point is where one search is, with its linear algebra. Each function's rounding is its own:
//
//   double evaluate()            F at the point; its largest modulus
//   double squared_residual()    evaluates, and returns |F|^2
//   double largest()             modulus of a variable
//   bool factor()                A at the point; false where a pivot vanishes
//   double newton_step()         -= A^-1 F with the factors at hand; the step's largest modulus
//   double gap()                 smallest singular value of A, from the factors at hand
//   bool balance()               to the best place of its orbit; whether it moved
//   double linearize()           H and H^dagger F, and the modulus of the latter
//   double damped_step(damping)  -= (H^dagger H + damping)^-1 H^dagger F; |F|^2 there
//   void keep(), go_back()       remember the point, return to it
#pragma once

#include <limits>
#include <thalweg/math/pack.hpp>

namespace thalweg {

// How a search ended.
enum class Outcome : int {
  zero = 0,        // |F| at rounding error and the gauge-fixed Hessian regular
  stationary = 1,  // the gradient of |F|^2 vanishes, F does not: a spurious minimum
  runaway = 2,     // the point was leaving for infinity
  unfinished = 3,  // out of iterations, or a path that was given up
  degenerate = 4,  // F vanishes, but the zero is not isolated (or only almost a zero)
};

struct ZeroReport {
  Outcome outcome = Outcome::unfinished;
  double residual = 0;  // max |F_i|
  double gap = 0;       // smallest singular value of A, the Hessian made regular along orbits
  long steps = 0;       // matrices factored
};

inline constexpr double largest_modulus = 1e4;     // of a variable, beyond which a search ran away
inline constexpr double smallest_gap = 1e-7;       // of A, relative to the square of the size of z
inline constexpr double rounding_of_zero = 1e-12;  // |F|, relative to the squares it is a sum of

namespace search {

// Newton until steps stop shrinking; false as soon as they do not shrink fast.
template <class Point>
THALWEG_DEVICE bool newton_converges(Point& point, int most_steps, long& steps) {
  double before = point.evaluate(), shortest = std::numeric_limits<double>::infinity();
  for (int k = 0; k < most_steps; ++k) {
    ++steps;
    if (!point.factor()) return false;
    const double step = point.newton_step(), after = point.evaluate(), size = 1 + point.largest();
    if (!(after < largest_modulus * size)) return false;
    const bool at_rounding = after < rounding_of_zero * size * size;
    // Near-singular zeros: steps shrink no more, but are only the rounding of F, magnified.
    if (step < 1e-14 * size || (at_rounding && step > 0.5 * shortest)) return true;
    if (!at_rounding && after > 0.5 * before) return false;
    shortest = min(step, shortest);
    before = after;
  }
  return false;
}

// A zero is moved to the best place of its orbit first: far out every Hessian looks singular.
template <class Point>
THALWEG_DEVICE ZeroReport judge(Point& point, long steps) {
  ZeroReport report;
  if (point.largest() < largest_modulus && point.balance()) newton_converges(point, 20, steps);
  report.steps = steps;
  report.residual = point.evaluate();
  report.gap = point.gap();
  const double size = 1 + point.largest();
  const bool vanishes = report.residual < rounding_of_zero * size * size;
  const bool regular = report.gap > smallest_gap * size;
  report.outcome = vanishes && regular      ? Outcome::zero
                   : size > largest_modulus ? Outcome::runaway
                   : vanishes               ? Outcome::degenerate
                                            : Outcome::unfinished;
  return report;
}

// Newton's method from the point; the report says whether it ended at a zero.
template <class Point>
THALWEG_DEVICE ZeroReport polish(Point& point, int most_steps) {
  long steps = 0;
  if (newton_converges(point, most_steps, steps)) return judge(point, steps);
  ZeroReport report;
  report.steps = steps;
  report.residual = point.evaluate();
  return report;
}

// poll() is called once a step.
template <class Point, class Poll>
THALWEG_DEVICE ZeroReport levenberg_marquardt(Point& point, int most_steps, Poll poll) {
  constexpr double newton_below = 0.1, vanishing = 1e-9, most_damping = 1e20;
  const double far = 3 * (1 + point.largest());  // where failed searches were going, if beyond
  double damping = 1, try_below = newton_below, slope = 0;
  ZeroReport report;
  double cost = point.squared_residual();
  while (report.steps < most_steps && damping < most_damping && is_finite(cost)) {
    poll();
    if (sqrt(cost) < try_below) {
      point.keep();
      if (newton_converges(point, 30, report.steps)) return judge(point, report.steps);
      point.go_back();
      cost = point.squared_residual();
      try_below = 0.03 * sqrt(cost);  // again only much nearer
    }
    slope = point.linearize();
    if (slope < vanishing * sqrt(cost)) {
      report.outcome = Outcome::stationary;
      break;
    }
    point.keep();
    ++report.steps;
    const double tried = point.damped_step(damping);
    if (tried < cost) {
      cost = tried;
      damping *= 0.3;
    } else {
      point.go_back();
      point.squared_residual();
      damping *= 4;
    }
    if (point.largest() > largest_modulus) break;
  }
  report.residual = point.evaluate();
  if (report.outcome != Outcome::unfinished) return report;
  // No step lowers |F| any more: rounding has hidden the last digits of a gradient that vanishes.
  const bool stuck = damping >= most_damping;
  if (stuck && slope < 1e-6 * sqrt(cost))
    report.outcome = Outcome::stationary;
  else if (point.largest() > far)
    report.outcome = Outcome::runaway;
  return report;
}

}  // namespace search
}  // namespace thalweg
