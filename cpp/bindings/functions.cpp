// Elementary functions as arrays, so that tests can measure their errors; the peak of a core.
#include <pybind11/stl.h>

#include <thalweg/engine/elementary.hpp>
#include <thalweg/engine/peak.hpp>

#include "bindings.hpp"

namespace thalweg::bindings {
namespace {

template <class Real>
py::object apply(const std::string& function, py::handle x, bool scalar) {
  const auto in = view<Real>("x", x, {any_size}, "M");
  auto out = make<Real>("values", {in.size(0)});
  elementary(function, scalar, in.size(0), in.data(), out.mutable_data());
  return out;
}
py::object apply_any(const std::string& function, py::handle x, bool scalar) {
  const bool single = py::isinstance<py::array>(x) &&
                      py::reinterpret_borrow<py::array>(x).dtype().equal(py::dtype::of<float>());
  return single ? apply<float>(function, x, scalar) : apply<double>(function, x, scalar);
}

}  // namespace

void add_functions(py::module_& m) {
  m.def(
      "fma_peak",
      [](const std::string& dtype) {
        if (dtype == "float32") return fma_peak<float>();
        if (dtype == "float64") return fma_peak<double>();
        throw py::value_error("dtype: expected 'float32' or 'float64', got '" + dtype + "'");
      },
      py::arg("dtype"));
  m.def(
      "elementary", [](const std::string& f, py::handle x) { return apply_any(f, x, false); },
      py::arg("function"), py::arg("x"));
  m.def(
      "elementary_scalar", [](const std::string& f, py::handle x) { return apply_any(f, x, true); },
      py::arg("function"), py::arg("x"));
}

}  // namespace thalweg::bindings
