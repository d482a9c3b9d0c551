// A Team: the threads that work on one replica. Kernels are templates over it.
//
// On a GPU a team is one thread, eight threads of a warp, or one block. The same text runs on a
// processor, where the threads of a block take turns on one real thread (emulated_block.hpp): so
// kernels are tested without a GPU, partition, barriers and all. Every team has
//
//   int rank() const, size() const;
//   void each(n, f)          f(i) for this thread's share of 0 .. n - 1: i = rank, rank + size, ...
//   void sync()              a barrier; what any thread wrote before it, all threads see after it
//   T sum(T x)               of all threads' x, the same bits in every thread
//   T broadcast(T x)         the x of thread 0
//   bool any(bool x)
//
// sum, broadcast and any are barriers too. The order of a sum depends on the size of the team
// alone, which is a function of a landscape's shape: so a replica's bits do not depend on its
// batch.
//
// All threads of a team must come to the same barriers: what decides whether one is reached must be
// the same in every thread (energies, sums, steps are; a thread's own coordinates are not).
#pragma once

#include <thalweg/math/pack.hpp>

#if !defined(__CUDACC__)
#include "emulated_block.hpp"
#endif

namespace thalweg::cuda {

// The threads of a warp, and so the unit of the sizes of whole blocks.
inline constexpr int warp_size = 32;

#if defined(__CUDACC__)
// What a kernel sees of its launch. (The processor's is in emulated_block.hpp.)
struct Block {
  char* shared;  // dynamic shared memory of the block, 16-byte aligned

  THALWEG_INLINE long index() const {
#if defined(__CUDA_ARCH__)
    return blockIdx.x;
#else
    return 0;
#endif
  }
  THALWEG_INLINE long count() const {
#if defined(__CUDA_ARCH__)
    return gridDim.x;
#else
    return 0;
#endif
  }
  THALWEG_INLINE int thread() const {
#if defined(__CUDA_ARCH__)
    return static_cast<int>(threadIdx.x);
#else
    return 0;
#endif
  }
  THALWEG_INLINE int threads() const {
#if defined(__CUDA_ARCH__)
    return static_cast<int>(blockDim.x);
#else
    return 1;
#endif
  }
};
#endif

// The same pointer, about which the compiler is left to know nothing: what it reads through it, it
// reads here, and does not hold in registers from before a loop.
template <class T>
THALWEG_INLINE T* read_anew(T* from) {
#if defined(__CUDA_ARCH__)
  asm volatile("" : "+l"(from));
#endif
  return from;
}

// One thread to a replica; a block holds as many teams as threads.
class ThreadTeam {
 public:
  static constexpr bool alone = true;
  static constexpr int fewest_blocks = 0;  // of launch.cuh
  static THALWEG_INLINE int teams(const Block& block) { return block.threads(); }
  static THALWEG_INLINE int number(const Block& block) { return block.thread(); }
  // Bytes that sum() needs in shared memory, for one team of so many threads.
  static THALWEG_INLINE std::size_t shared_bytes(int /*threads*/) { return 0; }

  THALWEG_INLINE ThreadTeam(const Block&, void* /*shared*/) {}
  THALWEG_INLINE int rank() const { return 0; }
  THALWEG_INLINE int size() const { return 1; }
  THALWEG_INLINE void sync() const {}
  template <class T>
  THALWEG_INLINE T sum(T x) const {
    return x;
  }
  template <class T>
  THALWEG_INLINE T broadcast(T x) const {
    return x;
  }
  THALWEG_INLINE bool any(bool x) const { return x; }
  template <class I, class F>
  THALWEG_INLINE void each(I n, F f) const {
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
    for (I i = 0; i < n; ++i) f(i);
  }
};

// Eight threads side by side in a warp, the lanes of a team, on one replica; four teams to a warp.
//
// The teams of a warp run together as long as they take the same way, and wait for nobody else:
// lanes exchange numbers through registers.
class LaneTeam {
 public:
  static constexpr bool alone = false;
  // Left to choose, the compiler takes 128 registers for kernels of lanes, and spills.
  static constexpr int fewest_blocks = 1;
  static constexpr int lanes = 8;
  static THALWEG_INLINE int teams(const Block& block) { return block.threads() / lanes; }
  static THALWEG_INLINE int number(const Block& block) { return block.thread() / lanes; }
  static THALWEG_INLINE std::size_t shared_bytes(int /*threads*/) { return 0; }

