// Where Hessian blocks of the MLP come from and go to: scratch space, and rows of the result.
#pragma once

#include <thalweg/engine/landscape.hpp>
#include <thalweg/landscapes/mlp_hessian.hpp>

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
    const long P = shape_.dim, rows = shape_.sizes[l], columns = shape_.sizes[k];
    const Real* flat = reinterpret_cast<const Real*>(block);
    const long first_row = shape_.weights[l] + i * rows,
               first_column = shape_.weights[k] + j * columns;
    for (int lane = 0; lane < rows_.used; ++lane) {
      Real* h = h_ + rows_.row[lane] * P * P;
      const auto at = [&](long m, long c) {
        return flat[(m * (columns + 1) + c) * S::lanes + lane];
      };
      const auto give = [&](Real& to, Real x) { to = add ? to + x : x; };
      for (long m = 0; m < rows; ++m)
        for (long c = 0; c < columns; ++c)
          give(h[(first_row + m) * P + first_column + c], at(m, c));
      if (!shape_.bias) continue;
      const long bias_row = shape_.biases[l] + i, bias_column = shape_.biases[k] + j;
      for (long c = 0; c < columns; ++c) give(h[bias_row * P + first_column + c], at(rows, c));
      give(h[bias_row * P + bias_column], at(rows, columns));
      if (l > k)
        for (long m = 0; m < rows; ++m) give(h[(first_row + m) * P + bias_column], at(m, columns));
      else if (i > j)  // a weight against an earlier unit's bias lies above the diagonal: mirrored
        for (long m = 0; m < rows; ++m) give(h[bias_column * P + first_row + m], at(m, columns));
    }
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
};

}  // namespace thalweg
