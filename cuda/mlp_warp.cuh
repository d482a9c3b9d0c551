// Tiny networks on a GPU: eight lanes of a warp work on one replica (LaneTeam), each on samples of
// its own (mlp_lane.cuh).
//
// The formulas are those of the CPU (activations.hpp, losses.hpp, dual numbers). Lanes exchange
// numbers only to add up their sums, of which each ends with its own share.
#pragma once

#include <variant>

#include "mlp.cuh"
#include "mlp_lane.cuh"

namespace thalweg::cuda {

// Sums of v[0 .. count) over the lanes, each in the order of Team::sum. Lane r is left with those
// of the numbers from r * count / lanes on, count / lanes of them, at the beginning of v: every
// exchange hands over one half, and about `count` of them do for all sums.
template <int count, int bit, class Team, class Real>
THALWEG_INLINE void share_sums(const Team& team, Real* v) {
  static_assert(count % 2 == 0);
  constexpr int half = count / 2;
  const bool upper = (team.rank() & bit) != 0;
  repeat<half>([&](auto i) {
    const Real kept = upper ? v[i + half] : v[i], given = upper ? v[i] : v[i + half];
    v[i] = kept + team.of_partner(given, bit);
  });
  if constexpr (bit > 1) share_sums<half, bit / 2>(team, v);
}

// The mean loss, its gradient and H v, of one replica by its team of lanes.
template <class Real, class Widths>
class LaneEvaluation {
 public:
  // `filled`: points are as wide as the widths; else `scratch` takes two of `numbers`.
  THALWEG_INLINE LaneEvaluation(const MlpShape& shape, bool filled, Real* scratch,
                                const MlpSamples<Real>& samples)
      : shape_(shape), filled_(filled), scratch_(scratch), samples_(samples) {}

  template <class Team>
  THALWEG_INLINE Real energy(const Team& team, const Real* x) const {
    const Array<Real> point{fill(team, x, scratch_)};
    return mean(team.sum(LanePass<Real, Widths>(shape_, samples_, point).loss(team.rank())));
  }
  template <class Team>
  THALWEG_INLINE Real gradient(const Team& team, const Real* x, Real* g) const {
    return mean(sum_gradient(team, Array<Real>{fill(team, x, scratch_)}, g));
  }
  template <class Team>
  THALWEG_INLINE void product(const Team& team, const Real* x, const Real* v, Real* hv) const {
    sum_gradient(team,
                 Array<Dual<Real>>{fill(team, x, scratch_), fill(team, v, scratch_ + numbers)}, hv);
  }

 private:
  // With room for the loss, in shares of the same size.
  static constexpr int numbers = Widths::numbers(), lanes = LaneTeam::lanes;
  static constexpr int share = numbers / lanes + 1;
  const MlpShape& shape_;
  bool filled_;
  Real* scratch_;
  const MlpSamples<Real>& samples_;

  THALWEG_INLINE Real mean(Real sum) const {
    return Real(1) / static_cast<Real>(samples_.count) * sum;
  }
  // Passes only read what they are given.
  template <class Team>
  THALWEG_INLINE Real* fill(const Team& team, const Real* x, Real* to) const {
    if (filled_) return const_cast<Real*>(x);
    team.each(numbers, [&](int i) {
      const int place = place_in_point<Widths>(shape_, i);
      to[i] = place < 0 ? Real(0) : x[place];
    });
    team.sync();
    return to;
  }
  template <class Team, class S>
  THALWEG_INLINE Real sum_gradient(const Team& team, Array<S> point, Real* g) const {
    Real sums[share * lanes] = {};
    sums[numbers] =
        LanePass<S, Widths>(shape_, samples_, point).loss_and_gradient(team.rank(), sums);
    share_sums<share * lanes, lanes / 2>(team, sums);
    const int first = team.rank() * share;
    repeat<share>([&](auto k) {
      const int i = first + k, place = filled_ ? i : place_in_point<Widths>(shape_, i);
      if (i < numbers && place >= 0) g[place] = sums[k];
    });
    return team.of_lane(sums[numbers % share], numbers / share);
  }
};

// A network no wider than `Widths` as a device landscape (landscape.cuh) of lanes.
template <class Real, class Widths>
struct LaneMlp {
  using Number = Real;
  static constexpr const char* name = "mlp";
  // 168 registers, so that three blocks of 128 threads fit a multiprocessor; 255 for more numbers.
  static constexpr bool small = Widths::numbers() * sizeof(Real) <= 40 * sizeof(float);
  static constexpr int fewest_threads = LaneTeam::lanes, most_threads = small ? 384 : 256;

  long dim;
  DeviceMlp<Real> network;
  bool filled;  // points are as wide as the widths

  explicit LaneMlp(const DeviceMlp<Real>& like)
      : dim(like.dim), network(like), filled(Widths::are_of(like.shape)) {}
  static bool holds(const MlpShape& shape) { return Widths::hold(shape); }

  int team_size() const { return LaneTeam::lanes; }
  std::size_t scratch_bytes(Work work) const {
    const std::size_t points = filled ? 0 : work == Work::product ? 2 : 1;
    return points * Widths::numbers() * sizeof(Real);
  }
  THALWEG_DEVICE Real upper_bound() const { return network.upper_bound(); }

  template <class Team>
  THALWEG_DEVICE Real energy(const Team& team, const Real* x, const Scratch& scratch) const {
    const MlpSamples<Real> seen = network.samples_of(scratch);
    return evaluation(scratch, seen).energy(team, x) + network.decay(team, x);
  }
  template <class Team>
  THALWEG_DEVICE Real gradient(const Team& team, const Real* x, Real* g,
                               const Scratch& scratch) const {
    const MlpSamples<Real> seen = network.samples_of(scratch);
    const Real loss = evaluation(scratch, seen).gradient(team, x, g);
    network.add_decay(team, x, g);
    return loss + network.decay(team, x);
  }
  template <class Team>
  THALWEG_DEVICE void product(const Team& team, const Real* x, const Real* v, Real* hv,
                              const Scratch& scratch) const {
    const MlpSamples<Real> seen = network.samples_of(scratch);
    evaluation(scratch, seen).product(team, x, v, hv);
    network.add_decay(team, v, hv);
  }

 private:
  THALWEG_INLINE LaneEvaluation<Real, Widths> evaluation(const Scratch& scratch,
                                                         const MlpSamples<Real>& seen) const {
    return {network.shape, filled, reinterpret_cast<Real*>(scratch.bytes), seen};
  }
};

// The widths that have kernels (mlp_warp.cu): such as leave the registers of a thread room.
template <class Real>
using LaneMlp2x8 = LaneMlp<Real, Widths<2, 8, 1>>;
template <class Real>
using LaneMlp4x8 = LaneMlp<Real, Widths<4, 8, 4>>;

// Nothing where a network takes a block; else the first of them that holds it. A function of its
// shape and the precision alone.
template <class Real>
struct LaneMlpsOf {
  using Any = std::variant<std::monostate, LaneMlp2x8<Real>>;
};
template <>
struct LaneMlpsOf<float> {
  using Any = std::variant<std::monostate, LaneMlp2x8<float>, LaneMlp4x8<float>>;
};

}  // namespace thalweg::cuda
