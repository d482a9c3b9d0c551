"""Searching the zeros of dW/dz: what a `Superpotential` can do beside being a landscape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import integer, message
from .base import CompiledLandscape, load_target, thread_count
from .polynomials import packed

__all__ = ["OUTCOMES", "ZeroSearch", "Zeros"]

OUTCOMES = ("zero", "stationary", "runaway", "unfinished", "degenerate")
"""How a search ends, by code: see `Zeros`."""


@dataclass(frozen=True)
class Zeros:
    """Where R searches ended.

    Attributes
    ----------
    points : array [R, 2 n]
    outcomes : int array [R]
        Places in `OUTCOMES`: 0 an isolated zero (up to symmetries), 1 a spurious minimum of V
        above zero, 2 a point on its way
        to infinity, 3 out of steps, 4 a zero that is not isolated.
    residuals : array [R]
        max |dW/dz_i|.
    gaps : array [R]
        Smallest singular value of the Hessian made regular along the symmetries; 0 unless a zero
        was reached.
    steps : int array [R]
        Matrices factored.
    """

    points: np.ndarray
    outcomes: np.ndarray
    residuals: np.ndarray
    gaps: np.ndarray
    steps: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """Which searches [R] ended at an isolated zero."""
        return self.outcomes == 0


class ZeroSearch(CompiledLandscape):
    """Compiled searches for zeros of dW/dz, in double precision whatever the landscape's dtype.

    W must have degree 3 at most.
    """

    @property
    def system(self) -> Any:
        """The compiled equations, made when first needed."""
        if not hasattr(self, "_system"):
            entries = [(g, *entry) for g, gen in enumerate(self.symmetries) for entry in gen]
            places = np.array([entry[:3] for entry in entries], dtype=np.int32).reshape(-1, 3)
            values = np.array([entry[3] for entry in entries], dtype=np.complex128)
            system = load_target(self.device).CoupledSystem(
                self.variables, *packed(self._fixed_terms), places, values, self.sources
            )
            self._set(_system=system)
        return self._system

    def linearized(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return F = dW/dz [R, n] and H = d2W/dz2 [R, n, n], complex, at points [R, 2 n].

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> land = tw.Superpotential(1, [((0, 0, 0), 1.0), ((0,), -3.0)])
        >>> land.linearized(np.array([[2.0, 0.0]]))
        (array([[9.+0.j]]), array([[[12.+0.j]]]))
        """
        return self.system.linearized(self.couplings, self.complex_points(theta))

    def find_zeros(
        self, starts: np.ndarray, steps: int = 400, *, threads: int | None = None
    ) -> Zeros:
        """Search a zero from each start by Levenberg-Marquardt steps, then Newton's.

        Parameters
        ----------
        starts : array [R, 2 n]
        steps : int
            At most so many matrices are factored for one start.
        threads : as in `energy`

        References
        ----------
        D. Marquardt, SIAM J. Appl. Math. 11, 431 (1963), doi:10.1137/0111030.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> land = tw.Superpotential(1, [((0, 0, 0), 1.0), ((0,), -3.0)])
        >>> land.find_zeros(np.array([[0.7, 0.1], [-3.0, 0.0]])).points.round(9) + 0.0
        array([[ 1.,  0.],
               [-1.,  0.]])
        """
        points, count = self.complex_points(starts), thread_count(threads)
        found = self.system.find_zeros(self.couplings, points, integer("steps", steps), count)
        return _zeros(found)

    def polish(self, theta: np.ndarray, *, threads: int | None = None) -> Zeros:
        """Bring each point [R, 2 n] to the zero beside it by Newton's method.

        Steps are taken with H + conj(T) T^dagger, T the tangents of the symmetries: regular at an
        isolated zero, quadratically convergent, and never along an orbit.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> land = tw.Superpotential(1, [((0, 0, 0), 1.0), ((0,), -3.0)])
        >>> land.polish(np.array([[1.1, 0.0]])).points
        array([[1., 0.]])
        """
        points = self.complex_points(theta)
        return _zeros(self.system.polish_zeros(self.couplings, points, thread_count(threads)))

    def follow(
        self, theta: np.ndarray, couplings: np.ndarray, *, threads: int | None = None
    ) -> Zeros:
        """Follow zeros [R, 2 n] while the couplings run along straight lines through [V, m].

        The points are zeros at the first couplings; the result holds zeros at the last ones. A
        path that was given up is "unfinished" or a "runaway".

        References
        ----------
        Pade predictors: S. Telen, M. Van Barel, J. Verschelde, SIAM J. Sci. Comput. 42, A3610
        (2020), arXiv:1909.04984.

        Examples
        --------
        Once around the branch point c = 0 of z^2 = c:

        >>> import numpy as np
        >>> import thalweg as tw
        >>> land = tw.Superpotential(1, [((0, 0, 0), 1 / 3)], sources=[[-1.0]], couplings=[1.0])
        >>> around = np.array([[1.0], [1j], [-1.0], [-1j], [1.0]])
        >>> land.follow(np.array([[1.0, 0.0]]), around).points.round(9) + 0.0
        array([[-1.,  0.]])
        """
        couplings = np.ascontiguousarray(couplings, dtype=np.complex128)
        if couplings.ndim != 2 or couplings.shape[1] != len(self.couplings):
            expected = f"an array [V, {len(self.couplings)}]"
            raise ValueError(message("couplings", expected, f"shape {list(couplings.shape)}"))
        points = self.complex_points(theta)
        return _zeros(self.system.follow_paths(couplings, points, thread_count(threads)))


def _zeros(found: dict[str, np.ndarray]) -> Zeros:
    return Zeros(
        found["points"].view(np.float64),
        found["outcomes"],
        found["residuals"],
        found["gaps"],
        found["steps"],
    )
