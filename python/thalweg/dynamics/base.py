"""What all dynamics share: checking, chunks of steps, progress, Ctrl-C, divergence, provenance.

A dynamics is a frozen specification. To add one: a dataclass deriving from `Dynamics` with its
hyper-parameters, `validate` and `rule`; the compiled rule of that name does the steps.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from typing import Any, ClassVar

import numpy as np

from .. import rng as _rng
from .._checks import choice, closest, flag, integer, known_options, message, points, show
from ..errors import caller
from ..landscapes.base import thread_count
from ..landscapes.user import usable
from ..results import Record
from .engine import Job, run_job
from .trajectory import Trajectory

__all__ = ["Dynamics", "Rule"]

MAXIMUM_STEPS = 2**32 - 2  # the step is one 32-bit word of the random numbers' counter


@dataclass(frozen=True)
class Rule:
    """A dynamics as the compiled loop wants it: name, options and parameters by name."""

    name: str
    options: dict[str, float]
    parameters: dict[str, Any]  # a number, or one per replica [R]


@dataclass(frozen=True, eq=False)
class Dynamics(Record):
    """Base of all dynamics; see `run`.

    Parameters
    ----------
    on_divergence : str
        What happens when a replica leaves the finite numbers, or trips a guard: "freeze" makes it
        nan from then on and warns at the end, "raise" stops there with `DivergenceError`.
        (`Langevin` also has "restore".) Other replicas never notice.
    """

    on_divergence: str = field(default="freeze", kw_only=True)

    policies: ClassVar[tuple[str, ...]] = ("freeze", "raise")

    def __post_init__(self) -> None:
        choice("on_divergence", self.on_divergence, self.policies)
        for name, value in self.validate().items():
            object.__setattr__(self, name, value)

    def validate(self) -> dict[str, Any]:
        """Check every hyper-parameter; return those to keep in checked form."""
        raise NotImplementedError

    def rule(self, landscape: Any) -> Rule:
        """Return what the compiled loop needs, after checks that need the landscape."""
        raise NotImplementedError

    def check_start(self, energies: np.ndarray) -> None:
        """Raise if this dynamics cannot start at points of these energies [R].

        Asked after the first chunk of steps, which had to find them out anyway. Not asked with
        minibatches: the energy of all samples would cost as much as many a step.
        """
        lost = np.flatnonzero(~np.isfinite(energies))
        if lost.size:
            got = f"{energies[lost[0]]} for replica {lost[0]} ({lost.size} such)"
            raise ValueError(message("theta", "points of finite energy", got))

    def arguments(self) -> dict[str, Any]:
        """Return every hyper-parameter by name; ``type(d)(**d.arguments())`` makes `d` again.

        Examples
        --------
        >>> import thalweg as tw
        >>> tw.SGD(0.1).arguments()["learning_rate"]
        0.1
        """
        return {name: getattr(self, name) for name in _names(type(self))}

    def __repr__(self) -> str:
        shown = []
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, np.ndarray) or value != each.default:
                shown.append(f"{each.name}={show(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"

    @known_options
    def run(
        self,
        landscape: Any,
        theta: np.ndarray,
        steps: int,
        record_every: int = 1,
        record_points: bool = False,
        observables: Any = (),
        rng: Any = None,
        replicas: Any = None,
        threads: int | None = None,
        progress: bool = False,
    ) -> Trajectory:
        """Move every replica by `steps` steps; the loop is compiled.

        Parameters
        ----------
        landscape : Landscape
            Compiled or user-defined.
        theta : array [R, P] of the landscape's dtype, C-contiguous
            Finite starting points; not modified.
        steps : int
        record_every : int
            A record is made after each step divisible by it. Behind a last step that is not
            recorded no energy is looked at: a finite point of infinite energy is found out by
            `Trajectory.resume`.
        record_points : bool
            Whether to keep the points [S_rec, R, P] as well.
        observables : sequence of str
            What to record besides the energy; an unknown name lists those there are.
        rng : see `thalweg.rng.seed_from`
            The seed used is in ``provenance["seed"]``.
        replicas : int array [R], optional
            Ids of the replicas in the random numbers, by default 0 .. R - 1. A replica's noise
            depends on its id only, so part of a batch can be run again alone.
        threads : int, optional
            Default: THALWEG_NUM_THREADS, else every CPU allowed. Does not change a bit.
        progress : bool
            Show a progress bar.

        Returns
        -------
        Trajectory

        Raises
        ------
        TypeError, ValueError
            For bad arguments, before anything is computed.
        MemoryError
            If the records do not fit in the memory that is available.
        Interrupted
            On Ctrl-C; ``.result`` holds the finished part.
        DivergenceError
            With ``on_divergence="raise"``; ``.result`` ends with the step of the divergence.

        Warns
        -----
        DivergenceWarning
            If replicas diverged or were restored.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> well = tw.Quadratic(1.0, dim=3)
        >>> run = tw.Langevin(0.1, 0.05).run(well, np.zeros((4, 3)), 100, record_every=10, rng=1)
        >>> run.energies.shape
        (10, 4)
        """
        landscape = usable(landscape)
        theta = points(theta, landscape.dim, landscape.dtype)
        ids = _rng.batch_ids(replicas, len(theta))
        provenance = self._fresh_provenance(
            landscape, theta, rng, steps, record_every, record_points, observables
        )
        job = self._job(landscape, provenance, ids, threads, progress)
        return run_job(job, job.fresh_state(theta), first_step=0, steps=int(steps), before=None)

    def continue_run(
        self,
        before: Trajectory,
        landscape: Any,
        steps: int,
        threads: int | None = None,
        progress: bool = False,
    ) -> Trajectory:
        """Go on from the end of a trajectory; users call `Trajectory.resume`."""
        landscape = usable(landscape)
        done = before.state.total_steps
        provenance = self._continued(before, landscape, steps)
        job = self._job(landscape, provenance, before.state.replicas, threads, progress)
        state = {
            "points": before.final,
            "vectors": before.state.vectors,
            "scalars": before.state.scalars,
            "status": before.status.codes,
            "status_step": before.status.steps,
            "restores": before.status.restores,
        }
        return run_job(job, state, first_step=done, steps=steps, before=before)

    def _fresh_provenance(
        self,
        landscape: Any,
        theta: np.ndarray,
        rng: Any,
        steps: Any,
        record_every: Any,
        record_points: Any,
        observables: Any,
    ) -> dict[str, Any]:
        """Return the provenance of a new run after checking its arguments."""
        if isinstance(observables, str):
            fix = f"Write [{observables!r}]."
            raise TypeError(message("observables", "a list of names", repr(observables), fix))
        return self._provenance(landscape, theta, _rng.seed_from(rng)) | {
            "steps": integer("steps", steps, most=MAXIMUM_STEPS),
            "record_every": integer("record_every", record_every),
            "record_points": flag("record_points", record_points),
            "observables": list(observables),
        }

    def _continued(self, before: Any, landscape: Any, steps: int) -> dict[str, Any]:
        """Return the provenance of a longer run, if `landscape` is that of `before`."""
        done = before.state.total_steps
        integer("steps", steps, most=MAXIMUM_STEPS - done)
        points = before.final.reshape(-1, before.final.shape[-1])
        provenance = self._provenance(landscape, points, before.provenance["seed"])
        for what in ("landscape", "dtype", "shape"):
            if provenance[what] != before.provenance[what]:
                expected = f"the {what} of this run, {show(before.provenance[what], 300)}"
                raise ValueError(message("landscape", expected, show(provenance[what], 300)))
        if provenance["target"] != before.provenance["target"]:
            warnings.warn(
                f"this run was made on {before.provenance['target']} and goes on on "
                f"{provenance['target']}: equal to rounding, not bit for bit",
                UserWarning,
                stacklevel=caller(),
            )
        return {**before.provenance, **provenance, "steps": done + steps}

    def _job(
        self,
        landscape: Any,
        provenance: dict[str, Any],
        ids: np.ndarray,
        threads: Any,
        progress: Any,
    ) -> Job:
        """Resolve a checked run into what the chunk loop needs."""
        rule, module = self.rule(landscape), landscape._module
        layout = _layout(module, rule.name, tuple(rule.options.items()))
        replicas = len(ids)
        rows = np.empty((len(layout["parameters"]), replicas))
        for row, name in zip(rows, layout["parameters"], strict=True):
            row[:] = _broadcast(name, rule.parameters[name], replicas)
        for name in provenance["observables"]:
            if name not in layout["observables"]:
                allowed = layout["observables"]
                fix = closest(name, allowed)
                raise ValueError(message("observables", f"names from {allowed}", repr(name), fix))
        provenance["threads"] = threads
        return Job(
            dynamics=self,
            landscape=landscape,
            handle=landscape._core,
            rule=rule.name,
            options=rule.options,
            parameters=rows,
            layout=layout,
            record_every=provenance["record_every"],
            record_points=provenance["record_points"],
            observables=provenance["observables"],
            seed=provenance["seed"],
            replicas=ids,
            threads=thread_count(threads),
            progress=flag("progress", progress),
            provenance=provenance,
        )

    def _provenance(self, landscape: Any, theta: np.ndarray, seed: int) -> dict[str, Any]:
        from .. import __version__  # not at import time: the package imports this module

        return {
            "thalweg": __version__,
            "numpy": np.__version__,
            "target": landscape.target,
            "seed": seed,
            "dtype": landscape.dtype,
            "shape": list(theta.shape),
            "landscape": landscape.describe(),
            "dynamics": {"class": type(self).__name__, **self.arguments()},
        }


@cache
def _names(kind: type[Dynamics]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


@lru_cache(maxsize=64)  # options are numbers: there is no end of them
def _layout(module: Any, rule: str, options: tuple[tuple[str, float], ...]) -> dict[str, Any]:
    """Return the names of what a rule is given, carries and shows."""
    return module.rule_layout(rule, dict(options))


def _broadcast(name: str, value: Any, replicas: int) -> Any:
    """Return `value` if it is one number, or one per replica."""
    if isinstance(value, np.ndarray) and len(value) != replicas:
        expected = f"one number, or one for each of the R = {replicas} replicas of theta"
        raise ValueError(message(name, expected, f"{len(value)} numbers"))
    return value
