#include <algorithm>
#include <map>
#include <thalweg/solvers/quadratic_system.hpp>

namespace thalweg {

using S = Lanes<double>;

QuadraticSystem::QuadraticSystem(const Polynomial& w, std::vector<Symmetry> symmetries)
    : n_(w.variables), partners_(n_) {
  std::vector<std::map<std::pair<int, int>, ComplexNumber>> rows(n_);
  const int* at = w.indices.data();
  for (std::size_t m = 0; m < w.degrees.size(); at += w.degrees[m++]) {
    const int degree = w.degrees[m];
    if (degree > 3)
      throw std::invalid_argument("monomials: solvers need degrees up to 3, got " +
                                  std::to_string(degree));
    if (degree == 1) continue;
    for (int p = 0; p < degree; ++p) {
      int others[2] = {static_cast<int>(n_), static_cast<int>(n_)};  // the variable that is 1
      for (int q = 0, k = 0; q < degree; ++q)
        if (q != p) others[k++] = at[q];
      rows[at[p]][std::minmax(others[0], others[1])] += w.coefficients[m];
    }
  }
  for (long i = 0; i < n_; ++i) {
    starts_.push_back(static_cast<long>(terms_.size()));
    for (const auto& [pair, value] : rows[i]) {
      terms_.push_back({pair.first, pair.second, value.real(), value.imag()});
      for (const int j : {pair.first, pair.second})
        if (j < n_) partners_[i].push_back(j);
    }
    std::sort(partners_[i].begin(), partners_[i].end());
    partners_[i].erase(std::unique(partners_[i].begin(), partners_[i].end()), partners_[i].end());
  }
  starts_.push_back(static_cast<long>(terms_.size()));
  for (const Symmetry& symmetry : symmetries) {
    Tangent tangent;
    for (const SymmetryEntry& entry : symmetry) tangent.rows.push_back(entry.row);
    std::sort(tangent.rows.begin(), tangent.rows.end());
    tangent.rows.erase(std::unique(tangent.rows.begin(), tangent.rows.end()), tangent.rows.end());
    for (SymmetryEntry entry : symmetry) {
      const auto place = std::lower_bound(tangent.rows.begin(), tangent.rows.end(), entry.row);
      entry.row = static_cast<int>(place - tangent.rows.begin());
      tangent.entries.push_back(entry);
    }
    tangents_.push_back(std::move(tangent));
  }
}

void QuadraticSystem::residual(const ComplexVector& z, const ComplexNumber* linear,
                               ComplexVector& f) const {
  const double *x = z.re(), *y = z.im();
  for (long i = 0; i < n_; ++i) {
    double re = linear[i].real(), im = linear[i].imag();
    for (long t = starts_[i]; t < starts_[i + 1]; ++t) {
      const auto& [j, k, a, b] = terms_[t];
      const double u = x[j] * x[k] - y[j] * y[k], v = x[j] * y[k] + y[j] * x[k];
      re += a * u - b * v;
      im += a * v + b * u;
    }
    f.re()[i] = re;
    f.im()[i] = im;
  }
}

void QuadraticSystem::hessian(const ComplexVector& z, ComplexLu& h) const {
  const double *x = z.re(), *y = z.im();
  h.clear();
  for (long i = 0; i < n_; ++i) {
    double *re = h.re(i), *im = h.im(i);  // column i, which is row i: H is symmetric
    for (long t = starts_[i]; t < starts_[i + 1]; ++t) {
      const auto& [j, k, a, b] = terms_[t];
      re[j] += a * x[k] - b * y[k];
      im[j] += a * y[k] + b * x[k];
      if (k < n_) {
        re[k] += a * x[j] - b * y[j];
        im[k] += a * y[j] + b * x[j];
      }
    }
  }
}

// The tangents at z, each on its own rows.
std::vector<std::vector<ComplexNumber>> QuadraticSystem::tangents_at(const ComplexVector& z) const {
  std::vector<std::vector<ComplexNumber>> t;
  for (const Tangent& tangent : tangents_) {
    t.emplace_back(tangent.rows.size());
    for (const auto& [row, column, value] : tangent.entries)
      t.back()[row] += value * ComplexNumber(z.re()[column], z.im()[column]);
  }
  return t;
}

void QuadraticSystem::add_symmetries(const ComplexVector& z, ComplexLu& h) const {
  const auto tangents = tangents_at(z);
  for (std::size_t g = 0; g < tangents.size(); ++g) {
    const auto& t = tangents[g];
    const auto& rows = tangents_[g].rows;
    for (std::size_t s = 0; s < t.size(); ++s) {
      double *re = h.re(rows[s]), *im = h.im(rows[s]);
      const double a = t[s].real(), b = t[s].imag();
      for (std::size_t r = 0; r < t.size(); ++r) {
        re[rows[r]] += a * t[r].real() - b * t[r].imag();
        im[rows[r]] -= a * t[r].imag() + b * t[r].real();
      }
    }
  }
}

// (T^dagger T)^-1 T^dagger z: along which combination of generators z grows.
bool QuadraticSystem::growth(const ComplexVector& z, ComplexLu& gram, ComplexVector& x) const {
  const auto t = tangents_at(z);
  std::vector<ComplexNumber> full(n_);
  gram.clear();
  double trace = 0;
  for (std::size_t a = 0; a < t.size(); ++a) {
    const auto& rows = tangents_[a].rows;
    ComplexNumber along = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      full[rows[r]] = t[a][r];
      along += std::conj(t[a][r]) * ComplexNumber(z.re()[rows[r]], z.im()[rows[r]]);
      trace += std::norm(t[a][r]);
    }
    x.re()[a] = along.real();
    x.im()[a] = along.imag();
    for (std::size_t b = 0; b < t.size(); ++b) {
      ComplexNumber sum = 0;
      for (std::size_t r = 0; r < t[b].size(); ++r)
        sum += std::conj(full[tangents_[b].rows[r]]) * t[b][r];
      gram.re(b)[a] = sum.real();
      gram.im(b)[a] = sum.imag();
    }
    for (const int row : rows) full[row] = 0;
  }
  for (std::size_t a = 0; a < t.size(); ++a) gram.re(a)[a] += 1e-12 * trace;
  if (!gram.factor(ComplexLu::Pivots::diagonal)) return false;
  gram.solve(x);
  return true;
}

