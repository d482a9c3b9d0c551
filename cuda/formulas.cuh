// The landscapes of the catalogue, superpotentials, and sums of all of these, on a device: a list
// of terms, each of which says what it is. One set of kernels serves them all.
#pragma once

#include <thalweg/landscapes/catalogue.hpp>
#include <thalweg/landscapes/superpotential.hpp>

#include "landscape.cuh"

namespace thalweg::cuda {

enum class TermKind : int {
#define THALWEG_KIND(F) F,
  THALWEG_FORMULAS(THALWEG_KIND)
#undef THALWEG_KIND
      Superpotential,
};

template <class Real>
struct Term {
  TermKind kind;
  union {
#define THALWEG_MEMBER(F) thalweg::F<Real> as_##F;
    THALWEG_FORMULAS(THALWEG_MEMBER)
#undef THALWEG_MEMBER
    thalweg::Superpotential<Real> as_superpotential;
  };
};

// Where terms put their gradients, or the tangents of them: the first in its place, the others to
// those before. (One type for both, or all would be compiled twice.)
template <class Real>
struct TermGradient {
  static constexpr bool wanted = true;
  Real* out;
  bool first;

  THALWEG_INLINE void set(long i, Real g) const { out[i] = first ? g : out[i] + g; }
  THALWEG_INLINE void set(long i, Dual<Real> g) const { set(i, g.tangent); }
};

template <class Real>
struct Formulas {
  using Number = Real;
  static constexpr const char* name = "formulas";
  static constexpr int fewest_threads = 1, most_threads = 128;
  static constexpr int fewest_blocks_of_runs = 1;  // the compiler's choice spills registers
  // Up to here a thread takes a replica by itself: points of a block stay in shared memory.
  static constexpr long few_parameters = 32;

  long dim;
  const Term<Real>* terms;
  int count;
  long variables;  // of the largest superpotential among the terms, or 0
  Real bound;

  int team_size() const {
    if (dim <= few_parameters || (count == 1 && variables > 0)) return 1;
    const long quarter = (dim / 4 + warp_size - 1) / warp_size * warp_size;
    return static_cast<int>(quarter < most_threads ? quarter : most_threads);
  }
  std::size_t scratch_bytes(Work work) const {
    const long numbers = thalweg::Superpotential<Real>::workspace(variables);
    return (work == Work::product ? 2 : 1) * numbers * sizeof(Real);
  }
  THALWEG_DEVICE Real upper_bound() const { return bound; }

  // With `added`, gradients and products are added to what is there.
  template <class Team>
  THALWEG_DEVICE Real energy(const Team& team, const Real* x, const Scratch& scratch) const {
    const Array<Real> work{reinterpret_cast<Real*>(scratch.bytes)};
    return evaluate<NoGradient<Real>>(team, plain(x), nullptr, work);
  }
  template <class Team>
  THALWEG_DEVICE Real gradient(const Team& team, const Real* x, Real* g, const Scratch& scratch,
                               bool added = false) const {
    const Array<Real> work{reinterpret_cast<Real*>(scratch.bytes)};
    return evaluate<TermGradient<Real>>(team, plain(x), g, work, added);
  }
  template <class Team>
  THALWEG_DEVICE void product(const Team& team, const Real* x, const Real* v, Real* hv,
                              const Scratch& scratch, bool added = false) const {
    Real* values = reinterpret_cast<Real*>(scratch.bytes);
    const Array<Dual<Real>> work{values,
                                 values + thalweg::Superpotential<Real>::workspace(variables)};
    const Array<Dual<Real>> point{const_cast<Real*>(x), const_cast<Real*>(v)};
    evaluate<TermGradient<Real>>(team, point, hv, work, added);
  }

 private:
  static THALWEG_INLINE Array<Real> plain(const Real* x) {  // formulas only read points
    return {const_cast<Real*>(x)};
  }

  // The sum over the terms: each thread adds up its coordinates' parts, and the team the threads'.
  template <class G, class Team, class S>
  THALWEG_DEVICE Real evaluate(const Team& team, Array<S> x, [[maybe_unused]] Real* out,
                               Array<S> work, [[maybe_unused]] bool added = false) const {
    S all(Real(0));
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
    for (int t = 0; t < count; ++t) {
      if (t > 0) team.sync();  // terms may share out the coordinates in different ways
      G gradient{};
      if constexpr (G::wanted) gradient = {out, t == 0 && !added};
      const S part = term(team, terms[t], x, gradient, work);
      all = t == 0 ? part : all + part;
    }
    return team.sum(value_of(all));
  }
  static THALWEG_INLINE Real value_of(Real x) { return x; }
  static THALWEG_INLINE Real value_of(Dual<Real> x) { return x.value; }

  // This thread's part of a term. Those that cannot be shared out are left to the first thread.
  template <class Team, class S, class G>
  THALWEG_DEVICE S term(const Team& team, const Term<Real>& term, Array<S> x, G gradient,
                        Array<S> work) const {
    const S nothing(Real(0));
    const auto each = [&](long n, auto f) { team.each(n, f); };
    switch (term.kind) {
#define THALWEG_TERM(F)                                                  \
  case TermKind::F:                                                      \
    if constexpr (requires { term.as_##F.evaluate(x, gradient, each); }) \
      return term.as_##F.evaluate(x, gradient, each);                    \
    else                                                                 \
      return team.rank() == 0 ? term.as_##F.evaluate(x, gradient) : nothing;
      THALWEG_FORMULAS(THALWEG_TERM)
#undef THALWEG_TERM
      case TermKind::Superpotential:
        break;
    }
    return team.rank() == 0 ? superpotential(term.as_superpotential, x, gradient, work) : nothing;
  }
  // A call: its text, unrolled for every degree, is longer than all the others'.
  template <class S, class G>
  static THALWEG_DEVICE __attribute__((noinline)) S superpotential(
      const thalweg::Superpotential<Real>& formula, Array<S> x, G gradient, Array<S> work) {
    return formula.evaluate(x, gradient, work);
  }
};

}  // namespace thalweg::cuda
