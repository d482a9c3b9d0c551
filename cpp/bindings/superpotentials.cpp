// Superpotentials: landscapes of them.
#include <thalweg/engine/superpotential.hpp>

#include "bindings.hpp"

namespace thalweg::bindings {

// Monomials as arrays: degrees [M], indices [sum of degrees], coefficients [M].
Polynomial polynomial_of(long variables, py::handle degrees, py::handle indices,
                         py::handle coefficients) {
  const auto d = view<int>("degrees", degrees, {any_size}, "M");
  const auto i = view<int>("indices", indices, {any_size}, "I");
  const auto c = view<std::complex<double>>("coefficients", coefficients, {d.size(0)}, "M");
  return {variables,
          {d.data(), d.data() + d.size(0)},
          {i.data(), i.data() + i.size(0)},
          {c.data(), c.data() + c.size(0)}};
}

void add_superpotentials(py::module_& m) {
  m.def(
      "superpotential",
      [](long variables, py::handle degrees, py::handle indices, py::handle coefficients,
         const std::string& dtype) {
        const Polynomial w = polynomial_of(variables, degrees, indices, coefficients);
        return dtype == "float32" ? handle_of(make_superpotential<float>(w))
                                  : handle_of(make_superpotential<double>(w));
      },
      py::arg("variables"), py::arg("degrees"), py::arg("indices"), py::arg("coefficients"),
      py::arg("dtype"));
}

}  // namespace thalweg::bindings
