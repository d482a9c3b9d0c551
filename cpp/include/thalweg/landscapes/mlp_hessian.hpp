// The full Hessian of the MLP by blocks, for pairs of a replica and a unit in the lanes: N P^2
// operations, where products with P unit vectors take several times N P per vector.
//
// For a seed, one unit j of layer k in each lane, let ' be the derivative by z_k[j] of each sample
// on its own. With delta_l = d loss / d z_l the gradient of W_l[i, m] is sum_n delta_l[i] a_l[m],
// so that
//   H[(l, i, m), (k, j, c)] = sum_n (delta_l'[i] a_l[m] + delta_l[i] a_l'[m]) a_k[c]   (a_l enters
//   l)
// and ' needs only products with the weights above layer k. Biases are weights of an input 1.
#pragma once

#include <thalweg/landscapes/mlp_replica_lanes.hpp>

namespace thalweg {

// What all seeds of a chunk of samples share, and what one seed needs; [count, size] each.
template <class P>
struct HessianWorkspace {
  P* inputs[MlpShape::most_layers];      // scaled a_l and a 1 behind: [count, size of l + 1]
  P* slopes[MlpShape::most_layers];      // activation'(z_l)
  P* curvatures[MlpShape::most_layers];  // activation''(z_l) d loss / d a
  P* outputs;                            // f
  P* delta[MlpShape::most_layers];       // d loss / d z_l
  P* z_seed[MlpShape::most_layers];      // z_l'
  P* unit_seed[MlpShape::most_layers];   // a_{l+1}'
  P* delta_seed[MlpShape::most_layers];  // delta_l'
  P* left;                               // one unit's factor in the sum over samples
  P *moving, *column;                    // of the seeds: their slopes, their weights above
};

// Units of one layer, one in each lane: first + p in the lanes of part p. Behind the layer's last
// unit lanes have none.
template <class P>
struct UnitsInLanes {
  int layer;
  long first, count;
  const bool_of<P>* part;
};

template <class P>
class MlpHessian {
 public:
  using Real = typename P::Scalar;
  MlpHessian(const MlpShape& shape, const P* point, const HessianWorkspace<P>& work)
      : shape_(shape), point_(point), w_(work) {}

  // Values of a chunk: forward and backward once. `each` is the weight of a sample.
  template <class T, class Y>
  void prepare(const T* inputs, const Y* targets, long count, Real each) {
    count_ = count;
    weight_ = each;
    seeded_ = {-1, 0, 0, nullptr};
    for (long n = 0; n < count; ++n)
      for (long i = 0; i < size(0); ++i) input(0, n)[i] = scale(0) * P(inputs[n * size(0) + i]);
    for (int l = 0; l < shape_.layers; ++l) forward(l);
    backward(targets);
  }

  // In each lane the rows of H that belong to its unit of layer k, those of its weights and then of
  // its bias: strip [size(k) + 1, row]. Columns of units before it are not to be used.
  template <class Y>
  void strip(const UnitsInLanes<P>& units, const Y* targets, P* strip, long row) {
    seed(units, targets);
    const int k = units.layer;
    const long columns = size(k) + (shape_.bias ? 1 : 0);
    const Matrix<const P> inputs{w_.inputs[k], size(k) + 1, 1};
    for (int l = k; l < shape_.layers; ++l) {
      const long in = size(l), out = size(l + 1), first = l == k ? units.first : 0;
      for (long i = first; i < out; ++i) {
        fill_left(k, l, i);
        contract(in, columns, count_, Matrix<const P>{w_.left, 1, in}, inputs,
                 Put<P>{{strip + shape_.weights[l] + i * in, 1, row}});
      }
      if (shape_.bias)
        contract(out - first, columns, count_, Matrix<const P>{w_.delta_seed[l] + first, 1, out},
                 inputs, Put<P>{{strip + shape_.biases[l] + first, 1, row}});
    }
  }

