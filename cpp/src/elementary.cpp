#include <algorithm>
#include <stdexcept>
#include <thalweg/engine/elementary.hpp>
#include <thalweg/math/functions.hpp>

namespace thalweg {
namespace {

template <class S, class F>
void apply(long count, const real_of<S>* x, real_of<S>* y, F f) {
  if constexpr (std::is_floating_point_v<S>) {
    for (long i = 0; i < count; ++i) y[i] = f(x[i]);
  } else {
    real_of<S> in[S::lanes] = {}, out[S::lanes];
    for (long i = 0; i < count; i += S::lanes) {
      const long n = std::min<long>(S::lanes, count - i);
      std::copy_n(x + i, n, in);
      f(S::load(in)).store(out);
      std::copy_n(out, n, y + i);
    }
  }
}

template <class S>
void dispatch(const std::string& name, long count, const real_of<S>* x, real_of<S>* y) {
  if (name == "exp") return apply<S>(count, x, y, [](S a) { return exp(a); });
  if (name == "expm1") return apply<S>(count, x, y, [](S a) { return expm1(a); });
  if (name == "log") return apply<S>(count, x, y, [](S a) { return log(a); });
  if (name == "log1p") return apply<S>(count, x, y, [](S a) { return log1p(a); });
  if (name == "tanh") return apply<S>(count, x, y, [](S a) { return tanh(a); });
  if (name == "logistic") return apply<S>(count, x, y, [](S a) { return logistic(a); });
  if (name == "softplus") return apply<S>(count, x, y, [](S a) { return softplus(a); });
  if (name == "sin") return apply<S>(count, x, y, [](S a) { return sin(a); });
  if (name == "cos") return apply<S>(count, x, y, [](S a) { return cos(a); });
  if (name == "sqrt") return apply<S>(count, x, y, [](S a) { return sqrt(a); });
  throw std::invalid_argument("function: no elementary function is called '" + name + "'");
}

}  // namespace

template <class Real>
void elementary(const std::string& function, bool scalar, long count, const Real* x, Real* y) {
  scalar ? dispatch<Real>(function, count, x, y) : dispatch<Lanes<Real>>(function, count, x, y);
}
template void elementary(const std::string&, bool, long, const float*, float*);
template void elementary(const std::string&, bool, long, const double*, double*);

}  // namespace thalweg
