"""Parallel tempering: Langevin dynamics at many temperatures that swap places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._checks import integer, known_options, message, per_replica, points, real, show
from ..landscapes.user import usable
from .base import Dynamics, Rule
from .langevin import Langevin
from .swaps import Exchange
from .tempered_run import TemperedRun
from .tempering_loop import Ladder, run_tempered

__all__ = ["ParallelTempering"]

FORGETFUL = 1000.0  # friction times step: exp(-1000) is 0


@known_options
@dataclass(frozen=True, eq=False, repr=False)
class ParallelTempering(Dynamics):
    """Langevin dynamics at M temperatures whose walkers swap temperatures (replica exchange).

    Between step n `swap_every` and the next, neighbours i, j = i + 1 swap with probability
    ``min(1, exp[(1/T_i - 1/T_j)(L_i - L_j)])``, even and odd pairs in turn. The box is the same at
    every temperature and drops out. A walker stuck in one valley at low temperature goes up, over
    the barrier, and another comes down; at each temperature the law stays exp(-L/T) times the box.

    What is swapped are temperatures: a walker keeps its point, its id and so its noise. Momenta
    keep in natural units, where their law is N(0, 1) at every T, and are scaled by
    sqrt(T_new / T_old) in plain units. `leimkuhler_matthews` is made as baoab in the limit of
    infinite friction, which is the same chain: there the noise that two steps share is the
    momentum between them, and is treated as one. (Noise kept over a swap as it is would bring back
    a bias of order h.) Step, friction and the guard's running mean belong to the temperature.

    Parameters
    ----------
    temperatures : array [M]
        Rising, > 0, M >= 2, in units of the energy (k_B = 1);
        `thalweg.theory.tempering.temperature_ladder` makes one.
    step_size : float or array [M]
        As in `Langevin`, one for all or one per temperature.
    scheme, units, metropolis, guard, on_divergence : as in `Langevin`
        By default baoab in natural units.
    friction : float or array [M], optional
        As in `Langevin`, for baoab.
    confinement : float, optional
        sigma > 0, one for all temperatures. None: no box.
    swap_every : int
        Steps between rounds of swaps.
    initial_temperature : float, optional
        Where walkers with a lower temperature start to cool; needed with `cooling_steps`.
    cooling_steps : int
        As in `Langevin`; swaps begin when cooling is over.

    Raises
    ------
    TypeError, ValueError
        For a value outside its set, or options that do not go together.

    Notes
    -----
    Observables are those of `Langevin`; `accepted` counts at a temperature. With baoab in natural
    units the law of momenta at finite step depends on T by O(h^2 k / T) (k: a curvature), and a
    swap disturbs the law by as much; keep h^2 k / T small at the lowest temperature. In plain units
    a harmonic well knows no such error.

    References
    ----------
    K. Hukushima, K. Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996), doi:10.1143/JPSJ.65.1604.
    Y. Sugita, Y. Okamoto, Chem. Phys. Lett. 314, 141 (1999), doi:10.1016/S0009-2614(99)01123-9
    (momenta).

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> wells = tw.UserLandscape(  # barrier 1 between x = -1 and x = 1
    ...     lambda x: ((x**2 - 1) ** 2).sum(axis=1), lambda x: 4 * x * (x**2 - 1), dim=1
    ... )
    >>> tempering = tw.ParallelTempering([0.05, 0.12, 0.3, 0.8], 0.1, confinement=2.0)
    >>> run = tempering.run(wells, np.ones(1), steps=4000, copies=16, record_points=True, rng=1)
    >>> share = (run.points[1000:, 0] < 0).mean()  # of the time, in the other well, at T = 0.05
    >>> bool(0.4 < share < 0.6)
    True
    """

    temperatures: Any
    step_size: Any
    scheme: str = "baoab"
    friction: Any = None
    confinement: float | None = None
    units: str = "natural"
    metropolis: bool = False
    swap_every: int = 10
    guard: float | None = None
    initial_temperature: float | None = None
    cooling_steps: int = 0

    policies = Langevin.policies

    def validate(self) -> dict[str, Any]:
        """Check every hyper-parameter; return those to keep in checked form."""
        kept = {
            "temperatures": _ladder(self.temperatures),
            "swap_every": integer("swap_every", self.swap_every),
        }
        for name in ("step_size", "friction"):
            if getattr(self, name) is not None:
                kept[name] = _per_temperature(name, getattr(self, name), len(kept["temperatures"]))
        if self.confinement is not None:
            kept["confinement"] = real("confinement", self.confinement, above=0)
        if self.initial_temperature is not None:
            start = real("initial_temperature", self.initial_temperature, above=0)
            kept["initial_temperature"] = start
        for name, value in kept.items():
            object.__setattr__(self, name, value)
        self.langevin(1)  # checks the rest, and what goes together
        return kept

    def langevin(self, copies: int = 1) -> Langevin:
        """Return the dynamics between swaps: replica m K + k of its batch at temperature m.

        Examples
        --------
        >>> import thalweg as tw
        >>> tw.ParallelTempering([0.1, 0.2], 0.1, confinement=1.0).langevin(copies=2).temperature
        array([0.1, 0.1, 0.2, 0.2])
        """
        asked = {
            name: getattr(self, name)
            for name in ("step_size", "scheme", "friction", "confinement", "units", "metropolis")
        }
        start = self.initial_temperature
        if start is not None:  # a temperature above it does not cool, it starts where it is
            start = np.maximum(self.temperatures, start)
        spec = Langevin(
            temperature=self.temperatures,
            initial_temperature=start,
            cooling_steps=self.cooling_steps,
            guard=self.guard,
            on_divergence=self.on_divergence,
            **asked,
        )
        if self.scheme == "leimkuhler_matthews":
            step = self.step_size if self.units == "natural" else np.sqrt(2 * self.step_size)
            spec = _with(spec, scheme="baoab", step_size=step, friction=FORGETFUL / step)
        each = {
            name: np.repeat(getattr(spec, name), copies)
            for name in ("temperature", "step_size", "friction", "initial_temperature")
            if np.ndim(getattr(spec, name)) == 1
        }
        return _with(spec, **each)

    def rule(self, landscape: Any) -> Rule:
        """Return the compiled rule between swaps, with one copy of each temperature."""
        return self.langevin(1).rule(landscape)

    @known_options
    def run(  # type: ignore[override]  # copies of the ladder stand for replicas
        self,
        landscape: Any,
        theta: np.ndarray,
        steps: int,
        copies: int = 1,
        record_every: int = 1,
        record_points: bool = False,
        observables: Any = (),
        rng: Any = None,
        threads: int | None = None,
        progress: bool = False,
    ) -> TemperedRun:
        """Move M walkers of each of K copies of the ladder; all M K in one batch.

        Parameters
        ----------
        landscape : Landscape
            Compiled or user-defined; the same for every walker.
        theta : array [M K, P] (temperature-major), [M, K, P], [K, P] or [P]
            Starting points; one per copy, or one for all, is repeated. Not modified.
        steps : int
        copies : int
            K independent copies of the ladder; four or more give error bars that need no
            correlation time.
        record_every, record_points, observables, rng, threads, progress : as in `Dynamics.run`
            The noise of walker w of copy k is that of replica w K + k.

        Returns
        -------
        TemperedRun

        Raises
        ------
        TypeError, ValueError, MemoryError, Interrupted, DivergenceError
            As in `Dynamics.run`.

        Warns
        -----
        DivergenceWarning
            If walkers diverged (they are left out of swaps) or were restored.

        Examples
        --------
        See the class.
        """
        landscape = usable(landscape)
        copies = integer("copies", copies)
        theta = self._start(landscape, theta, copies)
        provenance = self._fresh_provenance(
            landscape, theta, rng, steps, record_every, record_points, observables
        ) | {"copies": copies}
        job, ladder = self._ladder_job(landscape, provenance, threads, progress)
        exchange = Exchange.start(len(self.temperatures), copies, self.cooling_steps)
        return run_tempered(job, ladder, job.fresh_state(theta), exchange, 0, int(steps), None)

    def continue_run(  # type: ignore[override]
        self,
        before: TemperedRun,
        landscape: Any,
        steps: int,
        threads: int | None = None,
        progress: bool = False,
    ) -> TemperedRun:
        """Go on from the end of a run; users call `TemperedRun.resume`."""
        landscape = usable(landscape)
        provenance = self._continued(before, landscape, steps)
        job, ladder = self._ladder_job(landscape, provenance, threads, progress)
        rows = before.exchange.rows
        state = {
            "points": np.empty((rows.size, landscape.dim), landscape.dtype),
            "energy": np.empty(rows.size, landscape.dtype),
            "vectors": before.state.vectors,
            "scalars": before.state.scalars,
            "status": before.status.codes,
            "status_step": before.status.steps,
            "restores": before.status.restores,
        }
        state["points"][rows] = before.final.reshape(rows.size, -1)
        state["energy"][rows] = before.final_energies.ravel()
        done = before.state.total_steps
        return run_tempered(job, ladder, state, before.exchange, done, steps, before)

    def _ladder_job(
        self, landscape: Any, provenance: dict[str, Any], threads: Any, progress: Any
    ) -> tuple[Any, Ladder]:
        """Resolve a checked run into the job of the batch and what swaps need."""
        copies = provenance["copies"]
        ids = np.arange(len(self.temperatures) * copies, dtype=np.uint32)
        job = self.langevin(copies)._job(landscape, provenance, ids, threads, progress)
        plain = self.units == "plain"
        widths = np.sqrt(self.temperatures) if plain else np.ones(len(self.temperatures))
        ladder = Ladder(self.temperatures, widths, self.swap_every, self.cooling_steps, copies)
        return replace(job, dynamics=self), ladder

    def _start(self, landscape: Any, theta: Any, copies: int) -> np.ndarray:
        """Return starting points [M K, P], temperature-major, in the landscape's precision."""
        _require_shared_data(landscape)
        theta, count, dim = np.asarray(theta), len(self.temperatures), landscape.dim
        whole = (count * copies, dim)
        if theta.shape == (dim,):
            theta = np.tile(theta, (whole[0], 1))
        elif theta.shape == (copies, dim):
            theta = np.tile(theta, (count, 1))
        elif theta.shape == (count, copies, dim):
            theta = np.ascontiguousarray(theta).reshape(whole)
        if theta.shape != whole:
            expected = f"shape {list(whole)} (temperature-major), [{copies}, {dim}] or [{dim}]"
            fix = f"There are M = {count} temperatures and copies = {copies}."
            raise ValueError(message("theta", expected, f"shape {list(theta.shape)}", fix))
        return points(theta, dim, landscape.dtype)


