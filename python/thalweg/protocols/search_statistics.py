"""What random starts found, and what they may have missed: one face for labels of any search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import species

__all__ = ["SearchStatistics"]


@dataclass(frozen=True, eq=False)
class SearchStatistics:
    """Random starts as draws of minima, with the basins of attraction as weights.

    Notation: m starts ended in a minimum, S different minima were found by them.

    Parameters
    ----------
    labels : int array [M]
        Which minimum each start ended in, in the order of the starts; negative: in none.
    known : int
        How many minima are known, by whatever means: labels are below it.

    References
    ----------
    The estimators and their sources: `thalweg.species`.

    Examples
    --------
    >>> import thalweg as tw
    >>> hole = tw.BlackHole((1, 1, 1, 1), rng=0)
    >>> found = tw.protocols.count_minima(hole, method="multistart", starts=300, rng=0)
    >>> search = found.statistics()
    >>> search.found, search.runs_taken() < 300
    (12, True)
    """

    labels: np.ndarray
    known: int

    @property
    def hits(self) -> np.ndarray:
        """How many starts ended in each known minimum, int [known]."""
        return np.bincount(self.labels[self.labels >= 0], minlength=self.known)

    @property
    def successes(self) -> int:
        """m, the starts that ended in a minimum."""
        return int((self.labels >= 0).sum())

    @property
    def found(self) -> int:
        """S, the different minima that starts ended in."""
        return int((self.hits > 0).sum())

    def discovery_curve(self) -> np.ndarray:
        """Return S(k), k = 1 .. M: distinct minima among the first k starts, int [M]."""
        if self.labels.size == 0:
            return np.zeros(0, dtype=np.int64)
        return species.discovery_curve(self.labels)

    def coverage(self) -> tuple[float, float]:
        """Return Good and Turing's coverage and Esty's error; nan if nothing was found.

        The probability that one more successful start ends in a minimum already hit.
        """
        return species.good_turing_coverage(self.hits) if self.found else (np.nan, np.nan)

    def chao1(self) -> tuple[float, float]:
        """Return Chao's lower bound on the number of minima, and its error; nan if none."""
        return species.chao1(self.hits) if self.found else (np.nan, np.nan)

    def ace(self) -> float:
        """Return the abundance-based estimate of the number of minima; nan if none."""
        return species.ace(self.hits) if self.found else np.nan

    def expected_new(self, runs: int | None = None) -> tuple[float, float]:
        """Return how many new minima `runs` more successes should find, and the error.

        By default m more, the furthest for which the estimate is unbiased.
        """
        if not self.found:
            return np.nan, np.nan
        return species.expected_new(self.hits, self.successes if runs is None else runs)

    def expected_runs(self, basins: str = "equal") -> float:
        """Return the coupon collector's number of starts until every minimum has been hit.

        Parameters
        ----------
        basins : "equal" or "measured"
            All `known` minima with one weight; or those that were hit, with their hits as weights.
            A minimum that was never hit has no measured basin: it is left out, and the true number
            is larger.
        """
        if not self.found:
            return np.inf
        rate = self.successes / len(self.labels)
        weights = self.known if basins == "equal" else self.hits[self.hits > 0]
        return species.coupon_collector_runs(weights, rate)

    def runs_taken(self) -> int | None:
        """Return after how many starts every known minimum had been hit; None: not yet."""
        if self.found < self.known or self.known == 0:
            return None
        return int(np.argmax(self.discovery_curve() == self.known)) + 1

    def report(self) -> list[str]:
        """Return sentences that claim no more than was measured: never "complete"."""
        if not self.found:
            return []
        bound, error = self.chao1()
        new, spread = self.expected_new()
        once = int((self.hits == 1).sum())
        lines = [species.coverage_statement(self.hits)]
        if once == 0:
            lines.append(f"none of {self.found} was hit only once: no bound on how many there are")
        else:
            ace = self.ace()
            also = "" if np.isnan(ace) else f" or {ace:.4g} (ACE)"
            lines.append(f"{once} of {self.found} were hit only once: at least "
                         f"{bound:.4g} +- {error:.2g} (Chao1){also}")  # fmt: skip
        lines.append(f"{self.successes} more successes should find {new:.2g} +- {spread:.2g} new")
        needed = self.runs_taken()
        took = f"; it took {needed}" if needed else f"; {len(self.labels)} were not enough"
        lines.append(f"starts to hit all {self.known}: {self.expected_runs():.0f} were basins "
                     f"equal, {self._measured()}{took}")  # fmt: skip
        return lines

    def _measured(self) -> str:
        """What the measured basins ask for, in words."""
        runs = self.expected_runs("measured")
        which = "as measured" if self.found == self.known else f"for the {self.found} hit so far"
        return f"{runs:.0f} {which}"

    def draw_discovery(self, ax, label: str = "S(m)"):
        """Draw the discovery curve on axes; returns them."""
        curve = self.discovery_curve()
        ax.step(np.arange(1, curve.size + 1), curve, where="post", label=label)
        return ax

    def draw_hits(self, ax, label: str = "hits"):
        """Draw hits of each minimum, the most hit first; returns the axes."""
        ax.plot(np.arange(1, self.known + 1), np.sort(self.hits)[::-1], ".", label=label)
        return ax
