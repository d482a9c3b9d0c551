"""Which minima each optimizer found within each budget, and what the missed ones are like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._checks import choice
from ..landscapes import OUTCOMES
from ..results import Result
from .search_statistics import SearchStatistics
from .tables import table

KINDS = (*OUTCOMES, "diverged")
SAME_LEVEL = 1e-6  # relative difference of the energies of one kind of spurious minimum


@dataclass(frozen=True, eq=False)
class OptimizerCoverage(Result):
    """Optimizers marked against S known minima: O of them, K budgets, R starts.

    Attributes
    ----------
    optimizers : tuple of str
        Their names [O].
    budgets : int array [K]
        Gradient evaluations per start.
    reached : int array [O]
        How many of the budgets each optimizer finished: K, or fewer if interrupted.
    before, after : int array [O, K, R]
        At which minimum (a row of `solutions`) each start had converged by itself, and where
        Levenberg-Marquardt went from there; -1: at none. From S on: a minimum that was not known.
    outcomes : int array [O, R]
        How the polish of the last points ended: a place in
        ``("zero", "stationary", "runaway", "unfinished", "degenerate", "diverged")``.
    energies, polished_energies : array [O, R]
        V at the last points, before and after the polish; inf where a point diverged.
    evaluations : int array [O, R]
        Gradients spent.
    seconds : array [O]
        Wall time of the optimizer, without the polish.
    solutions : array [S, 2 n]
        The known minima; where they come in pairs, neighbours.
    conditioning : array [S]
        Smallest singular value of the Jacobian of F = dW/dz at each, the symmetries' zeros left
        out, at the point of least norm. V = |F|^2 has curvature twice its square there.
    complete : bool
        Whether a certificate says that no minimum is missing among the known ones.
    """

    optimizers: tuple[str, ...]
    budgets: np.ndarray
    reached: np.ndarray
    before: np.ndarray
    after: np.ndarray
    outcomes: np.ndarray
    energies: np.ndarray
    polished_energies: np.ndarray
    evaluations: np.ndarray
    seconds: np.ndarray
    solutions: np.ndarray
    conditioning: np.ndarray
    complete: bool

    @property
    def known(self) -> int:
        """S, the number of known minima."""
        return len(self.solutions)

    def _row(self, name: str) -> int:
        return self.optimizers.index(choice("name", name, self.optimizers))

    def statistics(self, name: str, polished: bool = True) -> SearchStatistics:
        """Return what one optimizer's starts found at the largest budget it reached.

        Hits, discovery curve, coverage, coupon collector: see `SearchStatistics`.
        """
        row = self._row(name)
        looks = self.after if polished else self.before
        labels = looks[row, self.reached[row] - 1] if self.reached[row] else looks[row, 0, :0]
        return SearchStatistics(np.where(labels < self.known, labels, -1), self.known)

    def hits(self, name: str, polished: bool = True) -> np.ndarray:
        """Return how many starts ended at each known minimum, int [S]."""
        return self.statistics(name, polished).hits

    def missed(self, name: str, polished: bool = True) -> np.ndarray:
        """Return which known minima (rows of `solutions`) no start ended at."""
        return np.flatnonzero(self.hits(name, polished) == 0)

    def fraction_found(self, polished: bool = True) -> np.ndarray:
        """Return the fraction of the known minima found within each budget, [O, K].

        nan for budgets that were not reached.
        """
        found = np.full(self.before.shape[:2], np.nan)
        for row, looks in enumerate(self.after if polished else self.before):
            for look in range(self.reached[row]):
                labels = np.unique(looks[look])
                found[row, look] = ((labels >= 0) & (labels < self.known)).sum() / self.known
        return found

    def not_known(self) -> int:
        """Return how many minima were met that are not among the known ones."""
        met = np.unique(np.concatenate([self.before.ravel(), self.after.ravel()]))
        return int((met >= self.known).sum())

    def ends(self, name: str) -> dict[str, int]:
        """Return how many starts ended how, after the polish.

        "stationary" are spurious minima, "runaway" went off to infinity (a variable beyond 10^4, or
        far beyond where it started), "unfinished" were out of steps, "degenerate" ended at a zero
        that is not isolated, "diverged" left the numbers.
        """
        outcomes = self.outcomes[self._row(name)]
        return {kind: int((outcomes == code).sum()) for code, kind in enumerate(KINDS)}

    def spurious(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the energies [k] of the kinds of spurious minima met, and how often each was."""
        row = self._row(name)
        energies = np.sort(self.polished_energies[row][self.outcomes[row] == 1])
        if energies.size == 0:
            return energies, np.zeros(0, dtype=int)
        new = np.append(True, np.diff(energies) > SAME_LEVEL * energies[1:])
        kinds = np.cumsum(new) - 1
        return energies[new], np.bincount(kinds)

    def slow(self, name: str) -> int:
        """Return how many starts had not converged, but were led to a minimum by the polish."""
        row = self._row(name)
        if not self.reached[row]:
            return 0
        last = self.reached[row] - 1
        return int(((self.before[row, last] < 0) & (self.after[row, last] >= 0)).sum())

    def summary(self) -> str:
        """Three tables: what was found, how searches ended, what the missed minima are like."""
        sure = "certified complete" if self.complete else "completeness not certified"
        shape = self.before.shape
        lines = [
            f"{self.known} known minima ({sure}); {shape[2]} starts for each optimizer, at most "
            f"{self.budgets[-1]} gradients each",
            "",
            self._found_table(),
            "all after: starts until every minimum had been hit; beside it the coupon collector's",
            "estimates, for equal basins and for those that were hit, with their hits as weights",
            "",
            "how starts ended after the polish",
            self._ends_table(),
            "",
            "conditioning: smallest singular value of the Jacobian at minima missed and found",
            self._missed_table(),
        ]
        extra = self.not_known()
        if extra:
            lines += ["", f"{extra} minima met were not among the known: count them first"]
        for name, reached in zip(self.optimizers, self.reached, strict=True):
            if reached < shape[1]:
                far = self.budgets[reached - 1] if reached else 0
                lines.append(f"{name}: interrupted, this is what {far} gradients found")
        return "\n".join(lines)

    def _found_table(self) -> str:
        names = ["optimizer", "gradients", "seconds", "polished", "at a minimum", "found", "hits",
                 "all after", "if equal", "as measured"]  # fmt: skip
        rows = []
        for row, name in enumerate(self.optimizers):
            for polished in (False, True):
                search = self.statistics(name, polished)
                few, middle, most = np.quantile(search.hits, [0, 0.5, 1])
                share = search.successes / max(1, search.labels.size)
                spent = [f"{self.evaluations[row].mean():.0f}", f"{self.seconds[row]:.2f}"]
                rows.append([
                    *([name, *spent] if not polished else ["", "", ""]),
                    "yes" if polished else "no",
                    f"{100 * share:.1f} %",
                    f"{search.found}/{self.known}",
                    f"{few:.0f} / {middle:.0f} / {most:.0f}",
                    str(search.runs_taken() or "never"),
                    f"{search.expected_runs():.0f}",
                    f"{search.expected_runs('measured'):.0f}",
                ])  # fmt: skip
        return table(names, rows)

    def _ends_table(self) -> str:
        names = ["optimizer", "slow", "spurious (V, times)", *KINDS[2:]]
        rows = []
        for name in self.optimizers:
            ends, (levels, times) = self.ends(name), self.spurious(name)
            shown = [f"{v:.4g} x{n}" for v, n in zip(levels[:3], times[:3], strict=True)]
            more = [f"and {levels.size - 3} more"] if levels.size > 3 else []
            counts = [str(ends[kind]) for kind in KINDS[2:]]
            rows.append([name, str(self.slow(name)), ", ".join(shown + more) or "0", *counts])
        return table(names, rows)

    def _missed_table(self) -> str:
        names = ["optimizer", "polished", "missed", "theirs", "of those found"]
        rows = []
        for name in self.optimizers:
            for polished in (False, True):
                hit = self.hits(name, polished) > 0
                rows.append([
                    "" if polished else name,
                    "yes" if polished else "no",
                    str(int((~hit).sum())),
                    _range(self.conditioning[~hit]),
                    _range(self.conditioning[hit]),
                ])  # fmt: skip
        return table(names, rows)

    def plot(self, ax=None):
        """Draw the fraction found against the budget; returns the axes.

        Dashed: as the optimizer left the points. Full: after the polish.
        """
        from ..plotting import axes  # matplotlib is optional

        ax = axes(ax, xlabel="gradient evaluations per start", ylabel="fraction of minima found")
        before, after = self.fraction_found(polished=False), self.fraction_found()
        for row, name in enumerate(self.optimizers):
            color = f"C{row % 10}"
            ax.plot(self.budgets, after[row], "o-", color=color, label=f"{name}, polished")
            ax.plot(self.budgets, before[row], "s--", color=color, mfc="none", label=name)
        ax.set_xscale("log")
        ax.set_ylim(0, 1.05)
        ax.legend()
        return ax

    def plot_hits(self, ax=None):
        """Draw hits of each minimum, unpolished, against its conditioning; returns the axes."""
        from ..plotting import axes

        ax = axes(ax, xlabel="smallest singular value at the minimum", ylabel="hits, unpolished")
        for name in self.optimizers:
            ax.plot(self.conditioning, self.hits(name, polished=False), ".", label=name)
        ax.set_xscale("log")
        ax.set_yscale("symlog", linthresh=1)
        ax.set_ylim(bottom=0)
        ax.legend()
        return ax


def _range(values: np.ndarray) -> str:
    """Return least, median and largest, or "-" for none."""
    if values.size == 0:
        return "-"
    return " / ".join(f"{v:.3g}" for v in np.quantile(values, [0, 0.5, 1]))
