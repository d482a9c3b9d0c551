// The one place where C++ exceptions become Python's.
#include "bindings.hpp"

namespace thalweg::bindings {

// std::invalid_argument and std::bad_alloc already become ValueError and MemoryError.
void add_errors(py::module_&) {
  py::register_local_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::length_error&) {  // a vector longer than memory can be
      PyErr_SetString(PyExc_MemoryError,
                      "the arrays asked for are larger than memory can be; use fewer "
                      "replicas, samples or records at a time");
    }
  });
}

}  // namespace thalweg::bindings
