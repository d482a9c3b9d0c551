#include <thalweg/dynamics/descent.hpp>

#include "rules.hpp"

namespace thalweg {
namespace {

// Which samples each replica sees in a step: its own order, a pure function of seed and epoch.
template <class Real>
class Minibatches {
 public:
  using W = Walkers<Real>;
  explicit Minibatches(OptionReader& read)
      : size_(static_cast<long>(read.number("batch_size"))),
        replacement_(read.flag("replacement")) {}
  bool used() const { return size_ > 0; }

  void choose(Ensemble<Real>& ensemble, long step) const {
    const long samples = ensemble.field.samples();
    if (size_ > samples)
      throw std::invalid_argument("batch_size: expected at most the number of samples, " +
                                  std::to_string(samples) + ", got " + std::to_string(size_));
    for (W& w : ensemble.blocks) {
      w.batch.resize(size_ * orders(w));
      if (replacement_)
        draw(ensemble.seed, w, step, samples);
      else
        take_in_order(ensemble.seed, w, step, samples);
      ensemble.field.minibatch(w, w.batch.data(), static_cast<int>(size_));
    }
  }

 private:
  long size_;
  bool replacement_;

  // How many replicas, and so orders, a block holds lanes for. Only those in use are drawn; the
  // others show the last one again.
  static int orders(const W& w) { return w.block.lane == Lane::replica ? W::W : 1; }
  static void fill_idle(const W& w, std::vector<int>& to) {
    const int n = orders(w);
    for (std::size_t k = 0; k < to.size(); k += n)
      for (int lane = w.block.used; lane < n; ++lane) to[k + lane] = to[k + w.block.used - 1];
  }

  void draw(std::uint64_t seed, W& w, long step, long samples) const {
    const int n = orders(w);
    RandomWords<> words(Key(seed), Stream::batch_order, static_cast<std::uint32_t>(step));
    for (int lane = 0; lane < w.block.used; ++lane) {
      words.begin(w.replica[lane]);
      for (long k = 0; k < size_; ++k)
        w.batch[k * n + lane] =
            static_cast<int>(bounded(words.next(), static_cast<std::uint32_t>(samples)));
    }
    fill_idle(w, w.batch);
  }
  // Positions (step - 1) B ... step B - 1 of the epochs' orders, one behind another.
  void take_in_order(std::uint64_t seed, W& w, long step, long samples) const {
    const int n = orders(w);
    std::int64_t epoch = (step - 1) * size_ / samples, place = (step - 1) * size_ % samples;
    for (long k = 0; k < size_; ++k, ++place) {
      if (place == samples) ++epoch, place = 0;
      if (epoch != w.epoch) shuffle(seed, w, epoch, samples);
      for (int lane = 0; lane < n; ++lane) w.batch[k * n + lane] = w.order[place * n + lane];
    }
  }
  static void shuffle(std::uint64_t seed, W& w, std::int64_t epoch, long samples) {
    const int n = orders(w);
    w.order.resize(samples * n);
    w.epoch = epoch;
    std::vector<std::int32_t> order(samples);
    for (int lane = 0; lane < w.block.used; ++lane) {
      permutation(Key(seed), w.replica[lane], static_cast<std::uint32_t>(epoch),
                  Stream::batch_order, static_cast<std::int32_t>(samples), order.data());
      for (long i = 0; i < samples; ++i) w.order[i * n + lane] = order[i];
    }
    fill_idle(w, w.order);
  }
};

// Descent by a gradient, full or of a minibatch; `move` is what differs between methods.
template <class Real>
class DescentRule : public Rule<Real> {
 public:
  using S = Lanes<Real>;
  using W = Walkers<Real>;

  explicit DescentRule(OptionReader& read) : batches_(read) {
    this->observables = {"squared_norm"};
    if (!batches_.used())
      this->observables.insert(this->observables.end(), {"gradient_squared_norm", "virial"});
  }
  bool has_full_energy() const override { return !batches_.used(); }
  Known known_at_start() const override {
    return batches_.used() ? Known::nothing : Known::gradient;
  }
  void enter(Ensemble<Real>& ensemble, long) const override {
    for (W& w : ensemble.blocks) w.epoch = -1;
  }
  void step(Ensemble<Real>& ensemble, long step) const override {
    if (batches_.used()) {
      batches_.choose(ensemble, step);
      ensemble.gradient();
    }
    const S bound(ensemble.field.upper_bound());
    for (W& w : ensemble.blocks) {
      move(w, step);
      keep_inside(w, W::x, bound);
    }
    if (!batches_.used()) ensemble.gradient();
  }
  S observe(const W& w, const std::string& name) const override { return observe_point(w, name); }

