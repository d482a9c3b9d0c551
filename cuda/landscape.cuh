// What a landscape must be to run on a device: the concept DeviceLandscape.
//
// A device landscape is a plain struct, copied into the parameters of a kernel: numbers, and
// pointers into device memory that somebody else owns. Its three functions are written for one
// replica over a Team (team.cuh), all of whose threads call them together:
//
//   template <class Real> struct Example {
//     using Number = Real;
//     static constexpr const char* name = "example";   // for messages
//     // Of a team. Kernels for teams of one thread, or of more, are compiled where these allow
//     // them; most_threads is a kernel's launch bound.
//     static constexpr int fewest_threads = 1, most_threads = 256;
//     // Where the compiler's choice of registers is not good: blocks that are to fit a
//     // multiprocessor, and another bound for kernels without products. May be left out.
//     static constexpr int fewest_blocks_of_runs = 1, bound_of_gradients = 384;
//     long dim;                                         // P
//
//     // Host. Threads per replica: 1 (ThreadTeam), 8 (LaneTeam), or a multiple of 32 (BlockTeam);
//     // a function of the shape alone, never of the number of replicas: sums over a team have its
//     // size's order. Run on a processor, blocks are smaller (Team::size() says).
//     int team_size() const;
//     // Host. Bytes one team needs besides points and gradients, for the work named. Shared memory
//     // where it fits (device.hpp: Properties::shared_bytes), else device memory.
//     std::size_t scratch_bytes(Work) const;
//     // Whether energies and gradients leave samples in the scratch space, for `again` below. May
//     // be left out.
//     bool keeps_samples() const;
//     // Mirrors points of dynamics; infinity where there is no such bound.
//     Real upper_bound() const;
//
//     // Energy at x [P], the same in every thread.
//     template <class Team>
//     THALWEG_DEVICE Real energy(const Team&, const Real* x, const Scratch&) const;
//     // The gradient into g [P], every component written by some thread; the energy returned.
//     template <class Team>
//     THALWEG_DEVICE Real gradient(const Team&, const Real* x, Real* g, const Scratch&) const;
//     // Hessian at x times v, into hv [P].
//     template <class Team>
//     THALWEG_DEVICE void product(const Team&, const Real* x, const Real* v, Real* hv,
//                                 const Scratch&) const;
//   };
//
// The caller has a barrier before each call, so x (and v) can be read by all threads and scratch is
// free, and one behind it, so g (hv) need not be visible to the others on return. Arrays do not
// overlap. x, g, v, hv and scratch may lie in shared or in device memory.
//
// Landscapes with samples read `scratch.samples`: this step's minibatch for this replica, `count`
// numbers, or null for all samples. Data of each replica's own are found by `scratch.row`.
#pragma once

#include <cstddef>

#include "team.cuh"

namespace thalweg::cuda {

enum class Work { energy, gradient, product };

// What a team is given for one replica, besides its point.
struct Scratch {
  char* bytes;         // scratch_bytes(work), 16-byte aligned; for a LaneTeam as its numbers are
  long row;            // of the replica in its batch
  const int* samples;  // [count], or null: the loss is the mean over all samples
  int count;
  bool shared;  // bytes and all vectors are in shared memory; false may mean that it is not known
  // The energy or gradient before was computed with this scratch space, row and samples, so what it
  // left of the samples is still there (keeps_samples).
  bool again;
};

}  // namespace thalweg::cuda
