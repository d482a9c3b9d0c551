// Replicas in motion: blocks of walkers, what they carry, and the field that moves them.
#pragma once

#include <cstdint>
#include <thalweg/dynamics/walker.hpp>
#include <thalweg/engine/landscape.hpp>
#include <thalweg/engine/noise.hpp>

namespace thalweg {

// One block of replicas during a run: a walker as motions know it (dynamics/walker.hpp).
template <class Real>
struct Walkers {
  using S = Lanes<Real>;
  using Number = S;
  static constexpr int W = S::lanes;
  using Truth = Mask<Real, W>;

  Rows<Real> block;
  std::uint64_t seed;
  long packs;                            // in a vector
  std::array<std::uint32_t, W> replica;  // names of the replicas, for random numbers
  std::array<Status, W> status;
  std::array<std::int64_t, W> status_step, restores;
  std::vector<S> parameters, scalars, numbers;
  std::vector<int> order, batch;  // minibatches: this epoch's order, this step's samples
  std::int64_t epoch = -1;        // the one in `order`

  Walkers(Rows<Real> block, std::uint64_t seed, const Slots& slots)
      : block(block),
        seed(seed),
        packs(block.packs()),
        parameters(slots.parameters),
        scalars(slots.all_scalars(), S(Real(0))),
        numbers(packs * slots.all_vectors(), S(Real(0))) {}

  long dim() const { return block.dim; }
  S* vector(int slot) { return numbers.data() + slot * packs; }
  const S* vector(int slot) const { return numbers.data() + slot * packs; }
  S& scalar(int slot) { return scalars[slot]; }
  const S& scalar(int slot) const { return scalars[slot]; }
  S parameter(int k) const { return parameters[k]; }

  template <class F>
  THALWEG_INLINE void each(F f) const {
    for (long i = 0; i < packs; ++i) f(i);
  }
  template <class F>
  THALWEG_INLINE void first(F f) const {
    f();
  }
  template <class Term>
  S sum(Term term) const {
    return block.sum(term);
  }

  template <class Each>
  THALWEG_INLINE void normals(Stream stream, long step, Each each) const {
    noise().normals(stream, step, each);
  }
  template <class Each>
  THALWEG_INLINE void normals(Stream stream, long step, long other, Each each) const {
    noise().normals(stream, step, other, each);
  }
  S uniform(Stream stream, long step) const { return noise().uniform(stream, step); }

  Truth is(Status wanted) const {
    Truth m{};
    for (int lane = 0; lane < W; ++lane) m.bits[lane] = status[lane] == wanted ? -1 : 0;
    return m;
  }
  void mark(Truth which, Status s, long step) {
    for (int lane = 0; lane < W; ++lane)
      if (which[lane] && status[lane] == Status::ok) {
        status[lane] = s;
        status_step[lane] = step;
      }
  }
  void restored(Truth which) {
    for (int lane = 0; lane < W; ++lane) restores[lane] += which[lane];
  }

 private:
  Noise<Real> noise() const { return {seed, replica, block}; }
};

// Energies and gradients for all blocks of an ensemble at once.
template <class Real>
class Field {
 public:
  virtual ~Field() = default;
  // From the vector `x` into the vector `g` and the scalar `energy` of every block.
  virtual void gradient(std::vector<Walkers<Real>>&, int x, int g, int energy) = 0;
  virtual void energy(std::vector<Walkers<Real>>&, int x, int energy) = 0;
  virtual void minibatch(Walkers<Real>&, const int* samples, int size) = 0;  // one block
  virtual long samples() const = 0;
  virtual Real upper_bound() const = 0;
};

// What moves together: with a compiled landscape one block, with the user's function all of them.
template <class Real>
struct Ensemble {
  using Walker = Walkers<Real>;
  static constexpr bool ends_with_gradient = false;
  std::vector<Walkers<Real>> blocks;
  Field<Real>& field;

  template <class F>
  THALWEG_INLINE void for_each(F f) {
    for (Walkers<Real>& w : blocks) f(w);
  }
  void gradient(int x, int g, int e) { field.gradient(blocks, x, g, e); }
  void energy(int x, int e) { field.energy(blocks, x, e); }
  Real upper_bound() const { return field.upper_bound(); }
  void minibatches(const BatchPlan& plan, long step);
  void all_samples() {
    for (Walkers<Real>& w : blocks) field.minibatch(w, nullptr, 0);
  }
};

}  // namespace thalweg
