#include <chrono>
#include <thalweg/engine/peak.hpp>
#include <thalweg/math/contract.hpp>

namespace thalweg {

template <class Real>
double fma_peak() {
  using S = Lanes<Real>;
  using Clock = std::chrono::steady_clock;
  constexpr int chains = detail::accumulators, repeats = 20;
  constexpr long steps = 1 << 15;
  S sum[chains];
  const S factor(Real(0.5)), term(Real(1));  // sums settle at 2: nothing overflows or is denormal
  detail::repeat<chains>([&](auto i) { sum[i] = S(Real(i + 1)); });  // equal ones would be merged
  double best = 0;
  for (int r = 0; r < repeats; ++r) {
    const auto begin = Clock::now();
    for (long k = 0; k < steps; ++k)
      detail::repeat<chains>([&](auto i) { sum[i] = fma(sum[i], factor, term); });
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    best = std::max(best, 2e-9 * steps * chains * S::lanes / seconds.count());
  }
  S total(Real(0));
  detail::repeat<chains>([&](auto i) { total += sum[i]; });
  return total[0] > 0 ? best : 0;  // uses the sums, so that they are computed
}
template double fma_peak<float>();
template double fma_peak<double>();

}  // namespace thalweg
