#include "kernels.cuh"
#include "path_point.cuh"
#include "search_jobs.hpp"

namespace thalweg::cuda {
namespace {

// Threads of a team: about two for each row of a matrix, whose columns' steps have one task a row,
// and whose other steps have many. A function of the number of rows alone.
constexpr int most_threads_of_search = 256;
int threads_for(long n) {
  const long threads = (2 * n + warp_size - 1) / warp_size * warp_size;
  return static_cast<int>(std::clamp<long>(threads, warp_size, most_threads_of_search));
}

struct NoPoll {  // the host asks between launches
  THALWEG_DEVICE void operator()() const {}
};

template <class Point>
THALWEG_DEVICE ZeroReport searched(Point& point, const SearchJob& job) {
  return job.newton_alone ? search::polish(point, job.most_steps)
                          : search::levenberg_marquardt(point, job.most_steps, NoPoll{});
}
template <class Point>
THALWEG_DEVICE ZeroReport searched(Point& point, const PathJob& job) {
  return search::follow(point, job.vertices, NoPoll{});
}

template <class Team, class Point, class Job>
struct SearchBody {
  static constexpr int most_threads = most_threads_of_search;
  // Matrices leave room for two or three blocks on a multiprocessor: threads may have all
  // registers.
  static constexpr int fewest_blocks = 1;
  Job job;
  Space space;

  THALWEG_DEVICE void operator()(const Block& block) const {
    const Team team(block, block.shared);
    char* slab = slab_of(block, space, Team::number(block));
    each_row<Team>(block, job.rows, [&](long row) {
      team.sync();  // the row before is done with
      Point point(team, job.system, job.linear, reinterpret_cast<double*>(slab),
                  reinterpret_cast<int*>(slab + space.integers));
      double* at = job.points + 2 * row * job.system.n;
      point.load(at);
      const ZeroReport report = searched(point, job);
      point.store(at);
      if (team.rank() == 0) job.reports[row] = report;
    });
  }
};

Room room_for(const SystemTables& system, long more_numbers, long rows) {
  const SearchRoom room = SearchRoom::of(system);
  const Need need{
      threads_for(system.n), sizeof(double), room.numbers() + more_numbers, 1, room.integers(), 0};
  return find_room(need, rows);
}

}  // namespace

void run_searches(const SearchJob& job) {
  const Room room = room_for(job.system, 0, job.rows);
  launch(SearchBody<BlockTeam, ZeroPoint<BlockTeam>, SearchJob>{job, room.space}, room.space,
         job.newton_alone ? "polish of zeros" : "search for zeros");
}
void run_paths(const PathJob& job) {
  const Room room = room_for(job.system, PathRoom{job.system.n}.numbers(), job.rows);
  launch(SearchBody<BlockTeam, PathPoint<BlockTeam>, PathJob>{job, room.space}, room.space,
         "paths of zeros");
}

}  // namespace thalweg::cuda
