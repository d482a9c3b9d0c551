// Superpotentials: landscapes of them, and the search for their zeros.
#include <thalweg/engine/superpotential.hpp>
#include <thalweg/solvers/zeros.hpp>

#include "bindings.hpp"

namespace thalweg::bindings {
namespace {

// Monomials as arrays: degrees [M], indices [sum of degrees], coefficients [M].
Polynomial polynomial_of(long variables, py::handle degrees, py::handle indices,
                         py::handle coefficients) {
  const auto d = view<int>("degrees", degrees, {any_size}, "M");
  const auto i = view<int>("indices", indices, {any_size}, "I");
  const auto c = view<ComplexNumber>("coefficients", coefficients, {d.size(0)}, "M");
  Polynomial w{variables,
               {d.data(), d.data() + d.size(0)},
               {i.data(), i.data() + i.size(0)},
               {c.data(), c.data() + c.size(0)}};
  check_polynomial(w);
  return w;
}

// Entries as arrays: (generator, row, column) [E, 3] and values [E]; generators in order.
std::vector<Symmetry> symmetries_of(long variables, py::handle places, py::handle values) {
  const auto p = view<int>("symmetry places", places, {any_size, 3}, "E3");
  const auto v = view<ComplexNumber>("symmetry values", values, {p.size(0)}, "E");
  std::vector<Symmetry> symmetries;
  for (long e = 0; e < p.size(0); ++e) {
    const int *at = p.data() + 3 * e, last = static_cast<int>(symmetries.size()) - 1;
    const bool known = at[1] >= 0 && at[1] < variables && at[2] >= 0 && at[2] < variables;
    if (!known || at[0] < last || at[0] > last + 1)
      throw py::value_error("symmetry places: expected generators in order and indices below " +
                            std::to_string(variables));
    if (at[0] > last) symmetries.emplace_back();
    symmetries.back().push_back({at[1], at[2], v.data()[e]});
  }
  return symmetries;
}

using Points = View<ComplexNumber>;

// What a search gives back: points, and one number of each kind for each of them.
template <class Search>
py::dict searched(const Points& starts, Search search) {
  const long count = starts.size(0);
  auto points = make<ComplexNumber>("points", {count, starts.size(1)});
  std::vector<ZeroReport> reports(count);
  released([&, to = points.mutable_data()] { search(to, reports.data()); });
  auto outcome = make<int>("outcomes", {count});
  auto residual = make<double>("residuals", {count}), gap = make<double>("gaps", {count});
  auto steps = make<std::int64_t>("steps", {count});
  for (long i = 0; i < count; ++i) {
    outcome.mutable_data()[i] = static_cast<int>(reports[i].outcome);
    residual.mutable_data()[i] = reports[i].residual;
    gap.mutable_data()[i] = reports[i].gap;
    steps.mutable_data()[i] = reports[i].steps;
  }
  py::dict out;
  out["points"] = points;
  out["outcomes"] = outcome;
  out["residuals"] = residual;
  out["gaps"] = gap;
  out["steps"] = steps;
  return out;
}

// F [R, n] and the matrices H [R, n, n] of its derivatives.
py::tuple linearized(const CoupledSystem& system, py::handle couplings, py::handle points) {
  const long n = system.size();
  const auto c = view<ComplexNumber>("couplings", couplings, {system.couplings}, "m");
  const Points z = view<ComplexNumber>("points", points, {any_size, n}, "Rn");
  auto f = make<ComplexNumber>("residuals", {z.size(0), n});
  auto h = make<ComplexNumber>("Jacobians", {z.size(0), n, n});
  ZeroFinder finder(system.equations);
  const auto linear = system.linear(c.data());
  ComplexVector residual(n);
  ComplexLu jacobian(n);
  for (long r = 0; r < z.size(0); ++r) {
    finder.load(z.data() + r * n);
    system.equations.residual(finder.z, linear.data(), residual);
    system.equations.hessian(finder.z, jacobian);
    for (long i = 0; i < n; ++i) {
      f.mutable_data()[r * n + i] = {residual.re()[i], residual.im()[i]};
      for (long j = 0; j < n; ++j)
        h.mutable_data()[(r * n + i) * n + j] = {jacobian.re(i)[j], jacobian.im(i)[j]};
    }
  }
  return py::make_tuple(f, h);
}

void add_system(py::module_& m) {
  using System = CoupledSystem;
  const auto starts_of = [](const System& s, py::handle starts) {
    return view<ComplexNumber>("starts", starts, {any_size, s.size()}, "Rn");
  };
  py::class_<System>(m, "CoupledSystem")
      .def(py::init([](long variables, py::handle degrees, py::handle indices,
                       py::handle coefficients, py::handle symmetry_places,
                       py::handle symmetry_values, py::handle sources) {
             const auto s = view<ComplexNumber>("sources", sources, {any_size, variables}, "mn");
             return System(polynomial_of(variables, degrees, indices, coefficients),
                           symmetries_of(variables, symmetry_places, symmetry_values),
                           {s.data(), s.data() + s.array.size()});
           }),
           py::arg("variables"), py::arg("degrees"), py::arg("indices"), py::arg("coefficients"),
           py::arg("symmetry_places"), py::arg("symmetry_values"), py::arg("sources"))
      .def("linearized", &linearized, py::arg("couplings"), py::arg("points"))
      .def(
          "find_zeros",
          [=](const System& s, py::handle couplings, py::handle starts, int steps, int threads) {
            const auto c = view<ComplexNumber>("couplings", couplings, {s.couplings}, "m");
            const Points x = starts_of(s, starts);
            return searched(x, [&](ComplexNumber* to, ZeroReport* reports) {
              find_zeros(s, c.data(), x.size(0), x.data(), steps, to, reports, threads,
                         python_signals());
            });
          },
          py::arg("couplings"), py::arg("starts"), py::arg("steps"), py::arg("threads") = 0)
      .def(
          "polish_zeros",
          [=](const System& s, py::handle couplings, py::handle starts, int threads) {
            const auto c = view<ComplexNumber>("couplings", couplings, {s.couplings}, "m");
            const Points x = starts_of(s, starts);
            return searched(x, [&](ComplexNumber* to, ZeroReport* reports) {
              polish_zeros(s, c.data(), x.size(0), x.data(), to, reports, threads,
                           python_signals());
            });
          },
          py::arg("couplings"), py::arg("starts"), py::arg("threads") = 0)
      .def(
          "follow_paths",
          [=](const System& s, py::handle vertices, py::handle starts, int threads) {
            const auto v = view<ComplexNumber>("vertices", vertices, {any_size, s.couplings}, "Vm");
            if (v.size(0) < 2) throw py::value_error("vertices: expected at least two couplings");
            const Points x = starts_of(s, starts);
            return searched(x, [&](ComplexNumber* to, ZeroReport* reports) {
              follow_paths(s, v.size(0), v.data(), x.size(0), x.data(), to, reports, threads,
                           python_signals());
            });
          },
          py::arg("vertices"), py::arg("starts"), py::arg("threads") = 0);
}

}  // namespace

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
  add_system(m);
}

}  // namespace thalweg::bindings
