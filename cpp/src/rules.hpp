// What the rules share: options, noise, and loops over the coordinates of a block.
#pragma once

#include <thalweg/engine/dynamics.hpp>
#include <thalweg/engine/noise.hpp>

namespace thalweg {

// Reads a rule's options; complains of unknown and missing ones.
class OptionReader {
 public:
  OptionReader(const char* rule, const Options& options) : rule_(rule), left_(options) {}
  double number(const char* name) {
    const auto found = left_.find(name);
    if (found == left_.end())
      throw std::invalid_argument(std::string(rule_) + " " + name +
                                  ": expected a number, got nothing");
    const double value = found->second;
    left_.erase(found);
    return value;
  }
  bool flag(const char* name) { return number(name) != 0; }
  void done() const {
    if (!left_.empty())
      throw std::invalid_argument(std::string(rule_) + ": unknown option '" + left_.begin()->first +
                                  "'");
  }

 private:
  const char* rule_;
  Options left_;
};

// The rules there are, by name. A rule's file enters it here with one line at its end:
//   const Registered<LangevinRule> langevin("langevin");
template <class Real>
using RuleMaker = std::unique_ptr<Rule<Real>> (*)(const Options&);
template <class Real>
std::map<std::string, RuleMaker<Real>>& rule_makers();

template <template <class> class R>
struct Registered {
  explicit Registered(const char* name) {
    enter<float>(name);
    enter<double>(name);
  }

 private:
  template <class Real>
  static void enter(const char* name) {
    rule_makers<Real>()[name] = [](const Options& options) -> std::unique_ptr<Rule<Real>> {
      return std::make_unique<R<Real>>(options);
    };
  }
};

// What every rule with a full gradient can tell.
template <class Real>
Lanes<Real> observe_point(const Walkers<Real>& w, const std::string& name) {
  using W = Walkers<Real>;
  if (name == "squared_norm") return w.squared_norm(w.vector(W::x));
  if (name == "gradient_squared_norm") return w.squared_norm(w.vector(W::g));
  if (name == "virial") return w.dot(w.vector(W::x), w.vector(W::g));
  throw std::invalid_argument("observables: this dynamics does not record '" + name + "'");
}

// sum += x, with what rounding loses kept in `rest` (Kahan): float32 counts and times go on
// growing.
template <class S>
THALWEG_INLINE void add_to(S& sum, S& rest, S x) {
  const S y = x + rest, next = sum + y;
  rest = y - (next - sum);
  sum = next;
}

// Mirrors points that left through a hard lid; nothing where there is none.
template <class S>
THALWEG_INLINE S inside(S x, S bound) {
  return bound - abs(bound - x);
}
template <class Real>
void keep_inside(Walkers<Real>& w, int vector, Lanes<Real> bound) {
  if (!all(is_finite(bound))) return;
  Lanes<Real>* x = w.vector(vector);
  for (long i = 0; i < w.packs; ++i) x[i] = inside(x[i], bound);
}

}  // namespace thalweg
