// Where strips of MLP Hessians come from and go to: what is in the lanes, scratch space, and rows
// of the result.
#pragma once

#include <thalweg/landscapes/mlp_hessian.hpp>

#include "mlp_evaluator.hpp"

namespace thalweg {

template <class Real>
struct HessianSpace {
  using S = Lanes<Real>;
  std::vector<S> numbers;
  HessianWorkspace<S> work;
  S* strip;  // rows of one unit, side by side in the lanes: [inputs + 1, row]
  long row;  // P, and what a last whole tile of a transposition may touch

  HessianSpace(const MlpShape& shape, long count) : row(shape.dim + S::lanes) {
    long size = 0;
    const auto lay = [&](S*& to, long packs) {
      to = numbers.empty() ? nullptr : numbers.data() + size;
      size += packs;
    };
    const auto all = [&] {
      size = 0;
      long widest = 1, most_units = 1;
      for (int l = 0; l < shape.layers; ++l) {
        const long in = shape.sizes[l], out = shape.sizes[l + 1];
        widest = std::max(widest, in + 1);
        most_units = std::max(most_units, out);
        lay(work.inputs[l], count * (in + 1));
        for (S** to : {&work.slopes[l], &work.curvatures[l], &work.delta[l], &work.z_seed[l],
                       &work.unit_seed[l], &work.delta_seed[l]})
          lay(*to, count * out);
      }
      lay(work.outputs, count * shape.outputs());
      lay(work.left, count * widest);
      lay(work.moving, count);
      lay(work.column, most_units);
      lay(strip, widest * row);
    };
    all();  // counts
    numbers.resize(size);
    all();  // and places
  }
};

// Calls each(units) for every group of units of a share.
template <class Real, class Each>
void each_group(const MlpShape& shape, const HessianShare<Real>& share, Each each) {
  using S = Lanes<Real>;
  const long parts = share.parts();
  bool_of<S> part[S::lanes] = {};
  for (int l = 0; l < S::lanes; ++l) part[share.part(l)].bits[l] = -1;
  long number = 0;
  for (int k = 0; k < shape.layers; ++k)
    for (long j = 0, out = shape.sizes[k + 1]; j < out; j += parts)
      if (number++ % share.pieces == share.piece)
        each(UnitsInLanes<S>{k, j, std::min(parts, out - j), part});
}

// Components [first, end) of a row of H, in row c of a strip. For the next unit both numbers are so
// much larger.
struct StripPart {
  long row, first, end, c, next_row, next_first;
};

// Which components a strip holds of unit j, one of each mirrored pair. They are right of the
// diagonal, but for weights of later units of a layer against the bias of unit j.
template <class Use>
void strip_parts(const MlpShape& shape, int k, long j, Use use) {
  const long in = shape.sizes[k], out = shape.sizes[k + 1];
  const long own = shape.weights[k] + j * in, end = shape.weights[k] + out * in;
  const long bias = shape.bias ? shape.biases[k] + j : end, next_bias = shape.bias ? 1 : 0;
  for (long c = 0; c < in; ++c) {
    use(StripPart{own + c, own + c, end, c, in, in});
    use(StripPart{own + c, bias, shape.dim, c, in, next_bias});
  }
  if (!shape.bias) return;
  use(StripPart{bias, bias, shape.dim, in, 1, 1});
  use(StripPart{bias, own + in, end, in, 1, in});
}

// The lower triangle of a Hessian, and the curvature of weight decay.
template <class Real>
void mirror_hessian(const MlpShape& shape, Real* h) {
  constexpr long W = Lanes<Real>::lanes;
  const long P = shape.dim;
  for (long r = 0; r < P; r += W) {
    const long below = std::min(r + W, P);
    for (long i = r; i < below; ++i)
      for (long c = i + 1; c < below; ++c) h[c * P + i] = h[i * P + c];
    transpose_into<Lanes<Real>>(h + r * P + below, below - r, P - below, P, h + below * P + r, P);
  }
  for (long r = 0; r < P; ++r) h[r * P + r] += static_cast<Real>(shape.weight_decay);
}

// Puts strips into the Hessians of the replicas in the lanes.
template <class Real>
class HessianRows {
 public:
  using S = Lanes<Real>;
  HessianRows(const MlpShape& shape, const HessianShare<Real>& share, Real* h)
      : shape_(shape),
        share_(share),
        h_(h),
        stride_((shape.dim + 2 * W - 1) / W * W),
        lanes_(W * stride_) {}

