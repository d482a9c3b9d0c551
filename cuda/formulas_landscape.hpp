// Landscapes of formulas on a device, with the memory that the terms point to.
#pragma once

#include "device_landscape.hpp"
#include "formulas.cuh"

namespace thalweg::cuda {

// What terms point to, in device memory; landscapes that share terms share it.
template <class Real>
struct Tables {
  std::vector<Buffer<Real>> numbers;
  std::vector<Buffer<int>> indices;
};

template <class Real>
class FormulasLandscape final : public LandscapeWithKernels<Real, Formulas> {
 public:
  using TablesPtr = std::shared_ptr<const Tables<Real>>;

  FormulasLandscape(const char* kind, long dim, Real bound, long variables,
                    std::vector<Term<Real>> terms, std::vector<TablesPtr> tables,
                    int device = current_device())
      : LandscapeWithKernels<Real, Formulas>(device),
        kind_(kind),
        terms_(std::move(terms)),
        tables_(std::move(tables)) {
    const Use use(this->device());
    on_device_ = {terms_.data(), terms_.size(), "a landscape's terms"};
    this->kernels_ = {dim, on_device_.data(), static_cast<int>(terms_.size()), variables, bound};
  }
  const char* kind() const override { return kind_; }
  const std::vector<Term<Real>>& terms() const { return terms_; }
  const std::vector<TablesPtr>& tables() const { return tables_; }

 private:
  const char* kind_;
  std::vector<Term<Real>> terms_;
  std::vector<TablesPtr> tables_;
  Buffer<Term<Real>> on_device_;
};

}  // namespace thalweg::cuda
