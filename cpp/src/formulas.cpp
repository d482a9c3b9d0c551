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

template <class Real>
class SumEvaluator final : public Evaluator<Real> {
 public:
  using S = Lanes<Real>;
  SumEvaluator(long dim, const std::vector<LandscapePtr<Real>>& terms) : part_(dim) {
    for (const auto& term : terms) terms_.push_back(term->evaluator());
    for (const auto& term : terms) has_samples_.push_back(term->samples() > 0);
  }
  void bind(const long* rows) override {
    for (auto& term : terms_) term->bind(rows);
  }
  void minibatch(const int* samples, int size) override {
    for (std::size_t t = 0; t < terms_.size(); ++t)
      if (has_samples_[t]) terms_[t]->minibatch(samples, size);
  }
  S energy(const S* x) override {
    S sum = terms_[0]->energy(x);
    for (std::size_t t = 1; t < terms_.size(); ++t) sum += terms_[t]->energy(x);
    return sum;
  }
  S gradient(const S* x, S* g) override {
    S sum = terms_[0]->gradient(x, g);
    for (std::size_t t = 1; t < terms_.size(); ++t) {
      sum += terms_[t]->gradient(x, part_.data());
      add(g);
    }
    return sum;
  }
  void product(const S* x, const S* v, S* hv) override {
    terms_[0]->product(x, v, hv);
    for (std::size_t t = 1; t < terms_.size(); ++t) {
      terms_[t]->product(x, v, part_.data());
      add(hv);
    }
  }

 private:
  std::vector<std::unique_ptr<Evaluator<Real>>> terms_;
  std::vector<bool> has_samples_;
  std::vector<S> part_;
  void add(S* to) const {
    for (std::size_t i = 0; i < part_.size(); ++i) to[i] += part_[i];
  }
};

template <class Real>
class SumLandscape final : public Landscape<Real> {
 public:
  explicit SumLandscape(std::vector<LandscapePtr<Real>> terms) : terms_(std::move(terms)) {
    if (terms_.empty())
      throw std::invalid_argument("terms: expected at least one landscape, got none");
    for (const auto& term : terms_) {
      if (term->dim() != dim())
        throw std::invalid_argument("terms: expected landscapes of one dim, got " +
                                    std::to_string(dim()) + " and " + std::to_string(term->dim()));
      merge("samples", samples_, term->samples());
      merge("replicas of data", data_replicas_, term->data_replicas());
    }
  }
  long dim() const override { return terms_[0]->dim(); }
  long samples() const override { return samples_; }
  long data_replicas() const override { return data_replicas_; }
  Real upper_bound() const override {
    Real bound = std::numeric_limits<Real>::infinity();
    for (const auto& term : terms_) bound = std::min(bound, term->upper_bound());
    return bound;
  }
  const char* kind() const override { return "sum"; }
  std::unique_ptr<Evaluator<Real>> evaluator() const override {
    return std::make_unique<SumEvaluator<Real>>(dim(), terms_);
  }

 private:
  std::vector<LandscapePtr<Real>> terms_;
  long samples_ = 0, data_replicas_ = 0;

  static void merge(const char* what, long& have, long next) {
    if (next == 0) return;
    if (have != 0 && have != next)
      throw std::invalid_argument("terms: expected equal numbers of " + std::string(what) +
                                  ", got " + std::to_string(have) + " and " + std::to_string(next));
    have = next;
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

template <class Real>
LandscapePtr<Real> make_sum(std::vector<LandscapePtr<Real>> terms) {
  return std::make_shared<SumLandscape<Real>>(std::move(terms));
}

template LandscapePtr<float> make_formula(const std::string&, long, const FormulaParameters&);
template LandscapePtr<double> make_formula(const std::string&, long, const FormulaParameters&);
template LandscapePtr<float> make_sum(std::vector<LandscapePtr<float>>);
template LandscapePtr<double> make_sum(std::vector<LandscapePtr<double>>);

}  // namespace thalweg
