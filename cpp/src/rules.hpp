// What the rules share: options, names, and how a motion becomes a rule.
#pragma once

#include <thalweg/engine/dynamics.hpp>

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

// A rule from a motion; what is left is to read the options and to name things.
template <class Real, template <class> class M>
class MotionRule : public Rule<Real> {
 public:
  using S = Lanes<Real>;
  using typename Rule<Real>::Truth;

  Motion<Real> motion() const override { return motion_; }
  Slots slots() const override { return motion_.slots; }
  Known known_at_start() const override { return motion_.known_at_start(); }
  void enter(Ensemble<Real>& ensemble, long first_step) const override {
    motion_.enter(ensemble, first_step);
  }
  Known step(Ensemble<Real>& ensemble, long step, Known after) const override {
    return motion_.step(ensemble, step, after);
  }
  Truth lost(Walkers<Real>& w, long step) const override { return motion_.lost(w, step); }
  S observe(const Walkers<Real>& w, Observable what) const override {
    return motion_.observe(w, what);
  }

 protected:
  M<Real> motion_{};

  // Once all names are in place: room for them, and for what lives during a call only.
  void settle(int temporary_vectors, int temporary_scalars) {
    motion_.slots = {static_cast<int>(this->vectors.size()), static_cast<int>(this->scalars.size()),
                     temporary_vectors, temporary_scalars,
                     static_cast<int>(this->parameters.size())};
  }
  // The slot of a carried vector or scalar, named last.
  static int add(std::vector<std::string>& names, const char* name, int first) {
    names.push_back(name);
    return first + static_cast<int>(names.size()) - 1;
  }
};

}  // namespace thalweg
