// A network, with formulas added to it: one set of kernels serves a network alone (no terms) and in
// a sum.
#pragma once

#include "formulas.cuh"
#include "mlp.cuh"

namespace thalweg::cuda {

template <class Real>
struct NetworkSum {
  using Number = Real;
  static constexpr const char* name = "mlp";
  static constexpr int fewest_threads = DeviceMlp<Real>::fewest_threads;
  static constexpr int most_threads = DeviceMlp<Real>::most_threads;
  static constexpr int bound_of_gradients = DeviceMlp<Real>::bound_of_gradients;

  long dim;
  DeviceMlp<Real> network;
  Formulas<Real> formulas;  // count 0: none

  int team_size() const { return network.team_size(); }
  std::size_t scratch_bytes(Work work) const {
    const std::size_t own = network.scratch_bytes(work);
    const std::size_t theirs = formulas.count > 0 ? formulas.scratch_bytes(work) : 0;
    return own > theirs ? own : theirs;
  }
  THALWEG_DEVICE Real upper_bound() const {
    return formulas.count > 0 ? formulas.upper_bound() : network.upper_bound();
  }

  // Formulas use the same scratch space.
  THALWEG_DEVICE bool keeps_samples() const { return formulas.count == 0; }

  template <class Team>
  THALWEG_DEVICE Real energy(const Team& team, const Real* x, const Scratch& scratch) const {
    const Real e = network.energy(team, x, scratch);
    return formulas.count > 0 ? e + others(team, x, scratch) : e;
  }
  template <class Team>
  THALWEG_DEVICE Real gradient(const Team& team, const Real* x, Real* g,
                               const Scratch& scratch) const {
    const Real e = network.gradient(team, x, g, scratch);
    return formulas.count > 0 ? e + others(team, x, g, scratch) : e;
  }
  template <class Team>
  THALWEG_DEVICE void product(const Team& team, const Real* x, const Real* v, Real* hv,
                              const Scratch& scratch) const {
    network.product(team, x, v, hv, scratch);
    if (formulas.count > 0) others(team, x, v, hv, scratch);
  }

 private:
  // Calls, so that what a lone network does not need takes none of its registers. The barrier: the
  // scratch space is free then, and the network's gradient seen by all.
  template <class Team>
  THALWEG_DEVICE __attribute__((noinline)) Real others(const Team& team, const Real* x,
                                                       const Scratch& scratch) const {
    team.sync();
    return formulas.energy(team, x, scratch);
  }
  template <class Team>
  THALWEG_DEVICE __attribute__((noinline)) Real others(const Team& team, const Real* x, Real* g,
                                                       const Scratch& scratch) const {
    team.sync();
    return formulas.gradient(team, x, g, scratch, true);
  }
  template <class Team>
  THALWEG_DEVICE __attribute__((noinline)) void others(const Team& team, const Real* x,
                                                       const Real* v, Real* hv,
                                                       const Scratch& scratch) const {
    team.sync();
    formulas.product(team, x, v, hv, scratch, true);
  }
};

}  // namespace thalweg::cuda
