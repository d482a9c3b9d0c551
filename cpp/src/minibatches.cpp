// Which samples each replica sees in a step: its own order, a pure function of seed and epoch.
#include <thalweg/engine/dynamics.hpp>

namespace thalweg {
namespace {

// How many replicas, and so orders, a block holds lanes for. Only those in use are drawn and read.
template <class Real>
int orders(const Walkers<Real>& w) {
  return w.block.lane == Lane::replica ? w.W : 1;
}

template <class Real>
void draw(const BatchPlan& plan, Walkers<Real>& w, long step, long samples) {
  const int n = orders(w);
  RandomWords<> words(Key(w.seed), Stream::batch_order, static_cast<std::uint32_t>(step));
  for (int lane = 0; lane < w.block.used; ++lane) {
    words.begin(w.replica[lane]);
    for (long k = 0; k < plan.size; ++k)
      w.batch[k * n + lane] =
          static_cast<int>(bounded(words.next(), static_cast<std::uint32_t>(samples)));
  }
}

template <class Real>
void shuffle(Walkers<Real>& w, std::int64_t epoch, long samples) {
  const int n = orders(w);
  w.order.resize(samples * n);
  w.epoch = epoch;
  std::vector<std::int32_t> order(samples);
  for (int lane = 0; lane < w.block.used; ++lane) {
    permutation(Key(w.seed), w.replica[lane], static_cast<std::uint32_t>(epoch),
                Stream::batch_order, static_cast<std::int32_t>(samples), order.data());
    for (long i = 0; i < samples; ++i) w.order[i * n + lane] = order[i];
  }
}

template <class Real>
void take_in_order(const BatchPlan& plan, Walkers<Real>& w, long step, long samples) {
  const int n = orders(w);
  std::int64_t epoch = plan.first_epoch(step, samples), place = plan.first_place(step, samples);
  for (long k = 0; k < plan.size; ++k, ++place) {
    if (place == samples) ++epoch, place = 0;
    if (epoch != w.epoch) shuffle(w, epoch, samples);
    for (int lane = 0; lane < w.block.used; ++lane)
      w.batch[k * n + lane] = w.order[place * n + lane];
  }
}

}  // namespace

void check_batches(const BatchPlan& plan, long samples) {
  if (plan.size > samples)
    throw std::invalid_argument("batch_size: expected at most the number of samples, " +
                                std::to_string(samples) + ", got " + std::to_string(plan.size));
}

template <class Real>
void Ensemble<Real>::minibatches(const BatchPlan& plan, long step) {
  const long samples = field.samples();
  check_batches(plan, samples);
  for (Walkers<Real>& w : blocks) {
    w.batch.resize(plan.size * orders(w));
    if (plan.replacement)
      draw(plan, w, step, samples);
    else
      take_in_order(plan, w, step, samples);
    field.minibatch(w, w.batch.data(), static_cast<int>(plan.size));
  }
}
template void Ensemble<float>::minibatches(const BatchPlan&, long);
template void Ensemble<double>::minibatches(const BatchPlan&, long);

}  // namespace thalweg
