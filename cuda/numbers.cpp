// Elementary functions and random numbers, drawn by the device that landscapes are made on.
#include "numbers.cuh"

#include <algorithm>
#include <chrono>
#include <thalweg/engine/elementary.hpp>
#include <thalweg/engine/peak.hpp>
#include <thalweg/engine/random.hpp>

#include "device.hpp"

namespace thalweg {

// A device has plain numbers only: `scalar` makes no difference.
template <class Real>
void elementary(const std::string& function, bool /*scalar*/, long count, const Real* x, Real* y) {
  using namespace cuda;
  const auto found = std::find(std::begin(function_names), std::end(function_names), function);
  if (found == std::end(function_names))
    throw std::invalid_argument("function: no elementary function is called '" + function + "'");
  const Use use(current_device());
  const std::size_t n = count;
  const Buffer<Real> in(x, n, "arguments"), out(n, "values");
  const auto which = static_cast<Function>(found - std::begin(function_names));
  run_function(FunctionJob<Real>{which, count, in.data(), out.data()});
  out.read(y);
}
template void elementary(const std::string&, bool, long, const float*, float*);
template void elementary(const std::string&, bool, long, const double*, double*);

template <class Real>
void draw_numbers(Draw what, std::uint64_t seed, Stream stream, std::uint32_t step, long replicas,
                  const std::uint32_t* names, long count, Real* out) {
  using namespace cuda;
  const Use use(current_device());
  const std::size_t rows = replicas, numbers = replicas * count;
  const Buffer<std::uint32_t> named(names, rows, "names of replicas");
  const Buffer<Real> drawn(numbers, "random numbers");
  const Draws draws = what == Draw::uniforms  ? Draws::uniforms
                      : what == Draw::normals ? Draws::normals
                                              : Draws::signs;
  run_draw(DrawJob<Real>{draws, seed, stream, step, replicas, count, named.data(), drawn.data()});
  drawn.read(out);
}
template void draw_numbers(Draw, std::uint64_t, Stream, std::uint32_t, long, const std::uint32_t*,
                           long, float*);
template void draw_numbers(Draw, std::uint64_t, Stream, std::uint32_t, long, const std::uint32_t*,
                           long, double*);

// Of the whole device. Launches grow until one takes long enough to be timed from the host.
template <class Real>
double fma_peak() {
  using namespace cuda;
  using Clock = std::chrono::steady_clock;
  const Use use(current_device());
  const long threads = properties(current_use()).processors * 2048L;
  const Buffer<Real> out(threads, "sums");
  constexpr double enough = 0.02, most_operations = 1e15;
  for (long length = 256;; length *= 4) {
    const double operations = 2.0 * threads * length * PeakJob<Real>::chains;
    double best = 1e30;
    for (int round = 0; round < 3; ++round) {
      const auto begin = Clock::now();
      run_peak(PeakJob<Real>{threads, length, Real(0.999), out.data()});
      best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count());
    }
    if (best > enough || operations > most_operations) return operations / best / 1e9;
  }
}
template double fma_peak<float>();
template double fma_peak<double>();

void draw_permutations(std::uint64_t seed, Stream stream, std::uint32_t step, long replicas,
                       const std::uint32_t* names, std::int32_t n, std::int32_t* out) {
  using namespace cuda;
  const Use use(current_device());
  const std::size_t rows = replicas;
  const Buffer<std::uint32_t> named(names, rows, "names of replicas");
  const Buffer<std::int32_t> orders(rows * n, "permutations");
  run_permutations({seed, stream, step, replicas, n, named.data(), orders.data()});
  orders.read(out);
}

void philox_words(long count, const std::uint32_t* counters, const std::uint32_t* key,
                  std::uint32_t* out) {
  using namespace cuda;
  const Use use(current_device());
  const std::size_t words = 4 * count;
  const Buffer<std::uint32_t> in(counters, words, "counters"), drawn(words, "random words");
  run_philox({count, in.data(), {key[0], key[1]}, drawn.data()});
  drawn.read(out);
}

}  // namespace thalweg
