#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thalweg/engine/threads.hpp>
#include <thread>
#include <vector>

namespace thalweg {

using Clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::milliseconds(50);
// Where polls come quicker than this, not all read the clock: that takes as long as all else around
// a step of a tiny network.
constexpr auto quick = std::chrono::milliseconds(1);
constexpr int longest_pause = 15;

int default_threads() {
  if (const char* text = std::getenv("THALWEG_NUM_THREADS")) {
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < 1 || n > 4096)
      throw std::invalid_argument(
          "THALWEG_NUM_THREADS: expected a whole number from 1 to 4096, got '" + std::string(text) +
          "'; set or unset it before the call");
    return static_cast<int>(n);
  }
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
#endif
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
}

int workers_for(long tasks, int threads) {
  const int wanted = threads > 0 ? threads : default_threads();
  return static_cast<int>(std::max(1L, std::min<long>(wanted, tasks)));
}

// One parallel loop in progress.
struct Watch::Shared {
  Shared(long tasks, const Body& body, const StopQuestion& stop)
      : tasks(tasks), body(&body), stop(&stop) {}
  long tasks;
  const Body* body;
  const StopQuestion* stop;
  std::atomic<long> next{0};
  std::atomic<bool> cancelled{false};
  std::mutex mutex;
  std::condition_variable finished;
  int helpers = 0;  // threads other than the caller still at work
  std::exception_ptr error;

  void fail(std::exception_ptr e) {
    std::lock_guard lock(mutex);
    if (!error) error = e;
    cancelled = true;
  }
};

void Watch::poll() {
  if (shared_->cancelled) throw Interrupted();
  if (!caller_ || !*shared_->stop) return;
  if (unread_ > 0) {
    --unread_;
    return;
  }
  const auto now = Clock::now();
  pause_ = now - read_ < quick ? std::min(2 * pause_ + 1, longest_pause) : 0;
  unread_ = pause_;
  read_ = now;
  if (now < next_) return;
  next_ = now + patience;
  if ((*shared_->stop)()) throw Interrupted();
}

class Pool {
 public:
  static Pool& instance() {
    static Pool* pool = new Pool;  // never destroyed: workers may outlive static destructors
    return *pool;
  }

  void run(long tasks, int workers, const Body& body, const StopQuestion& stop) {
    Watch::Shared shared(tasks, body, stop);
    shared.helpers = workers - 1;
    if (workers > 1) enlist(shared, workers);
    work(shared, 0);
    wait(shared);
    if (shared.error) std::rethrow_exception(shared.error);
  }

 private:
  struct Job {
    Watch::Shared* shared;
    int worker;
  };
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> jobs_;
  int threads_ = 0, idle_ = 0;

  Pool() {
    pthread_atfork(nullptr, nullptr, [] { forget(); });
  }

  // After fork() the child has none of the threads: it begins with a fresh, empty pool.
  static void forget() { new (&instance()) Pool(Fresh{}); }
  struct Fresh {};
  explicit Pool(Fresh) {}

  static void work(Watch::Shared& shared, int worker) {
    Watch watch;
    watch.shared_ = &shared;
    watch.caller_ = worker == 0;
    watch.read_ = Clock::now();
    watch.next_ = watch.read_ + patience;
    try {
      for (long task; !shared.cancelled && (task = shared.next++) < shared.tasks;) {
        (*shared.body)(task, worker, watch);
        if (worker == 0) watch.poll();
      }
    } catch (...) {
      shared.fail(std::current_exception());
    }
  }

  void enlist(Watch::Shared& shared, int workers) {
    std::unique_lock lock(mutex_);
    for (int w = 1; w < workers; ++w) jobs_.push_back({&shared, w});
    while (idle_ < static_cast<int>(jobs_.size()) && threads_ < 4096) {
      std::thread([this] { serve(); }).detach();
      ++threads_;
      ++idle_;
    }
    lock.unlock();
    ready_.notify_all();
  }

  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ready_.wait(lock, [this] { return !jobs_.empty(); });
      const Job job = jobs_.front();
      jobs_.pop_front();
      --idle_;
      lock.unlock();
      work(*job.shared, job.worker);
      {
        std::lock_guard done(job.shared->mutex);
        if (--job.shared->helpers == 0) job.shared->finished.notify_all();
      }
      lock.lock();
      ++idle_;
    }
  }

  void wait(Watch::Shared& shared) {
    std::unique_lock lock(shared.mutex);
    while (!shared.finished.wait_for(lock, patience, [&] { return shared.helpers == 0; })) {
      lock.unlock();
      if (*shared.stop && !shared.cancelled && (*shared.stop)())
        shared.fail(std::make_exception_ptr(Interrupted()));
      lock.lock();
    }
  }
};

void parallel_for(long tasks, int threads, const Body& body, const StopQuestion& stop) {
  if (tasks > 0) Pool::instance().run(tasks, workers_for(tasks, threads), body, stop);
}

}  // namespace thalweg
