// One persistent pool of threads for the whole core, and how long work is interrupted.
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>

namespace thalweg {

// CPUs this process may use, or THALWEG_NUM_THREADS.
int default_threads();

struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

// Handed to each task of a parallel loop: call poll() often in long tasks.
class Watch {
 public:
  // Throws Interrupted when the work is to stop. On the calling thread it asks, at most every
  // 50 ms, whether the user wants that (the binding asks Python for pending signals).
  void poll();

 private:
  friend class Pool;
  struct Shared;
  Shared* shared_ = nullptr;
  bool caller_ = false;
  std::chrono::steady_clock::time_point next_{}, read_{};
  int pause_ = 0, unread_ = 0;  // polls between two readings of the clock; of those still to come
};

// `true` asks the work to stop. Called on the thread that called parallel_for, outside any lock.
using StopQuestion = std::function<bool()>;

// Runs body(task, worker, watch) for every task in [0, tasks) on up to `threads` threads (0: the
// default), the caller among them; worker < threads. The first exception thrown is rethrown here.
using Body = std::function<void(long task, int worker, Watch& watch)>;
void parallel_for(long tasks, int threads, const Body& body, const StopQuestion& stop);

// How many workers a call with these arguments will use: to allocate one scratch space each.
int workers_for(long tasks, int threads);

}  // namespace thalweg
