#include <thalweg/dynamics/langevin.hpp>

#include "rules.hpp"

namespace thalweg {
namespace {

enum class Scheme { euler_maruyama, leimkuhler_matthews, baoab };

template <class Real>
class LangevinRule final : public Rule<Real> {
 public:
  using S = Lanes<Real>;
  using W = Walkers<Real>;
  using typename Rule<Real>::Truth;

  explicit LangevinRule(const Options& options) {
    OptionReader read("langevin", options);
    scheme_ = static_cast<Scheme>(static_cast<int>(read.number("scheme")));
    natural_ = read.flag("natural");
    metropolis_ = read.flag("metropolis");
    cooling_steps_ = static_cast<long>(read.number("cooling_steps"));
    guard_ = read.number("guard");
    restore_ = read.flag("restore");
    read.done();
    this->parameters = {"temperature", "step_size", "friction", "confinement",
                        "initial_temperature"};
    this->observables = {"squared_norm", "gradient_squared_norm", "virial"};
    if (baoab()) {
      momentum_ = add(this->vectors, "momentum", W::first_vector);
      this->observables.push_back("kinetic_energy");
    }
    if (restore_) checkpoint_ = add(this->vectors, "checkpoint", W::first_vector);
    if (guard_ > 0) mean_energy_ = add(this->scalars, "mean_energy", W::first_scalar);
    if (metropolis_) {
      accepted_ = add(this->scalars, "accepted", W::first_scalar);
      add(this->scalars, "accepted_rest", W::first_scalar);
      this->observables.push_back("accepted");
    }
    first_temporary_ = W::first_scalar + static_cast<int>(this->scalars.size());
    this->temporary_scalars = temporaries;
    trial_ = W::first_vector + static_cast<int>(this->vectors.size());
    if (metropolis_) this->temporary_vectors = 2;
  }

  void enter(Ensemble<Real>& ensemble, long first_step) const override {
    for (W& w : ensemble.blocks) {
      w.scalars[W::energy] = select(w.lanes(Status::ok), w.scalars[W::energy], S(nan()));
      set_coefficients(w, first_step + 1);
      if (first_step > 0) continue;
      if (restore_) std::copy_n(w.vector(W::x), w.packs, w.vector(checkpoint_));
      if (guard_ > 0) w.scalars[mean_energy_] = w.scalars[W::energy];
      if (baoab()) draw_momentum(ensemble.seed, w, 0, ~Truth{});
    }
  }

  void step(Ensemble<Real>& ensemble, long step) const override {
    if (step <= cooling_steps_ + 1)
      for (W& w : ensemble.blocks) set_coefficients(w, step);
    const S bound(ensemble.field.upper_bound());
    if (metropolis_) return metropolis_step(ensemble, step);
    for (W& w : ensemble.blocks) {
      if (baoab())
        baoab_move(ensemble.seed, w, step, bound);
      else
        overdamped_move(ensemble.seed, w, step, bound);
    }
    ensemble.gradient();
    if (baoab())
      for (W& w : ensemble.blocks) last_kick(w);
    if (restore_)  // here, where the gradient of restored points can still be had
      if (save_or_restore(ensemble, step)) ensemble.gradient();
    if (guard_ > 0)
      for (W& w : ensemble.blocks) follow_mean(w, step);
  }

  Truth lost(W& w, long step) const override {
    // A restored replica lives; without restoring, a blow-up ends it.
    return restore_ ? ~is_finite(w.scalars[W::energy]) : blown_up(w, step);
  }

  S observe(const W& w, const std::string& name) const override {
    if (name == "kinetic_energy" && baoab()) return Real(0.5) * w.squared_norm(w.vector(momentum_));
    if (name == "accepted" && metropolis_) return w.scalars[accepted_];
    return observe_point(w, name);
  }

 private:
  enum Temporary : int { pull, prior, drift, noise, keep, heat, trial_energy, temporaries };
  static constexpr long checkpoint_interval = 100;

  Scheme scheme_;
  bool natural_, metropolis_, restore_;
  long cooling_steps_;
  double guard_;
  int momentum_ = 0, checkpoint_ = 0, mean_energy_ = 0, accepted_ = 0, first_temporary_ = 0,
      trial_ = 0;

