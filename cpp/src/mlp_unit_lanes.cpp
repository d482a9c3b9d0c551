// Schedule for wide networks: one replica at a time, its units side by side in the lanes.
#include <thalweg/landscapes/mlp_unit_lanes.hpp>

#include "mlp_evaluator.hpp"

namespace thalweg {
namespace {

template <class Real>
class UnitLanesEvaluator final : public MlpEvaluator<Real> {
 public:
  using typename MlpEvaluator<Real>::S;
  using MlpEvaluator<Real>::W;

  UnitLanesEvaluator(const MlpShape& shape, const MlpData<Real>& data)
      : MlpEvaluator<Real>(shape, data),
        layout_(shape, W),
        packs_((shape.dim + W - 1) / W),
        point_(layout_.size, S(Real(0))),
        gradient_(layout_.whole ? 0 : layout_.size, S(Real(0))) {}

  void bind(const Rows<Real>& rows) override {
    rows_ = rows;
    minibatch(nullptr, 0);
  }
  void minibatch(const int* samples, int size) override {
    whole_ = size == 0;
    count_ = whole_ ? data_.samples : size;
    targets_ = this->own_targets();
    if (whole_) return;
    take_inputs(this->own_inputs(), samples, count_, chosen_inputs_);
    const long width = shape_.targets();
    chosen_targets_.resize(count_ * width);
    for (long n = 0; n < count_; ++n)
      copy_numbers<S>(targets_ + samples[n] * width, width, &chosen_targets_[n * width]);
    targets_ = chosen_targets_.data();
  }

  S energy(const S* x) override { return evaluate<false>(padded(x), nullptr) + this->decay(x); }
  S gradient(const S* x, S* g) override {
    const S loss = evaluate<true>(padded(x), room_for(g));
    take_gradient(g);
    this->add_decay(x, g);
    return loss + this->decay(x);
  }
  void product(const S* x, const S* v, S* hv) override {
    direction_.resize(layout_.size, S(Real(0)));
    pad(v, direction_);
    evaluate<true>(Array<Dual<S>>{padded(x).values, direction_.data()}, room_for(hv));
    take_gradient(hv);
    this->add_decay(v, hv);
  }

  void per_sample(PerSample what, const Rows<Real>& block, const S* x, Real* out) override {
    Real* to = out + block.row[0] * count_;
    forward(x, [&](long first, long count, Array<S> f) {
      for (long n = 0; n < count; n += W) {
        const long used = std::min<long>(W, count - n);
        const S value = this->of_sample(what, outputs_of(f, n, used), targets_of(first + n, used));
        for (long l = 0; l < used; ++l) to[first + n + l] = value[l];
      }
    });
  }
  void predict(const Rows<Real>& block, const S* x, long samples, const Real* inputs,
               bool per_replica, Real* out) override {
    count_ = samples;
    whole_ = false;
    take_inputs(inputs + (per_replica ? block.row[0] * samples * shape_.inputs() : 0), nullptr,
                samples, chosen_inputs_);
    const long outputs = shape_.outputs(), row = layout_.width[shape_.layers] * W;
    forward(x, [&](long first, long count, Array<S> f) {
      const Real* flat = reinterpret_cast<const Real*>(f.values);
      for (long n = 0; n < count; ++n)
        std::copy_n(flat + n * row, outputs, out + (block.row[0] * samples + first + n) * outputs);
    });
  }

 private:
  using MlpEvaluator<Real>::shape_;
  using MlpEvaluator<Real>::data_;
  using MlpEvaluator<Real>::count_;
  using MlpEvaluator<Real>::chunk_;
  using MlpEvaluator<Real>::rows_;
  UnitLayout layout_;
  long packs_;
  bool whole_ = true;  // all samples, not a choice of them
  long padded_ = -1;   // whose inputs all_inputs_ holds; shared ones belong to row 0
  std::vector<S> point_, direction_, gradient_;
  std::vector<S> all_inputs_, chosen_inputs_, lane_outputs_, lane_targets_, lane_slopes_;
  std::vector<Real> chosen_targets_;
  const Real* targets_ = nullptr;

  static Real* flat(std::vector<S>& packs) { return reinterpret_cast<Real*>(packs.data()); }
  void pad(const S* x, std::vector<S>& to) {
    pad_point(shape_, layout_, W, reinterpret_cast<const Real*>(x), flat(to));
  }
  Array<S> padded(const S* x) {
    pad(x, point_);
    return {point_.data()};
  }
  // Where a pass is to leave a gradient that goes to g.
  S* room_for(S* g) { return layout_.whole ? g : gradient_.data(); }
  void take_gradient(S* g) {
    if (layout_.whole) return;
    g[packs_ - 1] = S(Real(0));  // its padding
    unpad_gradient(shape_, layout_, W, flat(gradient_), reinterpret_cast<Real*>(g));
  }
  void take_inputs(const Real* from, const int* samples, long count, std::vector<S>& to) const {
    this->padded_rows(from, shape_.inputs(), samples, count, layout_.width[0], to);
  }
  const S* inputs() {
    if (!whole_) return chosen_inputs_.data();
    if (const long owner = data_.input_replicas ? rows_.row[0] : 0; padded_ != owner) {
      take_inputs(this->own_inputs(), nullptr, data_.samples, all_inputs_);
      padded_ = owner;
    }
    return all_inputs_.data();
  }

