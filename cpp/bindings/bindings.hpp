// The parts of a target module; module.cpp is their table of contents.
#pragma once

#include <thalweg/engine/landscape.hpp>

#include "arrays.hpp"

namespace thalweg::bindings {

void add_errors(py::module_&);
void add_random(py::module_&);
void add_functions(py::module_&);
void add_landscapes(py::module_&);
void add_dynamics(py::module_&);
void add_superpotentials(py::module_&);
void add_devices(py::module_&);  // of targets that have devices

// The landscape behind a handle; is_single tells which of the two number types it has.
template <class Real>
LandscapePtr<Real> landscape_of(py::handle object);
bool is_single(py::handle landscape);
// A new handle.
template <class Real>
py::object handle_of(LandscapePtr<Real>);

}  // namespace thalweg::bindings
