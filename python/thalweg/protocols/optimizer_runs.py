"""Optimizers as things that bring a batch of starts as far as a budget of gradients allows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse

from ..dynamics import GradientFlow
from ..errors import DivergenceWarning
from ..landscapes import OUTCOMES

__all__ = ["SOLVERS", "Reader", "make_run"]

SOLVERS = ("newton", "lm")
SOLVER_STEPS = 400  # a solver that has not ended by then is lost
FAR = 1e4  # modulus of a variable beyond which a point is on its way to infinity
ROUNDING = 1e-13  # |F| relative to the squares it is a sum of: nothing left to gain


def make_run(
    optimizer: Any, landscape: Any, starts: np.ndarray, budget: int, seed: int, threads: int | None
) -> Any:
    """Return the run of an optimizer: "newton", "lm" or a dynamics."""
    if optimizer == "newton":
        return NewtonRun(landscape, starts)
    if optimizer == "lm":
        return LevenbergMarquardtRun(landscape, starts, threads)
    return DynamicsRun(optimizer, landscape, starts, budget, seed, threads)


class DynamicsRun:
    """A dynamics; its trajectory is resumed, so that looking at it changes no bit."""

    def __init__(
        self,
        dynamics: Any,
        landscape: Any,
        starts: np.ndarray,
        budget: int,
        seed: int,
        threads: int | None,
    ) -> None:
        self.dynamics, self.landscape, self.threads = dynamics, landscape, threads
        self.starts, self.seed = starts.astype(landscape.dtype), seed
        runge_kutta = isinstance(dynamics, GradientFlow) and not dynamics.adaptive
        self.per_step = 4 if runge_kutta else 1
        self.record_every = max(1, budget // self.per_step)
        self.trajectory: Any = None
        self.done = 0

    def advance(self, budget: int) -> tuple[np.ndarray, np.ndarray]:
        """Spend up to `budget` gradients on each start; return points [R, P], gradients [R]."""
        steps = budget // self.per_step - self.done
        if steps > 0:
            with warnings.catch_warnings():  # lost replicas are counted, one by one
                warnings.simplefilter("ignore", DivergenceWarning)
                self.trajectory = self._more(steps)
            self.done += steps
        points = self.starts if self.trajectory is None else self.trajectory.final
        spent = np.full(len(points), self.done * self.per_step)
        return np.ascontiguousarray(points, dtype=float), spent

    def _more(self, steps: int) -> Any:
        if self.trajectory is not None:
            return self.trajectory.resume(steps, threads=self.threads)
        return self.dynamics.run(
            self.landscape,
            self.starts,
            steps=steps,
            record_every=self.record_every,
            rng=self.seed,
            threads=self.threads,
        )


class LevenbergMarquardtRun:
    """Levenberg-Marquardt steps, each an evaluation of F and its Jacobian; then Newton's."""

    def __init__(self, landscape: Any, starts: np.ndarray, threads: int | None) -> None:
        self.landscape, self.starts, self.threads = landscape, starts, threads
        self.last = -1

    def advance(self, budget: int) -> tuple[np.ndarray, np.ndarray]:
        """Go from the starts again, with this budget; return points [R, P], evaluations [R]."""
        steps = min(budget, SOLVER_STEPS)
        if steps != self.last:
            self.last = steps
            ends = self.landscape.find_zeros(self.starts, steps, threads=self.threads)
            self.ends = ends.points, ends.steps
        return self.ends


