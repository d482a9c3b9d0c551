"""The search for saddles between points: relax paths, refine their maxima, leave ridges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .paths import (
    CONVERGED,
    DIVERGED,
    RUNNING,
    Paths,
    Rule,
    advance,
    begin,
    spacing,
    tangents,
)
from .saddles import Stationary, refine
from .surface import Surface

FINE = 8  # points on each side of a polygon where its top is looked for
TIGHT = 1e-3  # of a barrier: a polygon that close above a saddle goes over it
ROUNDS = 3  # how often a path found on a ridge is pushed off it


@dataclass(frozen=True)
class Passes:
    """Local maxima of paths (row, image) and the saddles they were refined to."""

    rows: np.ndarray
    saddles: Stationary


class Search:
    """The state of a search, whole at any moment, so that Ctrl-C can take it."""

    def __init__(self, surface: Surface, rule: Rule, points: np.ndarray) -> None:
        self.surface, self.rule, self.step = surface, rule, 0
        parts = FINE * (points.shape[1] - 1)
        self.straight, self.straight_tops = along(surface, points[:, [0, -1]], parts)
        self.paths = begin(surface, points, rule)
        self.passes = no_passes(surface.dim)

    def confirmed(self) -> np.ndarray:
        """Which paths [Q] have the height of a saddle."""
        paths, passes = self.paths, self.passes
        tops, ends = polygon_tops(self.surface, paths), paths.energies[:, [0, -1]].max(axis=1)
        saddles = (passes.saddles.found, passes.saddles.energies)
        return confirmed(paths.status, tops, ends, passes.rows, saddles)

    def run(self, bar: Any) -> None:
        """Relax all paths and refine their maxima; push those off that lie on ridges."""
        self._relax(np.arange(len(self.paths.status)), bar)
        for _ in range(ROUNDS):
            self.passes = passes_of(self.surface, self.paths)
            rows, bent = _pushed(self.surface, self.paths, self.passes, self.rule)
            if not rows.size:
                return
            self.passes, self.paths = no_passes(self.surface.dim), self.paths.put(rows, bent)
            if bar is not None:
                bar.total += self.rule.steps
            self._relax(rows, bar)
        self.passes = passes_of(self.surface, self.paths)

    def _relax(self, rows: np.ndarray, bar: Any) -> None:
        """Let some paths make their steps."""
        for _ in range(self.rule.steps):
            if not (self.paths.status[rows] == RUNNING).any():
                return
            self.paths = advance(self.surface, self.paths, self.rule, self.step + 1, rows)
            self.step += 1
            show_progress(bar, self.paths)


def confirmed(
    status: np.ndarray, tops: np.ndarray, ends: np.ndarray, rows: np.ndarray, saddles: Any
) -> np.ndarray:
    """Which paths [Q] have the height of a saddle.

    Either the path converged with a saddle at each maximum, or the top of its polygon, a true upper
    bound, is that of its highest saddle to ``TIGHT`` of the barrier. A saddle above the top is not
    on the path.

    Parameters
    ----------
    status, tops, ends : [Q] of paths, of their polygons, energy of their higher ends.
    rows : [C] the path of each maximum.
    saddles : (found [C], energies [C])
    """
    found, energies = saddles
    maxima, count = (np.bincount(r, minlength=len(status)) for r in (rows, rows[found]))
    highest = np.full(len(status), -np.inf)
    np.maximum.at(highest, rows[found], energies[found])
    with np.errstate(invalid="ignore"):
        excess = (tops - highest) / np.maximum(tops - ends, 1e-300)
        finished = (status == CONVERGED) & (count == maxima)
        return (count > 0) & (excess >= -TIGHT) & (finished | (excess <= TIGHT))


def no_passes(dim: int) -> Passes:
    """Return the passes of paths that have not been looked at."""
    none, points = np.zeros(0), np.zeros((0, dim))
    no = none.astype(bool)
    saddles = Stationary(points, none, none, np.zeros((0, 2)), points, no, no)
    return Passes(none.astype(np.int64), saddles)


def passes_of(surface: Surface, paths: Paths) -> Passes:
    """Refine every local maximum inside a path that did not diverge."""
    e = paths.energies
    with np.errstate(invalid="ignore"):
        peaks = (e[:, 1:-1] > e[:, :-2]) & (e[:, 1:-1] >= e[:, 2:])
    rows, images = np.nonzero(peaks & (paths.status != DIVERGED)[:, None])
    ways = tangents(paths.points[rows], e[rows])[np.arange(len(rows)), images]
    starts, reach = paths.points[rows, images + 1], spacing(paths.points[rows])
    return Passes(rows, refine(surface, starts, ways, reach))


def _pushed(surface: Surface, paths: Paths, passes: Passes, rule: Rule) -> tuple[np.ndarray, Paths]:
    """Return which paths lie on a ridge, and these bent off it by half a spacing, to run again."""
    ridges = passes.saddles.on_ridge & (paths.status[passes.rows] == CONVERGED)
    rows, first = np.unique(passes.rows[ridges], return_index=True)
    if not rows.size:
        return rows, paths
    some = paths.points[rows]
    bow = np.sin(np.linspace(0, np.pi, some.shape[1]))
    bow[[0, -1]] = 0  # sin(pi) is not quite
    sideways = 0.5 * spacing(some)[:, None] * passes.saddles.sideways[ridges][first]
    bent = begin(surface, some + bow[:, None] * sideways[:, None, :], rule)
    fine = bent.status == RUNNING
    return rows[fine], bent.take(fine)


def along(surface: Surface, polygons: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Energies [Q, L] on polygons [Q, k, P], `parts` points on each side, and their highest [Q].

    The highest is looked for again, ``FINE`` times finer, next to the highest of the L points.
    """
    rows, sides = np.arange(len(polygons)), polygons.shape[1] - 1

    def energies(at: np.ndarray) -> np.ndarray:  # at [Q], in sides
        left = np.clip(at.astype(np.int64), 0, sides - 1)
        share = (at - left)[:, None]
        return surface.energy(polygons[rows, left] * (1 - share) + polygons[rows, left + 1] * share)

    count = parts * sides
    coarse = np.stack([energies(np.full(len(rows), n / parts)) for n in range(count + 1)], axis=1)
    top = np.clip(coarse.argmax(axis=1), 1, count - 1) / parts
    near = np.linspace(-1, 1, 2 * FINE + 1) / parts
    fine = np.stack([energies(top + shift) for shift in near], axis=1)
    return coarse, np.fmax(peaks(fine), coarse.max(axis=1))


def polygon_tops(surface: Surface, paths: Paths) -> np.ndarray:
    """Highest energy [Q] on the polygons through the images; nan for diverged paths."""
    return np.where(paths.status == DIVERGED, np.nan, along(surface, paths.points, FINE)[1])


def peaks(energies: np.ndarray) -> np.ndarray:
    """Highest energy [Q] of curves [Q, L]: of the parabola through the highest point and its two.

    The highest of L points is too low by up to curvature times distance squared over eight.
    """
    rows = np.arange(len(energies))
    top = np.clip(energies.argmax(axis=1), 1, energies.shape[1] - 2)
    before, at, after = (energies[rows, top + i] for i in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        higher = at + (after - before) ** 2 / (8 * (2 * at - before - after))
        inside = (at >= before) & (at >= after) & (2 * at > before + after) & np.isfinite(higher)
    return np.where(inside, higher, energies.max(axis=1))


def show_progress(bar: Any, paths: Paths) -> None:
    """Count a step on a tqdm bar, if there is one."""
    if bar is None:
        return
    bar.update(1)
    done = int((paths.status == CONVERGED).sum())
    bar.set_postfix_str(f"{done} of {len(paths.status)} paths converged")
