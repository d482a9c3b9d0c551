// The full Hessian of a network by blocks: N P^2 / 2 multiply-adds and a little for each unit,
// where products with P unit vectors take several times N P each. The formulas are those of
// landscapes/mlp_hessian.hpp; here a team makes the strip of one unit:
//
// For a seed, unit j of layer k, let ' be the derivative by z_k[j] of each sample on its own. Then
//   H[(l, i, m), (k, j, c)] = sum_n (delta_l'[i] a_l[m] + delta_l[i] a_l'[m]) a_k[c],
// a_l being what enters layer l, with a 1 behind for biases. Units come in the order of layers, and
// a strip holds what is not in those of the units before; both halves of H are written.
#pragma once

#include "mlp.cuh"
#include "mlp_hessian_plan.cuh"

namespace thalweg::cuda {

template <class Real, class Team>
class MlpHessianPass {
 public:
  // As DeviceMlp's evaluations, twice: where all is in shared memory, that is known.
  static THALWEG_DEVICE void make(const DeviceMlp<Real>& network, const HessianPlan& plan,
                                  const Team& team, const Real* x, const Scratch& scratch, Real* h,
                                  int k, int j) {
    scratch.shared ? strip_of<true>(network, plan, team, x, scratch, h, k, j)
                   : strip_of<false>(network, plan, team, x, scratch, h, k, j);
  }

 private:
  THALWEG_DEVICE MlpHessianPass(const DeviceMlp<Real>& network, const HessianPlan& plan,
                                const Team& team, const Real* x, const Scratch& scratch, Real* h)
      : shape_(network.shape),
        plan_(plan),
        team_(team),
        point_{const_cast<Real*>(x)},  // only read
        scratch_(reinterpret_cast<Real*>(scratch.bytes)),
        samples_(network.samples_of(scratch)),
        h_(h) {}

  template <bool shared>
  [[gnu::noinline]] static THALWEG_DEVICE void strip_of(const DeviceMlp<Real>& network,
                                                        const HessianPlan& plan, const Team& team,
                                                        const Real* x, const Scratch& scratch,
                                                        Real* h, int k, int j) {
    DeviceMlp<Real>::template know_shared<shared>(x, scratch.bytes);
    MlpHessianPass(network, plan, team, x, scratch, h).strip(k, j);
  }

  // The strip of unit j of layer k, with its mirror image, into h [P, P].
  THALWEG_DEVICE void strip(int k, int j) const {
    for (int first = 0; first < samples_.count; first += plan_.chunk) {
      const int left = samples_.count - first, count = left < plan_.chunk ? left : plan_.chunk;
      const int quads = (count + quad - 1) / quad;
      if (first > 0) team_.sync();  // the chunk before is done with
      take_inputs(first, count, quads);
      team_.sync();
      for (int l = 0; l < shape_.layers; ++l) forward(l, quads);
      output_slopes<Real>(first, count, quads);
      for (int l = last(); l > 0; --l) backward(l, quads);
      seed(k, j, quads);
      output_slopes<Dual<Real>>(first, count, quads);
      for (int l = last(); l > k; --l) backward_seed(l, quads);
      const Strip strip{k, j, shape_.dim, first > 0, count == left};
      block<false>(strip, k, quads);
      for (int l = k + 1; l < shape_.layers; ++l) block<true>(strip, l, quads);
    }
  }

  using Numbers = Array<Real>;
  static constexpr int tile = 4;  // units of a product's tile
  const MlpShape& shape_;
  const HessianPlan& plan_;
  const Team& team_;
  Numbers point_;
  Real* scratch_;
  MlpSamples<Real> samples_;
  Real* h_;

  // Whose strip it is, and whether sums go on from another chunk of samples, or are complete.
  struct Strip {
    int k, j;
    long dim;
    bool add, complete;
  };

