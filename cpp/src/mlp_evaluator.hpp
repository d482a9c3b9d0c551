// What the schedules of the MLP share: the evaluator's face, chunks, scratch space, weight decay.
#pragma once

#include <thalweg/engine/mlp.hpp>
#include <thalweg/math/transpose.hpp>

namespace thalweg {

// Some of the strips of rows that make the Hessians of some replicas. Each of these has several
// lanes, for as many units at a time.
template <class Real>
struct HessianShare {
  Rows<Real> rows;     // of the lanes: replicas, and the same again
  int replicas;        // a power of two
  long piece, pieces;  // each takes every so many-th group of units

  int part(int lane) const { return lane / replicas; }
  long parts() const { return Rows<Real>::W / replicas; }
};

// What the MLP asks of an evaluator besides.
template <class Real>
class MlpField : public Evaluator<Real> {
 public:
  using S = Lanes<Real>;
  // Loss or margin of every sample, to out [R, N].
  virtual void per_sample(PerSample, const Rows<Real>&, const S* x, Real* out) = 0;
  // Outputs [R, samples, outputs] for other inputs: [samples, inputs] or one set per row.
  virtual void predict(const Rows<Real>&, const S* x, long samples, const Real* inputs,
                       bool per_replica, Real* out) = 0;
  // A share of Hessians into h [R, P, P]. Only where the lanes are replicas.
  virtual void hessian(const HessianShare<Real>&, const S* /*x*/, Real* /*h*/, Watch&) {
    throw std::logic_error("the Hessians of this schedule are made column by column");
  }
};

template <class Real>
class MlpEvaluator : public MlpField<Real> {
 public:
  using S = Lanes<Real>;
  static constexpr int W = S::lanes;

  MlpEvaluator(const MlpShape& shape, const MlpData<Real>& data)
      : shape_(shape), data_(data), count_(data.samples), chunk_(chunk_of(shape, data.samples)) {}

 protected:
  const MlpShape& shape_;
  const MlpData<Real>& data_;
  long count_;  // samples that the loss is the mean of
  long chunk_;  // samples that are dealt with at a time
  Rows<Real> rows_{Lane::replica, 0, 0, 1};

  // As many samples as keep a chunk's activations in about half of a typical second-level cache, in
  // chunks as equal as can be. All schedules of a narrow network cut alike, for sums over chunks
  // are part of the result.
  static long chunk_of(const MlpShape& shape, long samples) {
    constexpr long budget = 512 * 1024, tile_rows = 4;
    const long per_pack = is_narrow(shape) ? 1 : W;
    long packs = 0, widest = 0;
    for (int l = 1; l <= shape.layers; ++l) {
      const long width = (shape.sizes[l] + per_pack - 1) / per_pack;
      packs += 2 * width;
      widest = std::max(widest, width);
    }
    const long most = std::clamp(budget / (register_bytes * (packs + 2 * widest)), 8L, 256L);
    const long chunks = (samples + most - 1) / most, even = (samples + chunks - 1) / chunks;
    return std::min(samples, (even + tile_rows - 1) / tile_rows * tile_rows);
  }

  // Arrays for one chunk, one behind another in one plane, or in two for dual numbers.
  template <class T>
  MlpWorkspace<T> workspace(const long* width, long chunk) {
    constexpr bool dual = !std::is_same_v<T, S>;
    bool keep_slopes = false;
    with_activation(shape_.activation, [&](auto f) { keep_slopes = !f.slope_from_value; });
    long size = 0, widest = 1;
    long units[MlpShape::most_layers], slopes[MlpShape::most_layers], delta[2];
    const auto claim = [&](long packs) { return std::exchange(size, size + chunk * packs); };
    for (int l = 0; l < shape_.layers; ++l) {
      units[l] = claim(width[l + 1]);
      slopes[l] = keep_slopes ? claim(width[l + 1]) : 0;
      widest = std::max(widest, width[l + 1]);
    }
    for (long& d : delta) d = claim(widest);
    const auto grow = [&](std::vector<S>& plane) {
      if (static_cast<long>(plane.size()) < size) plane.resize(size, S(Real(0)));
    };
    grow(values_);
    if constexpr (dual) grow(tangents_);
    const auto at = [&](long offset) {
      if constexpr (dual)
        return Array<T>{values_.data() + offset, tangents_.data() + offset};
      else
        return Array<T>{values_.data() + offset};
    };
    MlpWorkspace<T> work;
    for (int l = 0; l < shape_.layers; ++l) {
      work.units[l] = at(units[l]);
      work.slopes[l] = at(slopes[l]);
    }
    for (int d = 0; d < 2; ++d) work.delta[d] = at(delta[d]);
    return work;
  }

