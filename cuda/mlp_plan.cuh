// How a GPU's team goes through a network: samples at a time, tiles, and where in the scratch space
// what lies. A function of the network, its number of samples and the precision alone, so that the
// bits of a replica do not depend on its batch.
#pragma once

#include <thalweg/landscapes/mlp.hpp>

#include "mlp_tiles.cuh"

namespace thalweg::cuda {

namespace detail {

inline int rounded_up(int n, int to) { return (n + to - 1) / to * to; }

// An odd number of quads between units keeps neighbouring units in different memory banks.
inline int pitch_of(int samples) {
  const int quads = (samples + quad - 1) / quad;
  return (quads | 1) * quad;
}

// The tile width that takes the fewest cycles: a round of tiles issues 4 c multiply-adds and loads
// of 4 + c numbers each.
inline int best_columns(int threads, int quads, int width, int widest) {
  int best = 1;
  long least = -1;
  for (int c = 1; c <= widest; c *= 2) {
    const long tiles = static_cast<long>(quads) * ((width + c - 1) / c);
    const long cost = (tiles + threads - 1) / threads * (quad * c + quad + c);
    if (least < 0 || cost <= least) best = c, least = cost;
  }
  return best;
}

inline GradientCut gradient_cut(int threads, int quads, int height, int width, bool dual) {
  const int rows = height == 1 ? 1 : GradientCut::tall, columns = GradientCut::wide(dual);
  const int tiles = ((height + rows - 1) / rows) * ((width + columns - 1) / columns);
  const int splits = tiles < threads ? threads / tiles : 1;
  return {rows, splits < quads ? splits : quads};
}
// Parts of gradients in memory, at most: those of every other layer at a time.
inline long parts_of(const MlpShape& shape, int threads, bool dual) {
  long most = 0;
  for (int l = 0; l < shape.layers; ++l) {
    const int out = shape.sizes[l + 1], width = shape.sizes[l] + shape.bias;
    const long splits = gradient_cut(threads, threads, out, width, dual).splits;
    if (splits > 1 && most < splits * out * width) most = splits * out * width;
  }
  return most;
}

// Numbers that one sample takes, without its inputs, in one plane.
inline long numbers_per_sample(const MlpShape& shape) {
  long numbers = 1;  // the unit 1
  for (int l = 1; l <= shape.layers; ++l) numbers += 2L * shape.sizes[l];
  return numbers;
}

inline int threads_of(const MlpShape& shape, long samples) {
  long widest = 1;
  for (int l = 1; l <= shape.layers; ++l)
    widest = widest < shape.sizes[l] ? shape.sizes[l] : widest;
  const long tiles = (samples + quad - 1) / quad * ((widest + quad - 1) / quad);
  return tiles <= 32 ? 32 : tiles <= 64 ? 64 : tiles <= 256 ? 128 : 256;
}

// Samples at a time: all, or equal parts of at least `least` that fit the bytes; 0 if they do not.
inline int chunk_within(long bytes, long fixed, long per_sample, int samples, int least) {
  const long most = (bytes - fixed) / per_sample / (2 * quad) * (2 * quad) - quad;  // of any pitch
  if (samples <= most) return rounded_up(samples, quad);
  if (most < least) return 0;
  const int chunks = static_cast<int>((samples + most - 1) / most);
  return rounded_up((samples + chunks - 1) / chunks, quad);
}

// In bytes: three blocks or more on a processor; or one block, with point, gradient and a velocity
// beside it; or samples enough to fill a team, from main memory.
inline int chunk_of(long fixed, long per_sample, int samples, long point) {
  constexpr long third = 56 * 1024, whole = 208 * 1024;
  constexpr int few = 16, many = 128;
  if (const int some = chunk_within(third, fixed, per_sample, samples, 2 * few)) return some;
  if (const int some = chunk_within(whole - 3 * point, fixed, per_sample, samples, few))
    return some;
  return rounded_up(samples < many ? samples : many, quad);
}

}  // namespace detail

// Offsets count numbers. What a dual pass keeps twice comes first, in one plane; then its tangents
// in another one of the same size; then what has no tangents.
struct MlpPlan {
  static constexpr int most_layers = MlpShape::most_layers, most_threads = 256;

  int threads;                 // of a team
  int chunk, pitch;            // samples at a time; from unit to unit
  int units[most_layers];      // a_{l+1}; of the last layer: outputs
  int slopes[most_layers];     // activation'(z), then d loss / d z
  int ones;                    // a unit that is always 1
  int plane;                   // from values to tangents
  int inputs, partial, parts;  // a_0; sums to be added up, and room for those of a layer
  int columns_forward[most_layers], columns_backward[most_layers];
  GradientCut gradient[most_layers];
  long size;

  MlpPlan() = default;
  // `planes`: 1 for plain numbers, 2 for dual ones. A team or chunk given is for tests.
  MlpPlan(const MlpShape& shape, int samples, int number_bytes, int planes, int team = 0,
          int together = 0) {
    threads = team ? team : detail::threads_of(shape, samples);
    parts = static_cast<int>(detail::parts_of(shape, threads, planes == 2));
    const long per_sample = planes * detail::numbers_per_sample(shape) + shape.inputs();
    chunk = together ? detail::rounded_up(together < samples ? together : samples, quad)
                     : detail::chunk_of(2L * parts * number_bytes, per_sample * number_bytes,
                                        samples, shape.dim * number_bytes);
    pitch = detail::pitch_of(chunk);
    lay_out(shape, planes);
    cut(shape, planes);
  }

 private:
  void lay_out(const MlpShape& shape, int planes) {
    size = 0;
    const auto claim = [&](int& place, long count) {
      place = static_cast<int>(size);
      size += count;
    };
    for (int l = 0; l < shape.layers; ++l) {
      claim(units[l], static_cast<long>(shape.sizes[l + 1]) * pitch);
      claim(slopes[l], static_cast<long>(shape.sizes[l + 1]) * pitch);
    }
    claim(ones, pitch);
    plane = static_cast<int>(size);
    size *= planes;
    claim(inputs, static_cast<long>(shape.inputs()) * pitch);
    claim(partial, 2L * parts);
  }
  void cut(const MlpShape& shape, int planes) {
    const int quads = chunk / quad, widest = planes == 1 ? 8 : 4;
    for (int l = 0; l < shape.layers; ++l) {
      const int in = shape.sizes[l], out = shape.sizes[l + 1];
      columns_forward[l] = detail::best_columns(threads, quads, out, widest);
      columns_backward[l] = detail::best_columns(threads, quads, in, widest);
      gradient[l] = detail::gradient_cut(threads, quads, out, in + shape.bias, planes == 2);
    }
  }
};

}  // namespace thalweg::cuda
