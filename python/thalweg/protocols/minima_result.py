"""What a count of minima found, how it was found, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..landscapes import OUTCOMES
from ..results import Result
from .minima_certificates import CubicTest, SumRule
from .search_statistics import SearchStatistics
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
        return self.statistics().discovery_curve()

    def statistics(self, pairs: bool = False) -> SearchStatistics:
        """Return what the random starts say of minima not found: coverage, bounds, runs needed.

        Parameters
        ----------
        pairs : bool
            Count z and -z as one, where minima come in pairs: one start then finds both.
        """
        halve = 2 if pairs and self.paired else 1
        return SearchStatistics(np.asarray(self.labels) // halve, self.count // halve)

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
        """What the random starts found, and what they may have missed."""
        counts = np.bincount(self.outcomes, minlength=len(OUTCOMES))
        text = ", ".join(f"{n} {name}" for name, n in zip(OUTCOMES, counts, strict=True) if n)
        search = self.statistics()
        lines = [f"random starts: {len(self.labels)} ({text}), {search.found} different minima"]
        lines += [f"  {line}" for line in search.report()]
        if self.paired and search.found:
            report = self.statistics(pairs=True).report()
            lines += [f"  as pairs z, -z: {report[k]}" for k in (0, -1)]
        return lines

    def plot(self, ax=None):
        """Draw the discovery curve S(m) of the random starts; returns the axes."""
        from ..plotting import axes  # matplotlib is optional

        ax = axes(ax, xlabel="random starts $m$", ylabel="different minima $S(m)$")
        self.statistics().draw_discovery(ax, "all minima")
        if self.paired:
            self.statistics(pairs=True).draw_discovery(ax, "pairs $z, -z$")
        if self.expected is not None:
            ax.axhline(self.expected, color="0.6", lw=1, ls="--", label=f"exact: {self.expected}")
        ax.set_xscale("log")
        ax.legend()
        return ax

    def plot_hits(self, ax=None):
        """Draw how many random starts hit each minimum, by rank; returns the axes."""
        from ..plotting import axes

        ax = axes(ax, xlabel="minimum, by hits", ylabel="random starts that ended there")
        self.statistics().draw_hits(ax)
        ax.set_yscale("symlog", linthresh=1)
        ax.set_ylim(bottom=0)
        return ax

    def figure(self):
        """Draw `plot` and `plot_hits` side by side; returns the figure."""
        from ..plotting import figure

        canvas, (left, right) = figure(columns=2)
        self.plot(left)
        self.plot_hits(right)
        return canvas
