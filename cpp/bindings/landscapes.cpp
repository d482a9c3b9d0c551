// Landscape handles and what can be asked of them.
#include <pybind11/stl.h>

#include <thalweg/engine/batch.hpp>
#include <thalweg/engine/formulas.hpp>
#include <thalweg/engine/mlp.hpp>

#include "bindings.hpp"

namespace thalweg::bindings {
namespace {

template <class Real>
struct Handle {
  LandscapePtr<Real> landscape;
};
template <class Real>
struct MlpHandle : Handle<Real> {
  const Network<Real>& network() const {
    return dynamic_cast<const Network<Real>&>(*this->landscape);
  }
};

// Per-replica data fixes how many replicas a batch has.
template <class Real>
View<Real> batch(const Landscape<Real>& landscape, py::handle theta,
                 const char* argument = "theta") {
  const long replicas = landscape.data_replicas();
  return points<Real>(argument, theta, landscape.dim(), replicas ? replicas : any_size);
}

template <class Real>
class UserLandscape final : public BatchLandscape<Real> {
 public:
  UserLandscape(long dim, py::function gradient, py::function energy)
      : dim_(dim), gradient_(std::move(gradient)), energy_(std::move(energy)) {}
  ~UserLandscape() override {
    py::gil_scoped_acquire lock;
    gradient_.release().dec_ref();
    energy_.release().dec_ref();
  }
  long dim() const override { return dim_; }
  const char* kind() const override { return "user"; }
  void energy(long replicas, const Real* x, Real* e) const override {
    py::gil_scoped_acquire lock;
    take("energy", energy_(points_of(replicas, x)), {replicas}, "R", e);
  }
  void gradient(long replicas, const Real* x, Real* e, Real* g) const override {
    py::gil_scoped_acquire lock;
    const auto pair =
        py::cast<std::pair<py::object, py::object>>(gradient_(points_of(replicas, x)));
    take("energy", pair.first, {replicas}, "R", e);
    take("gradient", pair.second, {replicas, dim_}, "RP", g);
  }

