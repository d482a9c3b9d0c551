#include "arrays.hpp"

namespace thalweg::bindings {

std::string shape_text(const std::vector<long>& shape, const char* letters) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i) text += ", ";
    text += shape[i] == any_size ? std::string(1, letters[i]) : std::to_string(shape[i]);
  }
  return text + "]";
}

py::array checked(const char* argument, py::handle value, const py::dtype& dtype,
                  const std::vector<long>& shape, const char* letters) {
  const std::string expected =
      std::string(py::str(static_cast<py::handle>(dtype))) + " array " + shape_text(shape, letters);
  const auto complain = [&](const std::string& got, const std::string& mend) {
    return std::string(argument) + ": expected " + expected + ", got " + got + "; " + mend;
  };
  if (!py::isinstance<py::array>(value))
    throw py::type_error(complain(std::string(py::str(py::type::of(value).attr("__name__"))),
                                  "use numpy.asarray(..., dtype=" +
                                      std::string(py::str(static_cast<py::handle>(dtype))) + ")"));
  const auto array = py::reinterpret_borrow<py::array>(value);
  std::vector<long> sizes(array.shape(), array.shape() + array.ndim());
  const std::string got = std::string(py::str(static_cast<py::handle>(array.dtype()))) + " array " +
                          shape_text(sizes, letters);
  if (!array.dtype().equal(dtype))
    throw py::type_error(complain(got, "convert it with .astype(\"" +
                                           std::string(py::str(static_cast<py::handle>(dtype))) +
                                           "\")"));
  if (sizes.size() != shape.size())
    throw py::value_error(
        complain(got, sizes.size() + 1 == shape.size()
                          ? "a single point is a batch of one: add an axis with [None]"
                          : "give an array with " + std::to_string(shape.size()) + " axes"));
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != any_size && shape[i] != sizes[i])
      throw py::value_error(complain(
          got, std::string("axis ") + letters[i] + " must have size " + std::to_string(shape[i])));
  if (!(array.flags() & py::array::c_style))
    throw py::value_error(
        complain(got + " that is not C-contiguous", "use numpy.ascontiguousarray"));
  return array;
}

StopQuestion python_signals() {
  return [] {
    py::gil_scoped_acquire lock;
    return PyErr_CheckSignals() != 0;
  };
}

}  // namespace thalweg::bindings
