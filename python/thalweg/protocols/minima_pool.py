"""Distinct minima found so far: points told apart by gauge-invariant fingerprints."""

from __future__ import annotations

from typing import Any

import numpy as np

SAME = 1e-6  # largest difference of two fingerprints of one minimum, relative to their size


class MinimaPool:
    """Zeros of a superpotential, one representative of each orbit, in the order of discovery.

    Where zeros come in pairs z, -z (W odd), minimum 2 p + 1 is minus minimum 2 p: finding one of a
    pair gives both. Only representatives are stored.
    """

    def __init__(self, landscape: Any) -> None:
        self.landscape = landscape
        self.points = np.empty((0, landscape.dim))
        self.prints = np.empty((0, len(landscape.odd_invariants)), dtype=complex)
        self.multiplicity = 2 if landscape.paired else 1
        self._signs = np.where(landscape.odd_invariants, -1.0, 1.0)

    def __len__(self) -> int:
        return self.multiplicity * len(self.points)

    def add(self, points: np.ndarray) -> np.ndarray:
        """Take in zeros [R, 2 n]; return the number [R] of the minimum that each one is."""
        prints = self.landscape.fingerprint(points)
        labels = self._known(prints, self.prints)
        fresh, chosen = np.flatnonzero(labels < 0), []
        while fresh.size:  # the first unknown one is new, and others may be equal to it
            found = self._known(prints[fresh], prints[fresh[:1]])
            here = found >= 0
            place = len(self.points) + len(chosen)
            labels[fresh[here]] = found[here] + self.multiplicity * place
            chosen.append(fresh[0])
            fresh = fresh[~here]
        if chosen:  # at once: copying the whole pool for each new one would be quadratic
            self.points = np.concatenate([self.points, points[chosen]])
            self.prints = np.concatenate([self.prints, prints[chosen]])
        return labels

    def _known(self, prints: np.ndarray, among: np.ndarray) -> np.ndarray:
        """Numbers [R] of fingerprints among representatives, -1 for those that are new."""
        labels = np.full(len(prints), -1)
        squares = among[:, 0] ** 2  # W^2, the same for z and -z
        scale = SAME * (1 + np.abs(prints).max(axis=1))
        reach = 3 * scale[:, None] * (1 + np.abs(prints[:, :1]))
        near = np.abs(prints[:, :1] ** 2 - squares) <= reach
        for row, column in np.argwhere(near):
            for sign in range(self.multiplicity):
                other = among[column] * (self._signs if sign else 1.0)
                if np.abs(prints[row] - other).max() <= scale[row]:
                    labels[row] = self.multiplicity * column + sign
        return labels

    def all_points(self) -> np.ndarray:
        """Return the points [S, 2 n] of all minima, partners included."""
        if self.multiplicity == 1:
            return self.points
        return np.stack([self.points, -self.points], axis=1).reshape(-1, self.points.shape[1])

    def all_prints(self) -> np.ndarray:
        """Return the fingerprints [S, K] of all minima, partners included."""
        if self.multiplicity == 1:
            return self.prints
        pairs = np.stack([self.prints, self.prints * self._signs], axis=1)
        return pairs.reshape(-1, self.prints.shape[1])

    def sum_of_squares(self) -> tuple[complex, float]:
        """Return the sum of W^2 over all minima, and that of |W|^2."""
        squares = self.multiplicity * self.prints[:, 0] ** 2
        return complex(squares.sum()), float(np.abs(squares).sum())