 private:
  const MlpShape& shape_;
  const P* point_;
  const HessianWorkspace<P>& w_;
  long count_ = 0;
  Real weight_ = 0;
  UnitsInLanes<P> seeded_{-1, 0, 0, nullptr};  // what layer's z' and a' are not 0

  long size(int l) const { return shape_.sizes[l]; }
  Real scale(int l) const { return static_cast<Real>(shape_.scales[l]); }
  P* input(int l, long n) const {
    P* row = w_.inputs[l] + n * (size(l) + 1);
    row[size(l)] = P(Real(1));
    return row;
  }
  const P* weights(int l) const { return point_ + shape_.weights[l]; }

  // z_l from the scaled inputs of layer l; then a, its slopes and (for now without the loss) its
  // curvatures, all from one evaluation on dual numbers.
  void forward(int l) {
    const long in = size(l), out = size(l + 1);
    P* z = w_.z_seed[l];  // free until the seeds
    contract(count_, out, in, Matrix<const P>{w_.inputs[l], in + 1, 1},
             Matrix<const P>{weights(l), 1, in}, Put<P>{{z, out, 1}});
    if (shape_.bias)
      for (long n = 0; n < count_; ++n)
        for (long i = 0; i < out; ++i) z[n * out + i] += point_[shape_.biases[l] + i];
    if (l + 1 == shape_.layers) {
      for (long i = 0; i < count_ * out; ++i) w_.outputs[i] = z[i];
      return;
    }
    with_activation(shape_.activation, [&](auto f) {
      for (long n = 0; n < count_; ++n)
        for (long i = 0; i < out; ++i) {
          const Dual<P> x(z[n * out + i], P(Real(1))), a = f.value(x);
          const Dual<P> slope = f.slope(x, a);
          input(l + 1, n)[i] = scale(l + 1) * a.value;
          w_.slopes[l][n * out + i] = slope.value;
          w_.curvatures[l][n * out + i] = slope.tangent;
        }
    });
  }
  template <class Y>
  void backward(const Y* targets) {
    const int last = shape_.layers - 1;
    with_loss(shape_.loss, [&](auto loss) {
      const long o = size(last + 1), t = shape_.targets();
      for (long n = 0; n < count_; ++n)
        loss.slope(static_cast<int>(o), Array<P>{w_.outputs + n * o}, targets + n * t, weight_,
                   Array<P>{w_.delta[last] + n * o});
    });
    for (int l = last; l > 0; --l) {
      P* before = w_.delta[l - 1];
      pull_back(l, w_.delta[l], before);
      for (long i = 0; i < count_ * size(l); ++i) {
        w_.curvatures[l - 1][i] *= before[i];
        before[i] *= w_.slopes[l - 1][i];
      }
    }
  }
  // d loss / d a_l from d loss / d z_l, [count, size(l)].
  void pull_back(int l, const P* delta, P* before) const {
    const long in = size(l), out = size(l + 1);
    contract(count_, in, out, Matrix<const P>{delta, out, 1}, Matrix<const P>{weights(l), in, 1},
             Put<P>{{before, in, 1}});
    if (scale(l) != 1)
      for (long i = 0; i < count_ * in; ++i) before[i] = scale(l) * before[i];
  }

