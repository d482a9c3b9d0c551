// Landscapes made from one formula each (catalogue.hpp), or as the sum of others.
#pragma once

#include <map>
#include <thalweg/engine/landscape.hpp>

namespace thalweg {

// Numbers a formula is made from, by name.
using FormulaParameters = std::map<std::string, std::vector<double>>;

template <class Real>
LandscapePtr<Real> make_formula(const std::string& name, long dim, const FormulaParameters&);

template <class Real>
LandscapePtr<Real> make_sum(std::vector<LandscapePtr<Real>> terms);

}  // namespace thalweg
