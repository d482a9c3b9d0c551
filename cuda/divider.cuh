// Quotients by a number known beforehand: a GPU has no division of integers, and takes some twenty
// instructions for one.
#pragma once

#include <cstdint>
#include <thalweg/math/pack.hpp>

namespace thalweg::cuda {

struct Quotient {
  int whole, rest;
};

class Divider {
 public:
  Divider() = default;
  THALWEG_DEVICE explicit Divider(int divisor)
      : divisor_(divisor), inverse_(0xffffffffu / static_cast<std::uint32_t>(divisor)) {}

  THALWEG_INLINE int divisor() const { return divisor_; }
  // For n from 0 on. The inverse is cut off, so that the product may be one too small.
  THALWEG_INLINE Quotient operator()(int n) const {
    const std::uint64_t product =
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(n)) * inverse_;
    const int whole = static_cast<int>(product >> 32), rest = n - whole * divisor_;
    const bool more = rest >= divisor_;
    return {more ? whole + 1 : whole, more ? rest - divisor_ : rest};
  }

 private:
  int divisor_;
  std::uint32_t inverse_;
};

}  // namespace thalweg::cuda
