// What the engine knows of a landscape: energies, gradients and products of one block of replicas.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thalweg/engine/rows.hpp>
#include <thalweg/engine/threads.hpp>
#include <vector>

namespace thalweg {

// A landscape at work on one thread, on one block, with points in packs as Rows says. Owns the
// scratch space; made once per worker, used for many blocks.
template <class Real>
class Evaluator {
 public:
  using S = Lanes<Real>;
  virtual ~Evaluator() = default;

  // Tells which rows of a batch come now and how they sit in the lanes; before anything else.
  virtual void bind(const Rows<Real>&) {}
  // From now on the loss is the mean over these samples; size 0: over all. Indices [size, W], or
  // [size] where the lanes are parameters.
  virtual void minibatch(const int* /*samples*/, int size) {
    if (size > 0)
      throw std::invalid_argument("batch_size: this landscape has no samples to choose from");
  }
  virtual S energy(const S* x) = 0;                         // of its replica, in every lane
  virtual S gradient(const S* x, S* g) = 0;                 // energy returned
  virtual void product(const S* x, const S* v, S* hv) = 0;  // Hessian at x times v
};

// A landscape is immutable and shared between threads.
template <class Real>
class Landscape {
 public:
  virtual ~Landscape() = default;
  virtual long dim() const = 0;
  // For evaluations on so many samples.
  virtual Blocking blocking(long /*samples*/) const { return {}; }
  virtual std::unique_ptr<Evaluator<Real>> evaluator() const = 0;
  virtual long samples() const { return 0; }        // N, where there are samples
  virtual long data_replicas() const { return 0; }  // R, where each replica has its own data
  // The Hessians of a batch into h [R, P, P], where there is a quicker way than row by row.
  virtual bool hessians(long /*replicas*/, const Real* /*x*/, Real* /*h*/, int /*threads*/,
                        const StopQuestion&) const {
    return false;
  }
  virtual Real upper_bound() const { return std::numeric_limits<Real>::infinity(); }
  virtual const char* kind() const = 0;
};

// A landscape outside the core, for whole batches at once: the user's own function.
template <class Real>
class BatchLandscape : public Landscape<Real> {
 public:
  std::unique_ptr<Evaluator<Real>> evaluator() const override {
    throw std::invalid_argument("landscape: a user's function cannot be evaluated block by block");
  }
  virtual void energy(long replicas, const Real* x, Real* e) const = 0;
  virtual void gradient(long replicas, const Real* x, Real* e, Real* g) const = 0;
};

template <class Real>
using LandscapePtr = std::shared_ptr<const Landscape<Real>>;

template <class Real>
class Rule;
struct RunPlan;
template <class Real, class Int, class Long>
struct StateArrays;

// A landscape whose points live elsewhere, on a GPU: it runs whole batches and whole runs itself.
// Arrays as in batch.hpp and dynamics.hpp; where a question is answered by yes, Interrupted.
template <class Real>
class RemoteLandscape : public Landscape<Real> {
 public:
  using Before = StateArrays<const Real, const int, const std::int64_t>;
  using After = StateArrays<Real, int, std::int64_t>;

  std::unique_ptr<Evaluator<Real>> evaluator() const override {
    throw std::logic_error("this landscape is not evaluated on this processor");
  }
  virtual void energy(long replicas, const Real* x, Real* e, const StopQuestion&) const = 0;
  virtual void gradient(long replicas, const Real* x, Real* e, Real* g,
                        const StopQuestion&) const = 0;
  virtual void product(long replicas, const Real* x, const Real* v, Real* hv,
                       const StopQuestion&) const = 0;
  virtual void hessian(long replicas, const Real* x, Real* h, const StopQuestion&) const = 0;
  // With all arrays on its device.
  virtual int device() const = 0;
  virtual void energy_there(long replicas, const Real* x, Real* e, const StopQuestion&) const = 0;
  virtual void gradient_there(long replicas, const Real* x, Real* e, Real* g,
                              const StopQuestion&) const = 0;
  virtual void product_there(long replicas, const Real* x, const Real* v, Real* hv,
                             const StopQuestion&) const = 0;
  virtual void advance(const Rule<Real>&, const RunPlan&, const Before&, const After&,
                       Real* energies, Real* observed, Real* points, const StopQuestion&) const = 0;
};

}  // namespace thalweg
