"""What is known about the ways between minima, and what can be read from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._checks import choice, integer
from ..results import Result
from .merge_tree import MergeTree, merge_tree, route
from .path_search import confirmed
from .paths import CONVERGED, DIVERGED, RUNNING, STALLED
from .tables import table

KINDS = ("minimax", "path", "straight")
ROWS = 30  # pairs that a summary lists one by one
WORDS = {RUNNING: "unfinished", CONVERGED: "converged", DIVERGED: "diverged", STALLED: "stalled"}


@dataclass(frozen=True, eq=False)
class ModeConnectivity(Result):
    """Ways between K minima: Q straight lines and relaxed paths of M images, C saddles on them.

    Minima: ``minima`` [K, P], ``minimum_energies`` [K], ``gradient_norms`` [K]; the first
    ``given_minima`` were given, the others found on the way. Pairs: ``pairs`` [Q, 2]; the first
    ``given_pairs`` were asked for, the others are pieces of these. Straight lines:
    ``straight_energies`` [Q, L] at equal distances, ``straight_tops`` [Q]. Paths: ``paths``
    [Q, M, P], ``path_energies`` [Q, M], ``polygon_tops`` [Q] (highest energy on the polygon through
    the images), ``residuals`` [Q] (largest force across the path over its mean slope),
    ``status`` [Q] (0 unfinished, 1 converged, 2 diverged, 3 stalled), ``status_steps`` [Q] (when),
    ``bad_images`` [Q] (which image diverged, or -1). Saddles, in order along the paths:
    ``saddle_pairs`` [C] (row of `pairs`), ``saddles`` [C, P], ``saddle_energies`` [C],
    ``saddle_curvatures`` [C, 2] (the two lowest; the second is inf for P = 1), ``saddle_found``
    [C] (others never came to rest, or curve down in two directions).
    """

    minima: np.ndarray
    minimum_energies: np.ndarray
    gradient_norms: np.ndarray
    given_minima: int
    pairs: np.ndarray
    given_pairs: int
    straight_energies: np.ndarray
    straight_tops: np.ndarray
    paths: np.ndarray
    path_energies: np.ndarray
    polygon_tops: np.ndarray
    residuals: np.ndarray
    status: np.ndarray
    status_steps: np.ndarray
    bad_images: np.ndarray
    saddle_pairs: np.ndarray
    saddles: np.ndarray
    saddle_energies: np.ndarray
    saddle_curvatures: np.ndarray
    saddle_found: np.ndarray
    method: str
    steps: int
    gradients: int
    seconds: float

    @property
    def lost(self) -> list[tuple[int, int]]:
        """Pairs (i, j) whose path diverged: they connect nothing."""
        return [(int(i), int(j)) for i, j in self.pairs[self.status == DIVERGED]]

    @property
    def exact(self) -> np.ndarray:
        """Which paths [Q] have the height of a saddle; those of the others are upper bounds.

        Either the path converged and each of its maxima was refined to a saddle, or the top of its
        polygon, which is a true upper bound, agrees with its highest saddle to 1/1000 of the
        barrier.
        """
        ends = self.minimum_energies[self.pairs].max(axis=1)
        saddles = (self.saddle_found, self.saddle_energies)
        return confirmed(self.status, self.polygon_tops, ends, self.saddle_pairs, saddles)

    @property
    def given_paths(self) -> np.ndarray:
        """The paths [Q, M, P] of the pairs that were asked for."""
        return self.paths[: self.given_pairs]

    def tops(self, kind: str = "path") -> np.ndarray:
        """Highest energy [Q] on the way of each pair: "path", "straight" or "minimax".

        A path: its highest saddle where it is `exact`, else the top of its polygon; nan if it
        diverged. Minimax: the lowest possible over all ways through the paths, inf if there is
        none.
        """
        choice("kind", kind, KINDS)
        if kind == "minimax":
            i, j = self.pairs.T
            return self.tree().heights[i, j]
        ends = self.minimum_energies[self.pairs].max(axis=1)
        if kind == "straight":
            return np.maximum(self.straight_tops, ends)
        saddle = np.full(len(self.pairs), -np.inf)
        found = self.saddle_found
        np.maximum.at(saddle, self.saddle_pairs[found], self.saddle_energies[found])
        tops = np.maximum(np.where(self.exact, saddle, self.polygon_tops), ends)
        return np.where(self.status == DIVERGED, np.nan, tops)

    def barriers(self, kind: str = "minimax") -> np.ndarray:
        """Energy to climb from minimum i to minimum j, [K, K]: highest energy on the way minus E_i.

        0 on the diagonal; nan for pairs without a path (inf for "minimax").
        """
        choice("kind", kind, KINDS)
        if kind == "minimax":
            heights = self.tree().heights.copy()
        else:
            heights = np.full((len(self.minima),) * 2, np.nan)
            tops = self.tops(kind)
            for i, j in (self.pairs.T, self.pairs[:, ::-1].T):  # fmin: a pair may have two paths
                np.fmin.at(heights, (i, j), tops)
        np.fill_diagonal(heights, self.minimum_energies)
        return heights - self.minimum_energies[:, None]

    def tree(self) -> MergeTree:
        """The merge tree: which minima flow together at which energy."""
        tops = self.tops("path")
        lengths = np.linalg.norm(np.diff(self.paths, axis=1), axis=2).sum(axis=1)
        tops = np.where(np.isnan(tops), np.inf, tops)
        return merge_tree(self.minimum_energies, self.pairs, tops, lengths)

    def route(self, first: int, last: int) -> list[int]:
        """Minima on the lowest way from `first` to `last`, both included; empty without one."""
        most = len(self.minima) - 1
        ends = (integer("first", first, 0, most), integer("last", last, 0, most))
        return route(self.tree(), self.pairs, *ends)

    def newick(self) -> str:
        """The merge tree in Newick form, branch lengths in energy."""
        return self.tree().newick()

    def summary(self) -> str:
        """A table of barriers, one row per pair (quantiles if there are many), and the merges."""
        return "\n".join([self._heading(), "", self._table(), *self._remarks()])

    def _heading(self) -> str:
        count, images, dim = self.paths.shape
        return (
            f"mode connectivity: P = {dim}, {len(self.minima)} minima, {count} pairs x {images} "
            f"images, {self.method}, {self.steps} steps, {self.gradients} gradients"
        )

    def _table(self) -> str:
        """One row per pair that was asked for, or quantiles of many."""
        asked, pairs = slice(self.given_pairs), self.pairs[: self.given_pairs]
        ends = self.minimum_energies[pairs].max(axis=1)
        distance = np.linalg.norm(np.diff(self.minima[pairs], axis=1)[:, 0], axis=1)
        heights = [self.tops(kind)[asked] - ends for kind in ("straight", "path", "minimax")]
        columns = [distance, *heights]
        names = ["distance", "straight", "path", "minimax"]
        if len(pairs) > ROWS:
            rows = [
                [label, *(_ranked(c, share) for c in columns)]
                for label, share in (("lowest", 0), ("median", 0.5), ("highest", 1))
            ]
            return table(["barrier", *names], rows)
        rows = [
            [f"{i} - {j}", *(f"{c[q]:.6g}" for c in columns), *words]
            for q, ((i, j), words) in enumerate(zip(pairs, self._words(pairs), strict=True))
        ]
        return table(["pair", *names, "path is", "minimax is"], rows)

    def _words(self, pairs: np.ndarray) -> list[tuple[str, str]]:
        """What became of the path of each pair, and what decides its minimax barrier."""
        decides, exact = self.tree().passes[pairs[:, 0], pairs[:, 1]], self.exact
        kinds = ["nothing" if e < 0 else "a saddle" if exact[e] else "a bound" for e in decides]
        return [(WORDS[int(s)], k) for s, k in zip(self.status, kinds, strict=False)]

    def _remarks(self) -> list[str]:
        """Lines under the table: how to read it, the tree, and everything that went wrong."""
        remarks = ["barriers are heights above the higher of the two minima"]
        if len(self.minima) > self.given_minima:
            more, pieces = len(self.minima) - self.given_minima, len(self.pairs) - self.given_pairs
            remarks.append(f"{more} more minima were found on the way, {pieces} pieces searched")
        for pair, image, step in self._divergences():
            when = f"at step {step}" if step else "on the initial path"
            remarks.append(f"left out because image {image} diverged {when}: pair {pair}")
        tree = self.tree()
        members = [[i] for i in range(len(self.minima))]
        for (left, right), level in zip(tree.merges, tree.levels, strict=True):
            members.append(members[left] + members[right])
            if len(tree.merges) <= ROWS:
                remarks.append(f"merge at {level:.6g}: {members[left]} and {members[right]}")
        return remarks

    def _divergences(self) -> list[tuple[str, int, int]]:
        rows = np.flatnonzero(self.status == DIVERGED)
        return [
            (f"{i} - {j}", int(self.bad_images[q]), int(self.status_steps[q]))
            for q, (i, j) in zip(rows, self.pairs[rows], strict=True)
        ]

    def plot(self, ax=None):
        """Draw the disconnectivity graph of the minima; returns the axes."""
        from ..plotting import axes  # matplotlib is optional

        ax = axes(ax, xlabel="minimum", ylabel="energy")
        self.tree().draw(ax)
        ax.grid(axis="x", visible=False)
        return ax

    def plot_paths(self, ax=None):
        """Draw energy along every path (full) and straight line (dashed); returns the axes."""
        from ..plotting import axes

        ax = axes(ax, xlabel="share of the way", ylabel="energy")
        for q, (i, j) in enumerate(self.pairs):
            color = f"C{q % 10}"
            straight = np.linspace(0, 1, self.straight_energies.shape[1])
            ax.plot(straight, self.straight_energies[q], "--", color=color, linewidth=0.8)
            if self.status[q] != DIVERGED:
                s = np.r_[0, np.cumsum(np.linalg.norm(np.diff(self.paths[q], axis=0), axis=1))]
                ax.plot(s / s[-1], self.path_energies[q], color=color, label=f"{i} - {j}")
        if len(self.pairs) <= 10:
            ax.legend()
        return ax


def _ranked(values: np.ndarray, share: float) -> str:
    """Return the value at this share of all that exist, sorted; "-" if none does."""
    there = np.sort(values[~np.isnan(values)])
    return f"{there[round(share * (there.size - 1))]:.6g}" if there.size else "-"
