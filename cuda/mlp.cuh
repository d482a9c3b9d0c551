// The MLP on a GPU: one team of threads works on one replica.
#pragma once

#include "landscape.cuh"
#include "mlp_pass.cuh"

namespace thalweg::cuda {

// What is computed of every sample.
enum class Sampled { losses, margins, outputs };

// The network as a device landscape (landscape.cuh): itself what kernels are given.
template <class Real>
struct DeviceMlp {
  using Number = Real;
  static constexpr const char* name = "mlp";
  static constexpr int fewest_threads = warp_size, most_threads = MlpPlan::most_threads;
  // No spills: 255 registers for doubles; 168 for gradients of floats, so that three blocks
  // of 128 threads fit a multiprocessor.
  static constexpr int bound_of_gradients = sizeof(Real) == 4 ? 384 : most_threads;

  long dim;
  MlpShape shape;
  MlpPlan plan, dual_plan;
  const Real *inputs, *targets;  // [N, inputs] and [N, targets], or [R, N, ...]
  int samples;                   // N
  bool own_inputs, own_targets;

  int team_size() const { return plan.threads; }
  std::size_t scratch_bytes(Work work) const {
    return sizeof(Real) * (work == Work::product ? dual_plan : plan).size;
  }
  THALWEG_DEVICE Real upper_bound() const { return std::numeric_limits<Real>::infinity(); }

  template <class Team>
  THALWEG_DEVICE Real energy(const Team& team, const Real* x, const Scratch& scratch) const {
    return scratch.shared ? energy_of<true>(*this, team, x, scratch)
                          : energy_of<false>(*this, team, x, scratch);
  }
  template <class Team>
  THALWEG_DEVICE Real gradient(const Team& team, const Real* x, Real* g,
                               const Scratch& scratch) const {
    return scratch.shared ? gradient_of<true>(*this, team, x, g, scratch)
                          : gradient_of<false>(*this, team, x, g, scratch);
  }
  template <class Team>
  THALWEG_DEVICE void product(const Team& team, const Real* x, const Real* v, Real* hv,
                              const Scratch& scratch) const {
    scratch.shared ? product_of<true>(*this, team, x, v, hv, scratch)
                   : product_of<false>(*this, team, x, v, hv, scratch);
  }

  // Loss or margin of every sample, into out [N].
  template <class Team>
  THALWEG_DEVICE void per_sample(const Team& team, Sampled what, const Real* x, Real* out,
                                 const Scratch& scratch) const {
    const MlpSamples<Real> seen = samples_of(scratch);
    const auto run = pass(team, x, scratch, seen);
    run.forward(false, [&](int first, int count) {
      with_loss(shape.loss, [&](auto loss) {
        team.each(count, [&](int n) {
          const auto f = run.outputs(n);
          const Real* y = run.target(first + n);
          if constexpr (requires { loss.margin(1, f, y); })
            if (what == Sampled::margins) {
              out[first + n] = loss.margin(shape.outputs(), f, y);
              return;
            }
          out[first + n] = loss.value(shape.outputs(), f, y);
        });
      });
    });
  }
  // Outputs [count, outputs] for other inputs [count, inputs].
  template <class Team>
  THALWEG_DEVICE void predict(const Team& team, const Real* x, int count, const Real* inputs,
                              Real* out, const Scratch& scratch) const {
    const MlpSamples<Real> seen{inputs, nullptr, nullptr, count, false};
    const auto run = pass(team, x, scratch, seen);
    const long width = shape.outputs();
    run.forward(false, [&](int first, int some) {
      team.each(some * width, [&](long item) {
        out[first * width + item] = run.outputs(item / width)[item % width];
      });
    });
  }

 private:
  template <class, class>
  friend struct LaneMlp;  // the same network, its data and its decay, gone through in another way
  template <class, class>
  friend class MlpHessianPass;

