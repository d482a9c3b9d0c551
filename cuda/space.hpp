// Finds room for the teams of a launch: see Space.
#pragma once

#include <string>

#include "device.hpp"
#include "jobs.hpp"

namespace thalweg::cuda {

// What one team needs, in numbers of `number_bytes` each.
struct Need {
  int team_size;
  std::size_t number_bytes;
  long dim, vectors;          // vectors of dim numbers
  long integers;              // for minibatches
  std::size_t scratch_bytes;  // for the landscape
};

// A Space, and the device memory it may own.
struct Room {
  Space space;
  Buffer<char> slabs;
};

// For `rows` teams on the device in use. Throws OutOfMemory.
Room find_room(const Need& need, long rows);

// For `count` threads, each by itself, that need no room.
Space single_threads(long count);

}  // namespace thalweg::cuda
