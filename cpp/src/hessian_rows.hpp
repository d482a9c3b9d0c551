// Where Hessian blocks of the MLP come from and go to: scratch space, and rows of the result.
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

  HessianSpace(const MlpShape& shape, long count) {
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
      lay(work.product, widest * widest);
    };
    all();  // counts
    numbers.resize(size);
    all();  // and places
  }
};

// Puts blocks of W replicas, side by side in the lanes, into the lower triangles of their Hessians.
template <class Real>
class HessianRows {
 public:
  using S = Lanes<Real>;
  HessianRows(const MlpShape& shape, const Rows<Real>& rows, Real* h)
      : shape_(shape), rows_(rows), h_(h) {}

  // block [inputs of l + 1, inputs of k + 1]: weights and bias of unit i of layer l against those
  // of unit j of layer k. Within a layer all weights come before all biases.
  void put(int l, long i, int k, long j, const S* block, bool add) {
    const long rows = shape_.sizes[l], columns = shape_.sizes[k], width = columns + 1;
    const long first_row = shape_.weights[l] + i * rows;
    const long first_column = shape_.weights[k] + j * columns;
    for (long m = 0; m < rows; ++m)
      give(first_row + m, first_column, columns, block + m * width, 1, add);
    if (!shape_.bias) return;
    const long bias_row = shape_.biases[l] + i, bias_column = shape_.biases[k] + j;
    give(bias_row, first_column, columns, block + rows * width, 1, add);
    give(bias_row, bias_column, 1, block + rows * width + columns, 1, add);
    if (l > k)
      for (long m = 0; m < rows; ++m)
        give(first_row + m, bias_column, 1, block + m * width + columns, 1, add);
    else if (i > j)  // a weight against an earlier unit's bias lies above the diagonal: mirrored
      give(bias_column, first_row, rows, block + columns, width, add);
  }

  // The upper triangles, and the curvature of weight decay.
  void finish() const {
    constexpr long tile = 16;
    const long P = shape_.dim;
    for (int lane = 0; lane < rows_.used; ++lane) {
      Real* h = h_ + rows_.row[lane] * P * P;
      for (long r0 = 0; r0 < P; r0 += tile)
        for (long c0 = 0; c0 <= r0; c0 += tile)
          for (long r = r0; r < std::min(r0 + tile, P); ++r)
            for (long c = c0; c < std::min(c0 + tile, r); ++c) h[c * P + r] = h[r * P + c];
      for (long r = 0; r < P; ++r) h[r * P + r] += static_cast<Real>(shape_.weight_decay);
    }
  }

 private:
  const MlpShape& shape_;
  const Rows<Real>& rows_;
  Real* h_;

  // `count` packs, `stride` apart, to components column, column + 1, ... of a row.
  void give(long row, long column, long count, const S* from, long stride, bool add) const {
    constexpr long W = S::lanes;
    const long P = shape_.dim;
    for (long c = 0; c < count; c += W) {
      const long n = std::min(W, count - c);
      S x[W];
      for (long q = 0; q < W; ++q) x[q] = q < n ? from[(c + q) * stride] : S(Real(0));
      if (n > 1) transpose(x);
      for (int lane = 0; lane < rows_.used; ++lane) {
        Real* to = h_ + (rows_.row[lane] * P + row) * P + column + c;
        if (n == W) {
          (add ? x[lane] + S::load(to) : x[lane]).store(to);
          continue;
        }
        for (long q = 0; q < n; ++q) {
          const Real value = n > 1 ? x[lane][q] : x[0][lane];
          to[q] = add ? to[q] + value : value;
        }
      }
    }
  }
};

}  // namespace thalweg
