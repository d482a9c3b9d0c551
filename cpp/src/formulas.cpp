#include <deque>
#include <set>
#include <thalweg/engine/formulas.hpp>
#include <thalweg/landscapes/catalogue.hpp>

namespace thalweg {
namespace {

// Hands a formula its parameters, checked, and owns the arrays it points to.
template <class Real>
class Source {
 public:
  const long dim;

  Source(const char* formula, long dim, const FormulaParameters& parameters)
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

 private:
  const char* formula_;
  const FormulaParameters& parameters_;
  std::set<std::string> used_;
  std::deque<std::vector<Real>> arrays_;

  [[noreturn]] void fail(const char* name, const std::string& what) const {
    throw std::invalid_argument(std::string(formula_) + " " + name + ": " + what);
  }
  template <class, template <class> class>
  friend class FormulaLandscape;
};

template <class Real, class Formula>
class FormulaEvaluator final : public Evaluator<Real> {
 public:
  using S = Lanes<Real>;
  explicit FormulaEvaluator(const Formula& formula) : formula_(formula) {}

  S energy(const S* x) override { return formula_.evaluate(plain(x), NoGradient<S>{}); }
  S gradient(const S* x, S* g) override { return formula_.evaluate(plain(x), Gradient<S>{g}); }
  void product(const S* x, const S* v, S* hv) override {
    const Array<Dual<S>> point{const_cast<S*>(x), const_cast<S*>(v)};
    formula_.evaluate(point, Gradient<Dual<S>>{hv});
  }

 private:
  const Formula& formula_;
  static Array<S> plain(const S* x) { return {const_cast<S*>(x)}; }  // formulas only read points
};

template <class Real, template <class> class Formula>
class FormulaLandscape final : public Landscape<Real> {
 public:
  FormulaLandscape(long dim, const FormulaParameters& parameters)
      : dim_(dim), formula_(make(parameters)) {}
  long dim() const override { return dim_; }
  Real upper_bound() const override { return formula_.upper_bound(); }
  const char* kind() const override { return Formula<Real>::name; }
  std::unique_ptr<Evaluator<Real>> evaluator() const override {
    return std::make_unique<FormulaEvaluator<Real, Formula<Real>>>(formula_);
  }

 private:
  long dim_;
  std::deque<std::vector<Real>> arrays_;  // what formula_ points to
  Formula<Real> formula_;

  Formula<Real> make(const FormulaParameters& parameters) {
    Source<Real> source(Formula<Real>::name, dim_, parameters);
    const Formula<Real> formula = Formula<Real>::from(source);
    source.refuse_unknown();
    arrays_ = std::move(source.arrays_);  // a deque's elements stay where they are
    return formula;
  }
};

}  // namespace

template <class Real>
LandscapePtr<Real> make_formula(const std::string& name, long dim,
                                const FormulaParameters& parameters) {
#define THALWEG_MAKE(F) \
  if (name == F<Real>::name) return std::make_shared<FormulaLandscape<Real, F>>(dim, parameters);
  THALWEG_FORMULAS(THALWEG_MAKE)
#undef THALWEG_MAKE
  throw std::invalid_argument("name: no compiled landscape is called '" + name + "'");
}

template LandscapePtr<float> make_formula(const std::string&, long, const FormulaParameters&);
template LandscapePtr<double> make_formula(const std::string&, long, const FormulaParameters&);

}  // namespace thalweg
