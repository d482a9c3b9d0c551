"""Tests that no minimum is missing: sums of W^2 over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import rng as random
from ..results import Record
from .minima_pool import MinimaPool

__all__ = ["CubicTest", "SumRule", "cubic_test", "sum_rule"]

ROUNDING = 1e-9  # relative to the sum of |W|^2: far above rounding, far below one missing pair
CUBIC_ROUNDING = 1e-7  # the same after a fit, at points where minima may be worse conditioned
STEPS = 8  # couplings along the line: a cubic has four coefficients


@dataclass(frozen=True, eq=False)
class SumRule(Record):
    """The sum of W^2 over all minima beside what it must be for a complete set.

    Attributes
    ----------
    measured, expected : complex
    size : float
        Sum of |W|^2.
    smallest : float
        Share of the least visible minimum found (with its partner) in the sum of |W|^2.
    """

    measured: np.complex128
    expected: np.complex128
    size: float
    smallest: float

    @property
    def deficit(self) -> float:
        """|measured - expected| relative to the sum of |W|^2."""
        return float(abs(self.measured - self.expected) / self.size)

    @property
    def holds(self) -> bool:
        """Whether the deficit is no more than rounding, and a missing pair would be more."""
        return self.deficit < ROUNDING and self.smallest > 10 * ROUNDING


@dataclass(frozen=True, eq=False)
class CubicTest(Record):
    """Whether the sum of W^2 over minima is a cubic in t along couplings c + t d.

    If it is, the set is complete. If not, minima are missing, or the sum over all of them is no
    polynomial: so it is for black-hole superpotentials with a wrong sign, whose 58 or 60 minima for
    N = 2 fail the test although none is missing.

    Attributes
    ----------
    residual : float
        Largest distance from the best cubic, relative to the sum of |W|^2.
    lost : int
        Paths that were given up on the way; with any the test says nothing.
    """

    residual: float
    lost: int

    @property
    def holds(self) -> bool:
        """Whether the sum is a cubic up to rounding, with no path lost."""
        return self.lost == 0 and self.residual < CUBIC_ROUNDING


def sum_rule(landscape: Any, pool: MinimaPool) -> SumRule | None:
    """Return the sum rule of a landscape that has one, for the minima in a pool."""
    if not hasattr(landscape, "sum_rule") or len(pool) == 0:
        return None
    measured, size = pool.sum_of_squares()
    smallest = pool.multiplicity * float(np.abs(pool.prints[:, 0]).min() ** 2) / size
    return SumRule(np.complex128(measured), np.complex128(landscape.sum_rule()), size, smallest)


def cubic_test(landscape: Any, points: np.ndarray, seed: int, threads: int | None) -> CubicTest:
    """Follow minima [S, 2 n] along c + t d and fit the sum of W^2 by a cubic in t.

    Under z -> s z, c -> s^2 c the sum scales like s^6: a polynomial of degree 3 in c, if it is one
    at all; a set with minima missing gives a function with branch points instead. t runs around
    zero on a circle, from corner to corner of a polygon.
    """
    here = landscape.couplings
    draws = random.normals(seed, stream="probe", replicas=1, count=2 * len(here))
    direction = draws.view(complex)[0] * np.abs(here).mean() / np.sqrt(2)
    times = 0.5 * np.exp(2j * np.pi * np.arange(STEPS) / STEPS)
    now, sums, sizes, lost = here, [], [], 0
    for t in times:
        ends = landscape.follow(points, np.array([now, here + t * direction]), threads=threads)
        lost += int((~ends.found).sum())
        now, points = here + t * direction, ends.points
        squares = landscape.with_couplings(now).fingerprint(points)[:, 0] ** 2
        sums.append(squares.sum())
        sizes.append(np.abs(squares).sum())
        if lost:
            return CubicTest(np.inf, lost)
    powers = times[:, None] ** np.arange(4)
    fit = powers @ np.linalg.lstsq(powers, np.array(sums), rcond=None)[0]
    return CubicTest(float(np.abs(fit - sums).max() / max(sizes)), lost)
