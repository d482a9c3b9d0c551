#include "space.hpp"

#include <algorithm>

namespace thalweg::cuda {
namespace {

constexpr std::size_t alignment = 16;
std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

// Teams of a block that holds several, and fewer where shared memory holds no more: whole warps.
constexpr int most_single_teams = 128, fewest_single_teams = 32;
constexpr int most_lane_teams = 16, fewest_lane_teams = warp_size / LaneTeam::lanes;
// Blocks at work on a multiprocessor at most; more wait, or take rows one after another.
constexpr long blocks_per_processor = 16;

// Slabs of small teams stand side by side: an odd number of words from one to the next puts the
// same number of every team of a warp into a bank of its own.
std::size_t odd_words(std::size_t bytes, std::size_t word) {
  const std::size_t words = (bytes + word - 1) / word;
  return (words | 1) * word;
}

int teams_of_block(int team_size, std::size_t slab_bytes, long rows, const Properties& p) {
  const bool single = team_size == 1;
  if (team_size >= warp_size) return 1;
  int teams = single ? most_single_teams : most_lane_teams;
  const int fewest = single ? fewest_single_teams : fewest_lane_teams;
  while (teams > fewest && teams * slab_bytes > p.shared_bytes / 4) teams /= 2;
  while (!single && teams > fewest && rows < static_cast<long>(teams) * p.processors) teams /= 2;
  return teams;
}

}  // namespace

Room find_room(const Need& need, long rows) {
  const int device = current_use();
  const Properties& p = properties(device);
  Room room{};
  Space& s = room.space;
  const bool single = need.team_size == 1, small = need.team_size < warp_size;
  s.team_size = need.team_size;
  const long per_line = static_cast<long>(alignment / need.number_bytes);
  s.vector_stride = small ? need.dim : (need.dim + per_line - 1) / per_line * per_line;
  const std::size_t vectors = s.vector_stride * need.vectors * need.number_bytes;
  s.integers = vectors;
  s.scratch = aligned(vectors + need.integers * sizeof(int));
  const std::size_t bytes = need.scratch_bytes || !single ? s.scratch + aligned(need.scratch_bytes)
                                                          : vectors + need.integers * sizeof(int);
  const bool words_apart = small && !(single && need.scratch_bytes);
  s.slab_bytes = words_apart ? odd_words(bytes, need.number_bytes) : bytes;
  s.sum_bytes = small ? 0 : BlockTeam::shared_bytes(need.team_size);
  s.teams = teams_of_block(need.team_size, s.slab_bytes, rows, p);
  const bool fits = s.sum_bytes + s.teams * s.slab_bytes <= p.shared_bytes;
  s.blocks = (rows + s.teams - 1) / s.teams;
  s.shared_bytes = s.sum_bytes + (fits ? s.teams * s.slab_bytes : 0);
  if (fits) return room;
  s.slab_bytes = aligned(s.slab_bytes);
  const long affordable = static_cast<long>(free_memory(device) / 2 / (s.teams * s.slab_bytes));
  s.blocks = std::min({s.blocks, p.processors * blocks_per_processor, std::max(1L, affordable)});
  room.slabs = Buffer<char>(s.blocks * s.teams * s.slab_bytes, "room for points in motion");
  s.device_slabs = room.slabs.data();
  return room;
}

Space single_threads(long count) {
  Space s{};
  s.team_size = 1;
  s.teams = most_single_teams;
  const long most = properties(current_use()).processors * blocks_per_processor;
  s.blocks = std::clamp((count + s.teams - 1) / s.teams, 1L, most);
  return s;
}

}  // namespace thalweg::cuda