  void put(const UnitsInLanes<S>& units, const S* strip, long row, bool add) {
    strip_parts(shape_, units.layer, units.first, [&](const StripPart& of_first) {
      if (of_first.first == of_first.end) return;
      side_by_side(strip + of_first.c * row + of_first.first, of_first.end - of_first.first);
      for (int lane = 0; lane < W; ++lane)
        if (share_.part(lane) < units.count) give(lane, of_first, add);
    });
  }
  // Of a share that is not all, whoever has all of them does the rest.
  void finish() const {
    if (share_.pieces > 1) return;
    for (int lane = 0; lane < share_.replicas; ++lane) mirror_hessian(shape_, hessian_of(lane));
  }

 private:
  static constexpr long W = S::lanes;
  const MlpShape& shape_;
  const HessianShare<Real>& share_;
  Real* h_;
  long stride_;
  std::vector<Real> lanes_;  // part of a row of each replica, [W, stride_]

  // Whole tiles: what lies behind the last number is moved too, and not used.
  void side_by_side(const S* from, long count) {
    transpose_into<S>(reinterpret_cast<const Real*>(from), (count + W - 1) / W * W, W, W,
                      lanes_.data(), stride_);
  }
  Real* hessian_of(int lane) const { return h_ + share_.rows.row[lane] * shape_.dim * shape_.dim; }
  // What of the numbers side by side is the lane's own: for later units less, and behind it.
  void give(int lane, const StripPart& of_first, bool add) const {
    const long p = share_.part(lane), P = shape_.dim, skipped = p * of_first.next_first;
    const long row = of_first.row + p * of_first.next_row, first = of_first.first + skipped;
    const Real* from = lanes_.data() + lane * stride_ + skipped;
    const long count = of_first.end - first;
    Real* h = hessian_of(lane);
    if (first < row) {  // a column, above the diagonal
      for (long q = 0; q < count; ++q) {
        Real& to = h[(first + q) * P + row];
        to = add ? to + from[q] : from[q];
      }
    } else if (add) {
      for (long q = 0; q < count; ++q) h[row * P + first + q] += from[q];
    } else if (count > 0) {
      std::copy_n(from, count, h + row * P + first);
    }
  }
};

// Whether W Hessians take no more than a part of the second-level cache.
template <class Real>
bool fits_lanes(const MlpShape& shape) {
  return shape.dim * shape.dim * sizeof(Lanes<Real>) <= 256 * 1024;
}

// The same for W replicas of a small network: whole Hessians stay side by side in the lanes, where
// mirroring is a matter of a store, and leave them in one go.
template <class Real>
class HessianInLanes {
 public:
  using S = Lanes<Real>;
  HessianInLanes(const MlpShape& shape, const HessianShare<Real>& share, Real* h)
      : shape_(shape), rows_(share.rows), h_(h), whole_(shape.dim * shape.dim) {
    rows_.dim = shape.dim * shape.dim;
  }

  void put(const UnitsInLanes<S>& units, const S* strip, long row, bool add) {
    strip_parts(shape_, units.layer, units.first, [&](const StripPart& part) {
      put(part.row, part.first, part.end, strip + part.c * row, add);
    });
  }
  void finish() {
    const S decay(static_cast<Real>(shape_.weight_decay));
    for (long r = 0; r < shape_.dim; ++r) whole_[r * shape_.dim + r] += decay;
    rows_.store(whole_.data(), h_);
  }

 private:
  const MlpShape& shape_;
  Rows<Real> rows_;
  Real* h_;
  std::vector<S> whole_;  // [P, P]

  // Components [first, end) of a row and of its mirror image, from their places in a strip's row.
  void put(long row, long first, long end, const S* strip, bool add) {
    const long P = shape_.dim;
    for (long q = first; q < end; ++q) {
      const S x = add ? whole_[row * P + q] + strip[q] : strip[q];
      whole_[row * P + q] = whole_[q * P + row] = x;
    }
  }
};

}  // namespace thalweg
