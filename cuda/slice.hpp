// A part of an array of the host, as one piece on the device.
#pragma once

#include <algorithm>
#include <vector>

#include "device.hpp"

namespace thalweg::cuda {

// Of an array [.., all, width] the rows [first, first + count) of each of the blocks [block,
// block + blocks): on the device [blocks, count, width].
struct Slice {
  long block, blocks, all, first, count;

  template <class T>
  void in(const Buffer<T>& to, const T* host, long width) const {
    const T* from = host + (block * all + first) * width;
    if (in_one_piece()) return to.fill(from, blocks * count * width);
    std::vector<T> piece(blocks * count * width);
    for (long b = 0; b < blocks; ++b)
      std::copy_n(from + b * all * width, count * width, piece.data() + b * count * width);
    to.fill(piece.data(), piece.size());
  }
  template <class T>
  void out(const Buffer<T>& from, T* host, long width) const {
    T* to = host + (block * all + first) * width;
    if (in_one_piece()) return from.read(to, blocks * count * width);
    std::vector<T> piece(blocks * count * width);
    from.read(piece.data(), piece.size());
    for (long b = 0; b < blocks; ++b)
      std::copy_n(piece.data() + b * count * width, count * width, to + b * all * width);
  }

 private:
  bool in_one_piece() const { return blocks <= 1 || count == all; }
};

}  // namespace thalweg::cuda