  THALWEG_INLINE LaneTeam(const Block& block, void* /*shared*/) : block_(block) {}
  THALWEG_INLINE int rank() const { return block_.thread() % lanes; }
  THALWEG_INLINE int size() const { return lanes; }
  THALWEG_INLINE void sync() const {
#if defined(__CUDA_ARCH__)
    __syncwarp(members());
#elif !defined(__CUDACC__)
    block_.sync();
#endif
  }
  // The x of another lane, and of the lane whose number differs in one bit. Barriers.
  template <class T>
  THALWEG_INLINE T of_lane(T x, int lane) const {
#if defined(__CUDA_ARCH__)
    return __shfl_sync(members(), x, lane, lanes);
#elif defined(__CUDACC__)
    return x;
#else
    return block_.exchange(x, block_.thread() - rank() + lane);
#endif
  }
  template <class T>
  THALWEG_INLINE T of_partner(T x, int bit) const {
#if defined(__CUDA_ARCH__)
    return __shfl_xor_sync(members(), x, bit, lanes);
#else
    return of_lane(x, rank() ^ bit);
#endif
  }
  template <class T>
  THALWEG_INLINE T sum(T x) const {
    for (int bit = lanes / 2; bit > 0; bit /= 2) x += of_partner(x, bit);
    return x;
  }
  template <class T>
  THALWEG_INLINE T broadcast(T x) const {
    return of_lane(x, 0);
  }
  THALWEG_INLINE bool any(bool x) const { return sum(x ? 1 : 0) != 0; }
  template <class F>
  THALWEG_INLINE void each(long n, F f) const {
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
    for (long i = rank(); i < n; i += lanes) f(i);
  }

 private:
  Block block_;

  // Of a warp's threads those of this team: lanes of other teams may have gone another way.
  THALWEG_INLINE unsigned members() const {
    return ((1u << lanes) - 1) << (block_.thread() % warp_size / lanes * lanes);
  }
};

// The threads of one block, a whole number of warps, on one replica.
class BlockTeam {
 public:
  static constexpr bool alone = false;
  static constexpr int fewest_blocks = 0;
  static THALWEG_INLINE int teams(const Block&) { return 1; }
  static THALWEG_INLINE int number(const Block&) { return 0; }
  static THALWEG_INLINE std::size_t shared_bytes(int threads) {
    return (static_cast<std::size_t>(threads) * sizeof(double) + 15) / 16 * 16;
  }

  THALWEG_INLINE BlockTeam(const Block& block, void* shared) : block_(block), shared_(shared) {}
  THALWEG_INLINE int rank() const { return block_.thread(); }
  THALWEG_INLINE int size() const { return block_.threads(); }
  THALWEG_INLINE void sync() const {
#if defined(__CUDA_ARCH__)
    __syncthreads();
#elif !defined(__CUDACC__)
    block_.sync();
#endif
  }
  template <class I, class F>
  THALWEG_INLINE void each(I n, F f) const {
#if defined(__CUDA_ARCH__)
#pragma unroll 1  // what is worth unrolling, a caller unrolls: kernels are many, and code is not
                  // free
#endif
    for (I i = rank(); i < n; i += size()) f(i);
  }

  // In a warp pairs of threads exchange, so that all have the sum; the warps' sums are then added
  // in order by every thread.
  template <class T>
  THALWEG_INLINE T sum(T x) const {
    T* parts = static_cast<T*>(shared_);
#if defined(__CUDA_ARCH__)
    for (int half = warp_size / 2; half > 0; half /= 2) x += __shfl_xor_sync(~0u, x, half);
    const int warps = size() / warp_size;
    if (warps == 1) return x;
    sync();  // the sum before has been read
    if (rank() % warp_size == 0) parts[rank() / warp_size] = x;
    sync();
    T total = parts[0];
#pragma unroll 1
    for (int w = 1; w < warps; ++w) total += parts[w];
    return total;
#else
    sync();
    parts[rank()] = x;
    sync();
    T total = parts[0];
    for (int r = 1; r < size(); ++r) total += parts[r];
    return total;
#endif
  }
  template <class T>
  THALWEG_INLINE T broadcast(T x) const {
    T* parts = static_cast<T*>(shared_);
    sync();
    if (rank() == 0) parts[0] = x;
    sync();
    return parts[0];
  }
  THALWEG_INLINE bool any(bool x) const {
#if defined(__CUDA_ARCH__)
    return __syncthreads_or(x);
#else
    return sum(x ? 1 : 0) != 0;
#endif
  }

 private:
  Block block_;
  void* shared_;
};

}  // namespace thalweg::cuda
