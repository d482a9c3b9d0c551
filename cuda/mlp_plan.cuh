// How a GPU's team goes through a network: samples at a time, tiles, and where in the scratch space
// what lies. A function of the network, its number of samples and the precision alone, so that the
// bits of a replica do not depend on its batch.
#pragma once

#include <algorithm>
#include <thalweg/landscapes/mlp.hpp>

#include "mlp_tiles.cuh"
#include "team.cuh"

namespace thalweg::cuda {

namespace detail {

inline int rounded_up(int n, int to) { return (n + to - 1) / to * to; }

// An odd number of quads between units keeps neighbouring units in different memory banks.
inline int pitch_of(int samples) {
  const int quads = (samples + quad - 1) / quad;
  return (quads | 1) * quad;
}

// What a product costs: the mean of what all its instructions take on four schedulers, and what one
// thread's take. `items` of so many instructions each are dealt out to a team.
inline long cost_of(int threads, long items, long instructions) {
  const long rounds = (items + threads - 1) / threads, warps = (items + warp_size - 1) / warp_size;
  return (warps + 4 * rounds) * instructions;
}

// Whether rows of weights begin at multiples of four numbers, in a point that does.
inline bool has_aligned_weights(const MlpShape& shape, int l) {
  return shape.sizes[l] % quad == 0 && shape.weights[l] % quad == 0;
}
// The tile width that costs least: for each k there are 4 c multiply-adds, and loads of four
// samples and of c weights.
inline int best_columns(int threads, int quads, int width, bool aligned, bool transposed,
                        bool dual) {
  int best = 0;
  long least = 0;
  for (int c = 1; c <= 8; c *= 2) {
    if (!has_tile(c, aligned, transposed, dual)) continue;
    const long tiles = static_cast<long>(quads) * ((width + c - 1) / c);
    const long cost = cost_of(threads, tiles, quad * (quad * c + 2) + (aligned ? c : quad * c));
    if (!best || cost <= least) best = c, least = cost;
  }
  return best;
}

// Numbers of a part of a layer's gradient, in whole quads.
inline long part_size(int height, int width) { return rounded_up(height * width, quad); }

struct TileCount {
  long down, across;
  long all() const { return down * across; }
};
inline TileCount tiles_of(GradientShape shape, int height, int width) {
  return {(height + shape.rows - 1) / shape.rows, (width + shape.columns - 1) / shape.columns};
}
// The tiles and parts that cost least, for so many quads of samples. Single units have a shape of
// their own.
inline GradientCut gradient_cut(int threads, int quads, int height, int width, bool dual) {
  GradientCut best{};
  long least = -1;
  for (int s = 0; s < number_of_shapes(dual); ++s) {
    if ((s == 0) != (height == 1)) continue;
    const GradientShape shape = shape_of(s, dual);
    const TileCount tiles = tiles_of(shape, height, width);
    const long most = std::min<long>(quads, std::max(1L, threads / tiles.all()));
    const long numbers = shape.rows * shape.columns, loads = shape.rows + shape.columns;
    for (int splits = 1; splits <= most; ++splits) {
      const long each = (quads + splits - 1) / splits;
      long cost =
          cost_of(threads, tiles.all() * splits, each * (quad * numbers + 2 * loads) + 6 * numbers);
      if (splits > 1)  // four numbers of every part, and where their sums go
        cost += cost_of(threads, part_size(height, width) / quad, 6 * splits + 30);
      if (least >= 0 && cost >= least) continue;
      least = cost;
      best = {s, Divider(static_cast<int>(tiles.across)), Divider(static_cast<int>(tiles.all())),
              Divider(static_cast<int>(each)), splits};
    }
  }
  return best;
}
// Parts of gradients in memory, at most: those of every other layer at a time.
inline long parts_of(const MlpShape& shape, int threads, bool dual) {
  long most = 0;
  for (int l = 0; l < shape.layers; ++l) {
    const int out = shape.sizes[l + 1], width = shape.sizes[l] + shape.bias;
    for (int s = 0; s < number_of_shapes(dual); ++s) {
      const long splits = threads / tiles_of(shape_of(s, dual), out, width).all();
      if ((s == 0) == (out == 1) && splits > 1)
        most = std::max(most, splits * part_size(out, width));
    }
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
  bool aligned[most_layers];   // weights
  int columns_forward[most_layers], columns_backward[most_layers];
  GradientCut gradient[most_layers];
  Divider quads, features;  // of a whole chunk; of a sample
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
    cut(shape, planes == 2);
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
  void cut(const MlpShape& shape, bool dual) {
    quads = Divider(chunk / quad);
    features = Divider(shape.inputs());
    for (int l = 0; l < shape.layers; ++l) {
      const int in = shape.sizes[l], out = shape.sizes[l + 1], many = chunk / quad;
      aligned[l] = detail::has_aligned_weights(shape, l);
      columns_forward[l] = detail::best_columns(threads, many, out, aligned[l], false, dual);
      columns_backward[l] = detail::best_columns(threads, many, in, aligned[l], true, dual);
      gradient[l] = detail::gradient_cut(threads, many, out, in + shape.bias, dual);
    }
  }
};

}  // namespace thalweg::cuda
