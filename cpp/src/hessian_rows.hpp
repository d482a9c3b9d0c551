// Where strips of MLP Hessians come from and go to: scratch space, and rows of the result.
#pragma once

#include <thalweg/engine/landscape.hpp>
#include <thalweg/landscapes/mlp_hessian.hpp>
#include <thalweg/math/transpose.hpp>

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
      long widest = 1;
      for (int l = 0; l < shape.layers; ++l) {
        const long in = shape.sizes[l], out = shape.sizes[l + 1];
        widest = std::max(widest, in + 1);
        lay(work.inputs[l], count * (in + 1));
        for (S** to : {&work.slopes[l], &work.curvatures[l], &work.delta[l], &work.z_seed[l],
                       &work.unit_seed[l], &work.delta_seed[l]})
          lay(*to, count * out);
      }
      lay(work.outputs, count * shape.outputs());
      lay(work.left, count * widest);
      lay(strip, widest * row);
    };
    all();  // counts
    numbers.resize(size);
    all();  // and places
  }
};

// Which components of H a strip holds, one of each mirrored pair: part(row, first, end, c) for
// components [first, end) of a row, in row c of the strip. They are right of the diagonal, but for
// weights of later units of a layer against the bias of unit j.
template <class Part>
void strip_parts(const MlpShape& shape, int k, long j, Part part) {
  const long in = shape.sizes[k], out = shape.sizes[k + 1];
  const long own = shape.weights[k] + j * in, end = shape.weights[k] + out * in;
  const long bias = shape.bias ? shape.biases[k] + j : end;
  for (long c = 0; c < in; ++c) {
    part(own + c, own + c, end, c);
    part(own + c, bias, shape.dim, c);
  }
  if (!shape.bias) return;
  part(bias, bias, shape.dim, in);
  part(bias, own + in, end, in);
}

// Puts strips of W replicas, side by side in the lanes, into their Hessians.
template <class Real>
class HessianRows {
 public:
  using S = Lanes<Real>;
  HessianRows(const MlpShape& shape, const Rows<Real>& rows, Real* h)
      : shape_(shape),
        rows_(rows),
        h_(h),
        stride_((shape.dim + 2 * W - 1) / W * W),
        lanes_(W * stride_) {}

  void put(int k, long j, const S* strip, long row, bool add) {
    strip_parts(shape_, k, j, [&](long i, long first, long end, long c) {
      first < i ? give_column(i, first, end, strip + c * row, add)
                : give(i, first, end, strip + c * row, add);
    });
  }

  // The lower triangles, and the curvature of weight decay.
  void finish() const {
    const long P = shape_.dim;
    for (int lane = 0; lane < rows_.used; ++lane) {
      Real* h = h_ + rows_.row[lane] * P * P;
      for (long r = 0; r < P; r += W) {
        const long below = std::min(r + W, P);
        for (long i = r; i < below; ++i)
          for (long c = i + 1; c < below; ++c) h[c * P + i] = h[i * P + c];
        transpose_into<S>(h + r * P + below, below - r, P - below, P, h + below * P + r, P);
      }
      for (long r = 0; r < P; ++r) h[r * P + r] += static_cast<Real>(shape_.weight_decay);
    }
  }

 private:
  static constexpr long W = S::lanes;
  const MlpShape& shape_;
  const Rows<Real>& rows_;
  Real* h_;
  long stride_;
  std::vector<Real> lanes_;  // part of a row of each replica, [W, stride_]

  // Whole tiles: what lies behind the last number is moved too, and not used.
  void side_by_side(const S* from, long count) {
    transpose_into<S>(reinterpret_cast<const Real*>(from), (count + W - 1) / W * W, W, W,
                      lanes_.data(), stride_);
  }
  template <class Each>
  void each_replica(Each each) const {
    for (int lane = 0; lane < rows_.used; ++lane)
      each(h_ + rows_.row[lane] * shape_.dim * shape_.dim, lanes_.data() + lane * stride_);
  }
  // Components [first, end) of a row, from their places in a row of a strip.
  void give(long row, long first, long end, const S* strip, bool add) {
    if (first == end) return;
    side_by_side(strip + first, end - first);
    each_replica([&](Real* h, const Real* from) {
      Real* to = h + row * shape_.dim + first;
      const long count = end - first;
      if (add)
        for (long q = 0; q < count; ++q) to[q] += from[q];
      else
        std::copy_n(from, count, to);
    });
  }
  // The same of a column, above the diagonal.
  void give_column(long column, long first, long end, const S* strip, bool add) {
    if (first == end) return;
    side_by_side(strip + first, end - first);
    each_replica([&](Real* h, const Real* from) {
      for (long q = first; q < end; ++q) {
        Real& to = h[q * shape_.dim + column];
        to = add ? to + from[q - first] : from[q - first];
      }
    });
  }
};

// The same for a small network: whole Hessians stay side by side in the lanes, where mirroring is a
// matter of a store, and leave them in one go.
template <class Real>
class HessianInLanes {
 public:
  using S = Lanes<Real>;
  static bool suits(const MlpShape& shape) {  // a part of the second-level cache
    return shape.dim * shape.dim * sizeof(S) <= 256 * 1024;
  }
  HessianInLanes(const MlpShape& shape, const Rows<Real>& rows, Real* h)
      : shape_(shape), rows_(rows), h_(h), whole_(shape.dim * shape.dim) {
    rows_.dim = shape.dim * shape.dim;
  }

  void put(int k, long j, const S* strip, long row, bool add) {
    strip_parts(shape_, k, j, [&](long i, long first, long end, long c) {
      put(i, first, end, strip + c * row, add);
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
