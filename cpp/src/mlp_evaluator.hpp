// What both schedules of the MLP share: the evaluator's face, chunks, scratch space, weight decay.
#pragma once

#include <thalweg/engine/mlp.hpp>

namespace thalweg {

template <class Real>
class MlpEvaluator : public Evaluator<Real> {
 public:
  using S = Lanes<Real>;
  static constexpr int W = S::lanes;

  MlpEvaluator(const MlpShape& shape, const MlpData<Real>& data)
      : shape_(shape), data_(data), count_(data.samples) {}

  // Loss or margin of every sample, to out [R, N].
  virtual void per_sample(PerSample, const Rows<Real>&, const S* x, Real* out) = 0;
  // Outputs [R, samples, outputs] for other inputs: [samples, inputs] or one set per row.
  virtual void predict(const Rows<Real>&, const S* x, long samples, const Real* inputs,
                       bool per_replica, Real* out) = 0;

 protected:
  const MlpShape& shape_;
  const MlpData<Real>& data_;
  long count_;  // samples that the loss is the mean of

  // Samples per chunk: as many as keep a chunk's activations in about half of a typical
  // second-level cache, in chunks as equal as can be. `width` is a layer's size in packs.
  static long chunk_of(const MlpShape& shape, const long* width, long samples) {
    constexpr long budget = 512 * 1024, tile_rows = 4;
    long packs = 0, widest = 0;
    for (int l = 1; l <= shape.layers; ++l) {
      packs += 2 * width[l];
      widest = std::max(widest, width[l]);
    }
    const long most = std::clamp(budget / (register_bytes * (packs + 2 * widest)), 8L, 256L);
    const long chunks = (samples + most - 1) / most, even = (samples + chunks - 1) / chunks;
    return std::min(samples, (even + tile_rows - 1) / tile_rows * tile_rows);
  }

  // Arrays for one chunk, one behind another in one plane, or in two for dual numbers.
  template <class T>
  MlpWorkspace<T> workspace(const long* width, long chunk) {
    constexpr bool dual = !std::is_same_v<T, S>;
    long size = 0, widest = 1;
    long units[MlpShape::most_layers], slopes[MlpShape::most_layers], delta[2];
    const auto claim = [&](long packs) { return std::exchange(size, size + chunk * packs); };
    for (int l = 0; l < shape_.layers; ++l) {
      units[l] = claim(width[l + 1]);
      slopes[l] = claim(width[l + 1]);
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

  // lambda / 2 |x|^2 before lanes are added up, and its gradient or product.
  S decay(const S* x, long packs) const {
    S sum(Real(0));
    if (shape_.weight_decay > 0)
      for (long i = 0; i < packs; ++i) sum += x[i] * x[i];
    return static_cast<Real>(0.5 * shape_.weight_decay) * sum;
  }
  void add_decay(const S* x, S* g, long packs) const {
    if (shape_.weight_decay > 0)
      for (long i = 0; i < packs; ++i) g[i] += static_cast<Real>(shape_.weight_decay) * x[i];
  }
  // A dual pass counts its energy too; nobody asks for the tangent of it.
  static S value_of(S x) { return x; }
  static S value_of(Dual<S> x) { return x.value; }

  // Loss or margin of one sample, or of a pack of them.
  template <class T>
  S of_sample(PerSample what, Array<S> outputs, const T* target) const {
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
std::unique_ptr<MlpEvaluator<Real>> make_replica_lanes(const MlpShape&, const MlpData<Real>&);
template <class Real>
std::unique_ptr<MlpEvaluator<Real>> make_unit_lanes(const MlpShape&, const MlpData<Real>&);

}  // namespace thalweg
