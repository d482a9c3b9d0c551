#include <thalweg/engine/superpotential.hpp>
#include <thalweg/landscapes/superpotential.hpp>

namespace thalweg {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::invalid_argument("monomials: " + what);
}

// The monomials sorted by degree, otherwise in their order.
template <class Real>
struct Table {
  std::vector<int> indices;
  std::vector<Real> coefficients;
  Superpotential<Real> formula;

  explicit Table(const Polynomial& w) {
    constexpr int highest = Superpotential<Real>::highest_degree;
    check_polynomial(w);
    formula.variables = w.variables;
    long count = formula.first[0] = 0;
    for (int degree = 1; degree <= highest; ++degree) {
      formula.first[degree] = count;
      const int* at = w.indices.data();
      for (std::size_t m = 0; m < w.degrees.size(); at += w.degrees[m++]) {
        if (w.degrees[m] != degree) continue;
        indices.insert(indices.end(), at, at + degree);
        coefficients.push_back(static_cast<Real>(w.coefficients[m].real()));
        coefficients.push_back(static_cast<Real>(w.coefficients[m].imag()));
        ++count;
      }
    }
    formula.first[highest + 1] = count;
    formula.indices = indices.data();
    formula.coefficients = coefficients.data();
  }
};

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
  SuperpotentialLandscape(const SuperpotentialLandscape&) = delete;  // the formula points inside
  long dim() const override { return 2 * table_.formula.variables; }
  const char* kind() const override { return "superpotential"; }
  std::unique_ptr<Evaluator<Real>> evaluator() const override {
    return std::make_unique<SuperpotentialEvaluator<Real>>(table_.formula);
  }

 private:
  Table<Real> table_;
};

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

template <class Real>
LandscapePtr<Real> make_superpotential(const Polynomial& w) {
  return std::make_shared<SuperpotentialLandscape<Real>>(w);
}

template LandscapePtr<float> make_superpotential(const Polynomial&);
template LandscapePtr<double> make_superpotential(const Polynomial&);

}  // namespace thalweg
