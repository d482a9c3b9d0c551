#include "rules.hpp"

namespace thalweg {
namespace {

enum class Mode { free, sphere, micro };

// Isotropic steps of fixed length: free, on the sphere of the start's norm, or (micro) refused
// where the energy would pass a cap, which samples {energy <= cap} uniformly.
template <class Real>
class RandomWalkRule final : public Rule<Real> {
 public:
  using S = Lanes<Real>;
  using W = Walkers<Real>;
  using typename Rule<Real>::Truth;

  explicit RandomWalkRule(const Options& options) {
    OptionReader read("random_walk", options);
    mode_ = static_cast<Mode>(static_cast<int>(read.number("mode")));
    adapt_steps_ = static_cast<long>(read.number("adapt_steps"));
    read.done();
    this->parameters = {"step_size", "energy_cap"};
    this->vectors = {"start"};
    this->scalars = {"accepted", "accepted_rest", "step_size"};
    this->observables = {"squared_norm", "squared_distance", "overlap", "accepted", "step_size"};
    this->temporary_vectors = 1;
    this->temporary_scalars = 1;
  }
  Known known_at_start() const override { return Known::energy; }
  void enter(Ensemble<Real>& ensemble, long first_step) const override {
    if (first_step > 0) return;
    for (W& w : ensemble.blocks) {
      std::copy_n(w.vector(W::x), w.packs, w.vector(start));
      w.scalars[size] = w.parameters[0];
    }
  }
  void step(Ensemble<Real>& ensemble, long step) const override {
    const S bound(ensemble.field.upper_bound());
    for (W& w : ensemble.blocks) propose(ensemble.seed, w, step, bound);
    ensemble.field.energy(ensemble.blocks, y, trial_energy);
    for (W& w : ensemble.blocks) decide(w, step);
  }
  S observe(const W& w, const std::string& name) const override {
    const S *x = w.vector(W::x), *x0 = w.vector(start);
    if (name == "accepted") return w.scalars[accepted];
    if (name == "step_size") return w.scalars[size];
    if (name == "overlap") return w.dot(x, x0) / sqrt(w.squared_norm(x) * w.squared_norm(x0));
    if (name == "squared_distance") return w.squared_distance(x, x0);
    if (name == "squared_norm") return w.squared_norm(x);
    throw std::invalid_argument("observables: this dynamics does not record '" + name + "'");
  }

 private:
  enum : int { start = W::first_vector, y };
  enum : int { accepted = W::first_scalar, accepted_rest, size, trial_energy };
  Mode mode_;
  long adapt_steps_;

  void propose(std::uint64_t seed, W& w, long step, S bound) const {
    const S* x = w.vector(W::x);
    S* to = w.vector(y);
    Noise<Real>(seed, w).normals(Stream::random_walk, step, [&](long i, S xi) { to[i] = xi; });
    S length = w.squared_norm(to);
    // One or two normals may all be exactly 0, once in some 10^7 steps: any direction will do.
    to[0] = select(length > S(Real(0)), to[0], S(Real(1)));
    length = select(length > S(Real(0)), length, S(Real(1)));
    const S scale = w.scalars[size] / sqrt(length);
    for (long i = 0; i < w.packs; ++i) to[i] = fma(scale, to[i], x[i]);
    if (mode_ == Mode::sphere) {
      const S back = sqrt(w.squared_norm(w.vector(start)) / w.squared_norm(to));
      for (long i = 0; i < w.packs; ++i) to[i] *= back;
    }
    if (mode_ == Mode::free) keep_inside(w, y, bound);
  }
  void decide(W& w, long step) const {
    const S e = w.scalars[trial_energy], one(Real(1)), zero(Real(0));
    const Truth yes = mode_ == Mode::micro ? e <= w.parameters[1] : ~Truth{};
    S* x = w.vector(W::x);
    const S* to = w.vector(y);
    for (long i = 0; i < w.packs; ++i) x[i] = select(yes, to[i], x[i]);
    w.scalars[W::energy] = select(yes, e, w.scalars[W::energy]);
    add_to(w.scalars[accepted], w.scalars[accepted_rest], select(yes, one, zero));
    if (mode_ == Mode::micro && step <= adapt_steps_)  // steers the acceptance to 40 %
      w.scalars[size] *= select(yes, S(Real(1.0618365465453596)), S(Real(0.9607894391523232)));
  }
};

const Registered<RandomWalkRule> random_walk("random_walk");

}  // namespace
}  // namespace thalweg
