#include <thalweg/engine/superpotential.hpp>
#include <thalweg/landscapes/superpotential.hpp>

namespace thalweg {
namespace {

template <class Real>
class SuperpotentialEvaluator final : public Evaluator<Real> {
 public:
  using S = Lanes<Real>;
  explicit SuperpotentialEvaluator(const Superpotential<Real>& formula)
      : formula_(formula), values_(formula.workspace(formula.variables)), tangents_(values_) {}

  S energy(const S* x) override { return formula_.evaluate(plain(x), NoGradient<S>{}, work()); }
  S gradient(const S* x, S* g) override {
    return formula_.evaluate(plain(x), Gradient<S>{g}, work());
  }
  void product(const S* x, const S* v, S* hv) override {
    const Array<Dual<S>> point{const_cast<S*>(x), const_cast<S*>(v)};
    formula_.evaluate(point, Gradient<Dual<S>>{hv},
                      Array<Dual<S>>{values_.data(), tangents_.data()});
  }

 private:
  const Superpotential<Real>& formula_;
  std::vector<S> values_, tangents_;
  Array<S> work() { return {values_.data()}; }
  static Array<S> plain(const S* x) { return {const_cast<S*>(x)}; }  // formulas only read points
};

template <class Real>
class SuperpotentialLandscape final : public Landscape<Real> {
 public:
  explicit SuperpotentialLandscape(const Polynomial& w) : table_(w) {}
  long dim() const override { return 2 * table_.formula.variables; }
  const char* kind() const override { return "superpotential"; }
  std::unique_ptr<Evaluator<Real>> evaluator() const override {
    return std::make_unique<SuperpotentialEvaluator<Real>>(table_.formula);
  }

 private:
  MonomialTable<Real> table_;
};

}  // namespace

template <class Real>
LandscapePtr<Real> make_superpotential(const Polynomial& w) {
  return std::make_shared<SuperpotentialLandscape<Real>>(w);
}

template LandscapePtr<float> make_superpotential(const Polynomial&);
template LandscapePtr<double> make_superpotential(const Polynomial&);

}  // namespace thalweg
