// The factories of landscapes given by formulas, for this target.
#include <thalweg/engine/formula_source.hpp>
#include <thalweg/engine/superpotential.hpp>

#include "formulas_landscape.hpp"

namespace thalweg::cuda {
namespace {

// A formula's parameters, checked, with its arrays in device memory.
template <class Real>
class DeviceSource {
 public:
  const long dim;

  DeviceSource(const char* formula, long dim, const FormulaParameters& parameters)
      : dim(dim), source_(formula, dim, parameters), tables_(std::make_shared<Tables<Real>>()) {}
  bool has(const char* name) const { return source_.has(name); }
  Real scalar(const char* name) { return source_.scalar(name); }
  const Real* array(const char* name, long size) {
    const Real* host = source_.array(name, size);
    tables_->numbers.emplace_back(host, size, name);
    return tables_->numbers.back().data();
  }
  void require_dim(long wanted) const { source_.require_dim(wanted); }
  void refuse_unknown() const { source_.refuse_unknown(); }
  std::shared_ptr<const Tables<Real>> tables() const { return tables_; }

 private:
  FormulaSource<Real> source_;
  std::shared_ptr<Tables<Real>> tables_;
};

}  // namespace
}  // namespace thalweg::cuda

namespace thalweg {

template <class Real>
LandscapePtr<Real> make_formula(const std::string& name, long dim,
                                const FormulaParameters& parameters) {
  using namespace cuda;
  const Use use(current_device());
  Term<Real> term{};
#define THALWEG_MAKE(F)                                                      \
  if (name == F<Real>::name) {                                               \
    DeviceSource<Real> source(F<Real>::name, dim, parameters);               \
    term.kind = TermKind::F;                                                 \
    term.as_##F = F<Real>::from(source);                                     \
    source.refuse_unknown();                                                 \
    return std::make_shared<FormulasLandscape<Real>>(                        \
        F<Real>::name, dim, term.as_##F.upper_bound(), 0, std::vector{term}, \
        std::vector{source.tables()});                                       \
  }
  THALWEG_FORMULAS(THALWEG_MAKE)
#undef THALWEG_MAKE
  throw std::invalid_argument("name: no compiled landscape is called '" + name + "'");
}

template <class Real>
LandscapePtr<Real> make_superpotential(const Polynomial& w) {
  using namespace cuda;
  const MonomialTable<Real> table(w);
  const Use use(current_device());
  const auto tables = std::make_shared<Tables<Real>>();
  tables->indices.emplace_back(table.indices.data(), table.indices.size(), "indices");
  tables->numbers.emplace_back(table.coefficients.data(), table.coefficients.size(),
                               "coefficients");
  Term<Real> term{};
  term.kind = TermKind::Superpotential;
  term.as_superpotential = table.formula;
  term.as_superpotential.indices = tables->indices[0].data();
  term.as_superpotential.coefficients = tables->numbers[0].data();
  const std::vector<std::shared_ptr<const Tables<Real>>> kept{tables};
  return std::make_shared<FormulasLandscape<Real>>("superpotential", 2 * w.variables,
                                                   std::numeric_limits<Real>::infinity(),
                                                   w.variables, std::vector{term}, kept);
}

#define THALWEG_INSTANTIATE(R)                                                               \
  template LandscapePtr<R> make_formula(const std::string&, long, const FormulaParameters&); \
  template LandscapePtr<R> make_superpotential(const Polynomial&);
THALWEG_INSTANTIATE(float)
THALWEG_INSTANTIATE(double)
#undef THALWEG_INSTANTIATE

}  // namespace thalweg
