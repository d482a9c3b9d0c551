// Polynomials checked, and sorted for the formula.
#include <thalweg/engine/superpotential.hpp>

namespace thalweg {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::invalid_argument("monomials: " + what);
}

}  // namespace

void check_polynomial(const Polynomial& w) {
  constexpr int highest = Superpotential<double>::highest_degree;
  if (w.variables < 1) fail("expected at least one variable");
  std::size_t total = 0;
  for (const int degree : w.degrees) {
    if (degree < 1 || degree > highest)
      fail("expected degrees from 1 to " + std::to_string(highest) + ", got " +
           std::to_string(degree));
    total += static_cast<std::size_t>(degree);
  }
  if (total != w.indices.size() || w.coefficients.size() != w.degrees.size())
    fail("expected one coefficient each and as many indices as degrees say");
  for (const int index : w.indices)
    if (index < 0 || index >= w.variables)
      fail("expected indices from 0 to " + std::to_string(w.variables - 1) + ", got " +
           std::to_string(index));
}

}  // namespace thalweg
