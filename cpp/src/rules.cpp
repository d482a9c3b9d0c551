#include "rules.hpp"

namespace thalweg {

template <class Real>
std::map<std::string, RuleMaker<Real>>& rule_makers() {
  static std::map<std::string, RuleMaker<Real>> makers;
  return makers;
}
template std::map<std::string, RuleMaker<float>>& rule_makers();
template std::map<std::string, RuleMaker<double>>& rule_makers();

template <class Real>
std::unique_ptr<Rule<Real>> make_rule(const std::string& name, const Options& options) {
  const auto& makers = rule_makers<Real>();
  const auto maker = makers.find(name);
  if (maker == makers.end())
    throw std::invalid_argument("rule: no dynamics is called '" + name + "'");
  return maker->second(options);
}
template std::unique_ptr<Rule<float>> make_rule(const std::string&, const Options&);
template std::unique_ptr<Rule<double>> make_rule(const std::string&, const Options&);

template <class Real>
std::vector<Observable> Rule<Real>::observables_named(const std::vector<std::string>& names) const {
  std::vector<Observable> wanted;
  for (const std::string& name : names) {
    const auto known = std::find(observables.begin(), observables.end(), name);
    const auto found = std::find(std::begin(observable_names), std::end(observable_names), name);
    if (known == observables.end() || found == std::end(observable_names))
      throw std::invalid_argument("observables: this dynamics does not record '" + name + "'");
    wanted.push_back(static_cast<Observable>(found - std::begin(observable_names)));
  }
  return wanted;
}
template std::vector<Observable> Rule<float>::observables_named(
    const std::vector<std::string>&) const;
template std::vector<Observable> Rule<double>::observables_named(
    const std::vector<std::string>&) const;

}  // namespace thalweg
