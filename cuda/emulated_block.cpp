#undef _FORTIFY_SOURCE  // its longjmp refuses to go to another stack
#include "emulated_block.hpp"

#include <setjmp.h>
#include <ucontext.h>

#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

namespace thalweg::cuda {

// Contexts are made by makecontext and left by longjmp: swapcontext would ask the kernel for the
// signal mask at every turn.
class Turns {
 public:
  using Body = void (*)(const void*, const Block&);

  void run(const Block& block, int team, Body body, const void* context) {
    body_ = body;
    context_ = context;
    const int threads = block.threads_;
    while (static_cast<int>(threads_.size()) < threads)
      threads_.push_back(std::make_unique<Thread>());
    for (int t = 0; t < threads; ++t) {
      threads_[t]->block = block;
      threads_[t]->block.thread_ = t;
      threads_[t]->block.turns = this;
      threads_[t]->state = State::fresh;
    }
    error_ = nullptr;
    for (bool forward = true; !finished(threads, team); forward = !forward) {
      for (int k = 0; k < threads && !error_; ++k) turn(*threads_[forward ? k : threads - 1 - k]);
      if (error_) std::rethrow_exception(error_);
    }
  }

  void wait() {
    Thread& self = *current_;
    if (_setjmp(self.at) == 0) _longjmp(back_, 1);
  }
  void exchange(const void* mine, void* theirs, std::size_t bytes, int thread) {
    if (bytes > sizeof(Thread::offered)) throw std::logic_error("emulated block: too much at once");
    std::memcpy(current_->offered, mine, bytes);
    wait();
    std::memcpy(theirs, threads_[thread]->offered, bytes);
    wait();
  }

 private:
  enum class State { fresh, waiting, finished };
  static constexpr std::size_t stack_bytes = 256 * 1024;
  struct Thread {
    Block block;
    State state;
    jmp_buf at;
    ucontext_t start;
    char offered[16];
    std::unique_ptr<char[]> stack{new char[stack_bytes]};
  };

  std::vector<std::unique_ptr<Thread>> threads_;
  Thread* current_ = nullptr;
  jmp_buf back_;
  Body body_;
  const void* context_;
  std::exception_ptr error_;

  // Whether all threads have ended: those of a team do so together.
  bool finished(int threads, int team) const {
    bool all = true;
    for (int first = 0; first < threads; first += team) {
      int ended = 0;
      for (int t = first; t < first + team; ++t) ended += threads_[t]->state == State::finished;
      if (ended != 0 && ended != team)
        throw std::logic_error("emulated block: threads of a team came to different barriers");
      all = all && ended == team;
    }
    return all;
  }

  // Runs a thread up to its next barrier or to its end.
  void turn(Thread& thread) {
    if (thread.state == State::finished) return;
    current_ = &thread;
    if (_setjmp(back_) == 0) {
      if (thread.state == State::waiting) _longjmp(thread.at, 1);
      thread.state = State::waiting;
      getcontext(&thread.start);
      thread.start.uc_stack.ss_sp = thread.stack.get();
      thread.start.uc_stack.ss_size = stack_bytes;
      thread.start.uc_link = nullptr;
      starting_ = this;
      makecontext(&thread.start, &Turns::begin, 0);
      setcontext(&thread.start);
    }
  }

  static thread_local Turns* starting_;
  static void begin() {
    Turns& turns = *starting_;
    try {
      turns.body_(turns.context_, turns.current_->block);
    } catch (...) {
      turns.error_ = std::current_exception();
    }
    turns.current_->state = State::finished;
    _longjmp(turns.back_, 1);
  }
};
thread_local Turns* Turns::starting_ = nullptr;

void Block::sync() const {
  if (!turns) throw std::logic_error("emulated block: a barrier among threads that work alone");
  turns->wait();
}
void Block::exchange(const void* mine, void* theirs, std::size_t bytes, int thread) const {
  if (!turns) throw std::logic_error("emulated block: threads that work alone exchange nothing");
  turns->exchange(mine, theirs, bytes, thread);
}

void run_block(const Block& block, int team, void (*body)(const void*, const Block&),
               const void* context) {
  static thread_local Turns turns;
  turns.run(block, team, body, context);
}

}  // namespace thalweg::cuda
