"""What a run leaves behind: records, final points, the fate of every replica, and how to go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from .._checks import integer, known_options, message
from ..results import Record, Result

__all__ = ["CarriedState", "Resumable", "Status", "Trajectory"]

OK, CONVERGED, DIVERGED = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Status(Record):
    """What became of each replica.

    Attributes
    ----------
    codes : int32 array [R]
        0 still moving, 1 converged (and frozen), 2 diverged (nan since, others untouched).
    steps : int64 array [R]
        The step at which a replica converged or first diverged; 0 while it moves. A replica
        diverges with its energy, or with its point behind a last step that is not recorded.
    restores : int64 array [R]
        How often a replica blew up and was put back (``on_divergence="restore"``).

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> tw.GradientFlow().run(tw.Quadratic(1.0, dim=2), np.ones((3, 2)), steps=300).status
    3 replicas: 3 converged (steps 43 to 43)
    """

    codes: np.ndarray
    steps: np.ndarray
    restores: np.ndarray

    @property
    def ok(self) -> np.ndarray:
        """Mask [R] of the replicas that did not diverge: moving or converged."""
        return self.codes != DIVERGED

    @property
    def converged(self) -> np.ndarray:
        """Indices of the replicas that converged."""
        return np.flatnonzero(self.codes == CONVERGED)

    @property
    def diverged(self) -> np.ndarray:
        """Indices of the replicas that diverged."""
        return np.flatnonzero(self.codes == DIVERGED)

    def first_divergence(self) -> tuple[int, int] | None:
        """Return (replica, step) of the earliest divergence, None if there is none.

        Examples
        --------
        >>> import numpy as np
        >>> from thalweg.dynamics.trajectory import Status
        >>> Status(np.array([2, 0]), np.array([7, 0]), np.array([0, 0])).first_divergence()
        (0, 7)
        """
        if not self.diverged.size:
            return None
        replica = min(self.diverged, key=lambda r: (self.steps[r], r))
        return int(replica), int(self.steps[replica])

    def __repr__(self) -> str:
        parts = []
        for code, word in ((CONVERGED, "converged"), (DIVERGED, "diverged")):
            steps = self.steps[self.codes == code]
            if steps.size:
                parts.append(f"{steps.size} {word} (steps {steps.min()} to {steps.max()})")
        if self.restores.any():
            parts.append(f"{int(self.restores.sum())} blow-ups restored")
        moving = int((self.codes == OK).sum())
        if moving or not parts:
            parts.insert(0, f"{moving} ok")
        return f"{self.codes.size} replicas: " + ", ".join(parts)


@dataclass(frozen=True, eq=False)
class CarriedState(Record):
    """What a rule carries from step to step besides the points: enough to go on bit for bit.

    Attributes
    ----------
    vectors : array [K, R, P]
    scalars : array [M, R]
    replicas : uint32 array [R]
        Ids of the replicas in the random numbers.
    total_steps : int
        Steps made since the start.
    """

    vectors: np.ndarray
    scalars: np.ndarray
    replicas: np.ndarray
    total_steps: int


@dataclass(frozen=True, eq=False)
class Resumable(Result):
    """A run that can go on: it knows its `dynamics`, and in memory its landscape."""

    _landscape: Any = field(default=None, init=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        # Landscapes may hold functions that cannot be pickled, and a file holds none either.
        return {**self.__dict__, "_landscape": None}

    def remember(self, landscape: Any) -> Self:
        """Keep the landscape for `resume`, in memory only; returns self."""
        object.__setattr__(self, "_landscape", landscape)
        return self

    @known_options
    def resume(
        self,
        steps: int,
        landscape: Any = None,
        threads: int | None = None,
        progress: bool = False,
    ) -> Self:
        """Return the trajectory that `steps` more steps would have made, bit for bit.

        ``run(a).resume(b)`` equals ``run(a + b)`` in every array, also after save and load. The
        records made so far are part of it.

        Parameters
        ----------
        steps : int
            How many more.
        landscape : Landscape, optional
            Needed after `load`: files hold no landscape. It must be the one of the run.
        threads, progress : as in `Dynamics.run`

        Raises
        ------
        ValueError
            If there is no landscape, or another one.
        Interrupted, DivergenceError
            As in `Dynamics.run`.

        Examples
        --------
        See `Trajectory`.
        """
        steps = integer("steps", steps)
        landscape = self._landscape if landscape is None else landscape
        if landscape is None:
            fix = "Files hold no landscape: build it again and pass resume(steps, landscape=...)."
            raise ValueError(message("landscape", "the landscape of this run", "None", fix))
        return self.dynamics.continue_run(self, landscape, steps, threads, progress)


@known_options
@dataclass(frozen=True, eq=False)
class Trajectory(Resumable):
    """A run: what was recorded, where it ended, and everything needed to continue it.

    Letters: R replicas, P parameters, S_rec records.

    Attributes
    ----------
    energies : array [S_rec, R]
        Full-batch energy after each recorded step; nan once a replica has diverged.
    steps : int64 array [S_rec]
        The recorded steps, counted from 1 over the whole trajectory.
    observables : dict of str to array [S_rec, R]
    points : array [S_rec, R, P] or None
    final : array [R, P]
        The points after the last step.
    status : Status
        Which replicas are ok, converged or diverged, and since when.
    seconds : float
        Wall time spent.
    dynamics : Dynamics
        The frozen specification that was run.
    state : CarriedState
    provenance : dict
        Version, target, seed, dtype, threads, landscape and every argument.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic(1.0, dim=5)
    >>> walk = tw.Langevin(temperature=0.1, step_size=0.05)
    >>> half = walk.run(well, np.zeros((8, 5)), steps=50, rng=3)
    >>> whole = walk.run(well, np.zeros((8, 5)), steps=100, rng=3)
    >>> bool((half.resume(50).energies == whole.energies).all())
    True
    """

    energies: np.ndarray
    steps: np.ndarray
    observables: dict[str, np.ndarray]
    points: np.ndarray | None
    final: np.ndarray
    status: Status
    seconds: float
    dynamics: Any
    state: CarriedState

    def summary(self) -> str:
        """Return a short table: what ran, how it ended, how fast."""
        replicas, dim = self.final.shape
        total = self.state.total_steps
        rows = [
            ("dynamics", repr(self.dynamics)),
            ("size", f"{replicas} replicas x {dim} parameters x {total} steps"),
            ("records", f"{len(self.steps)}: {', '.join(['energy', *self.observables])}"
             + (", points" if self.points is not None else "")),
            ("status", repr(self.status)),
        ]  # fmt: skip
        alive = self.energies[-1][self.status.ok] if len(self.energies) else np.empty(0)
        if alive.size:
            spread = f"{alive.mean():.6g} (from {alive.min():.6g} to {alive.max():.6g})"
            rows.append(("last energies", spread))
        if self.seconds > 0:
            rate = replicas * total / self.seconds
            rows.append(("time", f"{self.seconds:.3g} s, {rate:.3g} replica-steps per second"))
        rows.append(("seed", str(self.provenance.get("seed"))))
        return "\n".join(["Trajectory", *(f"  {name:<14} {text}" for name, text in rows)])

    def __repr__(self) -> str:
        replicas, dim = self.final.shape
        return (
            f"Trajectory({type(self.dynamics).__name__}, R={replicas}, P={dim}, "
            f"steps={self.state.total_steps}, records={len(self.steps)}; {self.status!r})"
        )
