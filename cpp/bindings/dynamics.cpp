// Runs: state in, state and records out.
#include <pybind11/stl.h>

#include <optional>
#include <thalweg/engine/dynamics.hpp>

#include "bindings.hpp"

namespace thalweg::bindings {
namespace {

struct Call {  // the arguments of advance() that do not depend on the number type
  std::string rule;
  Options options;
  py::handle parameters, replicas;
  py::dict state;
  RunPlan plan;
  bool goes_on;  // if not, what is known at the end is of no use
};

template <class Real>
py::dict run(py::handle landscape, Call& call) {
  const auto field = landscape_of<Real>(landscape);
  const auto rule = make_rule<Real>(call.rule, call.options);
  RunPlan& plan = call.plan;
  const long P = field->dim(), own = field->data_replicas();
  const long K = static_cast<long>(rule->vectors.size()),
             M = static_cast<long>(rule->scalars.size());
  const auto x = points<Real>("points", call.state["points"], P, own ? own : any_size);
  const long R = plan.replicas = x.size(0);
  const py::dict& given = call.state;
  const auto vectors = view<Real>("vectors", given["vectors"], {K, R, P}, "KRP");
  const auto scalars = view<Real>("scalars", given["scalars"], {M, R}, "MR");
  const auto status = view<int>("status", given["status"], {R}, "R");
  const auto status_step = view<std::int64_t>("status_step", given["status_step"], {R}, "R");
  const auto restores = view<std::int64_t>("restores", given["restores"], {R}, "R");
  StateBefore<Real> before{};
  before.points = x.data();
  before.vectors = vectors.data();
  before.scalars = scalars.data();
  before.status = status.data();
  before.status_step = status_step.data();
  before.restores = restores.data();
  std::optional<View<Real>> energy, gradient;  // known from the call before
  if (given.contains("energy"))
    before.energy = energy.emplace(view<Real>("energy", given["energy"], {R}, "R")).data();
  if (given.contains("gradient"))
    before.gradient =
        gradient.emplace(view<Real>("gradient", given["gradient"], {R, P}, "RP")).data();

  py::dict out;
  const auto give = [&]<class T>(const char* name, T, std::vector<long> shape) {
    auto a = make<T>(name, shape);
    out[name] = a;
    return a.mutable_data();
  };
  StateAfter<Real> after{};
  after.points = give("points", Real(), {R, P});
  after.vectors = give("vectors", Real(), {K, R, P});
  after.scalars = give("scalars", Real(), {M, R});
  after.status = give("status", int(), {R});
  after.status_step = give("status_step", std::int64_t(), {R});
  after.restores = give("restores", std::int64_t(), {R});
  const Known known = rule->known_at_start();
  if (known != Known::nothing && !before.energy)
    after.start_energy = give("start_energy", Real(), {R});
  if (call.goes_on && known != Known::nothing) after.energy = give("energy", Real(), {R});
  if (call.goes_on && known == Known::gradient) after.gradient = give("gradient", Real(), {R, P});

  const long n = static_cast<long>(rule->parameters.size());
  const auto parameters = view<double>("parameters", call.parameters, {n, R}, "nR");
  plan.parameters = parameters.data();
  const auto names = view<std::uint32_t>("replicas", call.replicas, {R}, "R");
  plan.replica_names.assign(names.data(), names.data() + R);

  const long records = plan.records(), kinds = static_cast<long>(plan.observables.size());
  auto energies = make<Real>("recorded energies", {records, R});
  auto observed = make<Real>("recorded observables", {kinds, records, R});
  py::object recorded_points = py::none();
  Real* points_out = nullptr;
  if (plan.record_points) {
    auto a = make<Real>("recorded points", {records, R, P});
    points_out = a.mutable_data();
    recorded_points = a;
  }
  released([&, e = energies.mutable_data(), o = observed.mutable_data()] {
    advance(*field, *rule, plan, before, after, e, o, points_out, python_signals());
  });

  py::dict kept;
  kept["energy"] = energies;
  for (long k = 0; k < kinds; ++k) kept[plan.observables[k].c_str()] = observed[py::int_(k)];
  out["records"] = kept;
  out["recorded_points"] = recorded_points;
  return out;
}

void check_plan(const RunPlan& plan) {
  if (plan.steps < 1)
    throw py::value_error("steps: expected at least 1, got " + std::to_string(plan.steps));
  if (plan.record_every < 1)
    throw py::value_error("record_every: expected at least 1, got " +
                          std::to_string(plan.record_every));
  if (plan.first_step < 0 || plan.first_step + plan.steps >= (1L << 32))
    throw py::value_error("steps: expected fewer than 2^32 in all, got " +
                          std::to_string(plan.first_step + plan.steps));
}

}  // namespace

void add_dynamics(py::module_& m) {
  m.def(
      "rule_layout",
      [](const std::string& name, const Options& options) {
        const auto rule = make_rule<double>(name, options);
        py::dict layout;
        layout["parameters"] = rule->parameters;
        layout["vectors"] = rule->vectors;
        layout["scalars"] = rule->scalars;
        layout["observables"] = rule->observables;
        return layout;
      },
      py::arg("rule"), py::arg("options"));

  m.def(
      "advance",
      [](py::handle landscape, const std::string& rule, const Options& options,
         py::handle parameters, const py::dict& state, long first_step, long steps,
         long record_every, const std::vector<std::string>& observables, bool record_points,
         std::uint64_t seed, py::handle replicas, int threads, bool goes_on) {
        Call call{rule, options, parameters, replicas, state, {}, goes_on};
        call.plan = {0,    first_step, steps,   record_every, observables, record_points,
                     seed, {},         nullptr, threads};
        check_plan(call.plan);
        return is_single(landscape) ? run<float>(landscape, call) : run<double>(landscape, call);
      },
      py::arg("landscape"), py::arg("rule"), py::arg("options"), py::arg("parameters"),
      py::arg("state"), py::arg("first_step"), py::arg("steps"), py::arg("record_every"),
      py::arg("observables"), py::arg("record_points"), py::arg("seed"), py::arg("replicas"),
      py::arg("threads") = 0, py::arg("goes_on") = true);
}

}  // namespace thalweg::bindings
