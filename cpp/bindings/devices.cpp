// What there is of devices, for targets that have them.
#include <thalweg/engine/devices.hpp>

#include "bindings.hpp"

namespace thalweg::bindings {

void add_devices(py::module_& m) {
  m.def("why_no_device", &why_no_device);
  m.def("count_devices", &count_devices);
  m.def(
      "device_info",
      [](int device) {
        const DeviceInfo info = device_info(device);
        py::dict out;
        out["name"] = info.name;
        out["memory"] = info.memory;
        out["free_memory"] = info.free_memory;
        out["processors"] = info.processors;
        out["compute_capability"] = py::make_tuple(info.major, info.minor);
        return out;
      },
      py::arg("device"));
  m.def("use_device", &use_device, py::arg("device"));
}

}  // namespace thalweg::bindings
