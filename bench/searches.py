"""Seeded searches for zeros and paths between them, for those who time them and who count."""

from __future__ import annotations

import numpy as np

import thalweg as tw


def hole_and_starts(n: int, count: int) -> tuple[tw.BlackHole, np.ndarray]:
    """The charges (1, 1, 1, n) with couplings drawn once for all, and starts [count, dim]."""
    hole = tw.BlackHole((1, 1, 1, n), rng=0)
    noise = tw.rng.normals(0, stream="initialization", replicas=count, count=hole.dim)
    return hole, 3 / np.sqrt(2) * noise


def squares(hole: tw.BlackHole, points: np.ndarray) -> np.ndarray:
    """A number that tells zeros apart wherever on their orbits they lie."""
    return hole.fingerprint(points)[:, 0] ** 2


def different_zeros(hole: tw.BlackHole, starts: np.ndarray) -> np.ndarray:
    """The zeros that searches from `starts` find, each once."""
    ends = hole.find_zeros(starts)
    values = squares(hole, ends.points[ends.found])
    return ends.points[ends.found][np.unique(values.round(6), return_index=True)[1]]


def triangle(hole: tw.BlackHole) -> np.ndarray:
    """Corners [4, 6] of a closed way through the couplings."""
    draws = tw.rng.normals(0, stream="direction", replicas=1, count=24).view(complex)
    corners = draws.reshape(2, 6) / np.sqrt(2)
    return np.array([hole.couplings, *corners, hole.couplings])
