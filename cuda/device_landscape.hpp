// Landscapes on a device, as the bindings see them: arrays of the host in, arrays of the host out.
#pragma once

#include <thalweg/engine/dynamics.hpp>
#include <thalweg/engine/landscape.hpp>

#include "jobs.hpp"
#include "parts.hpp"

namespace thalweg::cuda {

// Batches and runs, moved to the device and back. A landscape says how its kernels are launched.
template <class Real>
class DeviceLandscape : public RemoteLandscape<Real> {
 public:
  using typename RemoteLandscape<Real>::Before;
  using typename RemoteLandscape<Real>::After;

  explicit DeviceLandscape(int device) : device_(device) {}
  int device() const override { return device_; }  // where its memory is

  void energy(long replicas, const Real* x, Real* e, const StopQuestion&) const override;
  void gradient(long replicas, const Real* x, Real* e, Real* g, const StopQuestion&) const override;
  void product(long replicas, const Real* x, const Real* v, Real* hv,
               const StopQuestion&) const override;
  void hessian(long replicas, const Real* x, Real* h, const StopQuestion&) const override;
  void energy_there(long replicas, const Real* x, Real* e, const StopQuestion&) const override;
  void gradient_there(long replicas, const Real* x, Real* e, Real* g,
                      const StopQuestion&) const override;
  void product_there(long replicas, const Real* x, const Real* v, Real* hv,
                     const StopQuestion&) const override;
  void advance(const Rule<Real>&, const RunPlan&, const Before&, const After&, Real* energies,
               Real* observed, Real* points, const StopQuestion&) const override;

 protected:
  // Rows as Parts cuts them; `evaluations` of each, `copied` bytes (0: its arrays are there).
  Load load(long rows, double evaluations, std::size_t copied, const char* what) const;
  virtual int team_size() const = 0;
  // Called with the landscape's device in use.
  virtual void run(const BatchJob<Real>&) const = 0;
  // Strips a Hessian is made of, where there is a quicker way to it than row by row; else 0.
  virtual long hessian_units() const { return 0; }
  virtual void run(const HessianJob<Real>&) const {
    throw std::logic_error("this landscape's Hessians are made row by row");
  }
  virtual void run(const Motion<Real>&, const RunJob<Real>&) const = 0;

 private:
  int device_;
  void whole_hessians(long replicas, const Real* x, Real* h, const StopQuestion&) const;
  void hessian_rows(long replicas, const Real* x, Real* h, const StopQuestion&) const;
};

// Defined in kernels.cuh and instantiated for each landscape in a .cu file.
template <class Real, class L>
void run_batch(const L& landscape, const BatchJob<Real>& job);
template <class Real, class L, class M>
void run_motion(const L& landscape, const M& motion, const RunJob<Real>& job);

// A DeviceLandscape that runs the kernels of L. What L points to is kept by whoever derives.
template <class Real, template <class> class L>
class LandscapeWithKernels : public DeviceLandscape<Real> {
 public:
  explicit LandscapeWithKernels(int device = current_device()) : DeviceLandscape<Real>(device) {}
  long dim() const override { return kernels_.dim; }
  Real upper_bound() const override { return kernels_.upper_bound(); }
  const L<Real>& kernels() const { return kernels_; }

 protected:
  L<Real> kernels_{};

  int team_size() const override { return kernels_.team_size(); }
  using DeviceLandscape<Real>::run;
  void run(const BatchJob<Real>& job) const override { run_batch(kernels_, job); }
  void run(const Motion<Real>& motion, const RunJob<Real>& job) const override {
    std::visit([&](const auto& m) { run_motion(kernels_, m, job); }, motion);
  }
};

}  // namespace thalweg::cuda