def _with(spec: Langevin, **changes: Any) -> Langevin:
    return Langevin(**{**spec.arguments(), **changes})


def _ladder(temperatures: Any) -> np.ndarray:
    """Return rising temperatures [M], read-only."""
    expected = "two or more rising numbers > 0"
    ladder = per_replica("temperatures", temperatures, above=0)
    if np.ndim(ladder) != 1 or ladder.size < 2:
        raise ValueError(message("temperatures", expected, show(temperatures)))
    if not (np.diff(ladder) > 0).all():
        at = int(np.argmin(np.diff(ladder) > 0))
        got = f"{ladder[at]:g} before {ladder[at + 1]:g}"
        raise ValueError(message("temperatures", expected, got, "Sort them."))
    return ladder


def _per_temperature(name: str, value: Any, count: int) -> Any:
    value = per_replica(name, value, above=0)
    if np.ndim(value) == 1 and len(value) != count:
        expected = f"one number, or one for each of the M = {count} temperatures"
        raise ValueError(message(name, expected, f"{len(value)} numbers"))
    return value


def _require_shared_data(landscape: Any) -> None:
    """Raise if replicas have landscapes of their own: walkers at one temperature would differ."""
    for term in getattr(landscape, "terms", (landscape,)):
        if getattr(term, "data_replicas", None) is not None:
            expected = "one landscape for all walkers"
            got = f"{type(term).__name__} with data of its own for each replica"
            fix = "Run one ParallelTempering per data set."
            raise ValueError(message("landscape", expected, got, fix))
