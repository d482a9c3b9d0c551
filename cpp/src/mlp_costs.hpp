// What an evaluation of an MLP costs, roughly: enough to choose a schedule.
#pragma once

#include <thalweg/engine/mlp.hpp>

namespace thalweg {

// A gradient by each schedule, for one block of replicas or one replica alone, in multiply-adds of
// packs. The weights of what else takes time are measured, on AVX-512, to a factor of two.
class MlpCosts {
 public:
  MlpCosts(const MlpShape& shape, long lanes) : shape_(shape), lanes_(lanes) {}

  double replicas(long samples) const {
    return once + per_parameter * shape_.dim + samples * each_number([](long n) { return n; });
  }
  double units(long samples) const {
    return alone() + samples * each_number([&](long n) { return packs(n); }) +
           per_padded * shape_.dim;
  }
  double samples(long samples) const {
    double in_lanes = 0, in_rows = 0;
    for (int l = 0; l < shape_.layers; ++l) {
      const long in = shape_.sizes[l], out = shape_.sizes[l + 1];
      in_lanes += in * out * (l > 0 ? 2 : 1) + per_unit * out;
      if (l > 0) in_lanes += per_turned * packs(in);
      in_rows += latency + out * packs(in);
    }
    return alone() + packs(samples) * in_lanes + samples * in_rows;
  }

 private:
  static constexpr double once = 1800;         // an evaluation and a step, of whatever size
  static constexpr double per_parameter = 30;  // what dynamics do to a pack of them
  static constexpr double per_padded = 2;      // to bring a weight or a slope of it to its place
  static constexpr double per_unit = 20;       // a pack of activations and their slopes
  static constexpr double per_turned = 100;    // to turn W packs from samples to rows
  static constexpr double latency = 4;         // of a sum in order

  const MlpShape& shape_;
  const long lanes_;

  long packs(long numbers) const { return (numbers + lanes_ - 1) / lanes_; }
  double alone() const { return once + per_parameter * packs(shape_.dim); }

  // For one sample: the three products of each layer and the activations, where `width(n)` is what
  // n numbers side by side take.
  template <class Width>
  double each_number(Width width) const {
    double sum = 0;
    for (int l = 0; l < shape_.layers; ++l) {
      const long in = shape_.sizes[l], out = shape_.sizes[l + 1];
      sum += in * width(out) + out * width(in) * (l > 0 ? 2 : 1) + per_unit * width(out);
    }
    return sum;
  }
};

}  // namespace thalweg
