// How a formula comes by its parameters.
#pragma once

#include <deque>
#include <set>
#include <thalweg/engine/formulas.hpp>

namespace thalweg {

// Hands a formula its parameters, checked, and owns the arrays it points to.
template <class Real>
class FormulaSource {
 public:
  const long dim;

  FormulaSource(const char* formula, long dim, const FormulaParameters& parameters)
      : dim(dim), formula_(formula), parameters_(parameters) {
    if (dim < 1)
      throw std::invalid_argument("dim: expected at least 1, got " + std::to_string(dim));
  }
  bool has(const char* name) const { return parameters_.count(name) > 0; }
  Real scalar(const char* name) { return array(name, 1)[0]; }
  const Real* array(const char* name, long size) {
    const auto found = parameters_.find(name);
    if (found == parameters_.end())
      fail(name, "expected " + std::to_string(size) + " numbers, got none");
    if (static_cast<long>(found->second.size()) != size)
      fail(name, "expected " + std::to_string(size) + " numbers, got " +
                     std::to_string(found->second.size()));
    used_.insert(name);
    return arrays_.emplace_back(found->second.begin(), found->second.end()).data();
  }
  void require_dim(long wanted) const {
    if (dim != wanted)
      fail("dim", "expected " + std::to_string(wanted) + ", got " + std::to_string(dim));
  }
  void refuse_unknown() const {
    for (const auto& [name, values] : parameters_)
      if (!used_.count(name)) fail(name.c_str(), "is not a parameter of this landscape");
  }

  // The arrays that the formula points to: a deque's elements stay where they are when it moves.
  std::deque<std::vector<Real>> take_arrays() { return std::move(arrays_); }

 private:
  const char* formula_;
  const FormulaParameters& parameters_;
  std::set<std::string> used_;
  std::deque<std::vector<Real>> arrays_;

  [[noreturn]] void fail(const char* name, const std::string& what) const {
    throw std::invalid_argument(std::string(formula_) + " " + name + ": " + what);
  }
};

}  // namespace thalweg