  // Twice in a kernel: for points and scratch space in shared memory, where loads take fewer
  // instructions if that is known, and for any. Calls, so that registers are dealt out to each.
  template <bool shared, class Team>
  [[gnu::noinline]] static THALWEG_DEVICE Real energy_of(const DeviceMlp& m, const Team& team,
                                                         const Real* x, const Scratch& scratch) {
    know_shared<shared>(x, scratch.bytes);
    const MlpSamples<Real> seen = m.samples_of(scratch);
    const Real part = m.pass(team, x, scratch, seen).loss();
    return mean(team, part, seen) + m.decay(team, x);
  }
  template <bool shared, class Team>
  [[gnu::noinline]] static THALWEG_DEVICE Real gradient_of(const DeviceMlp& m, const Team& team,
                                                           const Real* x, Real* g,
                                                           const Scratch& scratch) {
    know_shared<shared>(x, g, scratch.bytes);
    const MlpSamples<Real> seen = m.samples_of(scratch);
    const Real part = m.pass(team, x, scratch, seen).loss_and_gradient(g);
    m.add_decay(team, x, g);
    return mean(team, part, seen) + m.decay(team, x);
  }
  template <bool shared, class Team>
  [[gnu::noinline]] static THALWEG_DEVICE void product_of(const DeviceMlp& m, const Team& team,
                                                          const Real* x, const Real* v, Real* hv,
                                                          const Scratch& scratch) {
    know_shared<shared>(x, v, hv, scratch.bytes);
    MlpSamples<Real> seen = m.samples_of(scratch);
    seen.in_place = false;  // another plan's place
    const Array<Dual<Real>> point{const_cast<Real*>(x), const_cast<Real*>(v)};  // only read
    MlpPass<Dual<Real>, Team>(m.shape, m.dual_plan, team, numbers(scratch), seen, point)
        .loss_and_gradient(hv);
    m.add_decay(team, v, hv);
  }
  template <bool shared, class... T>
  static THALWEG_INLINE void know_shared([[maybe_unused]] const T*... p) {
#if defined(__CUDA_ARCH__)
    if constexpr (shared) (__builtin_assume(__isShared(p)), ...);
#endif
  }

  THALWEG_INLINE MlpSamples<Real> samples_of(const Scratch& scratch) const {
    const long first = scratch.row * samples;
    return {inputs + (own_inputs ? first * shape.inputs() : 0),
            targets + (own_targets ? first * shape.targets() : 0), scratch.samples,
            scratch.samples ? scratch.count : samples, scratch.again};
  }
  THALWEG_INLINE static Real* numbers(const Scratch& scratch) {
    return reinterpret_cast<Real*>(scratch.bytes);
  }
  template <class Team>
  THALWEG_INLINE MlpPass<Real, Team> pass(const Team& team, const Real* x, const Scratch& scratch,
                                          const MlpSamples<Real>& seen) const {
    return {shape, plan, team, numbers(scratch), seen, {const_cast<Real*>(x)}};
  }
  template <class Team>
  THALWEG_INLINE static Real mean(const Team& team, Real part, const MlpSamples<Real>& seen) {
    return Real(1) / static_cast<Real>(seen.count) * team.sum(part);
  }
  // lambda / 2 |x|^2, and its gradient or product.
  template <class Team>
  THALWEG_INLINE Real decay(const Team& team, const Real* x) const {
    if (shape.weight_decay == 0) return 0;
    Real part = 0;
    team.each(dim, [&](long i) { part += x[i] * x[i]; });
    return static_cast<Real>(0.5 * shape.weight_decay) * team.sum(part);
  }
  template <class Team>
  THALWEG_INLINE void add_decay(const Team& team, const Real* x, Real* g) const {
    if (shape.weight_decay == 0) return;
    team.sync();
    const Real rate = static_cast<Real>(shape.weight_decay);
    team.each(dim, [&](long i) { g[i] = fma(rate, x[i], g[i]); });
  }
};

}  // namespace thalweg::cuda
