#undef _FORTIFY_SOURCE  // its longjmp refuses to go to another stack
#include "emulated_block.hpp"

#include <setjmp.h>
#include <ucontext.h>

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

  void run(const Block& block, Body body, const void* context) {
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
    for (bool forward = true;; forward = !forward) {
      int finished = 0;
      for (int k = 0; k < threads && !error_; ++k)
        finished += turn(*threads_[forward ? k : threads - 1 - k]);
      if (error_) std::rethrow_exception(error_);
      if (finished == threads) return;
      if (finished > 0)
        throw std::logic_error("emulated block: its threads came to different barriers");
    }
  }

  void wait() {
    Thread& self = *current_;
    if (_setjmp(self.at) == 0) _longjmp(back_, 1);
  }

 private:
  enum class State { fresh, waiting, finished };
  static constexpr std::size_t stack_bytes = 256 * 1024;
  struct Thread {
    Block block;
    State state;
    jmp_buf at;
    ucontext_t start;
    std::unique_ptr<char[]> stack{new char[stack_bytes]};
  };

  std::vector<std::unique_ptr<Thread>> threads_;
  Thread* current_ = nullptr;
  jmp_buf back_;
  Body body_;
  const void* context_;
  std::exception_ptr error_;

  // Runs a thread up to its next barrier or to its end; whether it has ended.
  bool turn(Thread& thread) {
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
    return current_->state == State::finished;
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

void run_block(const Block& block, void (*body)(const void*, const Block&), const void* context) {
  static thread_local Turns turns;
  turns.run(block, body, context);
}

}  // namespace thalweg::cuda
