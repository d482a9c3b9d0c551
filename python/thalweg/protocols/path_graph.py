"""The graph of minima: paths that pass through further minima are cut there and searched again."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .path_search import Search
from .paths import DIVERGED, Rule, spacing, tangents
from .saddles import refine
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
            minima, pairs = self._cut()
            if not len(pairs):
                return
            images = self.parts[0][1].paths.points.shape[1]
            search = Search(self.surface, self.rule, lines(minima, pairs, images))
            self.minima, self.parts = minima, [*self.parts, (pairs, search)]
            if bar is not None:
                bar.total += self.rule.steps
            search.run(bar)

    def _cut(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all minima, those on unfinished paths included, and new pairs to search."""
        pairs, search = self.parts[-1]
        paths, e = search.paths, search.paths.energies
        open_ = ~search.confirmed() & (paths.status != DIVERGED)
        lows = (e[:, 1:-1] < e[:, :-2]) & (e[:, 1:-1] <= e[:, 2:]) & open_[:, None]
        rows, images = np.nonzero(lows)
        ways = tangents(paths.points[rows], e[rows])[np.arange(len(rows)), images]
        reach = spacing(paths.points[rows])
        starts = paths.points[rows, images + 1]
        lowest = refine(self.surface, starts, ways, reach, uphill=False)
        minima = self.minima
        known = {tuple(sorted(pair)) for part, _ in self.parts for pair in part}
        wanted: dict[tuple[int, ...], None] = {}  # a set that keeps its order
        for row in np.unique(rows):
            chain = [int(pairs[row, 0])]
            for c in np.flatnonzero((rows == row) & lowest.found):
                node, minima = _numbered(minima, lowest.points[c], SAME * reach[c])
                chain += [node] * (node not in chain)
            chain += [int(pairs[row, 1])] * (int(pairs[row, 1]) not in chain)
            wanted |= dict.fromkeys(tuple(sorted(link)) for link in itertools.pairwise(chain))
        links = [link for link in wanted if link not in known]
        return minima, np.array(links, dtype=np.int64).reshape(-1, 2)


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
