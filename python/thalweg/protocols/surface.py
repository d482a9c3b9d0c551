"""A landscape as paths and saddles see it: float64, any number of leading axes, counted."""

from __future__ import annotations

from typing import Any

import numpy as np

LIMIT = 1e100  # a number beyond cannot be squared and summed: as good as infinite


def out_of_range(energies: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Which points [...] have an energy or gradient [..., P] that is nan or beyond ``LIMIT``."""
    return ~((np.abs(energies) < LIMIT) & (np.abs(gradients) < LIMIT).all(axis=-1))


class Surface:
    """A landscape in float64 with any number of leading axes; counts gradients of one point."""

    def __init__(self, landscape: Any, threads: int | None = None) -> None:
        self.landscape, self.dim = landscape, int(landscape.dim)
        self.epsilon = float(np.finfo(landscape.dtype).eps)
        self.gradients = 0
        self._options = {} if threads is None else {"threads": threads}

    def energy(self, points: np.ndarray) -> np.ndarray:
        """Energies [...] of points [..., P]."""
        energies = self.landscape.energy(self._batch(points), **self._options)
        return energies.astype(np.float64).reshape(points.shape[:-1])

    def gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Energies [...] and gradients [..., P] at points [..., P]."""
        if not points.size:  # landscapes refuse an empty batch
            return np.zeros(points.shape[:-1]), np.zeros(points.shape)
        batch = self._batch(points)
        self.gradients += len(batch)
        energies, gradients = self.landscape.gradient(batch, **self._options)
        return (
            energies.astype(np.float64).reshape(points.shape[:-1]),
            gradients.astype(np.float64).reshape(points.shape),
        )

    def hvp(self, points: np.ndarray, directions: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """Hessian times unit directions [C, P]: exact where there is a formula, else differences.

        Central differences of the gradient with step e = eps^(1/3) reach, or eps^(2/3) max |x| if
        that is more; `reach` [C] is a length on which the landscape changes.
        """
        landscape = self.landscape
        if hasattr(landscape, "hvp") and getattr(landscape, "exact_hvp", True):
            product = landscape.hvp(self._batch(points), self._batch(directions), **self._options)
            return product.astype(np.float64)
        small = self.epsilon ** (1 / 3)
        step = small * np.maximum(reach, small * np.abs(points).max(axis=1))[:, None]
        ends = np.stack([points + step * directions, points - step * directions])
        ahead, behind = self.gradient(ends)[1]
        return (ahead - behind) / (2 * step)

    def _batch(self, points: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(points.reshape(-1, self.dim), dtype=self.landscape.dtype)
