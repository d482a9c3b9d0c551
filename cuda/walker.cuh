// One replica on a device: a walker and an ensemble as motions know them (dynamics/walker.hpp).
//
// A thread owns the coordinates of whole blocks of random numbers, four floats or two doubles side
// by side, so that normals are drawn where they are used. Every loop over coordinates takes those,
// and only an evaluation, which reads all of a point, needs barriers; lanes have them where they
// hand each other normals, too.
#pragma once

#include <thalweg/math/contract.hpp>

#include "jobs.hpp"

namespace thalweg::cuda {

// A call, as evaluations are below: schemes draw in several places.
template <class Real>
THALWEG_DEVICE __attribute__((noinline)) Numbers<Real> normals_at(Key key,
                                                                  Counter<std::uint32_t> c) {
  return normals<Real>(key, c);
}

template <class Real, class Team>
class TeamWalker {
 public:
  using Number = Real;
  static constexpr int most_scalars = 16, most_parameters = 8;

  Status status;
  std::int64_t status_step, restores;

  THALWEG_DEVICE TeamWalker(const Team& team, long dim, Real* vectors, long stride, Key key,
                            std::uint32_t name)
      : team_(team), dim_(dim), vectors_(vectors), stride_(stride), key_(key), name_(name) {}

  THALWEG_DEVICE long dim() const { return dim_; }
  THALWEG_DEVICE Real* vector(int slot) { return vectors_ + slot * stride_; }
  THALWEG_DEVICE const Real* vector(int slot) const { return vectors_ + slot * stride_; }
  THALWEG_DEVICE Real& scalar(int slot) { return scalars_[slot]; }
  THALWEG_DEVICE const Real& scalar(int slot) const { return scalars_[slot]; }
  THALWEG_DEVICE Real parameter(int k) const { return parameters_[k]; }
  THALWEG_DEVICE void set_parameter(int k, Real x) { parameters_[k] = x; }

  template <class F>
  THALWEG_INLINE void each(F f) const {
    each_block([&](long, long first, long count) {
      if constexpr (in_lanes) {  // four times in the code: a loop is most of so little work
        thalweg::detail::repeat<slots>([&](auto k) {
          if (k < count) f(first + k);
        });
      } else {
#if defined(__CUDA_ARCH__)
#pragma unroll 1  // the work is in f; several copies of it only make the code larger
#endif
        for (long k = 0; k < count; ++k) f(first + k);
      }
    });
  }
  template <class F>
  THALWEG_INLINE void first(F f) const {
    if (team_.rank() == 0) f();
  }
  template <class Term>
  THALWEG_DEVICE Real sum(Term term) const {
    Real part(0);
    each([&](long i) { part += term(i); });
    return team_.sum(part);
  }

  template <class F>
  THALWEG_INLINE void normals(Stream stream, long step, F f) {
    each_block<in_lanes>([&](long block, long first, long count) {
      const auto n = numbers(stream, step, block);
      for (int k = 0; k < slots; ++k)
        if (k < count) f(first + k, n.value[k]);
    });
  }
  template <class F>
  THALWEG_INLINE void normals(Stream stream, long step, long other, F f) {
    each_block<in_lanes>([&](long block, long first, long count) {
      const auto n = numbers(stream, step, block), m = numbers(stream, other, block);
      for (int k = 0; k < slots; ++k)
        if (k < count) f(first + k, n.value[k], m.value[k]);
    });
  }
  THALWEG_DEVICE Real uniform(Stream stream, long step) const {
    return uniforms<Real>(key_, at(0, stream, step)).value[0];
  }

  THALWEG_DEVICE bool is(Status wanted) const { return status == wanted; }
  THALWEG_DEVICE void mark(bool which, Status s, long step) {
    if (!which || status != Status::ok) return;
    status = s;
    status_step = step;
  }
  THALWEG_DEVICE void restored(bool which) { restores += which; }

 private:
  static constexpr int slots = numbers_per_block<Real>;
  static constexpr bool in_lanes = std::is_same_v<Team, LaneTeam>;

  const Team& team_;
  long dim_;
  Real* vectors_;
  long stride_;
  Key key_;
  std::uint32_t name_;
  Real scalars_[most_scalars] = {}, parameters_[most_parameters] = {};
  struct Ahead {
    Numbers<Real> numbers{};
    Stream stream{};
    long step = -LaneTeam::lanes;  // from which on: none yet
  };
  struct None {};
  std::conditional_t<in_lanes, Ahead, None> ahead_;

  // With `together`, threads without a block in the last round come along: count is not positive.
  template <bool together = false, class F>
  THALWEG_INLINE void each_block(F f) const {
    const long rank = team_.rank(), idle = together ? rank : 0;
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
    for (long block = rank; (block - idle) * slots < dim_; block += team_.size()) {
      const long left = dim_ - block * slots;
      f(block, block * slots, left < slots ? left : slots);
    }
  }
  THALWEG_INLINE auto at(long block, Stream stream, long step) const {
    return counter<Real>(static_cast<std::uint32_t>(block), name_, static_cast<std::uint32_t>(step),
                         stream);
  }
  THALWEG_INLINE Numbers<Real> draw(Stream stream, long step, long block) const {
    return normals_at<Real>(key_, at(block, stream, step));
  }
  THALWEG_INLINE Numbers<Real> numbers(Stream stream, long step, long block) {
    if constexpr (in_lanes) {
      const long round = block - team_.rank(), left = (dim_ + slots - 1) / slots - round;
      if (left < LaneTeam::lanes) return last_numbers(stream, step, round, static_cast<int>(left));
    }
    return draw(stream, step, block);
  }
  // Of the last blocks, fewer than lanes: the lanes left over draw those of steps to come.
  THALWEG_INLINE Numbers<Real> last_numbers(Stream stream, long step, long first, int blocks) {
    const int rank = team_.rank();
    if (stream != ahead_.stream || step < ahead_.step ||
        (step - ahead_.step + 1) * blocks > LaneTeam::lanes)
      ahead_ = {draw(stream, step + rank / blocks, first + rank % blocks), stream, step};
    const int lane = static_cast<int>(step - ahead_.step) * blocks + rank;
    Numbers<Real> n;
    for (int k = 0; k < slots; ++k)
      n.value[k] = team_.of_lane(ahead_.numbers.value[k], lane % LaneTeam::lanes);
    return n;
  }
};

// This step's samples of one replica, in memory its team shares.
template <class Team>
class TeamBatches {
 public:
  THALWEG_DEVICE TeamBatches(const Team& team, int* integers, long samples, Key key,
                             std::uint32_t name)
      : team_(team), order_(integers), samples_(samples), key_(key), name_(name) {}

