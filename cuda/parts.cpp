#include "parts.hpp"

#include <algorithm>
#include <chrono>

namespace thalweg::cuda {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double part_seconds = 0.2, growth = 8;
// Parameters times samples that a multiprocessor has done in a millisecond or so.
constexpr double soon_done = 1e7;
constexpr long threads_at_once = 2048;  // of a multiprocessor
constexpr int fewest_threads = 32;

long whole(double number, long most) {
  return number < static_cast<double>(most) ? static_cast<long>(number) : most;
}

}  // namespace

Parts::Parts(const Load& load) : rows_(load.rows) {
  const Properties& p = properties(current_use());
  most_ = std::min(rows_, p.most_rows);
  if (load.row_bytes > 0) {
    require_memory(load.row_bytes, load.one_row);
    const std::size_t bytes = std::min(load.part_bytes, free_memory(current_use()) / 2);
    most_ = std::min(most_, std::max(1L, static_cast<long>(bytes / load.row_bytes)));
  }
  const long filled = p.processors * (threads_at_once / std::max(1, load.team_size));
  const long soon = whole(p.processors * soon_done / std::max(load.work, 1.0), rows_);
  first_ = std::clamp(std::max(filled, soon), 1L, std::max(1L, most_));
  least_ = p.processors * std::max(1, fewest_threads / std::max(1, load.team_size));
}

void Parts::each(const StopQuestion& stop, const std::function<void(long, long)>& part) const {
  long size = first_;
  for (long first = 0, count; first < rows_; first += count) {
    if (first > 0 && stop && stop()) throw Interrupted();
    count = std::min(size, rows_ - first);
    const auto begin = Clock::now();
    part(first, count);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const double faster = std::min(growth, part_seconds / std::max(seconds, 1e-9));
    size = std::min(std::max(whole(faster * static_cast<double>(count), rows_), least_), most_);
  }
}

void Parts::each_large(const StopQuestion& stop,
                       const std::function<void(long, long)>& part) const {
  for (long first = 0; first < rows_; first += most_) {
    if (first > 0 && stop && stop()) throw Interrupted();
    part(first, std::min(most_, rows_ - first));
  }
}

}  // namespace thalweg::cuda
