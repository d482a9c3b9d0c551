// Replicas in motion: blocks of walkers, what they carry, and the field that moves them.
#pragma once

#include <cstdint>
#include <map>
#include <thalweg/engine/landscape.hpp>

namespace thalweg {

enum class Status : int { ok = 0, converged = 1, diverged = 2 };

// One block of replicas during a run. Vectors are points in packs, scalars one pack each; a rule
// names its own behind the first few.
template <class Real>
struct Walkers {
  using S = Lanes<Real>;
  static constexpr int W = S::lanes;
  enum : int { x = 0, g = 1, first_vector = 2 };  // vectors: point, gradient
  enum : int { energy = 0, first_scalar = 1 };    // scalars

  Rows<Real> block;
  long packs;                            // in a vector
  std::array<std::uint32_t, W> replica;  // names of the replicas, for random numbers
  std::array<Status, W> status;
  std::array<std::int64_t, W> status_step, restores;
  std::vector<S> parameters, scalars, numbers;
  std::vector<int> order, batch;  // minibatches: this epoch's order, this step's samples
  std::int64_t epoch = -1;        // the one in `order`

  Walkers(Rows<Real> block, int vectors, int scalars_wanted)
      : block(block),
        packs(block.packs()),
        scalars(scalars_wanted, S(Real(0))),
        numbers(packs * vectors, S(Real(0))) {}
  S* vector(int slot) { return numbers.data() + slot * packs; }
  const S* vector(int slot) const { return numbers.data() + slot * packs; }

  // Sums over the components of a point, in every lane of its replica.
  S dot(const S* a, const S* b) const {
    return block.sum([&](long i) { return a[i] * b[i]; });
  }
  S squared_norm(const S* a) const { return dot(a, a); }
  S squared_distance(const S* a, const S* b) const {
    return block.sum([&](long i) { return (a[i] - b[i]) * (a[i] - b[i]); });
  }

  // Lanes whose status is `wanted`.
  Mask<Real, W> lanes(Status wanted) const {
    Mask<Real, W> m{};
    for (int lane = 0; lane < W; ++lane) m.bits[lane] = status[lane] == wanted ? -1 : 0;
    return m;
  }
  void mark(Mask<Real, W> which, Status s, long step) {
    for (int lane = 0; lane < W; ++lane)
      if (which[lane] && status[lane] == Status::ok) {
        status[lane] = s;
        status_step[lane] = step;
      }
  }
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
  std::vector<Walkers<Real>> blocks;
  Field<Real>& field;
  std::uint64_t seed;

  void gradient(int x = Walkers<Real>::x, int g = Walkers<Real>::g, int e = Walkers<Real>::energy) {
    field.gradient(blocks, x, g, e);
  }
};

}  // namespace thalweg
