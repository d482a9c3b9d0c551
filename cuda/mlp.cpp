// Networks on a device: their data in its memory, and what they are asked.
#include <thalweg/engine/mlp.hpp>

#include "device_landscape.hpp"
#include "mlp_jobs.hpp"
#include "mlp_warp.cuh"
#include "network_sum.cuh"
#include "slice.hpp"

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
                  const StopQuestion& stop) const override {
    const Use use(this->device());
    const long dim = this->dim(), each = samples();
    const Parts parts(
        this->load(replicas, 1, (dim + each) * sizeof(Real), "numbers of every sample"));
    const Buffer<Real> from(parts.most() * dim, "points"),
        to(parts.most() * each, "numbers of every sample");
    const Sampled wanted = what == PerSample::losses ? Sampled::losses : Sampled::margins;
    parts.each(stop, [&](long first, long count) {
      from.fill(x + first * dim, count * dim);
      run_samples(this->kernels_.network, SamplesJob<Real>{wanted, count, first, each, from.data(),
                                                           nullptr, false, to.data()});
      to.read(out + first * each, count * each);
    });
  }
  // Samples in parts, and for each of these replicas in parts.
  void predict(long replicas, const Real* x, long samples, const Real* inputs, bool per_replica,
               Real* out, int /*threads*/, const StopQuestion& stop) const override {
    const Use use(this->device());
    const long in = shape().inputs(), outputs = shape().outputs();
    const Load every{samples, 1, static_cast<double>(this->dim()), (in + outputs) * sizeof(Real),
                     "outputs for 1 sample"};
    Parts(every).each_large(stop, [&](long sample, long some) {
      if (per_replica)
        return predict_part({replicas, x, samples, sample, some, inputs, nullptr, out}, stop);
      const Buffer<Real> shared(inputs + sample * in, some * in, "inputs");
      predict_part({replicas, x, samples, sample, some, nullptr, shared.data(), out}, stop);
    });
  }

 protected:
  using LandscapeWithKernels<Real, NetworkSum>::run;
  void run(const HessianJob<Real>& job) const override { run_hessian(this->kernels_.network, job); }
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

  // Up to here a Hessian fits any GPU. Larger ones are made row by row.
  static constexpr long most_by_blocks = 8192;
  long hessian_units() const override {
    long units = 0;
    for (int l = 1; l <= shape().layers; ++l) units += shape().sizes[l];
    return this->dim() <= most_by_blocks ? units : 0;
  }
  // Outputs for `some` of the samples, from number `sample`; each replica's own inputs [R, samples,
  // inputs] on the host, or all replicas' [some, inputs] on the device.
  struct Predicted {
    long replicas;
    const Real* x;
    long samples, sample, some;
    const Real *own, *shared;
    Real* out;  // [R, samples, outputs]
  };
  void predict_part(const Predicted& p, const StopQuestion& stop) const {
    const long dim = this->dim(), in = p.own ? shape().inputs() : 0, outputs = shape().outputs();
    const double evaluations = static_cast<double>(p.some) / static_cast<double>(samples());
    const Parts parts(this->load(p.replicas, evaluations,
                                 (dim + p.some * (in + outputs)) * sizeof(Real),
                                 "outputs for a part of the samples"));
    const Buffer<Real> from(parts.most() * dim, "points"),
        inputs(parts.most() * p.some * in, "inputs"),
        to(parts.most() * p.some * outputs, "outputs");
    parts.each(stop, [&](long first, long count) {
      from.fill(p.x + first * dim, count * dim);
      const Slice slice{first, count, p.samples, p.sample, p.some};
      if (p.own) slice.in(inputs, p.own, in);
      run_samples(this->kernels_.network,
                  SamplesJob<Real>{Sampled::outputs, count, 0, p.some, from.data(),
                                   p.own ? inputs.data() : p.shared, p.own != nullptr, to.data()});
      slice.out(to, p.out, outputs);
    });
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
