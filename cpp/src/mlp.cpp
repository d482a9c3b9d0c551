#include <algorithm>
#include <thalweg/engine/batch.hpp>
#include <thalweg/engine/mlp.hpp>

namespace thalweg {
namespace {

template <std::size_t n>
int find_name(const char* argument, const std::string& name, const char* const (&names)[n]) {
  std::string known;
  for (std::size_t i = 0; i < n; ++i) {
    if (name == names[i]) return static_cast<int>(i);
    known += (i ? ", " : "") + std::string(names[i]);
  }
  throw std::invalid_argument(std::string(argument) + ": expected one of " + known + ", got '" +
                              name + "'");
}

// Samples per chunk: as many as keep the activations of a chunk in about a quarter of a typical
// second-level cache. A function of the shape alone.
long chunk_of(const MlpShape& shape) {
  constexpr long budget = 256 * 1024;
  long numbers = 0, widest = 0;
  for (int l = 1; l <= shape.layers; ++l) {
    numbers += 2 * shape.sizes[l];
    widest = std::max<long>(widest, shape.sizes[l]);
  }
  const long samples = budget / (register_bytes * (numbers + 2 * widest));
  return std::clamp(samples / 8 * 8, 8L, 256L);
}

template <class Real>
class MlpEvaluator final : public Evaluator<Real> {
 public:
  using S = Lanes<Real>;
  static constexpr int W = S::lanes;

  MlpEvaluator(const MlpShape& shape, const MlpData<Real>& data)
      : shape_(shape),
        data_(data),
        chunk_(std::min(chunk_of(shape), data.samples)),
        count_(data.samples) {}

  void bind(const long* rows) override {
    std::copy_n(rows, W, rows_);
    gathered_ = 0;
    minibatch(nullptr, 0);
  }
  void minibatch(const int* samples, int size) override {
    const bool whole = size == 0;
    count_ = whole ? data_.samples : size;
    inputs_in_lanes_ = !whole || data_.input_replicas > 0;
    targets_in_lanes_ = !whole || data_.target_replicas > 0;
    if (!whole) gather(samples, size);
    // A new block, or back from minibatches: the lanes hold something else.
    if (whole && gathered_ != data_.samples && (inputs_in_lanes_ || targets_in_lanes_))
      gather(nullptr, data_.samples);
  }
  // Inputs to predict for, in place of the data's own.
  void replace_inputs(const Real* shared, long count) {
    shared_inputs_ = shared;
    count_ = count;
    inputs_in_lanes_ = false;
  }
  void replace_inputs(const Real* per_replica, const long* rows, long count) {
    count_ = count;
    inputs_in_lanes_ = true;
    lane_inputs_.resize(count * shape_.inputs());
    const long width = count * shape_.inputs();
    for (int lane = 0; lane < W; ++lane)
      for (long i = 0; i < width; ++i)
        lane_inputs_[i].set(lane, per_replica[rows[lane] * width + i]);
  }

  S energy(const S* x) override {
    return evaluate<false>(point(x), static_cast<S*>(nullptr)) + decay(x);
  }
  S gradient(const S* x, S* g) override {
    const S loss = evaluate<true>(point(x), g);
    add_decay(x, g);
    return loss + decay(x);
  }
  void product(const S* x, const S* v, S* hv) override {
    evaluate<true>(Array<Dual<S>>{const_cast<S*>(x), const_cast<S*>(v)}, hv);
    add_decay(v, hv);
  }

  // Calls each(first_sample, count, outputs) chunk by chunk.
  template <class Each>
  void forward(const S* x, Each each) {
    MlpWorkspace<S> work = workspace<S>();
    for (long first = 0; first < count_; first += chunk_) {
      const long m = std::min(chunk_, count_ - first);
      with_inputs(first, [&](auto* in) { mlp_forward(shape_, point(x), in, m, work, false); });
      each(first, m, work.units[shape_.layers - 1]);
    }
  }
  template <class Use>
  void with_targets(long first, Use use) {
    if (targets_in_lanes_)
      use(static_cast<const S*>(lane_targets_.data()) + first * shape_.targets());
    else
      use(data_.targets.data() + first * shape_.targets());
  }

 private:
  const MlpShape& shape_;
  const MlpData<Real>& data_;
  long chunk_, count_;
  long gathered_ = 0;  // samples in the lanes; -1: a minibatch
  bool inputs_in_lanes_ = false, targets_in_lanes_ = false;
  long rows_[W] = {};
  const Real* shared_inputs_ = data_.inputs.data();
  std::vector<S> lane_inputs_, lane_targets_, values_, tangents_;

  static Array<S> point(const S* x) { return {const_cast<S*>(x)}; }  // only read

  template <class Use>
  void with_inputs(long first, Use use) {
    if (inputs_in_lanes_)
      use(static_cast<const S*>(lane_inputs_.data()) + first * shape_.inputs());
    else
      use(shared_inputs_ + first * shape_.inputs());
  }

