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

}  // namespace thalweg
