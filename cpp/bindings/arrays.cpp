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

namespace {

std::string text_of(const py::dtype& dtype) {
  return py::cast<std::string>(py::str(static_cast<py::handle>(dtype)));
}

// "theta: expected float64 array [R, 641], got ...; mend".
std::string complaint(const char* argument, const py::dtype& dtype, const std::vector<long>& shape,
                      const char* letters, const std::string& got, const std::string& mend) {
  return std::string(argument) + ": expected " + text_of(dtype) + " array " +
         shape_text(shape, letters) + ", got " + got + "; " + mend;
}

}  // namespace

py::array checked(const char* argument, py::handle value, const py::dtype& dtype,
                  const std::vector<long>& shape, const char* letters) {
  const auto complain = [&](const std::string& got, const std::string& mend) {
    return complaint(argument, dtype, shape, letters, got, mend);
  };
  if (!py::isinstance<py::array>(value))
    throw py::type_error(complain(py::cast<std::string>(py::type::of(value).attr("__name__")),
                                  "use numpy.asarray(..., dtype=\"" + text_of(dtype) + "\")"));
  const auto array = py::reinterpret_borrow<py::array>(value);
  const auto got = [&] {
    return text_of(array.dtype()) + " array " +
           shape_text({array.shape(), array.shape() + array.ndim()}, letters);
  };
  if (!array.dtype().equal(dtype))
    throw py::type_error(complain(got(), "convert it with .astype(\"" + text_of(dtype) + "\")"));
  const std::size_t rank = static_cast<std::size_t>(array.ndim());
  if (rank != shape.size())
    throw py::value_error(
        complain(got(), rank + 1 == shape.size()
                            ? "a single point is a batch of one: add an axis with [None]"
                            : "give an array with " + std::to_string(shape.size()) + " axes"));
  for (std::size_t i = 0; i < rank; ++i)
    if (shape[i] != any_size && shape[i] != array.shape(static_cast<int>(i)))
      throw py::value_error(complain(got(), std::string("axis ") + letters[i] + " must have size " +
                                                std::to_string(shape[i])));
  if (!(array.flags() & py::array::c_style))
    throw py::value_error(
        complain(got() + " that is not C-contiguous", "use numpy.ascontiguousarray"));
  return array;
}

StopQuestion python_signals() {
  return [] {
    py::gil_scoped_acquire lock;
    return PyErr_CheckSignals() != 0;
  };
}

}  // namespace thalweg::bindings
