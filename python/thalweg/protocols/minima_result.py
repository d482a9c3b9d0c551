"""What a count of minima found, how it was found, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import species
from ..landscapes import OUTCOMES
from ..results import Result
from .minima_certificates import CubicTest, SumRule
from .tables import table


@dataclass(frozen=True, eq=False)
class MinimaCount(Result):
    """The minima of a superpotential landscape: S of them, up to its symmetries.

    Attributes
    ----------
    solutions : array [S, 2 n]
        A point of each; where minima come in pairs z, -z they are neighbours (number xor 1).
    fingerprints : complex array [S, K]
        W and the invariants of each.
    hits : int array [S]
        How many random starts ended there (pairs apart: a partner known by symmetry may have 0).
    labels : int array [m]
        Where each random start ended: the number of a minimum, or -1.
    outcomes : int array [m]
        How, as in `thalweg.landscapes.OUTCOMES`.
    spurious : array
        Energies of the starts that ended at a spurious minimum, above zero.
    certified : bool array [S] or None
        Which minima are proven to be zeros, each on an orbit of its own (Krawczyk's test).
    loops : int array [L, 5]
        For each monodromy loop: paths, failed paths, new minima, collisions (two paths that ended
        in one minimum: one of them jumped), minima known after it.
    expected : int or None
        The number known in advance, for generic couplings.
    sum_rule : SumRule or None
        Where the landscape has one.
    cubic_test : CubicTest or None
        Where it was asked for.
    special : tuple of str
        Relations between the couplings that make them special: minima are then lost to infinity.
    paired : bool
    method : str
    seconds : float
    """

    solutions: np.ndarray
    fingerprints: np.ndarray
    hits: np.ndarray
    labels: np.ndarray
    outcomes: np.ndarray
    spurious: np.ndarray
    certified: np.ndarray | None
    loops: np.ndarray
    expected: int | None
    sum_rule: SumRule | None
    cubic_test: CubicTest | None
    special: tuple[str, ...]
    paired: bool
    method: str
    seconds: float

    @property
    def count(self) -> int:
        """S, the number of distinct minima found."""
        return len(self.solutions)

    @property
    def complete(self) -> bool:
        """Whether a certificate says that none is missing, and the count is not below `expected`.

        Without a certificate always False: a long search without news proves nothing.
        """
        certified = any(
            test is not None and test.holds for test in (self.sum_rule, self.cubic_test)
        )
        return certified and self.expected in (None, self.count)

    @property
    def sampled_hits(self) -> np.ndarray:
        """Hits of the minima that random starts reached: what species estimators take."""
        return self.hits[self.hits > 0]

    def discovery_curve(self) -> np.ndarray:
        """Return S(k), k = 1 .. m: distinct minima among the first k random starts, int [m]."""
        if not len(self.labels):
            return np.zeros(0, dtype=int)
        return species.discovery_curve(self.labels)

    def coverage(self) -> tuple[float, float]:
        """Return Good and Turing's estimate of the share of all starts that found minima see.

        With its standard error after Esty; both from random starts alone.
        """
        return species.good_turing_coverage(self.sampled_hits)

    def lower_bounds(self) -> dict[str, float]:
        """Return how many minima there are at least, by random starts alone: Chao1 and ACE."""
        hits = self.sampled_hits
        return {"chao1": species.chao1(hits)[0], "ace": species.ace(hits)}

    def expected_new(self, runs: int) -> tuple[float, float]:
        """Return how many new minima the next `runs` successful starts should find, and the error.

        New to random starts: monodromy may know them.
        """
        return species.expected_new(self.sampled_hits, runs)

    def runs_needed(self) -> dict[str, float]:
        """Return the starts that a collector of all S minima needs: with equal basins, and as hit.

        The second is infinite while a minimum has not been hit.
        """
        rate = float((self.labels >= 0).mean())
        as_hit = species.coupon_collector_runs(self.hits, rate) if self.hits.all() else np.inf
        return {"equal": species.coupon_collector_runs(self.count, rate), "as hit": as_hit}

    def nearest_gap(self) -> float:
        """Return the smallest difference of two fingerprints, relative to their size.

        Two points were taken for one minimum below 1e-6; the two must be far apart.
        """
        from scipy.spatial import cKDTree

        if self.count < 2:
            return np.inf
        size = 1 + np.abs(self.fingerprints).max(axis=1)
        flat = np.ascontiguousarray(self.fingerprints).view(float)
        distance = cKDTree(flat).query(flat, k=2, p=np.inf)[0][:, 1]
        return float((distance / size).min())

    def summary(self) -> str:
        """What was found, how, and what the certificate says."""
        lines = [f"{self.count} minima{self._comparison()}"]
        if self.certified is not None:
            lines.append(f"{self.certified.sum()} of them proven, and different (Krawczyk's test)")
        lines += [*self._verdict(), *(f"special couplings: {reason}" for reason in self.special)]
        if len(self.labels):
            lines += self._sampling()
        if len(self.loops):
            names = ["loop", "paths", "failed", "new", "collisions", "minima"]
            rows = [[str(k + 1), *map(str, row)] for k, row in enumerate(self.loops)]
            lines += ["", table(names, rows)]
        lines += ["", f"{self.method}, {self.seconds:.2f} s, nearest fingerprints "
                      f"{self.nearest_gap():.1e} apart (same below 1e-6)"]  # fmt: skip
        return "\n".join(lines)

    def _comparison(self) -> str:
        if self.expected is None:
            return ""
        return f" ({self.expected} for generic couplings, from string duality)"

    def _verdict(self) -> list[str]:
        """What the certificates say, in words."""
        lines = []
        if self.sum_rule is not None:
            what = f"sum rule for W^2, deficit {self.sum_rule.deficit:.1e}"
            lines.append(
                f"{what}: {'holds' if self.sum_rule.holds else 'fails, minima are missing'}"
            )
        if self.cubic_test is not None:
            what = f"cubic test, residual {self.cubic_test.residual:.1e}"
            lost = f"says nothing, {self.cubic_test.lost} paths were lost"
            verdict = (
                "holds"
                if self.cubic_test.holds
                else "fails, minima are missing or W is not special"
            )
            lines.append(f"{what}: {lost if self.cubic_test.lost else verdict}")
        if not lines:
            return ["completeness: no certificate (cubic_test=True makes one)"]
        if not self.complete and self.expected and not any("fails" in text for text in lines):
            lines.append(
                "fewer than for generic couplings: these are special, or so nearly special that "
                "the minima missing have W near 0, which the tests cannot see"
            )
        return lines

    def _sampling(self) -> list[str]:
        """What random starts alone say."""
        counts = np.bincount(self.outcomes, minlength=len(OUTCOMES))
        text = ", ".join(f"{n} {name}" for name, n in zip(OUTCOMES, counts, strict=True) if n)
        hits = self.sampled_hits
        lines = [f"random starts: {len(self.labels)} ({text}), {hits.size} different minima"]
        if hits.size:
            bounds, needed = self.lower_bounds(), self.runs_needed()
            lines.append(f"  {species.coverage_statement(hits)}")
            lines.append(
                f"  at least {bounds['chao1']:.0f} minima (Chao1), {bounds['ace']:.0f} (ACE); "
                f"{needed['equal']:.0f} starts to hit all {self.count} with equal basins, "
                + (f"{needed['as hit']:.0f} with these" if self.hits.all() else "more with these")
            )
        return lines

    def plot(self, ax=None):
        """Draw the discovery curve and the hits of each minimum; returns the axes."""
        from ..plotting import axes  # matplotlib is optional

        ax = axes(ax, xlabel="random starts, or minima by rank", ylabel="distinct minima, or hits")
        if len(self.labels):
            ax.plot(np.arange(1, len(self.labels) + 1), self.discovery_curve(), label="S(m)")
        ax.plot(np.arange(1, self.count + 1), np.sort(self.hits)[::-1], ".", label="hits")
        if self.expected is not None:
            ax.axhline(self.expected, color="0.6", lw=1, ls="--", label=f"exact: {self.expected}")
        ax.set_xscale("log")
        ax.set_yscale("symlog")
        ax.legend()
        return ax