  static Real nan() { return std::numeric_limits<Real>::quiet_NaN(); }
  bool baoab() const { return scheme_ == Scheme::baoab; }
  S& temporary(W& w, Temporary t) const { return w.scalars[first_temporary_ + t]; }
  static int add(std::vector<std::string>& names, const char* name, int first) {
    names.push_back(name);
    return first + static_cast<int>(names.size()) - 1;
  }

  // The temperature of this step: cooling from the initial one geometrically, then constant.
  S temperature(const W& w, long step) const {
    const S target = w.parameters[0];
    if (step > cooling_steps_) return target;
    const Real fraction = Real(1) - static_cast<Real>(step) / static_cast<Real>(cooling_steps_);
    const S ratio = w.parameters[4] / target;
    return target * exp(fraction * log(ratio));
  }

  void set_coefficients(W& w, long step) const {
    const S one(Real(1)), two(Real(2));
    const S t = temperature(w, step), h = w.parameters[1], friction = w.parameters[2];
    const S sigma = w.parameters[3], box = one / (sigma * sigma);
    const S pulled = natural_ ? one / t : one;
    const S held = natural_ ? box : t * box;
    const S bath = natural_ ? one : t;
    temporary(w, pull) = pulled;
    temporary(w, prior) = held;
    temporary(w, heat) = bath;
    if (baoab()) {
      const S k = exp(-(friction * h));
      temporary(w, drift) = Real(0.5) * h;
      temporary(w, keep) = k;
      temporary(w, noise) = sqrt(bath * (-expm1(-(two * friction * h))));
    } else {
      const S eta = natural_ ? Real(0.5) * h * h : h;
      temporary(w, drift) = eta;
      temporary(w, noise) = sqrt(two * eta * bath);
    }
  }

  LangevinForce<S> force(W& w) const { return {temporary(w, pull), temporary(w, prior)}; }
  Overdamped<S> overdamped(W& w) const {
    return {force(w), temporary(w, drift), temporary(w, noise)};
  }
  Baoab<S> integrator(W& w) const {
    return {force(w), temporary(w, drift), temporary(w, keep), temporary(w, noise)};
  }

  void overdamped_move(std::uint64_t seed, W& w, long step, S bound) const {
    const Overdamped<S> rule = overdamped(w);
    S* x = w.vector(W::x);
    const S* g = w.vector(W::g);
    const Noise<Real> random(seed, w);
    const bool walled = all(is_finite(bound));
    const auto move = [&](long i, S xi) {
      const S y = rule.move(x[i], g[i], xi);
      x[i] = walled ? inside(y, bound) : y;
    };
    if (scheme_ == Scheme::leimkuhler_matthews)
      random.normals(Stream::noise, step, step + 1,
                     [&](long i, S now, S next) { move(i, Real(0.5) * (now + next)); });
    else
      random.normals(Stream::noise, step, move);
  }

  void baoab_move(std::uint64_t seed, W& w, long step, S bound) const {
    const Baoab<S> rule = integrator(w);
    S *x = w.vector(W::x), *p = w.vector(momentum_);
    const S* g = w.vector(W::g);
    const bool walled = all(is_finite(bound));
    const auto drift = [&](S& q, S& v) {
      q = rule.drift(q, v);
      if (!walled) return;
      v = select(q > bound, -v, v);
      q = inside(q, bound);
    };
    Noise<Real>(seed, w).normals(Stream::noise, step, [&](long i, S xi) {
      S q = x[i], v = rule.kick(p[i], q, g[i]);
      drift(q, v);
      v = rule.fluctuate(v, xi);
      drift(q, v);
      x[i] = q;
      p[i] = v;
    });
  }
  void last_kick(W& w) const {
    const Baoab<S> rule = integrator(w);
    const S *x = w.vector(W::x), *g = w.vector(W::g);
    S* p = w.vector(momentum_);
    for (long i = 0; i < w.packs; ++i) p[i] = rule.kick(p[i], x[i], g[i]);
  }
  void draw_momentum(std::uint64_t seed, W& w, long step, Truth which) const {
    const S width = sqrt(temporary(w, heat));
    S* p = w.vector(momentum_);
    Noise<Real>(seed, w).normals(Stream::momentum, step,
                                 [&](long i, S xi) { p[i] = select(which, width * xi, p[i]); });
  }

