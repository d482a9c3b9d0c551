// thalweg._targets._probe: which targets this processor runs. Built for the oldest processor of the
// architecture, so that it can be asked anywhere.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using Missing = std::vector<std::pair<std::string, std::vector<std::string>>>;

#if defined(__x86_64__)

// __builtin_cpu_supports takes a literal, hence a macro. It also asks whether the operating system
// saves the registers, so a feature reported here can be used.
#define THALWEG_FEATURE(name) {name, __builtin_cpu_supports(name) != 0}

using Features = std::vector<std::pair<const char*, bool>>;

Missing missing_features() {
  __builtin_cpu_init();
  // The features a reader knows by name, and the level itself for those few that are left out. Each
  // level adds to the one before it (System V psABI for x86-64).
  const std::pair<const char*, Features> levels[] = {
      {"cpu_v2",
       {THALWEG_FEATURE("popcnt"), THALWEG_FEATURE("ssse3"), THALWEG_FEATURE("sse4.1"),
        THALWEG_FEATURE("sse4.2"), THALWEG_FEATURE("x86-64-v2")}},
      {"cpu_v3",
       {THALWEG_FEATURE("avx"), THALWEG_FEATURE("avx2"), THALWEG_FEATURE("bmi"),
        THALWEG_FEATURE("bmi2"), THALWEG_FEATURE("fma"), THALWEG_FEATURE("x86-64-v3")}},
      {"cpu_v4",
       {THALWEG_FEATURE("avx512f"), THALWEG_FEATURE("avx512bw"), THALWEG_FEATURE("avx512cd"),
        THALWEG_FEATURE("avx512dq"), THALWEG_FEATURE("avx512vl"), THALWEG_FEATURE("x86-64-v4")}}};
  Missing result;
  std::vector<std::string> lacking;  // grows from level to level
  for (const auto& [name, features] : levels) {
    for (const auto& [feature, present] : features)
      if (!present) lacking.emplace_back(feature);
    result.emplace_back(name, lacking);
  }
  return result;
}

#elif defined(__aarch64__)

Missing missing_features() { return {{"cpu_aarch64", {}}}; }

#endif

}  // namespace

PYBIND11_MODULE(_probe, m) {
  m.doc() = "Which instruction-set levels this processor runs.";
  m.def(
      "missing_features", &missing_features,
      "List (target, features it needs and this processor lacks), the oldest level first. Targets "
      "of other architectures are not in the list.");
}