  // --- The loss, with samples in the lanes. Lanes past the last sample repeat it. ---

  void to_samples(const S* units, long first, long used, S* out) const {
    const long row = layout_.width[shape_.layers] * W;
    rows_into_lanes(reinterpret_cast<const Real*>(units) + first * row, row, used, shape_.outputs(),
                    out, 1);
  }
  template <class T>
  Array<T> outputs_of(Array<T> units, long first, long used) {
    const Array<T> out = this->template scratch<T>(lane_outputs_, shape_.outputs());
    to_samples(units.values, first, used, out.values);
    if constexpr (!std::is_same_v<T, S>) to_samples(units.tangents, first, used, out.tangents);
    return out;
  }
  const S* targets_of(long first, long used) {
    const long width = shape_.targets();
    lane_targets_.resize(width);
    this->in_lanes(used, width, lane_targets_.data(),
                   [&](long l) { return targets_ + (first + l) * width; });
    return lane_targets_.data();
  }
  void to_units(const S* slopes, long first, long used, S* delta) const {  // zero in the padding
    const long outputs = shape_.outputs(), row = layout_.width[shape_.layers] * W;
    Real* to = reinterpret_cast<Real*>(delta) + first * row;
    if (outputs < few_numbers) {
      std::fill_n(delta + first * (row / W), used * (row / W), S(Real(0)));
      for (long o = 0; o < outputs; ++o)
        for (long l = 0; l < used; ++l) to[l * row + o] = slopes[o][static_cast<int>(l)];
      return;
    }
    for (long o = 0; o < outputs; o += W) {
      S x[W];
      for (long q = 0; q < W; ++q) x[q] = o + q < outputs ? slopes[o + q] : S(Real(0));
      transpose(x);
      for (long l = 0; l < used; ++l) x[l].store(to + l * row + o);
    }
  }
  template <bool with_slope, class T>
  Real loss(long first, long count, MlpWorkspace<T>& work, Real weight) {
    Real sum = 0;
    for (long n = 0; n < count; n += W) {
      const long used = std::min<long>(W, count - n);
      const Array<T> f = outputs_of(work.units[shape_.layers - 1], n, used);
      const S* y = targets_of(first + n, used);
      const Array<T> slopes = this->template scratch<T>(lane_slopes_, shape_.outputs());
      with_loss(shape_.loss, [&](auto rule) {
        T value;
        if constexpr (with_slope)
          value = rule.slope(shape_.outputs(), f, y, weight, slopes);
        else
          value = rule.value(shape_.outputs(), f, y);
        for (long l = 0; l < used; ++l) sum += this->value_of(value)[l];
      });
      if constexpr (with_slope) {
        to_units(slopes.values, n, used, work.delta[0].values);
        if constexpr (!std::is_same_v<T, S>)
          to_units(slopes.tangents, n, used, work.delta[0].tangents);
      }
    }
    return sum;
  }
  template <class T>
  UnitLanes<T, S> plan(Array<T> point, long first, S* gradient) {
    return {shape_, layout_, point, inputs() + first * layout_.width[0], gradient};
  }
  template <class Each>
  void forward(const S* x, Each each) {
    auto work = this->template workspace<S>(layout_.width, chunk_);
    const Array<S> point = padded(x);
    for (long first = 0; first < count_; first += chunk_) {
      const long m = std::min(chunk_, count_ - first);
      mlp_forward(plan(point, first, nullptr), m, work, false);
      each(first, m, work.units[shape_.layers - 1]);
    }
  }
  template <bool with_gradient, class T>
  S evaluate(Array<T> point, S* gradient) {
    auto work = this->template workspace<T>(layout_.width, chunk_);
    const Real weight = Real(1) / static_cast<Real>(count_);
    Real sum = 0;
    for (long first = 0; first < count_; first += chunk_) {
      const long m = std::min(chunk_, count_ - first);
      const auto p = plan(point, first, gradient);
      mlp_forward(p, m, work, with_gradient);
      sum += loss<with_gradient>(first, m, work, weight);
      if constexpr (with_gradient)
        mlp_backward(p, m, work, first == 0 ? Into::overwrite : Into::accumulate);
    }
    return S(weight * sum);
  }
};

}  // namespace

template <class Real>
std::unique_ptr<MlpField<Real>> make_unit_lanes(const MlpShape& shape, const MlpData<Real>& data) {
  return std::make_unique<UnitLanesEvaluator<Real>>(shape, data);
}
template std::unique_ptr<MlpField<float>> make_unit_lanes(const MlpShape&, const MlpData<float>&);
template std::unique_ptr<MlpField<double>> make_unit_lanes(const MlpShape&, const MlpData<double>&);

}  // namespace thalweg
