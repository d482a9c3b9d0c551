#include "kernels.cuh"
#include "numbers.cuh"

namespace thalweg::cuda {
namespace {

template <class Job>
struct FlatBody {  // job.one(i) for every i below job.total()
  static constexpr int most_threads = 128;
  Job job;
  THALWEG_DEVICE void operator()(const Block& block) const {
    each_row<ThreadTeam>(block, job.total(), [&](long i) { job.one(i); });
  }
};
template <class Job>
void run_flat(const Job& job, const char* what) {
  launch(FlatBody<Job>{job}, single_threads(job.total()), what);
}

template <class Real>
struct Functions : FunctionJob<Real> {
  THALWEG_DEVICE long total() const { return this->count; }
  THALWEG_DEVICE void one(long i) const { this->y[i] = value(this->x[i]); }
  THALWEG_DEVICE Real value(Real x) const {
    switch (this->function) {
      case Function::exp:
        return exp(x);
      case Function::expm1:
        return expm1(x);
      case Function::log:
        return log(x);
      case Function::log1p:
        return log1p(x);
      case Function::tanh:
        return tanh(x);
      case Function::logistic:
        return logistic(x);
      case Function::softplus:
        return softplus(x);
      case Function::sin:
        return sin(x);
      case Function::cos:
        return cos(x);
      case Function::sqrt:
        break;
    }
    return sqrt(x);
  }
};

template <class Real>
struct Drawing : DrawJob<Real> {
  static constexpr int slots = numbers_per_block<Real>;
  THALWEG_DEVICE long blocks() const { return (this->count + slots - 1) / slots; }
  THALWEG_DEVICE long total() const { return this->replicas * blocks(); }
  THALWEG_DEVICE void one(long i) const {
    const long row = i / blocks(), block = i % blocks();
    const auto c = counter<Real>(static_cast<std::uint32_t>(block), this->names[row], this->step,
                                 this->stream);
    const auto n = numbers(Key(this->seed), c);
    for (int k = 0; k < slots; ++k)
      if (block * slots + k < this->count)
        this->out[row * this->count + block * slots + k] = n.value[k];
  }
  THALWEG_DEVICE Numbers<Real> numbers(Key key, Counter<std::uint32_t> c) const {
    if (this->what == Draws::uniforms) return uniforms<Real>(key, c);
    if (this->what == Draws::normals) return normals<Real>(key, c);
    return signs<Real>(key, c);
  }
};

struct Permuting : PermutationJob {
  THALWEG_DEVICE long total() const { return replicas; }
  THALWEG_DEVICE void one(long i) const {
    permutation<float>(Key(seed), names[i], step, stream, n, out + i * n);
  }
};

struct Words : PhiloxJob {
  THALWEG_DEVICE long total() const { return count; }
  THALWEG_DEVICE void one(long i) const {
    const std::uint32_t* c = counters + 4 * i;
    const Key k(key[0] | static_cast<std::uint64_t>(key[1]) << 32);
    const auto words = philox(Counter<std::uint32_t>{c[0], c[1], c[2], c[3]}, k);
    for (int w = 0; w < 4; ++w) out[4 * i + w] = words.word[w];
  }
};

template <class Real>
struct Peak : PeakJob<Real> {
  using PeakJob<Real>::chains;
  THALWEG_DEVICE long total() const { return this->threads; }
  THALWEG_DEVICE void one(long i) const {
    Real x[chains];
    for (int c = 0; c < chains; ++c) x[c] = Real(i + c);
    for (long k = 0; k < this->length; ++k)
      for (int c = 0; c < chains; ++c) x[c] = fma(x[c], this->factor, Real(1));
    Real sum(0);
    for (int c = 0; c < chains; ++c) sum += x[c];
    this->out[i] = sum;
  }
};

}  // namespace

template <class Real>
void run_peak(const PeakJob<Real>& job) {
  run_flat(Peak<Real>{job}, "fused multiply-adds");
}
template void run_peak(const PeakJob<float>&);
template void run_peak(const PeakJob<double>&);

template <class Real>
void run_function(const FunctionJob<Real>& job) {
  run_flat(Functions<Real>{job}, "elementary function");
}
template void run_function(const FunctionJob<float>&);
template void run_function(const FunctionJob<double>&);

template <class Real>
void run_draw(const DrawJob<Real>& job) {
  run_flat(Drawing<Real>{job}, "random numbers");
}
template void run_draw(const DrawJob<float>&);
template void run_draw(const DrawJob<double>&);

void run_permutations(const PermutationJob& job) { run_flat(Permuting{job}, "permutations"); }
void run_philox(const PhiloxJob& job) { run_flat(Words{job}, "random words"); }

}  // namespace thalweg::cuda
