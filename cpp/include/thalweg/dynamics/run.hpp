// The one loop of all dynamics: steps, divergence, records.
#pragma once

#include <thalweg/dynamics/walker.hpp>

namespace thalweg {

// One call of a run, which may have been cut into several.
struct Steps {
  long first, count, record_every;  // of steps made before; of steps to make
  Known before;                     // of the points at the start
  Known wanted;                     // of those at the end, besides what is recorded

  THALWEG_INLINE bool recorded(long step) const { return step % record_every == 0; }
  // What a step is to leave known: the next one needs the gradient.
  THALWEG_INLINE Known after(long step) const {
    if (step < first + count) return Known::gradient;
    return recorded(step) ? both(wanted, Known::energy) : wanted;
  }
  // Which record of this call a step is.
  THALWEG_INLINE long record(long step) const {
    return step / record_every - first / record_every - 1;
  }
};

// A lost replica becomes nan and stays so; nan moves nothing else, as lanes do not mix.
template <class W>
THALWEG_DEVICE void bury(W& w, long step, bool_of<typename W::Number> found) {
  using S = typename W::Number;
  if (!any(found)) return;
  const bool_of<S> lost = found & w.is(Status::ok);
  if (!any(lost)) return;
  w.mark(lost, Status::diverged, step);
  const S nan(std::numeric_limits<real_of<S>>::quiet_NaN());
  S* x = w.vector(point);
  w.each([&](long i) { x[i] = select(lost, nan, x[i]); });
  w.scalar(energy_now) = select(lost, nan, w.scalar(energy_now));
}

template <class W>
THALWEG_DEVICE auto infinite_points(const W& w) {
  using S = typename W::Number;
  const S zero(real_of<S>(0)), one(real_of<S>(1)), *x = w.vector(point);
  return w.sum([&](long i) { return select(is_finite(x[i]), zero, one); }) > zero;
}

// Runs an ensemble. `motion` is one, or what stands for one; `host` hears of the run:
//   poll()                 before each step
//   started(w)             when what must be known of the start is
//   record(w, number)      at every recorded step; number counts the records of this call
template <class E, class Motion, class Host>
THALWEG_DEVICE void run_steps(E& ensemble, const Motion& motion, const Steps& steps, Host& host) {
  using W = typename E::Walker;
  const Known wanted = motion.known_at_start();
  if (steps.before < wanted) {
    learn(ensemble, wanted);
    // A run that ended here need not have looked at the energy.
    if (!E::ends_with_gradient && steps.first > 0)
      ensemble.for_each(
          [&](W& w) { bury(w, steps.first, negate(is_finite(w.scalar(energy_now)))); });
  }
  ensemble.for_each([&](W& w) { host.started(w); });
  motion.enter(ensemble, steps.first);
  const long last = steps.first + steps.count;
  Known known = Known::nothing;
  for (long s = steps.first + 1; s <= last; ++s) {
    host.poll();
    known = motion.step(ensemble, s, E::ends_with_gradient ? Known::gradient : steps.after(s));
    // Else the energy at hand is that of the point before this step.
    const bool here = known != Known::nothing;
    ensemble.for_each([&](W& w) { bury(w, here ? s : s - 1, motion.lost(w, s)); });
    if (!steps.recorded(s)) continue;
    if (!here) {
      ensemble.all_samples();
      ensemble.energy(point, energy_now);
      ensemble.for_each([&](W& w) { bury(w, s, motion.lost(w, s)); });
    }
    ensemble.for_each([&](W& w) { host.record(w, steps.record(s)); });
  }
  if (known == Known::nothing) ensemble.for_each([&](W& w) { bury(w, last, infinite_points(w)); });
}

}  // namespace thalweg
