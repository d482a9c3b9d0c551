// Searches for zeros on a device: a system's tables there, and points in and out.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <thalweg/solvers/zeros.hpp>

#include "device.hpp"
#include "search_jobs.hpp"

namespace thalweg {

// The arrays of SystemTables, one behind another.
struct SystemThere {
  int device;
  cuda::SystemTables tables;
  cuda::Buffer<int> integers;
  cuda::Buffer<double> numbers;
};

namespace {

// Collects arrays, and tells each pointer where its array lies once all are on the device.
template <class T>
class Arrays {
 public:
  void add(const T*& where, const std::vector<T>& array) {
    pieces_.push_back({&where, all_.size()});
    all_.insert(all_.end(), array.begin(), array.end());
  }
  cuda::Buffer<T> on_device() const {
    cuda::Buffer<T> there(all_.data(), all_.size(), "equations");
    for (const auto& [where, at] : pieces_) *where = there.data() + at;
    return there;
  }

 private:
  std::vector<T> all_;
  std::vector<std::pair<const T**, std::size_t>> pieces_;
};

void add_number(std::vector<double>& to, ComplexNumber x) {
  to.push_back(x.real());
  to.push_back(x.imag());
}
int size_of(const auto& array) { return static_cast<int>(array.size()); }

void add_terms(const QuadraticSystem& system, cuda::SystemTables& t, Arrays<int>& integers,
               Arrays<double>& numbers) {
  std::vector<int> first, second;
  std::vector<double> values;
  for (const auto& [j, k, re, im] : system.terms()) {
    first.push_back(j);
    second.push_back(k);
    add_number(values, {re, im});
  }
  integers.add(t.starts, {system.starts().begin(), system.starts().end()});
  integers.add(t.first, first);
  integers.add(t.second, second);
  numbers.add(t.values, values);
}

void add_places(const QuadraticSystem& system, cuda::SystemTables& t, Arrays<int>& integers) {
  const long n = system.size();
  std::vector<int> starts{0}, columns, place_of(n * n, -1);
  for (long i = 0; i < n; ++i) {
    for (const int j : system.partners()[i]) {
      place_of[i * n + j] = size_of(columns);
      columns.push_back(j);
    }
    starts.push_back(size_of(columns));
  }
  t.places = size_of(columns);
  integers.add(t.row_starts, starts);
  integers.add(t.columns, columns);
  integers.add(t.place_of, place_of);
}

void add_tangents(const QuadraticSystem& system, cuda::SystemTables& t, Arrays<int>& integers,
                  Arrays<double>& numbers) {
  std::vector<int> generator_starts{0}, generator_of, variable, starts{0}, columns;
  std::vector<double> values;
  std::vector<std::vector<int>> by_variable(system.size());
  for (const auto& tangent : system.tangents()) {
    for (std::size_t r = 0; r < tangent.rows.size(); ++r) {
      by_variable[tangent.rows[r]].push_back(size_of(variable));
      generator_of.push_back(size_of(generator_starts) - 1);
      variable.push_back(tangent.rows[r]);
      for (const SymmetryEntry& entry : tangent.entries)
        if (entry.row == static_cast<int>(r)) {
          columns.push_back(entry.column);
          add_number(values, entry.value);
        }
      starts.push_back(size_of(columns));
    }
    generator_starts.push_back(size_of(variable));
  }
  std::vector<int> moved_starts{0}, moved_by;
  for (const auto& parts : by_variable) {
    moved_by.insert(moved_by.end(), parts.begin(), parts.end());
    moved_starts.push_back(size_of(moved_by));
  }
  t.generators = size_of(system.tangents());
  t.parts = size_of(variable);
  integers.add(t.generator_starts, generator_starts);
  integers.add(t.generator_of, generator_of);
  integers.add(t.part_variable, variable);
  integers.add(t.entry_starts, starts);
  integers.add(t.entry_columns, columns);
  integers.add(t.moved_starts, moved_starts);
  integers.add(t.moved_by, moved_by);
  numbers.add(t.entry_values, values);
}

// Some points at a time: between launches the user may stop the work. Several for each
// multiprocessor, so that few of them wait for the last.
constexpr long points_per_processor = 8;

// work(points, reports, count) for chunks of points on the device.
template <class Work>
void for_chunks(const CoupledSystem& system, long count, const ComplexNumber* starts,
                ComplexNumber* points, ZeroReport* reports, const StopQuestion& stop, Work work) {
  using namespace cuda;
  const long n = system.size(),
             most = std::min(count, properties(current_use()).processors * points_per_processor);
  const std::size_t point_bytes = n * sizeof(ComplexNumber);
  require_memory(most * (point_bytes + sizeof(ZeroReport)),
                 "a search from " + std::to_string(most) + " points of " + std::to_string(n) +
                     " variables at a time");
  const Buffer<double> there(2 * most * n, "points");
  const Buffer<ZeroReport> told(most, "reports");
  for (long first = 0; first < count; first += most) {
    const long rows = std::min(most, count - first);
    copy_in(there.data(), starts + first * n, rows * point_bytes);
    work(there.data(), told.data(), rows);
    copy_out(points + first * n, there.data(), rows * point_bytes);
    copy_out(reports + first, told.data(), rows * sizeof(ZeroReport));
    if (stop && stop()) throw Interrupted();
  }
}

cuda::Buffer<double> linear_there(const CoupledSystem& system, long vertices,
                                  const ComplexNumber* couplings) {
  std::vector<double> pairs;
  for (long v = 0; v < vertices; ++v)
    for (const ComplexNumber x : system.linear(couplings + v * system.couplings))
      add_number(pairs, x);
  return {pairs.data(), pairs.size(), "couplings"};
}

void search_from(const CoupledSystem& system, const ComplexNumber* couplings, long count,
                 const ComplexNumber* starts, bool newton_alone, int most_steps,
                 ComplexNumber* points, ZeroReport* reports, const StopQuestion& stop) {
  const cuda::Use use(system.there->device);
  const auto linear = linear_there(system, 1, couplings);
  for_chunks(system, count, starts, points, reports, stop,
             [&](double* at, ZeroReport* told, long rows) {
               cuda::run_searches(
                   {system.there->tables, rows, newton_alone, most_steps, linear.data(), at, told});
             });
}

}  // namespace

// On the device that landscapes are made on.
std::shared_ptr<const SystemThere> system_there(const QuadraticSystem& system) {
  using namespace cuda;
  const Use use(current_device());
  auto there = std::make_shared<SystemThere>();
  there->device = current_device();
  SystemTables& t = there->tables;
  Arrays<int> integers;
  Arrays<double> numbers;
  t.n = static_cast<int>(system.size());
  add_terms(system, t, integers, numbers);
  add_places(system, t, integers);
  add_tangents(system, t, integers, numbers);
  std::vector<double> probe;
  for (long i = 0; i < t.n; ++i) add_number(probe, probe_of_gap(i));
  numbers.add(t.probe, probe);
  there->integers = integers.on_device();
  there->numbers = numbers.on_device();
  return there;
}

void find_zeros(const CoupledSystem& system, const ComplexNumber* couplings, long count,
                const ComplexNumber* starts, int most_steps, ComplexNumber* points,
                ZeroReport* reports, int /*threads*/, const StopQuestion& stop) {
  search_from(system, couplings, count, starts, false, most_steps, points, reports, stop);
}
void polish_zeros(const CoupledSystem& system, const ComplexNumber* couplings, long count,
                  const ComplexNumber* starts, ComplexNumber* points, ZeroReport* reports,
                  int /*threads*/, const StopQuestion& stop) {
  search_from(system, couplings, count, starts, true, most_steps_of_polish, points, reports, stop);
}
void follow_paths(const CoupledSystem& system, long vertices, const ComplexNumber* couplings,
                  long count, const ComplexNumber* starts, ComplexNumber* points,
                  ZeroReport* reports, int /*threads*/, const StopQuestion& stop) {
  const cuda::Use use(system.there->device);
  const auto linear = linear_there(system, vertices, couplings);
  for_chunks(system, count, starts, points, reports, stop,
             [&](double* at, ZeroReport* told, long rows) {
               cuda::run_paths({system.there->tables, rows, vertices, linear.data(), at, told});
             });
}

}  // namespace thalweg
