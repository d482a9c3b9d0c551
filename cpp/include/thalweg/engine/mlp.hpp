// The MLP as the engine runs it.
#pragma once

#include <thalweg/engine/landscape.hpp>
#include <thalweg/engine/threads.hpp>
#include <thalweg/landscapes/mlp.hpp>

namespace thalweg {

// Offsets and checks; throws std::invalid_argument.
MlpShape make_mlp_shape(const std::vector<int>& sizes, const std::string& activation,
                        const std::string& loss, const std::vector<double>& scales, bool bias,
                        double weight_decay);

// Whether replicas go side by side. Up to here that was measured to be as quick or quicker; points
// and gradients of a block take half of a typical second-level cache.
inline bool is_narrow(const MlpShape& shape) { return shape.dim <= 4500; }

// Samples in memory; with per-replica data the arrays hold one set after another.
template <class Real>
struct MlpData {
  std::vector<Real> inputs;   // [N, inputs], or [R, N, inputs]
  std::vector<Real> targets;  // [N, targets], or [R, N, targets]
  long samples = 0;
  long input_replicas = 0;  // R, or 0 where all replicas share the inputs
  long target_replicas = 0;
};

// Throws std::invalid_argument where there are no samples, or sets of data that do not match.
template <class Real>
void check_mlp_data(const MlpData<Real>&);

enum class PerSample { losses, margins };

// What a network can be asked besides what all landscapes can.
template <class Real>
class Network {
 public:
  virtual ~Network() = default;
  virtual const MlpShape& shape() const = 0;
  // Loss or margin of every sample: [R, N]. Margins are asked for of classifiers only.
  virtual void per_sample(PerSample, long replicas, const Real* x, Real* out, int threads,
                          const StopQuestion&) const = 0;
  // Outputs [R, N, outputs] for inputs [N, inputs] or, with per_replica, [R, N, inputs].
  virtual void predict(long replicas, const Real* x, long samples, const Real* inputs,
                       bool per_replica, Real* out, int threads, const StopQuestion&) const = 0;
};

// A landscape that is a Network too, from data that were checked.
template <class Real>
LandscapePtr<Real> make_mlp(const MlpShape& shape, MlpData<Real> data);

template <class Real>
class Mlp final : public Landscape<Real>, public Network<Real> {
 public:
  Mlp(const MlpShape& shape, MlpData<Real> data);
  long dim() const override { return shape_.dim; }
  long samples() const override { return data_.samples; }
  long data_replicas() const override {
    return std::max(data_.input_replicas, data_.target_replicas);
  }
  Blocking blocking(long samples) const override;
  bool hessians(long replicas, const Real* x, Real* h, int threads,
                const StopQuestion&) const override;
  const char* kind() const override { return "mlp"; }
  std::unique_ptr<Evaluator<Real>> evaluator() const override;

  void per_sample(PerSample, long replicas, const Real* x, Real* out, int threads,
                  const StopQuestion&) const override;
  void predict(long replicas, const Real* x, long samples, const Real* inputs, bool per_replica,
               Real* out, int threads, const StopQuestion&) const override;
  const MlpShape& shape() const override { return shape_; }
  const MlpData<Real>& data() const { return data_; }

 private:
  MlpShape shape_;
  MlpData<Real> data_;
};

}  // namespace thalweg