  THALWEG_INLINE int last() const { return shape_.layers - 1; }
  THALWEG_INLINE Real scale(int l) const { return static_cast<Real>(shape_.scales[l]); }
  THALWEG_INLINE Numbers plane(int offset) const { return {scratch_ + offset}; }
  THALWEG_INLINE Weights<Real> weights(int l, int from = 0) const {
    return {point_ + (shape_.weights[l] + from), shape_.sizes[l]};
  }
  template <bool transposed, class Finish>
  THALWEG_INLINE void product(int quads, int width, int depth, Numbers a, Weights<Real> w,
                              Finish finish) const {
    sample_tiles<tile, false, transposed>(team_, Divider(quads), width, depth, a, plan_.pitch, w,
                                          finish);
  }
  template <class F>
  static THALWEG_INLINE Quad<Real> made(F f) {
    Quad<Real> x;
    repeat<quad>([&](auto i) { x.set(i, f(i)); });
    return x;
  }
  // f(unit, number of its first sample in the plane) for all quads of some units.
  template <class F>
  THALWEG_INLINE void each_quad(int units, int quads, F f) const {
    const int pitch = plan_.pitch;
    team_.each(units * quads,
               [=](int item) { f(item / quads, item / quads * pitch + item % quads * quad); });
  }

  THALWEG_DEVICE void take_inputs(int first, int count, int quads) const {
    const int in = shape_.inputs(), pitch = plan_.pitch;
    const Real scale = this->scale(0);
    const Numbers to = plane(plan_.inputs[0]), ones = plane(plan_.ones), zeros = plane(plan_.zeros);
    team_.each(in * quads * quad, [&](int item) {
      const int n = item / in, unit = item % in;
      to.set(unit * pitch + n,
             n < count ? scale * samples_.inputs[samples_.place(first + n) * in + unit] : Real(0));
    });
    team_.each(quads * quad, [=](int n) {
      ones.set(n, Real(1));
      zeros.set(n, Real(0));
    });
  }

  // These two are calls: elementary functions on dual doubles, and all else's registers, are too
  // many. z_l; then what enters the layer above, its slopes and (for now without the loss)
  // curvatures.
  [[gnu::noinline]] THALWEG_DEVICE void forward(int l, int quads) const {
    const int out = shape_.sizes[l + 1], pitch = plan_.pitch;
    const Numbers z = plane(l == last() ? plan_.outputs : plan_.z_seed[l]);
    const Numbers biases = point_ + shape_.biases[l];
    const bool bias = shape_.bias;
    product<false>(quads, out, shape_.sizes[l], plane(plan_.inputs[l]), weights(l),
                   [=](int unit, int n, Quad<Real> sum) {
                     const Real b = bias ? biases[unit] : Real(0);
                     made([&](int i) { return sum[i] + b; }).store(z, unit * pitch + n);
                   });
    team_.sync();
    if (l == last()) return;
    const Numbers a = plane(plan_.inputs[l + 1]), slopes = plane(plan_.slopes[l]);
    const Numbers curvatures = plane(plan_.curvatures[l]);
    const Real scale = this->scale(l + 1);
    with_activation(shape_.activation, [&](auto f) {
      const int across = quads * quad;  // one at a time: four of them take too many registers
      team_.each(out * across, [=](int item) {
        const int at = item / across * pitch + item % across;
        const Dual<Real> x(z[at], Real(1)), y = f.value(x), d = f.slope(x, y);
        a.set(at, scale * y.value);
        slopes.set(at, scale * d.value);
        curvatures.set(at, scale * d.tangent);
      });
    });
    team_.sync();
  }

  // d loss / d outputs of the mean loss; on dual numbers, its derivative by the seed too. 0 for
  // what fills the last quad.
  template <class S>
  [[gnu::noinline]] THALWEG_DEVICE void output_slopes(int first, int count, int quads) const {
    const Array<S> f = outputs<S>(plan_.outputs, plan_.z_seed[last()]);
    const Array<S> to = outputs<S>(plan_.delta[last()], plan_.delta_seed[last()]);
    const Real weight = Real(1) / static_cast<Real>(samples_.count);
    with_loss(shape_.loss, [&](auto rule) {
      team_.each(quads * quad, [&](int n) {
        const Column<S> slopes{to + n, plan_.pitch};
        const long target = samples_.place(first + (n < count ? n : 0)) * shape_.targets();
        if (n < count)
          rule.slope(shape_.outputs(), Column<S>{f + n, plan_.pitch}, samples_.targets + target,
                     weight, slopes);
        else
          for (int o = 0; o < shape_.outputs(); ++o) slopes.set(o, S(Real(0)));
      });
    });
    team_.sync();
  }
  template <class S>
  THALWEG_INLINE Array<S> outputs(int values, [[maybe_unused]] int tangents) const {
    if constexpr (std::is_same_v<S, Real>)
      return {scratch_ + values};
    else
      return {scratch_ + values, scratch_ + tangents};
  }

