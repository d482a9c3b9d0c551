// How a GPU's team makes the strip of a network's Hessian that belongs to one unit: samples at a
// time, and where in the scratch space what lies. A function of the network, its number of samples
// and the precision alone.
#pragma once

#include <thalweg/landscapes/mlp.hpp>

#include "mlp_plan.cuh"

namespace thalweg::cuda {

// Offsets count numbers; what belongs to samples lies [unit][sample], as in mlp_plan.cuh.
struct HessianPlan {
  static constexpr int most_layers = MlpShape::most_layers, most_threads = 128;
  // Of a tile of the Hessian, in the registers of a thread.
  static constexpr int rows = 4;
  static constexpr int columns(int number_bytes) { return number_bytes == 4 ? 5 : 4; }

  int threads, chunk, pitch;    // samples at a time; from unit to unit
  int inputs[most_layers];      // scaled a_l: what enters layer l
  int moved[most_layers];       // its derivative by the seed; none for layer 0
  int slopes[most_layers];      // of hidden layers: d (scaled a) / d z
  int curvatures[most_layers];  // d^2 (scaled a) / d z^2, times d loss / d (scaled a)
  int delta[most_layers];       // d loss / d z_l
  int z_seed[most_layers];      // z_l, then its derivative by the seed
  int delta_seed[most_layers];  // that of delta_l; in the place of z_l', but for outputs
  int outputs, ones, zeros;
  long size;

  HessianPlan() = default;
  HessianPlan(const MlpShape& shape, int samples, int number_bytes) {
    pitch = 1;
    lay_out(shape);
    const long per_sample = size * number_bytes, point = shape.dim * number_bytes;
    chunk = chunk_of(samples, per_sample, point);
    pitch = detail::pitch_of(chunk);
    lay_out(shape);
    long widest = 0;
    for (int l = 0; l < shape.layers; ++l)
      widest = widest < shape.sizes[l] + 1 ? shape.sizes[l] + 1 : widest;
    const long tiles = shape.dim * widest / (rows * columns(number_bytes));
    threads = tiles <= 64 ? 32 : tiles <= 256 ? 64 : most_threads;
  }

 private:
  void lay_out(const MlpShape& shape) {
    size = 0;
    const auto claim = [&](int& place, long units) {
      place = static_cast<int>(size);
      size += units * pitch;
    };
    const int last = shape.layers - 1;
    for (int l = 0; l <= last; ++l) {
      claim(inputs[l], shape.sizes[l]);
      if (l > 0) claim(moved[l], shape.sizes[l]);
      const int out = shape.sizes[l + 1];
      if (l < last) claim(slopes[l], out), claim(curvatures[l], out);
      claim(delta[l], out);
      claim(z_seed[l], out);
      delta_seed[l] = z_seed[l];
    }
    claim(delta_seed[last], shape.outputs());
    claim(outputs, shape.outputs());
    claim(ones, 1);
    claim(zeros, 1);
  }
  // All samples, or equal parts: in a third of a processor's shared memory; else in all of it,
  // beside the point; else in device memory.
  static int chunk_of(int samples, long per_sample, long point) {
    constexpr long third = 70 * 1024, whole = 208 * 1024;
    for (const auto& [bytes, least] : {std::pair{third, 32L}, std::pair{whole, 16L}}) {
      const long most = (bytes - point) / per_sample / (2 * quad) * (2 * quad) - quad;  // any pitch
      if (samples <= most) return detail::rounded_up(samples, quad);
      if (most < least) continue;
      const int chunks = static_cast<int>((samples + most - 1) / most);
      return detail::rounded_up((samples + chunks - 1) / chunks, quad);
    }
    return detail::rounded_up(samples < 64 ? samples : 64, quad);
  }
};

}  // namespace thalweg::cuda
