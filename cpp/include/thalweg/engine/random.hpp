// Random numbers over arrays.
#pragma once

#include <thalweg/math/random.hpp>

namespace thalweg {

enum class Draw { uniforms, normals, rademacher };

// Numbers 0 .. count - 1 of each replica: [replicas, count].
template <class Real>
void draw_numbers(Draw, std::uint64_t seed, Stream, std::uint32_t step, long replicas,
                  const std::uint32_t* names, long count, Real* out);
// A permutation of 0 .. n - 1 for each replica: [replicas, n].
void draw_permutations(std::uint64_t seed, Stream, std::uint32_t step, long replicas,
                       const std::uint32_t* names, std::int32_t n, std::int32_t* out);
void philox_words(long count, const std::uint32_t* counters, const std::uint32_t* key,
                  std::uint32_t* out);

}  // namespace thalweg