 protected:
  virtual void move(W& w, long step) const = 0;

 private:
  Minibatches<Real> batches_;
};

template <class Real>
class SgdRule final : public DescentRule<Real> {
 public:
  using S = Lanes<Real>;
  using W = Walkers<Real>;
  explicit SgdRule(const Options& options) : SgdRule(OptionReader("sgd", options)) {}

 private:
  bool nesterov_;
  explicit SgdRule(OptionReader read) : DescentRule<Real>(read), nesterov_(read.flag("nesterov")) {
    read.done();
    this->parameters = {"learning_rate", "momentum"};
    this->vectors = {"velocity"};
  }
  void move(W& w, long) const override {
    const Sgd<S> rule{w.parameters[0], w.parameters[1], nesterov_};
    S *x = w.vector(W::x), *v = w.vector(W::first_vector);
    const S* g = w.vector(W::g);
    for (long i = 0; i < w.packs; ++i) {
      v[i] = rule.velocity(v[i], g[i]);
      x[i] = rule.move(x[i], v[i], g[i]);
    }
  }
};

template <class Real>
class AdamRule final : public DescentRule<Real> {
 public:
  using S = Lanes<Real>;
  using W = Walkers<Real>;
  explicit AdamRule(const Options& options) : AdamRule(OptionReader("adam", options)) {}

 private:
  explicit AdamRule(OptionReader read) : DescentRule<Real>(read) {
    read.done();
    this->parameters = {"learning_rate", "beta1", "beta2", "epsilon"};
    this->vectors = {"mean", "square"};
  }
  // 1 / (1 - beta^step), in double whatever Real is: beta^step underflows gently.
  static S correction(S beta, long step) {
    S result;
    for (int lane = 0; lane < W::W; ++lane)
      result.set(lane, static_cast<Real>(1 / (1 - std::pow(double(beta[lane]), double(step)))));
    return result;
  }
  void move(W& w, long step) const override {
    const S b1 = w.parameters[1], b2 = w.parameters[2];
    const Adam<S> rule{w.parameters[0],     b1, b2, w.parameters[3], correction(b1, step),
                       correction(b2, step)};
    S *x = w.vector(W::x), *m = w.vector(W::first_vector), *v = w.vector(W::first_vector + 1);
    const S* g = w.vector(W::g);
    for (long i = 0; i < w.packs; ++i) {
      m[i] = rule.mean(m[i], g[i]);
      v[i] = rule.square(v[i], g[i]);
      x[i] = rule.move(x[i], m[i], v[i]);
    }
  }
};

// dx/dt = -gradient: Runge-Kutta of fixed step, or Euler with a step each replica adapts so that
// the energy falls as its linear prediction says, to within a fraction kappa.
template <class Real>
class GradientFlowRule final : public Rule<Real> {
 public:
  using S = Lanes<Real>;
  using W = Walkers<Real>;
  using typename Rule<Real>::Truth;

  explicit GradientFlowRule(const Options& options) {
    OptionReader read("gradient_flow", options);
    adaptive_ = read.flag("adaptive");
    kappa_ = static_cast<Real>(read.number("kappa"));
    maximum_step_ = static_cast<Real>(read.number("maximum_step"));
    read.done();
    this->parameters = {"step_size", "energy_tolerance", "gradient_tolerance"};
    this->scalars = {"time", "time_rest", "step_size"};
    this->observables = {"squared_norm", "gradient_squared_norm", "virial", "time", "step_size"};
    this->temporary_vectors = adaptive_ ? 2 : 4;
    this->temporary_scalars = 1;
  }
  void enter(Ensemble<Real>& ensemble, long first_step) const override {
    for (W& w : ensemble.blocks) {
      if (first_step > 0) continue;
      w.scalars[size] = w.parameters[0];
      settle(w, 0);
    }
  }
  void step(Ensemble<Real>& ensemble, long step) const override {
    adaptive_ ? adaptive_step(ensemble) : fixed_step(ensemble);
    for (W& w : ensemble.blocks) settle(w, step);
  }
  S observe(const W& w, const std::string& name) const override {
    if (name == "time") return w.scalars[time];
    if (name == "step_size") return w.scalars[size];
    return observe_point(w, name);
  }