  // d loss / d z of the layer before, and its curvatures.
  THALWEG_DEVICE void backward(int l, int quads) const {
    const int pitch = plan_.pitch;
    const Numbers slopes = plane(plan_.slopes[l - 1]), curvatures = plane(plan_.curvatures[l - 1]);
    const Numbers delta = plane(plan_.delta[l - 1]);
    product<true>(quads, shape_.sizes[l], shape_.sizes[l + 1], plane(plan_.delta[l]), weights(l),
                  [=](int unit, int n, Quad<Real> sum) {
                    const int at = unit * pitch + n;
                    const Quad<Real> slope = Quad<Real>::load(slopes, at);
                    const Quad<Real> curvature = Quad<Real>::load(curvatures, at);
                    made([&](int i) { return slope[i] * sum[i]; }).store(delta, at);
                    made([&](int i) { return curvature[i] * sum[i]; }).store(curvatures, at);
                  });
    team_.sync();
  }
  // The derivative of that.
  THALWEG_DEVICE void backward_seed(int l, int quads) const {
    const int pitch = plan_.pitch;
    const Numbers slopes = plane(plan_.slopes[l - 1]), curvatures = plane(plan_.curvatures[l - 1]);
    const Numbers seed = plane(plan_.z_seed[l - 1]);
    product<true>(
        quads, shape_.sizes[l], shape_.sizes[l + 1], plane(plan_.delta_seed[l]), weights(l),
        [=](int unit, int n, Quad<Real> sum) {
          const int at = unit * pitch + n;
          const Quad<Real> slope = Quad<Real>::load(slopes, at);
          const Quad<Real> curvature = Quad<Real>::load(curvatures, at);
          const Quad<Real> z = Quad<Real>::load(seed, at);
          made([&](int i) { return fma(slope[i], sum[i], curvature[i] * z[i]); }).store(seed, at);
        });
    team_.sync();
  }

  // z' of all layers from k, and what enters those above. Of layer k only unit j moves, and with it
  // one column of the weights above.
  THALWEG_DEVICE void seed(int k, int j, int quads) const {
    for (int l = k;; ++l) {
      const Numbers z = plane(plan_.z_seed[l]);
      const bool hidden = l < last();
      const Numbers slopes = plane(hidden ? plan_.slopes[l] : 0);
      const Numbers moved = plane(hidden ? plan_.moved[l + 1] : 0);
      each_quad(shape_.sizes[l + 1], quads, [=](int unit, int at) {
        Quad<Real> from = Quad<Real>::load(z, at);
        if (l == k) {
          from = made([&](int) { return Real(unit == j); });
          from.store(z, at);
        }
        if (!hidden) return;
        const Quad<Real> slope = Quad<Real>::load(slopes, at);
        made([&](int i) { return slope[i] * from[i]; }).store(moved, at);
      });
      team_.sync();
      if (!hidden) return;
      const Numbers above = plane(plan_.z_seed[l + 1]);
      const int pitch = plan_.pitch, from = l == k ? j : 0,
                depth = l == k ? 1 : shape_.sizes[l + 1];
      product<false>(quads, shape_.sizes[l + 2], depth, moved + from * pitch, weights(l + 1, from),
                     [=](int unit, int n, Quad<Real> sum) { sum.store(above, unit * pitch + n); });
      team_.sync();
    }
  }