class NewtonRun:
    """Newton's method with full steps from wherever it starts, across the symmetries' orbits.

    ``z <- z - A^-1 F`` with A = H + conj(T) T^dagger, T the tangents of the symmetries.
    """

    def __init__(self, landscape: Any, starts: np.ndarray) -> None:
        self.landscape = landscape
        self.points = np.array(starts, dtype=float)
        self.spent = np.zeros(len(starts), dtype=np.int64)
        self.moving = np.ones(len(starts), dtype=bool)
        generators = landscape.symmetries
        entries = [
            (row * len(generators) + g, column, value)
            for g, generator in enumerate(generators)
            for row, column, value in generator
        ]
        rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
        n = landscape.variables
        shape = (n * len(generators), n)
        self.tangents = sparse.csr_matrix((np.array(values, complex), (rows, columns)), shape=shape)

    def advance(self, budget: int) -> tuple[np.ndarray, np.ndarray]:
        """Make steps until each start has made `budget` or rests."""
        for _ in range(min(budget, SOLVER_STEPS) - int(self.spent.max(initial=0))):
            if not self.moving.any():
                break
            self._step(np.flatnonzero(self.moving))
        return self.points.copy(), self.spent.copy()

    def _step(self, which: np.ndarray) -> None:
        here = np.ascontiguousarray(self.points[which])
        f, h = self.landscape.linearized(here)
        self.spent[which] += 1
        z = self.landscape.complex_points(here)
        t = (self.tangents @ z.T).T.reshape(len(z), z.shape[1], -1)
        a = h + t.conj() @ t.conj().swapaxes(1, 2)
        try:
            step = np.linalg.solve(a, f[:, :, None])
        except np.linalg.LinAlgError:  # exactly singular somewhere
            step = np.linalg.pinv(a) @ f[:, :, None]
        z = z - step[:, :, 0]
        size = 1 + np.abs(z).max(axis=1)
        rests = (np.abs(f).max(axis=1) < ROUNDING * size**2) | ~(size < FAR)
        z[~np.isfinite(z).all(axis=1)] = np.nan
        self.points[which] = z.view(float)
        self.moving[which[rests]] = False


class Reader:
    """Says at which minimum points lie: as they are, and after Levenberg-Marquardt's steps.

    Labels are numbers in a pool that holds the known minima first.
    """

    runaway, diverged = OUTCOMES.index("runaway"), len(OUTCOMES)  # the last is one more kind

    def __init__(self, landscape: Any, pool: Any, tolerance: float, threads: int | None) -> None:
        self.landscape, self.pool = landscape, pool
        self.tolerance, self.threads = tolerance, threads

    def energies(self, points: np.ndarray) -> np.ndarray:
        """V [R] in double precision, inf where a point is none."""
        there = np.isfinite(points).all(axis=1)
        energies = np.full(len(points), np.inf)
        if there.any():
            f, _ = self.landscape.linearized(np.ascontiguousarray(points[there]))
            energies[there] = (np.abs(f) ** 2).sum(axis=1)
        return np.where(np.isfinite(energies), energies, np.inf)

    def converged(self, points: np.ndarray) -> np.ndarray:
        """Labels [R] of the minima that points with V <= tolerance lie at; -1 for the rest."""
        labels = np.full(len(points), -1)
        near = np.flatnonzero(self.energies(points) <= self.tolerance)
        if near.size:
            ends = self.landscape.polish(points[near], threads=self.threads)
            labels[near[ends.found]] = self.pool.add(ends.points[ends.found])
        return labels

    def polished(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Labels, outcomes and energies [R] after Levenberg-Marquardt has gone on from here.

        Points that are no numbers, or far on their way to infinity, are left alone.
        """
        labels, energies = np.full(len(points), -1), self.energies(points)
        size = 1 + np.abs(self.landscape.complex_points(points)).max(axis=1)
        outcomes = np.where(np.isfinite(energies), self.runaway, self.diverged)
        there = np.flatnonzero(np.isfinite(energies) & (size < FAR))
        if there.size:
            ends = self.landscape.find_zeros(points[there], SOLVER_STEPS, threads=self.threads)
            labels[there[ends.found]] = self.pool.add(ends.points[ends.found])
            outcomes[there] = ends.outcomes
            energies[there] = self.energies(ends.points)
        return labels, outcomes, energies