 private:
  enum : int { time = W::first_scalar, time_rest, size, trial_energy };
  enum : int { y = W::first_vector, k2, k3, k4 };
  bool adaptive_;
  Real kappa_, maximum_step_;

  void settle(W& w, long step) const {
    const S gg = w.squared_norm(w.vector(W::g)), tolerance = w.parameters[2];
    w.mark((w.scalars[W::energy] <= w.parameters[1]) | (gg <= tolerance * tolerance),
           Status::converged, step);
  }

  void fixed_step(Ensemble<Real>& ensemble) const {
    const auto stage = [&](int from, int to, Real fraction) {
      for (W& w : ensemble.blocks) {
        const RungeKutta4<S> rule{w.scalars[size]};
        const S *x = w.vector(W::x), *k = w.vector(from);
        S* out = w.vector(y);
        for (long i = 0; i < w.packs; ++i) out[i] = rule.stage(x[i], k[i], fraction);
        keep_inside(w, y, S(ensemble.field.upper_bound()));
      }
      ensemble.gradient(y, to, trial_energy);
    };
    stage(W::g, k2, Real(0.5));
    stage(k2, k3, Real(0.5));
    stage(k3, k4, Real(1));
    for (W& w : ensemble.blocks) {
      const RungeKutta4<S> rule{w.scalars[size]};
      const Truth moving = w.lanes(Status::ok);
      S* x = w.vector(W::x);
      const S *g = w.vector(W::g), *b = w.vector(k2), *c = w.vector(k3), *d = w.vector(k4);
      for (long i = 0; i < w.packs; ++i)
        x[i] = select(moving, rule.move(x[i], g[i], b[i], c[i], d[i]), x[i]);
      keep_inside(w, W::x, S(ensemble.field.upper_bound()));
      add_to(w.scalars[time], w.scalars[time_rest], select(moving, w.scalars[size], S(Real(0))));
    }
    ensemble.gradient();
  }

  void adaptive_step(Ensemble<Real>& ensemble) const {
    for (W& w : ensemble.blocks) {
      const S *x = w.vector(W::x), *g = w.vector(W::g), h = w.scalars[size];
      S* out = w.vector(y);
      for (long i = 0; i < w.packs; ++i) out[i] = x[i] - h * g[i];
      keep_inside(w, y, S(ensemble.field.upper_bound()));
    }
    ensemble.gradient(y, k2, trial_energy);
    for (W& w : ensemble.blocks) {
      S *x = w.vector(W::x), *g = w.vector(W::g);
      const S *to = w.vector(y), *g_to = w.vector(k2);
      const S h = w.scalars[size], e = w.scalars[W::energy], e_to = w.scalars[trial_energy];
      const S fall = h * w.squared_norm(g);
      // Near a minimum the fall drowns in the rounding of the energies: allow for it.
      const S rounding = Real(8) * std::numeric_limits<Real>::epsilon() * (abs(e) + abs(e_to));
      const Truth moving = w.lanes(Status::ok);
      const Truth good =
          moving & is_finite(e_to) & (abs(e_to - (e - fall)) <= kappa_ * fall + rounding);
      for (long i = 0; i < w.packs; ++i) {
        x[i] = select(good, to[i], x[i]);
        g[i] = select(good, g_to[i], g[i]);
      }
      w.scalars[W::energy] = select(good, e_to, e);
      add_to(w.scalars[time], w.scalars[time_rest], select(good, h, S(Real(0))));
      const S grown = min(Real(1.2) * h, S(maximum_step_));
      w.scalars[size] = select(moving, select(good, grown, Real(0.5) * h), h);
    }
  }
};

const Registered<SgdRule> sgd("sgd");
const Registered<AdamRule> adam("adam");
const Registered<GradientFlowRule> gradient_flow("gradient_flow");

}  // namespace
}  // namespace thalweg