  // [size], visible to the whole team.
  THALWEG_DEVICE const int* choose(const BatchPlan& plan, long step) {
    int* batch = order_ + (plan.replacement ? 0 : samples_);
    team_.sync();
    plan.replacement ? draw(plan, step, batch) : take_in_order(plan, step, batch);
    team_.sync();
    return batch;
  }

 private:
  const Team& team_;
  int* order_;
  long samples_;
  Key key_;
  std::uint32_t name_;
  std::int64_t epoch_ = -1;  // the one in order_

  THALWEG_DEVICE void draw(const BatchPlan& plan, long step, int* batch) const {
    for (long block = team_.rank(); block * 4 < plan.size; block += team_.size()) {
      const auto c = counter<float>(static_cast<std::uint32_t>(block), name_,
                                    static_cast<std::uint32_t>(step), Stream::batch_order);
      const auto words = philox(c, key_);
      for (int k = 0; k < 4; ++k)
        if (block * 4 + k < plan.size)
          batch[block * 4 + k] =
              static_cast<int>(bounded(words.word[k], static_cast<std::uint32_t>(samples_)));
    }
  }
  THALWEG_DEVICE void take_in_order(const BatchPlan& plan, long step, int* batch) {
    std::int64_t epoch = plan.first_epoch(step, samples_), place = plan.first_place(step, samples_);
    for (long done = 0; done < plan.size; ++epoch, place = 0) {
      if (epoch != epoch_) {
        epoch_ = epoch;
        team_.sync();
        if (team_.rank() == 0)
          permutation<float>(key_, name_, static_cast<std::uint32_t>(epoch), Stream::batch_order,
                             static_cast<std::int32_t>(samples_), order_);
        team_.sync();
      }
      const long left = plan.size - done, there = samples_ - place, n = left < there ? left : there;
      team_.each(n, [&](long k) { batch[done + k] = order_[place + k]; });
      done += n;
    }
  }
};

// Evaluations are calls: motions ask for them in several places, and inlined in each they made the
// code several times as long.
template <class Real, class Team, class L>
THALWEG_DEVICE __attribute__((noinline)) Real energy_at(const L& landscape, const Team& team,
                                                        const Real* x, const Scratch& scratch) {
  team.sync();
  const Real energy = landscape.energy(team, x, scratch);
  team.sync();
  return energy;
}
template <class Real, class Team, class L>
THALWEG_DEVICE __attribute__((noinline)) Real gradient_at(const L& landscape, const Team& team,
                                                          const Real* x, Real* g,
                                                          const Scratch& scratch) {
  team.sync();
  const Real energy = landscape.gradient(team, x, g, scratch);
  team.sync();
  return energy;
}

// One walker on one landscape.
template <class Real, class Team, class L>
class TeamEnsemble {
 public:
  using Walker = TeamWalker<Real, Team>;
  // Two ways to end need more registers than Langevin dynamics of networks have left.
  static constexpr bool ends_with_gradient = true;

  THALWEG_DEVICE TeamEnsemble(const Team& team, const L& landscape, Walker& walker,
                              TeamBatches<Team>& batches, const Scratch& scratch)
      : team_(team), landscape_(landscape), walker_(walker), batches_(batches), scratch_(scratch) {}

  template <class F>
  THALWEG_INLINE void for_each(F f) {
    f(walker_);
  }
  THALWEG_DEVICE void gradient(int x, int g, int e) {
    walker_.scalar(e) =
        gradient_at(landscape_, team_, walker_.vector(x), walker_.vector(g), scratch_);
    scratch_.again = keeps_samples();
  }
  THALWEG_DEVICE void energy(int x, int e) {
    walker_.scalar(e) = energy_at<Real>(landscape_, team_, walker_.vector(x), scratch_);
    scratch_.again = keeps_samples();
  }
  THALWEG_DEVICE Real upper_bound() const { return landscape_.upper_bound(); }
  THALWEG_DEVICE void minibatches(const BatchPlan& plan, long step) {
    scratch_.samples = batches_.choose(plan, step);
    scratch_.count = static_cast<int>(plan.size);
    scratch_.again = false;
  }
  THALWEG_DEVICE void all_samples() {
    scratch_.again &= !scratch_.samples;
    scratch_.samples = nullptr;
    scratch_.count = 0;
  }

 private:
  const Team& team_;
  const L& landscape_;
  Walker& walker_;
  TeamBatches<Team>& batches_;
  Scratch scratch_;

  THALWEG_DEVICE bool keeps_samples() const {
    if constexpr (requires { landscape_.keeps_samples(); })
      return landscape_.keeps_samples();
    else
      return false;
  }
};

}  // namespace thalweg::cuda
