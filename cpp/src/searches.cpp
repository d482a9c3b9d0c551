// Searches on this processor: points are shared out among threads.
#include <thalweg/solvers/zeros.hpp>

namespace thalweg {

std::shared_ptr<const SystemThere> system_there(const QuadraticSystem&) { return nullptr; }

namespace {

// work(finder, task, watch) for every task, with one finder for each worker.
template <class Work>
void for_points(const CoupledSystem& system, long count, int threads, const StopQuestion& stop,
                Work work) {
  std::vector<std::unique_ptr<ZeroFinder>> finders(workers_for(count, threads));
  parallel_for(
      count, threads,
      [&](long task, int worker, Watch& watch) {
        if (!finders[worker]) finders[worker] = std::make_unique<ZeroFinder>(system.equations);
        work(*finders[worker], task, watch);
      },
      stop);
}

}  // namespace

void find_zeros(const CoupledSystem& system, const ComplexNumber* couplings, long count,
                const ComplexNumber* starts, int most_steps, ComplexNumber* points,
                ZeroReport* reports, int threads, const StopQuestion& stop) {
  const auto linear = system.linear(couplings);
  const long n = system.size();
  for_points(system, count, threads, stop, [&](ZeroFinder& finder, long task, Watch& watch) {
    finder.linear = linear;
    finder.load(starts + task * n);
    reports[task] = search::levenberg_marquardt(finder, most_steps, [&] { watch.poll(); });
    finder.store(points + task * n);
  });
}

void polish_zeros(const CoupledSystem& system, const ComplexNumber* couplings, long count,
                  const ComplexNumber* starts, ComplexNumber* points, ZeroReport* reports,
                  int threads, const StopQuestion& stop) {
  const auto linear = system.linear(couplings);
  const long n = system.size();
  for_points(system, count, threads, stop, [&](ZeroFinder& finder, long task, Watch&) {
    finder.linear = linear;
    finder.load(starts + task * n);
    reports[task] = search::polish(finder, most_steps_of_polish);
    finder.store(points + task * n);
  });
}

}  // namespace thalweg