 private:
  long dim_;
  py::function gradient_, energy_;
  py::array_t<Real> points_of(long replicas, const Real* x) const {
    auto a = make<Real>("points", {replicas, dim_});
    std::copy_n(x, replicas * dim_, a.mutable_data());
    return a;
  }
  void take(const char* what, py::handle value, std::vector<long> shape, const char* letters,
            Real* to) const {
    const auto v = view<Real>(what, value, shape, letters);
    std::copy_n(v.data(), v.array.size(), to);
  }
};

template <class Real>
void add_handles(py::module_& m, const char* name, const char* mlp_name) {
  using H = Handle<Real>;
  py::class_<H>(m, name)
      .def_property_readonly("dim", [](const H& h) { return h.landscape->dim(); })
      .def_property_readonly("dtype", [](const H&) { return dtype_name<Real>(); })
      .def_property_readonly("kind", [](const H& h) { return h.landscape->kind(); })
      .def(
          "energy",
          [](const H& h, py::handle theta, int threads) {
            const auto x = batch(*h.landscape, theta);
            auto e = make<Real>("energy", {x.size(0)});
            released([&, out = e.mutable_data()] {
              batch_energy(*h.landscape, x.size(0), x.data(), out, threads, python_signals());
            });
            return e;
          },
          py::arg("theta"), py::arg("threads") = 0)
      .def(
          "gradient",
          [](const H& h, py::handle theta, int threads) {
            const auto x = batch(*h.landscape, theta);
            auto e = make<Real>("energy", {x.size(0)});
            auto g = make<Real>("gradient", {x.size(0), x.size(1)});
            released([&, e_out = e.mutable_data(), g_out = g.mutable_data()] {
              batch_gradient(*h.landscape, x.size(0), x.data(), e_out, g_out, threads,
                             python_signals());
            });
            return py::make_tuple(e, g);
          },
          py::arg("theta"), py::arg("threads") = 0)
      .def(
          "hvp",
          [](const H& h, py::handle theta, py::handle v, int threads) {
            const auto x = batch(*h.landscape, theta);
            const auto directions = points<Real>("v", v, x.size(1), x.size(0));
            auto hv = make<Real>("hvp", {x.size(0), x.size(1)});
            released([&, out = hv.mutable_data()] {
              batch_product(*h.landscape, x.size(0), x.data(), directions.data(), out, threads,
                            python_signals());
            });
            return hv;
          },
          py::arg("theta"), py::arg("v"), py::arg("threads") = 0)
      .def(
          "hessian",
          [](const H& h, py::handle theta, int threads) {
            const auto x = batch(*h.landscape, theta);
            auto out = make<Real>("hessian", {x.size(0), x.size(1), x.size(1)});
            released([&, to = out.mutable_data()] {
              batch_hessian(*h.landscape, x.size(0), x.data(), to, threads, python_signals());
            });
            return out;
          },
          py::arg("theta"), py::arg("threads") = 0);

  using M = MlpHandle<Real>;
  const auto per_sample = [](PerSample what) {
    return [what](const M& h, py::handle theta, int threads) {
      if (what == PerSample::margins && h.network().shape().loss == Loss::mse)
        throw py::value_error("margins: expected a classification loss, got mse");
      const auto x = batch(*h.landscape, theta);
      auto out = make<Real>("per-sample values", {x.size(0), h.landscape->samples()});
      released([&, to = out.mutable_data()] {
        h.network().per_sample(what, x.size(0), x.data(), to, threads, python_signals());
      });
      return out;
    };
  };
  py::class_<M, H>(m, mlp_name)
      .def("sample_losses", per_sample(PerSample::losses), py::arg("theta"), py::arg("threads") = 0)
      .def("margins", per_sample(PerSample::margins), py::arg("theta"), py::arg("threads") = 0)
      .def(
          "predict",
          [](const M& h, py::handle theta, py::handle inputs, int threads) {
            const auto x = points<Real>("theta", theta, h.landscape->dim());
            const MlpShape& shape = h.network().shape();
            const bool shared = !py::isinstance<py::array>(inputs) ||
                                py::reinterpret_borrow<py::array>(inputs).ndim() != 3;
            const auto in =
                shared ? view<Real>("inputs", inputs, {any_size, shape.inputs()}, "Nd")
                       : view<Real>("inputs", inputs, {x.size(0), any_size, shape.inputs()}, "RNd");
            const long samples = in.size(shared ? 0 : 1);
            auto out = make<Real>("predictions", {x.size(0), samples, shape.outputs()});
            released([&, to = out.mutable_data()] {
              h.network().predict(x.size(0), x.data(), samples, in.data(), !shared, to, threads,
                                  python_signals());
            });
            return out;
          },
          py::arg("theta"), py::arg("inputs"), py::arg("threads") = 0);
}

template <class Real>
py::object make_mlp(const MlpShape& shape, py::handle inputs, py::handle targets) {
  const auto rank = [](py::handle a) {
    return py::isinstance<py::array>(a) ? py::reinterpret_borrow<py::array>(a).ndim() : 0;
  };
  const bool many_inputs = rank(inputs) == 3, many_targets = rank(targets) == 3;
  const auto in = many_inputs
                      ? view<Real>("inputs", inputs, {any_size, any_size, shape.inputs()}, "RNd")
                      : view<Real>("inputs", inputs, {any_size, shape.inputs()}, "Nd");
  const long samples = in.size(many_inputs ? 1 : 0);
  const auto out = many_targets
                       ? view<Real>("targets", targets, {any_size, samples, shape.targets()}, "RNo")
                       : view<Real>("targets", targets, {samples, shape.targets()}, "No");
  MlpData<Real> data;
  data.inputs.assign(in.data(), in.data() + in.array.size());
  data.targets.assign(out.data(), out.data() + out.array.size());
  data.samples = samples;
  data.input_replicas = many_inputs ? in.size(0) : 0;
  data.target_replicas = many_targets ? out.size(0) : 0;
  check_mlp_data(data);
  MlpHandle<Real> handle;
  handle.landscape = make_mlp(shape, std::move(data));
  return py::cast(std::move(handle));
}

// f(Real{}) for the dtype named.
template <class F>
py::object for_dtype(const std::string& dtype, F f) {
  if (dtype == "float32") return f(float{});
  if (dtype == "float64") return f(double{});
  throw py::value_error("dtype: expected 'float32' or 'float64', got '" + dtype + "'");
}

}  // namespace

template <class Real>
LandscapePtr<Real> landscape_of(py::handle object) {
  if (!py::isinstance<Handle<Real>>(object))
    throw py::type_error(std::string("landscape: expected a ") + dtype_name<Real>() +
                         " landscape of this target, got " +
                         py::cast<std::string>(py::str(py::type::of(object))) +
                         ". Make all landscapes with one dtype and one device.");
  return py::cast<const Handle<Real>&>(object).landscape;
}
template LandscapePtr<float> landscape_of(py::handle);
template LandscapePtr<double> landscape_of(py::handle);

template <class Real>
py::object handle_of(LandscapePtr<Real> landscape) {
  return py::cast(Handle<Real>{std::move(landscape)});
}
template py::object handle_of(LandscapePtr<float>);
template py::object handle_of(LandscapePtr<double>);

bool is_single(py::handle landscape) { return py::isinstance<Handle<float>>(landscape); }

void add_landscapes(py::module_& m) {
  add_handles<float>(m, "Landscape32", "Mlp32");
  add_handles<double>(m, "Landscape64", "Mlp64");

  m.def(
      "formula",
      [](const std::string& name, long dim, const py::dict& parameters, const std::string& dtype) {
        FormulaParameters numbers;
        for (const auto& [key, value] : parameters) {
          const auto text = py::cast<std::string>(key);
          const auto array =
              py::array_t<double, py::array::c_style | py::array::forcecast>::ensure(value);
          if (!array) throw py::error_already_set();
          numbers[text].assign(array.data(), array.data() + array.size());
        }
        return for_dtype(dtype, [&](auto real) {
          return py::cast(Handle<decltype(real)>{make_formula<decltype(real)>(name, dim, numbers)});
        });
      },
      py::arg("name"), py::arg("dim"), py::arg("parameters"), py::arg("dtype"));

  m.def(
      "mlp",
      [](const std::vector<int>& layer_sizes, const std::string& activation,
         const std::string& loss, const std::vector<double>& scales, bool bias, double weight_decay,
         py::handle inputs, py::handle targets, const std::string& dtype) {
        const MlpShape shape =
            make_mlp_shape(layer_sizes, activation, loss, scales, bias, weight_decay);
        return for_dtype(
            dtype, [&](auto real) { return make_mlp<decltype(real)>(shape, inputs, targets); });
      },
      py::arg("layer_sizes"), py::arg("activation"), py::arg("loss"), py::arg("scales"),
      py::arg("bias"), py::arg("weight_decay"), py::arg("inputs"), py::arg("targets"),
      py::arg("dtype"));

  m.def("sum", [](const py::list& terms) {
    if (terms.empty()) throw py::value_error("terms: expected at least one landscape, got none");
    const auto join = [&](auto real) {
      std::vector<LandscapePtr<decltype(real)>> parts;
      for (const auto& term : terms) parts.push_back(landscape_of<decltype(real)>(term));
      return py::cast(Handle<decltype(real)>{make_sum<decltype(real)>(std::move(parts))});
    };
    return is_single(terms[0]) ? join(float{}) : join(double{});
  });

  m.def(
      "callback",
      [](long dim, const std::string& dtype, py::function gradient, py::function energy) {
        return for_dtype(dtype, [&](auto real) {
          using R = decltype(real);
          return py::cast(Handle<R>{std::make_shared<UserLandscape<R>>(dim, gradient, energy)});
        });
      },
      py::arg("dim"), py::arg("dtype"), py::arg("gradient"), py::arg("energy"));
}

}  // namespace thalweg::bindings
