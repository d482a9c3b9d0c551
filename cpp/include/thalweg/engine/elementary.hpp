// The elementary functions over arrays, by name: through packs, or one plain number at a time.
#pragma once

#include <string>

namespace thalweg {

template <class Real>
void elementary(const std::string& function, bool scalar, long count, const Real* x, Real* y);

}  // namespace thalweg
