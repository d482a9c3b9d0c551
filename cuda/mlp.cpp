// Networks on a device: their data in its memory, and what they are asked.
#include <thalweg/engine/mlp.hpp>

#include "device_landscape.hpp"
#include "mlp_jobs.hpp"
#include "mlp_warp.cuh"
#include "network_sum.cuh"

namespace thalweg {
namespace cuda {
namespace {

// Kernels count in 32 bits.
void check_sizes(long dim, std::initializer_list<MlpPlan> plans) {
  constexpr long most = std::numeric_limits<int>::max();
  for (const MlpPlan& plan : plans)
    if (dim > most || plan.size > most)
      throw std::invalid_argument("layer_sizes: expected at most " + std::to_string(most) +
                                  " parameters, and units for some samples, on a device; got " +
                                  std::to_string(dim) + " parameters");
}

// The first of the alternatives from number k on that holds the network, or nothing.
template <class Any, std::size_t k = 1, class Real>
Any lanes_for(const DeviceMlp<Real>& network) {
  if constexpr (k == std::variant_size_v<Any>) {
    return {};
  } else {
    using Lanes = std::variant_alternative_t<k, Any>;
    return Lanes::holds(network.shape) ? Any(Lanes(network)) : lanes_for<Any, k + 1>(network);
  }
}

template <class Real>
class MlpOnDevice final : public LandscapeWithKernels<Real, NetworkSum>, public Network<Real> {
 public:
  MlpOnDevice(const MlpShape& shape, const MlpData<Real>& data)
      : inputs_(data.inputs.data(), data.inputs.size(), "inputs"),
        targets_(data.targets.data(), data.targets.size(), "targets"),
        data_replicas_(std::max(data.input_replicas, data.target_replicas)) {
    const int samples = static_cast<int>(data.samples);
    DeviceMlp<Real>& network = this->kernels_.network;
    this->kernels_.dim = shape.dim;
    network.dim = shape.dim;
    network.shape = shape;
    network.plan = MlpPlan(shape, samples, sizeof(Real), 1);
    network.dual_plan = MlpPlan(shape, samples, sizeof(Real), 2);
    check_sizes(shape.dim, {network.plan, network.dual_plan});
    network.inputs = inputs_.data();
    network.targets = targets_.data();
    network.samples = samples;
    network.own_inputs = data.input_replicas > 0;
    network.own_targets = data.target_replicas > 0;
    lanes_ = lanes_for<LaneMlps>(network);
  }
  const char* kind() const override { return "mlp"; }
  long samples() const override { return this->kernels_.network.samples; }
  long data_replicas() const override { return data_replicas_; }
  const MlpShape& shape() const override { return this->kernels_.network.shape; }

  void per_sample(PerSample what, long replicas, const Real* x, Real* out, int /*threads*/,
                  const StopQuestion&) const override {
    const Use use(this->device());
    const std::size_t points = replicas * this->dim(), numbers = replicas * samples();
    require_memory((points + numbers) * sizeof(Real), "numbers of every sample");
    const Buffer<Real> from(x, points, "points"), to(numbers, "numbers of every sample");
    run_samples(this->kernels_.network,
                SamplesJob<Real>{what == PerSample::losses ? Sampled::losses : Sampled::margins,
                                 replicas, samples(), from.data(), nullptr, false, to.data()});
    to.read(out);
  }
  void predict(long replicas, const Real* x, long samples, const Real* inputs, bool per_replica,
               Real* out, int /*threads*/, const StopQuestion&) const override {
    const Use use(this->device());
    const std::size_t points = replicas * this->dim();
    const std::size_t given = (per_replica ? replicas : 1) * samples * shape().inputs();
    const std::size_t numbers = replicas * samples * shape().outputs();
    require_memory((points + given + numbers) * sizeof(Real), "outputs");
    const Buffer<Real> from(x, points, "points"), in(inputs, given, "inputs"),
        to(numbers, "outputs");
    run_samples(this->kernels_.network,
                SamplesJob<Real>{Sampled::outputs, replicas, samples, from.data(), in.data(),
                                 per_replica, to.data()});
    to.read(out);
  }

 protected:
  void run(const BatchJob<Real>& job) const override {
    with_kernels([&](const auto& kernels) { run_batch(kernels, job); });
  }
  void run(const Motion<Real>& motion, const RunJob<Real>& job) const override {
    with_kernels([&](const auto& kernels) {
      std::visit([&](const auto& m) { run_motion(kernels, m, job); }, motion);
    });
  }

 private:
  using LaneMlps = typename LaneMlpsOf<Real>::Any;
  Buffer<Real> inputs_, targets_;
  long data_replicas_;
  LaneMlps lanes_;  // of a tiny network, what it asks for more often than losses of samples

  template <class F>
  void with_kernels(F f) const {
    std::visit(
        [&](const auto& lanes) {
          if constexpr (std::is_same_v<std::decay_t<decltype(lanes)>, std::monostate>)
            f(this->kernels_);
          else
            f(lanes);
        },
        lanes_);
  }
};

}  // namespace
}  // namespace cuda

template <class Real>
LandscapePtr<Real> make_mlp(const MlpShape& shape, MlpData<Real> data) {
  const cuda::Use use(cuda::current_device());
  cuda::require_memory((data.inputs.size() + data.targets.size()) * sizeof(Real),
                       "the data of a network");
  return std::make_shared<cuda::MlpOnDevice<Real>>(shape, data);
}
template LandscapePtr<float> make_mlp(const MlpShape&, MlpData<float>);
template LandscapePtr<double> make_mlp(const MlpShape&, MlpData<double>);

}  // namespace thalweg
