// How a GPU's team goes through a network: samples at a time, tiles, and where in the scratch space
// what lies. A function of the network, its number of samples and the precision alone, so that the
// bits of a replica do not depend on its batch.
#pragma once

#include <thalweg/landscapes/mlp.hpp>

#include "mlp_tiles.cuh"

namespace thalweg {

// Offsets count numbers. What a dual pass keeps twice comes first, in one plane; then its tangents
// in another one of the same size; then what has no tangents.
struct MlpPlan {
  int threads = 32;          // of a team
  bool shared = true;        // whether the scratch space fits a block's shared memory
  int chunk = 0, pitch = 0;  // samples at a time, and how far units lie apart
  int units[MlpShape::most_layers] = {};   // a_{l+1}; of the last layer: outputs
  int slopes[MlpShape::most_layers] = {};  // activation'(z), then d loss / d z
  int ones = 0;
  int plane = 0;
  int inputs = 0, partial = 0;
  long size = 0;
  int columns_forward[MlpShape::most_layers] = {};
  int columns_backward[MlpShape::most_layers] = {};
  GradientCut gradient[MlpShape::most_layers] = {};
};

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

inline GradientCut gradient_cut(int threads, int quads, int height, int width) {
  const int rows = height == 1 ? 1 : quad, columns = quad;
  const int tiles = ((height + rows - 1) / rows) * ((width + columns - 1) / columns);
  const int splits = tiles < threads ? threads / tiles : 1;
  return {rows, columns, splits < quads ? splits : quads};
}

// Numbers that one sample takes, without its inputs, in one plane.
inline long numbers_per_sample(const MlpShape& shape) {
  long numbers = 1;  // the unit 1
  for (int l = 1; l <= shape.layers; ++l) numbers += 2L * shape.sizes[l];
  return numbers;
}

inline int threads_of(const MlpShape& shape, long samples) {
  long widest = 1;
  for (int l = 1; l <= shape.layers; ++l) widest = widest < shape.sizes[l] ? shape.sizes[l] : widest;
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

}  // namespace detail

// `planes`: 1 for plain numbers, 2 for dual ones.
inline MlpPlan make_mlp_plan(const MlpShape& shape, int samples, int number_bytes, int planes, int forced_chunk = 0, int forced_threads = 0) {
  // Four blocks or more on a processor; or one; or samples enough to fill a team, in main memory.
  constexpr long quarter = 48 * 1024, whole = 160 * 1024;
  constexpr int few = 16, many = 128;
  MlpPlan plan;
  plan.threads = forced_threads ? forced_threads : detail::threads_of(shape, samples);
  const long partial = 2L * quad * quad * plan.threads;
  const long per_sample = planes * detail::numbers_per_sample(shape) + shape.inputs();
  const auto chunk = [&](long bytes, int least) {
    return detail::chunk_within(bytes, partial * number_bytes, per_sample * number_bytes, samples,
                                least);
  };
  plan.chunk = chunk(quarter, 2 * few);
  if (plan.chunk == 0) plan.chunk = chunk(whole, few);
  plan.shared = plan.chunk > 0;
  if (!plan.shared) plan.chunk = detail::rounded_up(samples < many ? samples : many, quad);
  if (forced_chunk) plan.chunk = detail::rounded_up(forced_chunk < samples ? forced_chunk : samples, quad);
  plan.pitch = detail::pitch_of(plan.chunk);

  const auto claim = [&](int& place, long units) {
    place = static_cast<int>(plan.size);
    plan.size += units * plan.pitch;
  };
  for (int l = 0; l < shape.layers; ++l) {
    claim(plan.units[l], shape.sizes[l + 1]);
    claim(plan.slopes[l], shape.sizes[l + 1]);
  }
  claim(plan.ones, 1);
  plan.plane = static_cast<int>(plan.size);
  plan.size *= planes;
  claim(plan.inputs, shape.inputs());
  plan.partial = static_cast<int>(plan.size);
  plan.size += partial;

  const int quads = plan.chunk / quad, widest = planes == 1 ? 8 : 4;
  for (int l = 0; l < shape.layers; ++l) {
    const int in = shape.sizes[l], out = shape.sizes[l + 1];
    plan.columns_forward[l] = detail::best_columns(plan.threads, quads, out, widest);
    plan.columns_backward[l] = detail::best_columns(plan.threads, quads, in, widest);
    plan.gradient[l] = detail::gradient_cut(plan.threads, quads, out, in + shape.bias);
  }
  return plan;
}

}  // namespace thalweg