  // Samples of each lane's replica, chosen by indices [count, W] or all, side by side in the lanes.
  void gather(const int* samples, long count) {
    gathered_ = samples ? -1 : count;
    gather(data_.inputs, data_.input_replicas, shape_.inputs(), samples, count, lane_inputs_);
    gather(data_.targets, data_.target_replicas, shape_.targets(), samples, count, lane_targets_);
  }
  void gather(const std::vector<Real>& from, long replicas, long width, const int* samples,
              long count, std::vector<S>& to) {
    if (!samples && replicas == 0) return;  // shared and whole: read in place
    to.resize(count * width);
    Real* out = reinterpret_cast<Real*>(to.data());
    for (int lane = 0; lane < W; ++lane) {
      const Real* own = from.data() + (replicas ? rows_[lane] * data_.samples * width : 0);
      for (long n = 0; n < count; ++n) {
        const Real* sample = own + (samples ? samples[n * W + lane] : n) * width;
        for (long i = 0; i < width; ++i) out[(n * width + i) * W + lane] = sample[i];
      }
    }
  }

  // Arrays for one chunk, laid out one behind another in one plane (two for dual numbers).
  template <class T>
  MlpWorkspace<T> workspace() {
    long size = 0;
    const auto claim = [&](long width) { return std::exchange(size, size + chunk_ * width); };
    long units[MlpShape::most_layers], slopes[MlpShape::most_layers], delta[2], widest = 1;
    for (int l = 0; l < shape_.layers; ++l) {
      units[l] = claim(shape_.sizes[l + 1]);
      slopes[l] = claim(shape_.sizes[l + 1]);
      widest = std::max<long>(widest, shape_.sizes[l + 1]);
    }
    for (long& d : delta) d = claim(widest);
    if (static_cast<long>(values_.size()) < size) values_.resize(size);
    constexpr bool dual = !std::is_same_v<T, S>;
    if (dual && static_cast<long>(tangents_.size()) < size) tangents_.resize(size);
    const auto at = [&](long offset) {
      if constexpr (dual)
        return Array<T>{values_.data() + offset, tangents_.data() + offset};
      else
        return Array<T>{values_.data() + offset};
    };
    MlpWorkspace<T> work;
    for (int l = 0; l < shape_.layers; ++l) {
      work.units[l] = at(units[l]);
      work.slopes[l] = at(slopes[l]);
    }
    for (int d = 0; d < 2; ++d) work.delta[d] = at(delta[d]);
    return work;
  }

  template <bool with_gradient, class T>
  S evaluate(Array<T> x, S* g) {
    MlpWorkspace<T> work = workspace<T>();
    const Real weight = Real(1) / static_cast<Real>(count_);
    S sum(Real(0));
    for (long first = 0; first < count_; first += chunk_) {
      const long m = std::min(chunk_, count_ - first);
      with_inputs(first, [&](auto* in) { mlp_forward(shape_, x, in, m, work, with_gradient); });
      with_targets(first, [&](auto* y) {
        sum += value_of(mlp_loss<with_gradient>(shape_, y, m, work, weight));
      });
      if constexpr (with_gradient)
        with_inputs(first, [&](auto* in) {
          mlp_backward(shape_, x, in, m, work, g, first == 0 ? Into::overwrite : Into::accumulate);
        });
    }
    return weight * sum;
  }
  static S value_of(S x) { return x; }
  static S value_of(Dual<S> x) { return x.value; }