  // The factors of one tile: [unit][sample], and behind the last unit what biases are fed with.
  struct Factors {
    Numbers delta, delta_seed;  // of the row's unit
    UnitRows<Real> inputs, moved, columns;
  };
  // Rows of layer l, of all its units behind the seed.
  template <bool moving>
  THALWEG_DEVICE void block(const Strip& strip, int l, int quads) const {
    const int height = shape_.sizes[l] + shape_.bias, width = shape_.sizes[strip.k] + shape_.bias;
    constexpr int rows = HessianPlan::rows, columns = HessianPlan::columns(sizeof(Real));
    const int down = (height + rows - 1) / rows, across = (width + columns - 1) / columns;
    const int pitch = plan_.pitch, first = l == strip.k ? strip.j : 0;
    const auto units = [&](int layer, int place, int behind) {
      return UnitRows<Real>{plane(place), shape_.sizes[layer], pitch, behind - place};
    };
    const Factors all{plane(plan_.delta[l]), plane(plan_.delta_seed[l]),
                      units(l, plan_.inputs[l], plan_.ones),
                      units(l, moving ? plan_.moved[l] : plan_.zeros, plan_.zeros),
                      units(strip.k, plan_.inputs[strip.k], plan_.ones)};
    team_.each((shape_.sizes[l + 1] - first) * down * across, [&](int item) {
      const int i = first + item / (down * across), place = item % (down * across);
      Factors f = all;
      f.delta = f.delta + i * pitch;
      f.delta_seed = f.delta_seed + i * pitch;
      block_tile<moving>(place / across, down, height, place % across, across, width, quads, f,
                         [&](int m, int c, Real sum) {
                           if (l > strip.k || i > strip.j || m >= c)
                             put(strip, index(strip.k, strip.j, c), index(l, i, m), sum);
                         });
    });
  }
  template <bool moving, class Finish>
  static THALWEG_INLINE void block_tile(int row, int down, int height, int column, int across,
                                        int width, int quads, const Factors& f, Finish finish) {
    constexpr int rows = HessianPlan::rows, columns = HessianPlan::columns(sizeof(Real));
    Real sum[rows][columns];
    int input_at[rows], moved_at[rows], column_at[columns];
    repeat<rows>([&](auto r) {
      const int m = row + r * down < height ? row + r * down : height - 1;
      input_at[r] = f.inputs.at(m);
      moved_at[r] = moving ? f.moved.at(m) : 0;
      repeat<columns>([&](auto c) { sum[r][c] = Real(0); });
    });
    repeat<columns>([&](auto c) {
      column_at[c] = f.columns.at(column + c * across < width ? column + c * across : width - 1);
    });
    for (int n = 0; n < quads * quad; n += quad) {
      const Quad<Real> seed = Quad<Real>::load(f.delta_seed, n);
      const Quad<Real> delta = moving ? Quad<Real>::load(f.delta, n) : seed;
      Quad<Real> x[columns];
      repeat<columns>([&](auto c) { x[c] = Quad<Real>::load(f.columns.array, column_at[c] + n); });
      repeat<rows>([&](auto r) {
        const Quad<Real> a = Quad<Real>::load(f.inputs.array, input_at[r] + n);
        Quad<Real> left = made([&](int i) { return seed[i] * a[i]; });
        if constexpr (moving) {
          const Quad<Real> b = Quad<Real>::load(f.moved.array, moved_at[r] + n);
          left = made([&](int i) { return fma(delta[i], b[i], left[i]); });
        }
        repeat<columns>([&](auto c) {
          repeat<quad>([&](auto i) { sum[r][c] = fma(left[i], x[c][i], sum[r][c]); });
        });
      });
    }
    repeat<rows>([&](auto r) {
      repeat<columns>([&](auto c) {
        const int m = row + r * down, place = column + c * across;
        if (m < height && place < width) finish(m, place, sum[r][c]);
      });
    });
  }

  // Where in a point the weight of input m of unit i stands, or behind the last one its bias.
  THALWEG_INLINE long index(int l, int i, int m) const {
    const int in = shape_.sizes[l];
    return m < in ? shape_.weights[l] + static_cast<long>(i) * in + m : shape_.biases[l] + i;
  }
  THALWEG_INLINE void put(const Strip& strip, long p, long q, Real sum) const {
    Real& to = h_[p * strip.dim + q];
    Real value = strip.add ? to + sum : sum;
    if (strip.complete && p == q) value += static_cast<Real>(shape_.weight_decay);
    to = value;
    if (strip.complete) h_[q * strip.dim + p] = value;
  }
};

}  // namespace thalweg::cuda