// Along an orbit |z|^2 is convex (Kempf and Ness), with the smallest value where T^dagger z = 0.
// Newton's step there is half the projection of z onto the tangents.
bool QuadraticSystem::balance(ComplexVector& z) const {
  constexpr int most_rounds = 100;
  constexpr double longest = 2, enough = 0.02;
  const long g = static_cast<long>(tangents_.size());
  if (g == 0) return false;
  ComplexLu gram(g);
  ComplexVector x(g);
  for (int round = 0; round < most_rounds; ++round) {
    if (!growth(z, gram, x)) return round > 0;
    const double size = 0.5 * std::sqrt(squared_norm(x)), before = squared_norm(z);
    if (!(size > enough)) return round > 0;
    const ComplexVector here = z;
    double scale = -0.5 * std::min(1.0, longest / size);
    for (transform(scale, x, z); !(squared_norm(z) < before) && scale < -1e-3;) {
      z = here;
      scale *= 0.5;
      transform(scale, x, z);
    }
    if (!(squared_norm(z) < before)) z = here;
    if (!(squared_norm(z) < 0.9999 * before)) break;
  }
  return true;
}

// z = exp(scale times the sum of x_a times generator a) z, by its series.
void QuadraticSystem::transform(double scale, const ComplexVector& x, ComplexVector& z) const {
  ComplexVector term = z, next(z.size);
  for (int k = 1; k < 100; ++k) {
    std::fill(next.packs.begin(), next.packs.end(), S(0.0));
    for (std::size_t a = 0; a < tangents_.size(); ++a) {
      const ComplexNumber factor(scale / k * x.re()[a], scale / k * x.im()[a]);
      for (const auto& [row, column, value] : tangents_[a].entries) {
        const int to = tangents_[a].rows[row];
        const double u = factor.real() * value.real() - factor.imag() * value.imag();
        const double v = factor.real() * value.imag() + factor.imag() * value.real();
        next.re()[to] += u * term.re()[column] - v * term.im()[column];
        next.im()[to] += u * term.im()[column] + v * term.re()[column];
      }
    }
    for (std::size_t i = 0; i < z.packs.size(); ++i) z.packs[i] += next.packs[i];
    if (!(squared_norm(next) > 1e-34 * squared_norm(z))) return;
    std::swap(term, next);
  }
}

