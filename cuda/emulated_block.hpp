// A block of threads on a processor: its threads take turns on one real thread, each running up to
// its next barrier. The order of turns is reversed at every barrier, so that a missing barrier
// shows as a wrong number, the same one every time.
#pragma once

#include <cstddef>

namespace thalweg::cuda {

// The threads of one block at work; only emulated_block.cpp knows how they take turns.
class Turns;

struct Block {
  char* shared;  // dynamic shared memory of the block, 16-byte aligned
  long index_ = 0, count_ = 1;
  int thread_ = 0, threads_ = 1;
  Turns* turns = nullptr;  // null: the threads of this block never wait for each other

  long index() const { return index_; }
  long count() const { return count_; }
  int thread() const { return thread_; }
  int threads() const { return threads_; }
  void sync() const;  // throws std::logic_error where turns is null

  // The x of another thread of this one's team. Two barriers.
  template <class T>
  T exchange(T x, int thread) const {
    T other;
    exchange(&x, &other, sizeof(T), thread);
    return other;
  }

 private:
  void exchange(const void* mine, void* theirs, std::size_t bytes, int thread) const;
};

// Calls body(context, block) once for each thread of a block, whose teams of `team` threads side by
// side have barriers of their own. Throws std::logic_error if the threads of a team do not all come
// to the same barriers, and what body throws.
void run_block(const Block& block, int team, void (*body)(const void* context, const Block&),
               const void* context);

}  // namespace thalweg::cuda
