#include <thalweg/engine/formula_source.hpp>
#include <thalweg/engine/formulas.hpp>
#include <thalweg/landscapes/catalogue.hpp>

namespace thalweg {
namespace {

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
    FormulaSource<Real> source(Formula<Real>::name, dim_, parameters);
    const Formula<Real> formula = Formula<Real>::from(source);
    source.refuse_unknown();
    arrays_ = source.take_arrays();
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
