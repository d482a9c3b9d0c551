// What there is of devices, for targets that have them; arrays that are on a device already.
#include <pybind11/stl.h>

#include <thalweg/engine/devices.hpp>

#include "bindings.hpp"

namespace thalweg::bindings {
namespace {

// DLPack's structures, version 0.8 (https://dmlc.github.io/dlpack): they are its binary interface.
struct DlTensor {
  void* data;
  struct {
    int kind, number;
  } device;
  int ndim;
  struct {
    std::uint8_t code, bits;
    std::uint16_t lanes;
  } dtype;
  std::int64_t *shape, *strides;
  std::uint64_t byte_offset;
};
struct DlManaged {
  DlTensor tensor;
  void* context;
  void (*deleter)(DlManaged*);
};

// A result that stays on the device, C-contiguous.
struct DeviceArray {
  std::shared_ptr<void> memory;
  int device, bytes_per_number;
  std::vector<long> shape;

  const char* type_text() const { return bytes_per_number == 4 ? "<f4" : "<f8"; }
  std::size_t bytes() const {
    std::size_t n = static_cast<std::size_t>(bytes_per_number);
    for (const long size : shape) n *= static_cast<std::size_t>(size);
    return n;
  }
  py::dict cuda_array_interface() const {
    py::dict d;
    d["shape"] = py::tuple(py::cast(shape));
    d["typestr"] = type_text();
    d["data"] = py::make_tuple(reinterpret_cast<std::uintptr_t>(memory.get()), false);
    d["strides"] = py::none();
    d["stream"] = py::none();  // it is finished before it is handed out
    d["version"] = 3;
    return d;
  }
  py::array numpy() const {
    py::array out(py::dtype(type_text()), std::vector<py::ssize_t>(shape.begin(), shape.end()));
    copy_to_host(device, out.mutable_data(), memory.get(), bytes());
    return out;
  }
  py::capsule dlpack() const {
    struct Owner {
      DlManaged managed;
      std::shared_ptr<void> memory;
      std::vector<std::int64_t> shape;
    };
    auto* owner = new Owner{{}, memory, {shape.begin(), shape.end()}};
    DlManaged& m = owner->managed;
    m.tensor = {memory.get(),
                {dlpack_kind(), device},
                static_cast<int>(shape.size()),
                {2, static_cast<std::uint8_t>(8 * bytes_per_number), 1},
                owner->shape.data(),
                nullptr,
                0};
    m.context = owner;
    m.deleter = [](DlManaged* self) { delete static_cast<Owner*>(self->context); };
    // Whoever takes the tensor renames the capsule and calls the deleter; else it is called here.
    return py::reinterpret_steal<py::capsule>(PyCapsule_New(&m, "dltensor", [](PyObject* capsule) {
      if (!PyCapsule_IsValid(capsule, "dltensor")) return;
      auto* left = static_cast<DlManaged*>(PyCapsule_GetPointer(capsule, "dltensor"));
      left->deleter(left);
    }));
  }
};

// An array of another library, by its __cuda_array_interface__: [R, P] of the landscape's type.
template <class Real>
const Real* lent(const char* argument, py::handle array, const RemoteLandscape<Real>& landscape,
                 long& replicas) {
  const auto fail = [&](const std::string& what) {
    throw py::value_error(std::string(argument) + ": " + what);
  };
  const auto given = py::cast<py::dict>(array.attr("__cuda_array_interface__"));
  const auto type = py::cast<std::string>(given["typestr"]);
  const char* wanted = sizeof(Real) == 4 ? "<f4" : "<f8";
  if (type != wanted)
    throw py::type_error(std::string(argument) + ": expected " + dtype_name<Real>() +
                         " numbers on the device, got " + type);
  const auto shape = py::cast<std::vector<long>>(given["shape"]);
  const long own = landscape.data_replicas(), rows = replicas > 0 ? replicas : own;
  const std::vector<long> expected{rows > 0 ? rows : any_size, landscape.dim()};
  if (shape.size() != 2 || shape[1] != expected[1] || shape[0] < 1 ||
      (rows > 0 && shape[0] != rows))
    fail("expected an array " + shape_text(expected, "RP") + " on the device, got " +
         shape_text(shape, "RP"));
  if (given.contains("strides") && !given["strides"].is_none()) {
    const long size = sizeof(Real);
    if (py::cast<std::vector<long>>(given["strides"]) != std::vector<long>{shape[1] * size, size})
      fail("expected a C-contiguous array; make a copy of it");
  }
  const auto address = py::cast<std::uintptr_t>(py::cast<py::tuple>(given["data"])[0]);
  const void* data = reinterpret_cast<const void*>(address);
  if (const int there = device_of(data); there != landscape.device())
    fail("expected an array on device " + std::to_string(landscape.device()) +
         ", where the landscape is, got one on " +
         (there < 0 ? std::string("the host") : "device " + std::to_string(there)));
  replicas = shape[0];
  return static_cast<const Real*>(data);
}

template <class Real>
DeviceArray new_array(const char* what, int device, std::vector<long> shape) {
  DeviceArray out{nullptr, device, static_cast<int>(sizeof(Real)), std::move(shape)};
  out.memory = device_memory(device, out.bytes(), what);
  return out;
}

template <class Real>
py::object evaluate(py::handle handle, const std::string& work, const py::list& arrays) {
  const auto landscape = landscape_of<Real>(handle);
  const auto* there = dynamic_cast<const RemoteLandscape<Real>*>(landscape.get());
  if (!there) throw py::type_error("theta: this landscape is not on a device; copy it to the host");
  const int device = there->device();
  long R = 0;
  const Real* x = lent("theta", arrays[0], *there, R);
  const long P = landscape->dim();
  const auto number = [](const DeviceArray& a) { return static_cast<Real*>(a.memory.get()); };
  wait_for_device(device);
  if (work == "hvp") {
    const Real* v = lent("v", arrays[1], *there, R);
    auto hv = new_array<Real>("hvp", device, {R, P});
    released([&] { there->product_there(R, x, v, number(hv), python_signals()); });
    return py::cast(hv);
  }
  auto e = new_array<Real>("energy", device, {R});
  if (work == "energy") {
    released([&] { there->energy_there(R, x, number(e), python_signals()); });
    return py::cast(e);
  }
  auto g = new_array<Real>("gradient", device, {R, P});
  released([&] { there->gradient_there(R, x, number(e), number(g), python_signals()); });
  return py::make_tuple(e, g);
}

void add_arrays(py::module_& m) {
  py::class_<DeviceArray>(m, "DeviceArray")
      .def_property_readonly("shape",
                             [](const DeviceArray& a) { return py::tuple(py::cast(a.shape)); })
      .def_property_readonly("dtype", [](const DeviceArray& a) { return py::dtype(a.type_text()); })
      .def_property_readonly("__cuda_array_interface__", &DeviceArray::cuda_array_interface)
      .def("__dlpack_device__",
           [](const DeviceArray& a) {
             return py::make_tuple(dlpack_kind(), dlpack_kind() == 1 ? 0 : a.device);
           })
      .def("__dlpack__",
           [](const DeviceArray& a, const py::args&, const py::kwargs&) { return a.dlpack(); })
      .def("numpy", &DeviceArray::numpy);
  m.def(
      "evaluate_there",
      [](py::handle landscape, const std::string& work, const py::list& arrays) {
        return is_single(landscape) ? evaluate<float>(landscape, work, arrays)
                                    : evaluate<double>(landscape, work, arrays);
      },
      py::arg("landscape"), py::arg("work"), py::arg("arrays"));
}

}  // namespace

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
  add_arrays(m);
}

}  // namespace thalweg::bindings
