// Sums of landscapes.
#include <thalweg/engine/formulas.hpp>

namespace thalweg {
namespace {

// Lets a landscape of replica lanes work in a sum whose lanes are parameters: every lane then holds
// the same replica. Wasteful, but such terms cost next to nothing beside the wide network they
// join.
template <class Real>
class SpreadEvaluator final : public Evaluator<Real> {
 public:
  using S = Lanes<Real>;
  SpreadEvaluator(std::unique_ptr<Evaluator<Real>> term, long dim)
      : term_(std::move(term)), x_(dim), v_(dim), out_(dim) {}
  // Every lane holds the same row.
  void bind(const Rows<Real>& rows) override {
    term_->bind({Lane::replica, rows.dim, rows.row[0], 1});
  }
  S energy(const S* x) override { return term_->energy(spread(x, x_)); }
  S gradient(const S* x, S* g) override {
    const S e = term_->gradient(spread(x, x_), out_.data());
    collect(g);
    return e;
  }
  void product(const S* x, const S* v, S* hv) override {
    term_->product(spread(x, x_), spread(v, v_), out_.data());
    collect(hv);
  }

 private:
  std::unique_ptr<Evaluator<Real>> term_;
  std::vector<S> x_, v_, out_;
  static const S* spread(const S* from, std::vector<S>& to) {
    const Real* numbers = reinterpret_cast<const Real*>(from);
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = S(numbers[i]);
    return to.data();
  }
  void collect(S* to) const {
    for (std::size_t i = 0; i < out_.size(); ++i) reinterpret_cast<Real*>(to)[i] = out_[i][0];
  }
};

template <class Real>
class SumEvaluator final : public Evaluator<Real> {
 public:
  using S = Lanes<Real>;
  SumEvaluator(Blocking blocking, long dim, const std::vector<LandscapePtr<Real>>& terms)
      : part_(dim, S(Real(0))) {
    for (const auto& term : terms) {
      const Blocking own = term->blocking(term->samples());
      const bool by_itself = own.one_by_one > 0 || !own.side_by_side;
      std::unique_ptr<Evaluator<Real>> spread;
      if (!by_itself && (blocking.one_by_one > 0 || !blocking.side_by_side))
        spread = std::make_unique<SpreadEvaluator<Real>>(term->evaluator(), dim);
      terms_.push_back({term->evaluator(), std::move(spread), nullptr, term->samples() > 0});
    }
  }
  void bind(const Rows<Real>& rows) override {
    packs_ = rows.packs();
    for (auto& term : terms_) {
      const bool spread = rows.lane == Lane::parameter && term.spread;
      term.field = spread ? term.spread.get() : term.own.get();
      term.field->bind(rows);
    }
  }
  void minibatch(const int* samples, int size) override {
    for (auto& term : terms_)
      if (term.has_samples) term.field->minibatch(samples, size);
  }
  S energy(const S* x) override {
    S sum = terms_[0].field->energy(x);
    for (std::size_t t = 1; t < terms_.size(); ++t) sum += terms_[t].field->energy(x);
    return sum;
  }
  S gradient(const S* x, S* g) override {
    S sum = terms_[0].field->gradient(x, g);
    for (std::size_t t = 1; t < terms_.size(); ++t) {
      sum += terms_[t].field->gradient(x, part_.data());
      add(g);
    }
    return sum;
  }
  void product(const S* x, const S* v, S* hv) override {
    terms_[0].field->product(x, v, hv);
    for (std::size_t t = 1; t < terms_.size(); ++t) {
      terms_[t].field->product(x, v, part_.data());
      add(hv);
    }
  }

 private:
  struct Term {
    std::unique_ptr<Evaluator<Real>> own,
        spread;              // spread: for a term that knows only replica lanes
    Evaluator<Real>* field;  // the one of the two for the rows at hand
    bool has_samples;
  };
  std::vector<Term> terms_;
  std::vector<S> part_;
  long packs_ = 0;
  void add(S* to) const {
    for (long i = 0; i < packs_; ++i) to[i] += part_[i];
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
  // As the term wants that makes the most of lone rows.
  Blocking blocking(long samples) const override {
    Blocking all;
    for (const auto& term : terms_) {
      const Blocking own = term->blocking(samples);
      if (!own.side_by_side) return own;
      all.one_by_one = std::max(all.one_by_one, own.one_by_one);
    }
    return all;
  }
  long samples() const override { return samples_; }
  long data_replicas() const override { return data_replicas_; }
  Real upper_bound() const override {
    Real bound = std::numeric_limits<Real>::infinity();
    for (const auto& term : terms_) bound = std::min(bound, term->upper_bound());
    return bound;
  }
  const char* kind() const override { return "sum"; }
  std::unique_ptr<Evaluator<Real>> evaluator() const override {
    return std::make_unique<SumEvaluator<Real>>(blocking(samples_), dim(), terms_);
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
LandscapePtr<Real> make_sum(std::vector<LandscapePtr<Real>> terms) {
  return std::make_shared<SumLandscape<Real>>(std::move(terms));
}

template LandscapePtr<float> make_sum(std::vector<LandscapePtr<float>>);
template LandscapePtr<double> make_sum(std::vector<LandscapePtr<double>>);

}  // namespace thalweg
