// The one check of arrays that come in, and how arrays go out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <new>
#include <string>
#include <thalweg/engine/threads.hpp>
#include <vector>

namespace thalweg::bindings {

namespace py = pybind11;

template <class Real>
constexpr const char* dtype_name() {
  return sizeof(Real) == 4 ? "float32" : "float64";
}

constexpr long any_size = -1;

// "[3, 641]", with letters for sizes that are free.
std::string shape_text(const std::vector<long>& shape, const char* letters);

// A read-only view of a C-contiguous array of exactly this type and shape. Wrong type: TypeError;
// wrong rank, size or order: ValueError; each names the argument, what was expected and what came.
// `letters` names the axes in messages: "RP".
py::array checked(const char* argument, py::handle value, const py::dtype& dtype,
                  const std::vector<long>& shape, const char* letters);

template <class T>
struct View {
  py::array array;
  const T* data() const { return static_cast<const T*>(array.data()); }
  long size(int axis) const { return array.shape(axis); }
  int rank() const { return static_cast<int>(array.ndim()); }
};
template <class T>
View<T> view(const char* argument, py::handle value, const std::vector<long>& shape,
             const char* letters) {
  return {checked(argument, value, py::dtype::of<T>(), shape, letters)};
}
// A batch of points: [R, P] with R >= 1.
template <class T>
View<T> points(const char* argument, py::handle value, long dim, long replicas = any_size) {
  View<T> v = view<T>(argument, value, {replicas, dim}, "RP");
  if (v.size(0) == 0)
    throw py::value_error(std::string(argument) +
                          ": expected at least one replica (R >= 1), got R = 0");
  return v;
}

// A new array, not initialised; memory that cannot be had is told with its size.
template <class T>
py::array_t<T> make(const char* what, const std::vector<long>& shape) {
  double bytes = sizeof(T);
  for (const long n : shape) bytes *= static_cast<double>(n);
  try {
    return py::array_t<T>(std::vector<py::ssize_t>(shape.begin(), shape.end()));
  } catch (const std::exception&) {
    PyErr_Clear();
    PyErr_Format(PyExc_MemoryError, "%s: could not allocate %.0f MiB; use fewer replicas at a time",
                 what, bytes / (1 << 20));
    throw py::error_already_set();
  }
}

// Whether Python has a signal to handle, Ctrl-C among them. Takes the lock it needs.
StopQuestion python_signals();

// Runs work without the interpreter lock; an interrupted loop raises what the signal handler
// raised.
template <class Work>
void released(Work work) {
  bool interrupted = false;
  {
    py::gil_scoped_release release;
    try {
      work();
    } catch (const Interrupted&) {
      interrupted = true;
    }
  }
  if (interrupted) throw py::error_already_set();
}

}  // namespace thalweg::bindings
