"""The graph of minima: paths that pass through further minima are cut there and searched again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .path_search import Search
from .paths import DIVERGED, Paths, Rule, spacing, tangents
from .saddles import Stationary, refine
from .surface import Surface

SAME = 0.01  # of the spacing of images: minima closer than that are one


class Graph:
    """Minima [K, P] and the searches between them; each search has its pairs [Q, 2]."""

    def __init__(
        self,
        surface: Surface,
        rule: Rule,
        minima: np.ndarray,
        pairs: np.ndarray,
        points: np.ndarray,
    ) -> None:
        self.surface, self.rule, self.minima = surface, rule, minima
        self.parts = [(pairs, Search(surface, rule, points))]

    @property
    def steps(self) -> int:
        """Steps made so far."""
        return sum(search.step for _, search in self.parts)

    def run(self, bar: Any) -> None:
        """Search; then cut what is not finished at the minima on it, and search the pieces."""
        self.parts[-1][1].run(bar)
        for _ in range(self.rule.rounds):
            minima, pieces = self._cut()
            if not pieces:
                return
            pairs, points = self._both_ways(minima, pieces)
            search = Search(self.surface, self.rule, points)
            self.minima, self.parts = minima, [*self.parts, (pairs, search)]
            if bar is not None:
                bar.total += self.rule.steps
            search.run(bar)

    def _cut(self) -> tuple[np.ndarray, dict[tuple[int, int], np.ndarray]]:
        """Return all minima, with those on open paths, and the pieces [M, P] between them."""
        done = [search.confirmed() for _, search in self.parts]
        known = {
            tuple(sorted(pair))
            for (pairs, _), rows in zip(self.parts, done, strict=True)
            for pair in pairs[rows].tolist()
        }
        pairs, search = self.parts[-1]
        paths = search.paths
        rows, images, lowest, reach = _lowest(self.surface, paths, ~done[-1])
        minima, pieces = self.minima, {}
        for row in np.unique(rows):
            nodes, at = [int(pairs[row, 0])], [0]
            for c in np.flatnonzero((rows == row) & lowest.found):
                node, minima = _numbered(minima, lowest.points[c], SAME * reach[c])
                if node not in nodes and node != pairs[row, 1]:
                    nodes, at = [*nodes, node], [*at, int(images[c])]
            nodes, at = [*nodes, int(pairs[row, 1])], [*at, paths.points.shape[1] - 1]
            for link, (first, last) in zip(pairwise(nodes), pairwise(at), strict=True):
                key = (min(link), max(link))
                if len(nodes) > 2 and key not in known and key not in pieces:
                    part = paths.points[row, first : last + 1].copy()
                    part[0], part[-1] = minima[link[0]], minima[link[1]]
                    pieces[key] = resampled(part[:: 1 if link == key else -1], len(paths.points[0]))
        return minima, pieces

    def _both_ways(
        self, minima: np.ndarray, pieces: dict[tuple[int, int], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs and initial paths: pieces as they were cut, and new pairs straight too.

        Neither is better than the other: a piece keeps to the side of a hill that its path has
        found, and a straight line may find a lower one.
        """
        known = {tuple(sorted(pair)) for pairs, _ in self.parts for pair in pairs.tolist()}
        cut = np.array(list(pieces), dtype=np.int64)
        points = np.array(list(pieces.values()))
        new = cut[[key not in known for key in pieces]]
        straight = lines(minima, new, points.shape[1])
        return np.concatenate([new, cut]), np.concatenate([straight, points])


def _lowest(
    surface: Surface, paths: Paths, open_: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Stationary, np.ndarray]:
    """Refine the local minima inside open paths: path and image [C], where they are, scale [C]."""
    e = paths.energies
    wanted = (open_ & (paths.status != DIVERGED))[:, None]
    rows, inner = np.nonzero((e[:, 1:-1] < e[:, :-2]) & (e[:, 1:-1] <= e[:, 2:]) & wanted)
    ways = tangents(paths.points[rows], e[rows])[np.arange(len(rows)), inner]
    reach = spacing(paths.points[rows])
    starts = paths.points[rows, inner + 1]
    return rows, inner + 1, refine(surface, starts, ways, reach, uphill=False), reach


def resampled(polygon: np.ndarray, images: int) -> np.ndarray:
    """Return a path [M, P] of equally spaced points on a polygon [k, P], ends included."""
    s = np.r_[0, np.cumsum(np.linalg.norm(np.diff(polygon, axis=0), axis=1))]
    at = np.interp(np.linspace(0, s[-1], images), s, np.arange(len(s)))
    left = np.minimum(at.astype(np.int64), len(s) - 2)
    share = (at - left)[:, None]
    return polygon[left] * (1 - share) + polygon[left + 1] * share


def lines(minima: np.ndarray, pairs: np.ndarray, images: int) -> np.ndarray:
    """Return straight paths [Q, M, P], with the minima themselves at their ends."""
    share = np.linspace(0, 1, images)[:, None]
    return minima[pairs[:, 0], None] * (1 - share) + minima[pairs[:, 1], None] * share


def _numbered(minima: np.ndarray, point: np.ndarray, near: float) -> tuple[int, np.ndarray]:
    """Return the number of a minimum, and all minima, to which a new one is added."""
    distances = np.linalg.norm(minima - point, axis=1)
    if distances.min() <= near:
        return int(distances.argmin()), minima
    return len(minima), np.concatenate([minima, point[None]])