  // Room for `width` numbers T.
  template <class T>
  static Array<T> scratch(std::vector<S>& planes, long width) {
    planes.resize(2 * width, S(Real(0)));
    if constexpr (std::is_same_v<T, S>)
      return {planes.data()};
    else
      return {planes.data(), planes.data() + width};
  }

  // --- Samples of a replica that is computed alone. ---

  const Real* own_inputs() const {
    return data_.inputs.data() +
           (data_.input_replicas ? rows_.row[0] : 0) * data_.samples * shape_.inputs();
  }
  const Real* own_targets() const {
    return data_.targets.data() +
           (data_.target_replicas ? rows_.row[0] : 0) * data_.samples * shape_.targets();
  }
  // Rows of `width` numbers, all or those chosen, in rows of `packs` packs; what is behind them is
  // left as it is (zero).
  static void padded_rows(const Real* from, long width, const int* chosen, long count, long packs,
                          std::vector<S>& to) {
    to.resize(count * packs, S(Real(0)));
    Real* flat = reinterpret_cast<Real*>(to.data());
    if (!chosen) return copy_rows<S>(count, width, from, width, flat, packs * W);
    for (long n = 0; n < count; ++n)
      copy_numbers<S>(from + chosen[n] * width, width, flat + n * packs * W);
  }
  // Row row(l) of `width` numbers in lane l; lanes past those used repeat the last.
  template <class Row>
  static void in_lanes(long used, long width, S* to, Row row) {
    for (int l = 0; l < W; ++l) {
      const Real* from = row(std::min<long>(l, used - 1));
      for (long i = 0; i < width; ++i) to[i].set(l, from[i]);
    }
  }

  // lambda / 2 |x|^2, and its gradient or product.
  S decay(const S* x) const {
    if (shape_.weight_decay == 0) return S(Real(0));
    return static_cast<Real>(0.5 * shape_.weight_decay) *
           rows_.sum([&](long i) { return x[i] * x[i]; });
  }
  void add_decay(const S* x, S* g) const {
    const S rate(static_cast<Real>(shape_.weight_decay));
    if (shape_.weight_decay > 0)
      for (long i = 0; i < rows_.packs(); ++i) g[i] = fma(rate, x[i], g[i]);
  }
  // A dual pass counts its energy too; nobody asks for the tangent of it.
  static S value_of(S x) { return x; }
  static S value_of(Dual<S> x) { return x.value; }

  // Loss or margin of one sample, or of a pack of them.
  template <class F, class T>
  S of_sample(PerSample what, F outputs, const T* target) const {
    S value = Real(0);  // every loss sets it, which the compiler cannot see
    with_loss(shape_.loss, [&](auto loss) {
      if constexpr (requires { loss.margin(1, outputs, target); })
        if (what == PerSample::margins) {
          value = loss.margin(shape_.outputs(), outputs, target);
          return;
        }
      value = loss.value(shape_.outputs(), outputs, target);
    });
    return value;
  }

 private:
  std::vector<S> values_, tangents_;
};

template <class Real>
std::unique_ptr<MlpField<Real>> make_replica_lanes(const MlpShape&, const MlpData<Real>&);
template <class Real>
std::unique_ptr<MlpField<Real>> make_unit_lanes(const MlpShape&, const MlpData<Real>&);
template <class Real>
std::unique_ptr<MlpField<Real>> make_sample_lanes(const MlpShape&, const MlpData<Real>&);

}  // namespace thalweg