  // Metropolis-adjusted Langevin: the Euler-Maruyama move is a proposal, accepted so that the
  // stationary law is exact (Roberts and Tweedie 1996, doi:10.2307/3318418).
  void metropolis_step(Ensemble<Real>& ensemble, long step) const {
    const int y = trial_, gy = trial_ + 1;
    for (W& w : ensemble.blocks) {
      const Overdamped<S> rule = overdamped(w);
      const S *x = w.vector(W::x), *g = w.vector(W::g);
      S* to = w.vector(y);
      Noise<Real>(ensemble.seed, w).normals(Stream::noise, step, [&](long i, S xi) {
        to[i] = rule.move(x[i], g[i], xi);
      });
    }
    ensemble.gradient(y, gy, first_temporary_ + trial_energy);
    for (W& w : ensemble.blocks) accept(ensemble.seed, w, step);
  }
  void accept(std::uint64_t seed, W& w, long step) const {
    const Overdamped<S> rule = overdamped(w);
    S *x = w.vector(W::x), *g = w.vector(W::g);
    const S *y = w.vector(trial_), *gy = w.vector(trial_ + 1);
    const Rows<Real>& block = w.block;
    const S tether = block.sum([&](long i) { return (y[i] - x[i]) * (y[i] + x[i]); });
    const S out_less_back = block.sum([&](long i) {
      const S there = fma(rule.drift, rule.force.uphill(x[i], g[i]), y[i] - x[i]);
      const S here = fma(rule.drift, rule.force.uphill(y[i], gy[i]), x[i] - y[i]);
      return (there - here) * (there + here);
    });
    const S rise = fma(rule.force.pull, temporary(w, trial_energy) - w.scalars[W::energy],
                       Real(0.5) * rule.force.prior * tether);
    const S log_ratio =
        -(rise / temporary(w, heat)) + out_less_back / (Real(2) * rule.noise * rule.noise);
    const S u = Noise<Real>(seed, w).uniform(Stream::metropolis, step);
    const Truth yes = log(u) < log_ratio;  // false for nan: a point without energy is refused
    for (long i = 0; i < w.packs; ++i) {
      x[i] = select(yes, y[i], x[i]);
      g[i] = select(yes, gy[i], g[i]);
    }
    w.scalars[W::energy] = select(yes, temporary(w, trial_energy), w.scalars[W::energy]);
    add_to(w.scalars[accepted_], w.scalars[accepted_ + 1], select(yes, S(Real(1)), S(Real(0))));
  }

  // --- The guard: a step too large for a steep wall throws a replica far away, silently. ---

  // Energy beyond which a replica has blown up. Until a while after cooling its mean is not known
  // yet, and equipartition's P T / 2 stands for what it may rise to.
  static constexpr long settling_steps = 200;
  S highest(const W& w, long step) const {
    const bool settling = step <= cooling_steps_ + settling_steps;
    const Real share = settling ? std::max(Real(1), static_cast<Real>(w.block.dim) / 2) : Real(1);
    return static_cast<Real>(guard_) * max(w.scalars[mean_energy_], share * temperature(w, step));
  }
  Truth blown_up(W& w, long step) const {
    const S e = w.scalars[W::energy];
    const Truth lost = ~is_finite(e);
    return guard_ > 0 ? lost | (e > highest(w, step)) : lost;
  }
  // Falls soon, rises late: so that a replica which drifts away does not take its mean along.
  void follow_mean(W& w, long step) const {
    const S mean = w.scalars[mean_energy_], e = w.scalars[W::energy];
    const S rate = select(e < mean, S(Real(0.01)), S(Real(0.001)));
    w.scalars[mean_energy_] = select(blown_up(w, step), mean, mean + rate * (e - mean));
  }
  // Good points are kept now and then; a replica blown up goes back to its last, with fresh
  // momenta.
  bool save_or_restore(Ensemble<Real>& ensemble, long step) const {
    bool restored = false;
    for (W& w : ensemble.blocks) {
      S *x = w.vector(W::x), *kept = w.vector(checkpoint_);
      const Truth bad = blown_up(w, step) & w.lanes(Status::ok);
      if (step % checkpoint_interval == 0)
        for (long i = 0; i < w.packs; ++i) kept[i] = select(bad, kept[i], x[i]);
      if (!any(bad)) continue;
      restored = true;
      for (long i = 0; i < w.packs; ++i) x[i] = select(bad, kept[i], x[i]);
      for (int lane = 0; lane < W::W; ++lane) w.restores[lane] += bad[lane];
      if (baoab()) draw_momentum(ensemble.seed, w, step, bad);
    }
    return restored;
  }
};

const Registered<LangevinRule> langevin("langevin");

}  // namespace
}  // namespace thalweg
