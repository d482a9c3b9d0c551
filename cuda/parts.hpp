// Rows in parts: one launch after another, so that Ctrl-C is heard between them and arrays of the
// host need not fit the device. Where rows are cut changes no bit of them.
#pragma once

#include <functional>
#include <thalweg/engine/threads.hpp>

#include "device.hpp"

namespace thalweg::cuda {

// Rows to be worked on by the device in use.
struct Load {
  long rows;
  int team_size;          // threads that work on one row
  double work;            // of one row, roughly: parameters times samples
  std::size_t row_bytes;  // of device memory, for what is copied; 0: arrays are there already
  std::string one_row;    // what that is, for errors
  // Of a part's copies at most: these take a moment to move. Of what is free half is taken.
  std::size_t part_bytes = std::size_t(256) << 20;
};

class Parts {
 public:
  // Throws OutOfMemory where not even one row fits.
  explicit Parts(const Load&);
  // Rows of a part at most: of this many rows copies are made.
  long most() const { return most_; }
  // Calls part(first, count) until all rows are done. The first part fills the device, or is done
  // soon; the next ones take about a fifth of a second each, by the time of the one before. Throws
  // Interrupted where `stop` says so between two parts.
  void each(const StopQuestion& stop, const std::function<void(long, long)>& part) const;
  // The same in as few parts as memory allows, for what was timed already.
  void each_large(const StopQuestion& stop, const std::function<void(long, long)>& part) const;

 private:
  long rows_, first_, least_, most_;
};

}  // namespace thalweg::cuda