  template <class Y>
  void seed(const UnitsInLanes<P>& seeds, const Y* targets) {
    const int k = seeds.layer, last = shape_.layers - 1;
    point_at(seeds);
    for (int l = k; l < last; ++l) {
      const long units = size(l + 1), above = size(l + 2);
      const Put<P> to{{w_.z_seed[l + 1], above, 1}};
      if (l == k) {  // only the seeds move, and with each one column of the weights above
        contract(count_, above, 1, Matrix<const P>{w_.moving, 1, 1},
                 Matrix<const P>{w_.column, 1, 1}, to);
      } else {
        for (long i = 0; i < count_ * units; ++i)
          w_.unit_seed[l][i] = w_.slopes[l][i] * w_.z_seed[l][i];
        contract(count_, above, units, Matrix<const P>{w_.unit_seed[l], units, 1},
                 Matrix<const P>{weights(l + 1), 1, units}, to);
      }
      if (scale(l + 1) != 1)
        for (long i = 0; i < count_ * above; ++i)
          w_.z_seed[l + 1][i] = scale(l + 1) * w_.z_seed[l + 1][i];
    }
    with_loss(shape_.loss, [&](auto loss) {
      const long o = size(last + 1), t = shape_.targets();
      for (long n = 0; n < count_; ++n) {  // the slope's tangent; its value is delta again
        const Array<Dual<P>> f{w_.outputs + n * o, w_.z_seed[last] + n * o};
        const Array<Dual<P>> slope{w_.delta[last] + n * o, w_.delta_seed[last] + n * o};
        loss.slope(static_cast<int>(o), f, targets + n * t, weight_, slope);
      }
    });
    for (int l = last; l > k; --l) {
      P* before = w_.delta_seed[l - 1];
      pull_back(l, w_.delta_seed[l], before);
      for (long i = 0; i < count_ * size(l); ++i)
        before[i] =
            fma(w_.slopes[l - 1][i], before[i], w_.curvatures[l - 1][i] * w_.z_seed[l - 1][i]);
    }
  }

  // z_k' = 1 and a_{k+1}' = slope in the unit of each lane, 0 elsewhere. Seeds come layer by layer,
  // so mostly the last ones are wiped and the next ones written.
  void point_at(const UnitsInLanes<P>& seeds) {
    const int k = seeds.layer;
    const long units = size(k + 1);
    const bool same_layer = seeded_.layer == k, hidden = k + 1 < shape_.layers;
    const long from = same_layer ? seeded_.first : 0, wiped = same_layer ? seeded_.count : units;
    const P zero(Real(0)), one(Real(1));
    seeded_ = seeds;
    for (long n = 0; n < count_; ++n) {
      P *z = w_.z_seed[k] + n * units, *a = w_.unit_seed[k] + n * units;
      for (long i = from; i < from + wiped; ++i) z[i] = a[i] = zero;
      for (long p = 0; p < seeds.count; ++p) z[seeds.first + p] = select(seeds.part[p], one, zero);
    }
    if (!hidden) return;
    const auto slope_of = [&](long n) { return w_.slopes[k] + n * units + seeds.first; };
    for (long n = 0; n < count_; ++n) {
      P* a = w_.unit_seed[k] + n * units + seeds.first;
      for (long p = 0; p < seeds.count; ++p) a[p] = select(seeds.part[p], slope_of(n)[p], zero);
      w_.moving[n] = of_each_lane(seeds, [&](long p) { return slope_of(n)[p]; });
    }
    const P* above = weights(k + 1) + seeds.first;
    for (long i = 0; i < size(k + 2); ++i)
      w_.column[i] = of_each_lane(seeds, [&](long p) { return above[i * units + p]; });
  }
  // value(p) in the lanes of part p.
  template <class Value>
  static P of_each_lane(const UnitsInLanes<P>& seeds, Value value) {
    P all = value(0);
    for (long p = 1; p < seeds.count; ++p) all = select(seeds.part[p], value(p), all);
    return all;
  }

  // delta_l'[i] a_l + delta_l[i] a_l' for every input of layer l, scaled.
  void fill_left(int k, int l, long i) {
    const long in = size(l), out = size(l + 1);
    for (long n = 0; n < count_; ++n) {
      const P slope = w_.delta_seed[l][n * out + i], value = scale(l) * w_.delta[l][n * out + i];
      const P* a = w_.inputs[l] + n * (in + 1);
      P* left = w_.left + n * in;
      if (l == k)
        for (long m = 0; m < in; ++m) left[m] = slope * a[m];
      else
        for (long m = 0; m < in; ++m)
          left[m] = fma(slope, a[m], value * w_.unit_seed[l - 1][n * in + m]);
    }
  }
};

}  // namespace thalweg