  S decay(const S* x) const {
    S sum(Real(0));
    if (shape_.weight_decay > 0)
      for (long i = 0; i < shape_.dim; ++i) sum += x[i] * x[i];
    return static_cast<Real>(0.5 * shape_.weight_decay) * sum;
  }
  void add_decay(const S* x, S* g) const {
    if (shape_.weight_decay > 0)
      for (long i = 0; i < shape_.dim; ++i) g[i] += static_cast<Real>(shape_.weight_decay) * x[i];
  }
};

// One evaluator per worker, bound to each block in turn.
template <class Real, class Work>
void for_blocks(const Mlp<Real>& mlp, long replicas, const Real* x, int threads,
                const StopQuestion& stop, Work work) {
  const long blocks = Rows<Real>::blocks(replicas);
  struct Worker {
    std::unique_ptr<MlpEvaluator<Real>> field;
    std::vector<Lanes<Real>> x;
  };
  std::vector<Worker> workers(workers_for(blocks, threads));
  parallel_for(
      blocks, threads,
      [&](long block, int index, Watch&) {
        Worker& w = workers[index];
        if (!w.field)
          w = {std::make_unique<MlpEvaluator<Real>>(mlp.shape(), mlp.data()),
               std::vector<Lanes<Real>>(mlp.dim())};
        const Rows<Real> rows(block, replicas);
        into_lanes(rows, x, mlp.dim(), w.x.data());
        work(rows, *w.field, w.x.data());
      },
      stop);
}

}  // namespace

MlpShape make_mlp_shape(const std::vector<int>& sizes, const std::string& activation,
                        const std::string& loss, const std::vector<double>& scales, bool bias,
                        double weight_decay) {
  MlpShape shape;
  const int layers = static_cast<int>(sizes.size()) - 1;
  if (layers < 1 || layers > MlpShape::most_layers)
    throw std::invalid_argument(
        "layer_sizes: expected 2 to 9 sizes (1 to 8 layers of weights), got " +
        std::to_string(sizes.size()));
  if (static_cast<int>(scales.size()) != layers)
    throw std::invalid_argument("scales: expected one for each of the " + std::to_string(layers) +
                                " layers, got " + std::to_string(scales.size()));
  shape.layers = layers;
  shape.bias = bias;
  shape.weight_decay = weight_decay;
  shape.activation = static_cast<Activation>(find_name("activation", activation, activation_names));
  shape.loss = static_cast<Loss>(find_name("loss", loss, loss_names));
  for (int l = 0; l <= layers; ++l) {
    if (sizes[l] < 1)
      throw std::invalid_argument("layer_sizes: expected sizes of at least 1, got " +
                                  std::to_string(sizes[l]));
    shape.sizes[l] = sizes[l];
  }
  for (int l = 0; l < layers; ++l) {
    shape.scales[l] = scales[l];
    shape.weights[l] = shape.dim;
    shape.dim += static_cast<long>(sizes[l]) * sizes[l + 1];
    shape.biases[l] = shape.dim;
    if (bias) shape.dim += sizes[l + 1];
  }
  const bool binary = shape.loss == Loss::logistic || shape.loss == Loss::hinge_squared;
  if (binary && sizes.back() != 1)
    throw std::invalid_argument("layer_sizes: a binary loss expects 1 output, got " +
                                std::to_string(sizes.back()));
  if (shape.loss == Loss::cross_entropy && sizes.back() < 2)
    throw std::invalid_argument("layer_sizes: cross_entropy expects at least 2 outputs, got 1");
  return shape;
}

template <class Real>
Mlp<Real>::Mlp(const MlpShape& shape, MlpData<Real> data) : shape_(shape), data_(std::move(data)) {
  if (data_.samples < 1)
    throw std::invalid_argument("data: expected at least one sample, got none");
  if (data_.input_replicas && data_.target_replicas &&
      data_.input_replicas != data_.target_replicas)
    throw std::invalid_argument("data: expected as many sets of targets as of inputs, got " +
                                std::to_string(data_.target_replicas) + " and " +
                                std::to_string(data_.input_replicas));
}

template <class Real>
std::unique_ptr<Evaluator<Real>> Mlp<Real>::evaluator() const {
  return std::make_unique<MlpEvaluator<Real>>(shape_, data_);
}

template <class Real>
void Mlp<Real>::per_sample(PerSample what, long replicas, const Real* x, Real* out, int threads,
                           const StopQuestion& stop) const {
  using S = Lanes<Real>;
  if (what == PerSample::margins && shape_.loss == Loss::mse)
    throw std::invalid_argument("margins: expected a classification loss, got mse");
  for_blocks(*this, replicas, x, threads, stop,
             [&](const Rows<Real>& rows, MlpEvaluator<Real>& field, const S* point) {
               field.bind(rows.row.data());
               field.forward(point, [&](long first, long count, Array<S> f) {
                 field.with_targets(first, [&](auto* y) {
                   with_loss(shape_.loss, [&](auto loss) {
                     for (long n = 0; n < count; ++n) {
                       S value;
                       const Array<S> outputs = f + n * shape_.outputs();
                       if constexpr (requires { loss.margin(1, outputs, y); })
                         value =
                             what == PerSample::margins
                                 ? loss.margin(shape_.outputs(), outputs, y + n * shape_.targets())
                                 : loss.value(shape_.outputs(), outputs, y + n * shape_.targets());
                       else
                         value = loss.value(shape_.outputs(), outputs, y + n * shape_.targets());
                       for (int lane = 0; lane < rows.used; ++lane)
                         out[rows.row[lane] * data_.samples + first + n] = value[lane];
                     }
                   });
                 });
               });
             });
}

template <class Real>
void Mlp<Real>::predict(long replicas, const Real* x, long samples, const Real* inputs,
                        bool per_replica, Real* out, int threads, const StopQuestion& stop) const {
  using S = Lanes<Real>;
  const long outputs = shape_.outputs();
  for_blocks(*this, replicas, x, threads, stop,
             [&](const Rows<Real>& rows, MlpEvaluator<Real>& field, const S* point) {
               if (per_replica)
                 field.replace_inputs(inputs, rows.row.data(), samples);
               else
                 field.replace_inputs(inputs, samples);
               field.forward(point, [&](long first, long count, Array<S> f) {
                 for (int lane = 0; lane < rows.used; ++lane) {
                   Real* to = out + (rows.row[lane] * samples + first) * outputs;
                   for (long i = 0; i < count * outputs; ++i) to[i] = f[i][lane];
                 }
               });
             });
}

template class Mlp<float>;
template class Mlp<double>;

}  // namespace thalweg
