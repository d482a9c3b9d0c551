// What motions are written over: walkers, and ensembles of walkers that move together.
//
// A motion (langevin_motion.hpp and its like) is the whole of a dynamics: what a step does with
// points, gradients and carried numbers. It is a plain struct of what the user chose, and its text
// serves every target. A walker W is one block of replicas in the lanes of packs, or one replica of
// a team of threads on a GPU:
//
//   W::Number              S, a pack or a plain number: one number for each replica of the walker
//   S* vector(slot)        a point's numbers, pack by pack; slots x and g, then those of the motion
//   S& scalar(slot)        one number per replica; slot energy, then those of the motion
//   S parameter(k)         what the user set
//   each(f)                f(i) for every number i of a vector. On a GPU for those of this thread,
//                          always the same ones: a loop sees what earlier loops wrote at its own i
//   first(f)               f() by whoever has number 0 of every vector
//   S sum(term)            of term(i) over all i, in every lane of its replica
//   normals(stream, step, f)          f(i, xi) for every i, a standard normal of that step;
//   normals(stream, step, other, f)   f(i, xi, zeta) with those of two steps
//   S uniform(stream, step)
//   long dim()             P
//   is(status), mark(which, status, step), restored(which)    what became of the replicas
//
// An ensemble E:
//
//   E::Walker
//   for_each(f)            f(walker)
//   gradient(x, g, e)      from the vectors x into the vectors g and the scalars e
//   energy(x, e)
//   minibatches(plan, step), all_samples()    what the loss is the mean of from now on
//   ends_with_gradient     whether a run's last step takes it whoever asks
//   upper_bound()          where points are reflected, or infinity
#pragma once

#include <thalweg/math/random.hpp>

namespace thalweg {

enum class Status : int { ok = 0, converged = 1, diverged = 2 };

// What is known of the landscape at the points: runs cut in pieces hand it on.
enum class Known { nothing, energy, gradient };
THALWEG_INLINE Known both(Known a, Known b) { return a < b ? b : a; }

// Slots that every walker has. A motion's own follow: those carried from call to call, then those
// that live for one call only.
enum Vector : int { point = 0, slope = 1, first_vector = 2 };
enum Scalar : int { energy_now = 0, first_scalar = 1 };

// How many slots of its own a motion has.
struct Slots {
  int vectors = 0, scalars = 0;                      // carried
  int temporary_vectors = 0, temporary_scalars = 0;  // not
  int parameters = 0;

  THALWEG_INLINE int all_vectors() const { return first_vector + vectors + temporary_vectors; }
  THALWEG_INLINE int all_scalars() const { return first_scalar + scalars + temporary_scalars; }
};

// What can be recorded besides the energy.
enum class Observable : int {
  squared_norm,
  gradient_squared_norm,
  virial,
  kinetic_energy,
  accepted,
  time,
  step_size,
  squared_distance,
  overlap,
};
inline constexpr const char* observable_names[] = {
    "squared_norm", "gradient_squared_norm", "virial",  "kinetic_energy", "accepted", "time",
    "step_size",    "squared_distance",      "overlap",
};

// Which samples each replica sees in a step: drawn with replacement, or taken in the order of its
// own permutation of each epoch. Size 0: all of them, always.
struct BatchPlan {
  long size = 0;
  bool replacement = false;

  THALWEG_INLINE bool used() const { return size > 0; }
  // Positions (step - 1) B ... step B - 1 of the epochs' orders, one behind another: here begins a
  // step.
  THALWEG_INLINE std::int64_t first_epoch(long step, long samples) const {
    return (step - 1) * size / samples;
  }
  THALWEG_INLINE std::int64_t first_place(long step, long samples) const {
    return (step - 1) * size % samples;
  }
};

// Makes it known, and says what is known then. Both ways to the energy give the same bits: where a
// run ends changes nothing.
template <class E>
THALWEG_DEVICE Known learn(E& ensemble, Known wanted) {
  if (wanted == Known::gradient) ensemble.gradient(point, slope, energy_now);
  if (wanted == Known::energy) ensemble.energy(point, energy_now);
  return wanted;
}

// What every motion with a full gradient can tell; nan is for what the caller did not refuse.
template <class W>
THALWEG_DEVICE typename W::Number observe_point(const W& w, Observable what) {
  using S = typename W::Number;
  const S *x = w.vector(point), *g = w.vector(slope);
  if (what == Observable::squared_norm) return w.sum([&](long i) { return x[i] * x[i]; });
  if (what == Observable::gradient_squared_norm) return w.sum([&](long i) { return g[i] * g[i]; });
  if (what == Observable::virial) return w.sum([&](long i) { return x[i] * g[i]; });
  return S(std::numeric_limits<real_of<S>>::quiet_NaN());
}

template <class W>
THALWEG_DEVICE void copy_vector(W& w, int from, int to) {
  const auto* x = w.vector(from);
  auto* y = w.vector(to);
  w.each([&](long i) { y[i] = x[i]; });
}

// sum += x, with what rounding loses kept in `rest` (Kahan): float32 counts and times go on
// growing.
template <class S>
THALWEG_INLINE void add_to(S& sum, S& rest, S x) {
  const S y = x + rest, next = sum + y;
  rest = y - (next - sum);
  sum = next;
}

// Mirrors points that left through a hard lid; nothing where there is none.
template <class S>
THALWEG_INLINE S inside(S x, S bound) {
  return bound - abs(bound - x);
}
template <class W>
THALWEG_DEVICE void keep_inside(W& w, int vector, typename W::Number bound) {
  if (!all(is_finite(bound))) return;
  auto* x = w.vector(vector);
  w.each([&](long i) { x[i] = inside(x[i], bound); });
}

}  // namespace thalweg
