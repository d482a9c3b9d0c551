// Random numbers, to Python as arrays.
#include <thalweg/engine/random.hpp>

#include "bindings.hpp"

namespace thalweg::bindings {
namespace {

Stream stream_named(const std::string& name) {
  std::string known;
  for (const auto& s : streams) {
    if (name == s.name) return s.stream;
    known += (known.empty() ? "" : ", ") + std::string(s.name);
  }
  throw py::value_error("stream: expected one of " + known + ", got '" + name + "'");
}

template <class Real>
py::object draw(Draw what, std::uint64_t seed, Stream stream, std::uint32_t step, py::handle names,
                long count) {
  const auto replicas = view<std::uint32_t>("replicas", names, {any_size}, "R");
  if (count < 0) throw py::value_error("count: expected at least 0, got " + std::to_string(count));
  auto out = make<Real>("random numbers", {replicas.size(0), count});
  released([&, to = out.mutable_data()] {
    draw_numbers(what, seed, stream, step, replicas.size(0), replicas.data(), count, to);
  });
  return out;
}

void add_draw(py::module_& m, const char* name, Draw what) {
  m.def(
      name,
      [what](std::uint64_t seed, const std::string& stream, std::uint32_t step, py::handle replicas,
             long count, const std::string& dtype) {
        const Stream s = stream_named(stream);
        if (dtype == "float32") return draw<float>(what, seed, s, step, replicas, count);
        if (dtype == "float64") return draw<double>(what, seed, s, step, replicas, count);
        throw py::value_error("dtype: expected 'float32' or 'float64', got '" + dtype + "'");
      },
      py::arg("seed"), py::arg("stream"), py::arg("step"), py::arg("replicas"), py::arg("count"),
      py::arg("dtype"));
}

}  // namespace

void add_random(py::module_& m) {
  m.def("streams", [] {
    py::dict all;
    for (const auto& s : streams) all[s.name] = static_cast<std::uint32_t>(s.stream);
    return all;
  });
  m.def(
      "philox",
      [](py::handle counters, py::handle key) {
        const auto c = view<std::uint32_t>("counters", counters, {any_size, 4}, "M4");
        const auto k = view<std::uint32_t>("key", key, {2}, "2");
        auto out = make<std::uint32_t>("random words", {c.size(0), 4});
        philox_words(c.size(0), c.data(), k.data(), out.mutable_data());
        return out;
      },
      py::arg("counters"), py::arg("key"));
  add_draw(m, "uniforms", Draw::uniforms);
  add_draw(m, "normals", Draw::normals);
  add_draw(m, "rademacher", Draw::rademacher);
  m.def(
      "permutations",
      [](std::uint64_t seed, const std::string& stream, std::uint32_t step, py::handle replicas,
         long n) {
        const auto names = view<std::uint32_t>("replicas", replicas, {any_size}, "R");
        if (n < 1 || n > std::numeric_limits<std::int32_t>::max())
          throw py::value_error("n: expected 1 to 2^31 - 1, got " + std::to_string(n));
        auto out = make<std::int32_t>("permutations", {names.size(0), n});
        draw_permutations(seed, stream_named(stream), step, names.size(0), names.data(),
                          static_cast<std::int32_t>(n), out.mutable_data());
        return out;
      },
      py::arg("seed"), py::arg("stream"), py::arg("step"), py::arg("replicas"), py::arg("n"));
}

}  // namespace thalweg::bindings
