// What the kernels of searches for zeros are given: numbers, and pointers into device memory. Made
// by solvers.cpp, carried out by solvers.cu.
#pragma once

#include <thalweg/solvers/zero_search.hpp>

#include "jobs.hpp"

namespace thalweg::cuda {

// A QuadraticSystem, laid out so that every number is computed by one thread, in the order in which
// the processor adds it up. Complex numbers are pairs.
struct SystemTables {
  int n;  // variables; number n is 1
  // F_i is the sum of values[t] z_first z_second for t from starts[i] to starts[i + 1].
  const int *starts, *first, *second;
  const double* values;
  // Where H is not zero: row i has the places row_starts[i] to row_starts[i + 1], place_of[i, j] is
  // that of H_ij or -1.
  const int *row_starts, *columns, *place_of;
  int places;
  // Tangents, by the variables they move: generator g has the parts generator_starts[g] to
  // generator_starts[g + 1], part r moves variable part_variable[r] by the sum of entry_values[e]
  // z_entry_column for e from entry_starts[r] to entry_starts[r + 1]. Variable i is moved by the
  // parts moved_by[k] for k from moved_starts[i] to moved_starts[i + 1].
  int generators, parts;
  const int *generator_starts, *generator_of, *part_variable, *entry_starts, *entry_columns;
  const double* entry_values;
  const int *moved_starts, *moved_by;
  const double* probe;  // [n], where power iterations start
};

// Searches from points, each by one team; `points` are changed in place.
struct SearchJob {
  SystemTables system;
  long rows;
  bool newton_alone;  // or Levenberg and Marquardt's method before it
  int most_steps;
  const double* linear;  // [n] pairs, the constant terms of F
  double* points;        // [rows, n] pairs
  ZeroReport* reports;   // [rows]
};

// Zeros followed along straight lines.
struct PathJob {
  SystemTables system;
  long rows, vertices;
  const double* linear;  // [vertices, n] pairs
  double* points;
  ZeroReport* reports;
};

// In solvers.cu.
void run_searches(const SearchJob&);
void run_paths(const PathJob&);

}  // namespace thalweg::cuda