void QuadraticSystem::normal_matrix(ComplexLu& h, double damping, ComplexLu& normal) const {
  normal.clear();
  for (long i = 0; i < n_; ++i) {
    const double *x = h.re(i), *y = h.im(i);
    for (const int k : partners_[i]) {
      double *re = normal.re(k), *im = normal.im(k);
      for (const int j : partners_[i]) {  // conj(H_ij) H_ik
        re[j] += x[j] * x[k] + y[j] * y[k];
        im[j] += x[j] * y[k] - y[j] * x[k];
      }
    }
  }
  for (long i = 0; i < n_; ++i) normal.re(i)[i] += damping;
}

void QuadraticSystem::pull_back(ComplexLu& h, const ComplexVector& f, ComplexVector& g) const {
  for (long i = 0; i < n_; ++i) {
    const double *x = h.re(i), *y = h.im(i);
    double re = 0, im = 0;
    for (const int j : partners_[i]) {
      re += x[j] * f.re()[j] + y[j] * f.im()[j];
      im += x[j] * f.im()[j] - y[j] * f.re()[j];
    }
    g.re()[i] = re;
    g.im()[i] = im;
  }
}

QuadraticSystem::Series::Series(long variables)
    : re((variables + 1) * width, 0.0), im(re), reversed_re(re), reversed_im(re) {}

void QuadraticSystem::Series::set(int k, const ComplexVector& coefficient) {
  for (long i = 0; i < coefficient.size; ++i) {
    re[i * width + k] = coefficient.re()[i];
    im[i * width + k] = coefficient.im()[i];
    reversed_re[i * width + order - k] = coefficient.re()[i];
    reversed_im[i * width + order - k] = coefficient.im()[i];
  }
}

// Coefficient k of a product is sum_p a_p b_(k - p): a in order beside b reversed, shifted by k.
// Coefficients of order k and above do not exist yet: they are zero, and so is number 0.
void QuadraticSystem::quadratic_coefficient(const Series& z, int k, ComplexVector& f) const {
  constexpr long width = Series::width;
  for (long i = 0; i < n_; ++i) {
    S re(0.0), im(0.0);
    for (long t = starts_[i]; t < starts_[i + 1]; ++t) {
      const auto& [j, l, a, b] = terms_[t];
      if (l == n_) continue;
      const long first = j * width, second = l * width + order - k;
      S u(0.0), v(0.0);
      for (long p = 0; p < k; p += S::lanes) {
        const S x = S::load(&z.re[first + p]), y = S::load(&z.im[first + p]);
        const S s = S::load(&z.reversed_re[second + p]), r = S::load(&z.reversed_im[second + p]);
        u = u + x * s - y * r;
        v = v + x * r + y * s;
      }
      re = re + S(a) * u - S(b) * v;
      im = im + S(a) * v + S(b) * u;
    }
    double sum_re = 0, sum_im = 0;
    for (int lane = 0; lane < S::lanes; ++lane) {
      sum_re += re[lane];
      sum_im += im[lane];
    }
    f.re()[i] = sum_re;
    f.im()[i] = sum_im;
  }
}

}  // namespace thalweg
