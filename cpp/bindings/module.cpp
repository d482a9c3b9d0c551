// One target as a Python module: a table of contents.
#include "bindings.hpp"

#define THALWEG_TEXT_OF(x) #x
#define THALWEG_TEXT(x) THALWEG_TEXT_OF(x)

PYBIND11_MODULE(THALWEG_TARGET_NAME, m) {
  namespace b = thalweg::bindings;
  m.doc() = "The thalweg core, compiled for one target.";
  m.def("name", [] { return THALWEG_TEXT(THALWEG_TARGET_NAME); });
  m.def("lanes", [](const std::string& dtype) {
#if defined(THALWEG_HAS_DEVICES)  // a thread of a device has one number to a register
    if (dtype == "float32" || dtype == "float64") return 1;
#else
    if (dtype == "float32") return thalweg::native_lanes<float>;
    if (dtype == "float64") return thalweg::native_lanes<double>;
#endif
    throw pybind11::value_error("dtype: expected 'float32' or 'float64', got '" + dtype + "'");
  });
  m.def("default_threads", &thalweg::default_threads);
  b::add_errors(m);
  b::add_functions(m);
  b::add_random(m);
  b::add_landscapes(m);
  b::add_superpotentials(m);
  b::add_dynamics(m);
#if defined(THALWEG_HAS_DEVICES)
  b::add_devices(m);
#endif
}
