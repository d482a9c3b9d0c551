// What kernels are asked to do: numbers, and pointers into device memory. Made by
// device_landscape.cpp, carried out by kernels.cuh. All arrays are row-major.
#pragma once

#include <cstdint>
#include <thalweg/dynamics/run.hpp>

#include "landscape.cuh"

namespace thalweg::cuda {

// Energies, gradients or products of rows of a batch.
template <class Real>
struct BatchJob {
  Work work;
  long rows;
  const Real* x;  // [rows, P]
  const Real* v;  // [rows, P]; null: products with unit vectors, for Hessians
  Real* energy;   // [rows], for energies and gradients
  Real* vectors;  // [rows, P]: gradients, or Hessians times v
  long first;     // row 0 is this one of its batch
  // With unit vectors rows are rows of Hessians: row k is row (skipped + k) mod P of point
  // (skipped + k) / P.
  long skipped;
};

// Hessians, by the strips of their units: row k is unit (skipped + k) mod `units` of point
// (skipped + k) / `units`.
template <class Real>
struct HessianJob {
  long rows;
  long first;  // point 0 is this one of its batch
  long skipped, units;
  const Real* x;  // [R, P]
  Real* h;        // [R, P, P]
};

// A run of dynamics. What is carried is read and written in place.
template <class Real>
struct RunJob {
  static constexpr int most_observables = 16;

  long replicas, first, samples;  // replica 0 is this one of its batch
  Steps steps;
  std::uint64_t seed;
  const std::uint32_t* names;              // [R], of the replicas, for random numbers
  const Real* parameters;                  // [n, R]
  Real *points, *vectors, *scalars;        // [R, P], [K, R, P], [M, R]
  Real *energy, *gradient, *start_energy;  // [R], [R, P], [R]; the last two or null
  int* status;                             // [R]
  std::int64_t *status_step, *restores;    // [R]
  int kinds;                               // of observables
  Observable observables[most_observables];
  long records;
  Real *energies, *observed, *recorded_points;  // [S_rec, R], [kinds, S_rec, R], [S_rec, R, P]
};

// Where the teams of a block find room. Each team has a slab: its vectors one behind another, then
// integers for minibatches, then the landscape's scratch. All teams' slabs stand in shared memory,
// or else in device memory, as many as there are teams at work at a time.
struct Space {
  int team_size, teams;           // threads of a team, teams of a block
  long blocks;                    // of the launch; they share the rows among them
  std::size_t sum_bytes;          // for Team::sum, of each block
  std::size_t slab_bytes;         // of each team
  long vector_stride;             // numbers from one vector to the next
  std::size_t integers, scratch;  // where these begin in a slab
  std::size_t shared_bytes;       // of a block
  char* device_slabs;             // null: the slabs stand in shared memory
};

}  // namespace thalweg::cuda
