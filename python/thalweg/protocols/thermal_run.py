"""How a thermal chart is sampled: the ladder of replicas, their starts, the run with its snapshots.

Rows are temperature-major: row m K + k is replica k at temperature m.
"""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import rng as random
from .._checks import message, points
from .._memory import require_memory
from ..dynamics import Adam, Langevin, Trajectory
from ..errors import DivergenceWarning, Interrupted

SCHEMES = ("baoab", "euler_maruyama", "leimkuhler_matthews", "metropolis")
STARTS = ("both", "hot", "trained")
TRAINING_PIECES, TRAINING_STEPS = 20, 25  # at most so many, each of so many steps of Adam
BURN_IN_PIECES = 20  # so that a progress bar moves, and a blow-up is dated, during burn-in


@dataclass(frozen=True)
class Plan:
    """What was asked for, checked; `widths` [M] is sigma of the box at each temperature, or inf."""

    temperatures: np.ndarray
    step_size: np.ndarray
    widths: np.ndarray
    ground: float
    confinement: float
    scheme: str
    units: str
    steps: int
    burn_in: float
    cooling: float
    initial_temperature: float
    replicas: int
    record_every: int
    snapshots: int
    guard: float

    @property
    def burnt(self) -> int:
        """Steps of the burn-in, whole records."""
        return int(self.burn_in * self.steps)

    @property
    def count(self) -> int:
        """Rows of the batch, M K."""
        return len(self.temperatures) * self.replicas

    def rows(self, per_temperature: np.ndarray) -> np.ndarray:
        """Repeat one number per temperature [M] for every replica [M K]."""
        return np.repeat(per_temperature, self.replicas)

    def stops(self) -> tuple[list[int], list[int]]:
        """Steps at which the run pauses: in the burn-in, and at its snapshots."""
        early = np.linspace(0, self.burnt, BURN_IN_PIECES + 1).astype(int)
        late = np.linspace(self.burnt, self.steps, self.snapshots + 1).astype(int)
        return [int(s) for s in np.unique(early) if s > 0], [
            int(s) for s in np.unique(late) if s > self.burnt
        ]


@dataclass
class Sampled:
    """A run with its snapshots; what there is of it when it was interrupted."""

    trajectory: Trajectory
    snapshots: list[np.ndarray]  # points [M K, P] at evenly spaced steps after the burn-in
    restores_burnt: np.ndarray  # [M K] blow-ups undone until burn-in was over
    first_restore: np.ndarray  # [M K] step by which the first blow-up was undone, 0: none


def starting_temperatures(
    landscape: Any, theta: np.ndarray, trained: np.ndarray, plan: Plan, threads: int | None
) -> np.ndarray:
    """Temperatures [M K] from which the replicas cool; those above them stay where they are.

    A trained replica has L < T, where equilibrium has k T: it heats up, from below. Where training
    could not get that far it cools from the temperature of its own loss, at which its walls are no
    steeper than the step can take.
    """
    temperatures = plan.rows(plan.temperatures)
    hot = np.maximum(temperatures, plan.initial_temperature)
    own = energies(landscape, theta, threads) - plan.ground
    return np.where(trained, np.clip(np.nan_to_num(own, nan=np.inf), temperatures, hot), hot)


def sampler(plan: Plan, starts: np.ndarray) -> Langevin:
    """The Langevin dynamics of all replicas, which cool from `starts` [M K]."""
    metropolis = plan.scheme == "metropolis"
    guarded = plan.guard > 0 and not metropolis
    widths = plan.rows(plan.widths)
    boxed = np.isfinite(plan.widths).all()
    friction = 1 / (widths if boxed else np.full(plan.count, plan.confinement))
    return Langevin(
        temperature=plan.rows(plan.temperatures),
        step_size=plan.rows(plan.step_size),
        scheme="euler_maruyama" if metropolis else plan.scheme,
        metropolis=metropolis,
        friction=friction if plan.scheme == "baoab" else None,
        confinement=widths if boxed else None,
        units=plan.units,
        initial_temperature=starts,
        cooling_steps=int(plan.cooling * plan.steps),
        guard=plan.guard if guarded else None,
        on_divergence="restore" if guarded else "freeze",
    )


def starting_points(
    landscape: Any, start: Any, plan: Plan, seed: int, threads: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Starting points [M K, P] in the landscape's precision, and which of them are trained [M K].

    Trained points come from the same draw of the box by Adam; where Adam fails, the draw stays.
    """
    if not isinstance(start, str):
        return _given(landscape, start, plan), np.zeros(plan.count, dtype=bool)
    theta = _draw(landscape, plan, seed)
    if start == "hot":
        return theta, np.zeros(plan.count, dtype=bool)
    wanted = np.full(plan.count, True) if start == "trained" else np.arange(plan.count) % 2 == 1
    try:
        better = _train(landscape, theta, wanted, plan, seed, threads)
    except Interrupted:
        raise KeyboardInterrupt from None  # nothing to keep: not a step of the chart is made
    trained = wanted & np.isfinite(better).all(axis=1)
    theta[trained] = better[trained]
    return theta, trained


def without_lost(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points with 0 for rows that are not finite, and which rows are: data per replica want all."""
    fine = np.isfinite(theta).all(axis=1)
    return np.where(fine[:, None], theta, 0).astype(theta.dtype), fine


def energies(landscape: Any, theta: np.ndarray, threads: int | None) -> np.ndarray:
    """Energies [R] in float64; nan at points that are not finite, which nobody's function sees."""
    shown, fine = without_lost(theta)
    return np.where(fine, landscape.energy(shown, threads=threads), np.nan).astype(np.float64)


def _draw(landscape: Any, plan: Plan, seed: int) -> np.ndarray:
    """Draws from the box, or where there is none from N(0, confinement^2)."""
    noise = random.normals(
        seed,
        stream="initialization",
        replicas=plan.count,
        count=landscape.dim,
        dtype=str(landscape.dtype),
    )
    widths = np.where(np.isfinite(plan.widths), plan.widths, plan.confinement)
    return noise * plan.rows(widths)[:, None].astype(noise.dtype)


def _train(
    landscape: Any,
    theta: np.ndarray,
    wanted: np.ndarray,
    plan: Plan,
    seed: int,
    threads: int | None,
) -> np.ndarray:
    """All rows by Adam, each as it was when its loss first fell below its temperature [M K, P].

    Longer would leave the box: a separating network grows for ever.
    """
    adam, target = Adam(learning_rate=step_lengths(plan)), plan.rows(plan.temperatures)
    best, reached, run = theta.copy(), ~wanted, None
    options = {"steps": TRAINING_STEPS, "threads": threads}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        for _ in range(TRAINING_PIECES):
            if run is None:
                run = adam.run(landscape, theta, record_every=TRAINING_STEPS, rng=seed, **options)
            else:
                run = run.resume(**options)
            best[~reached] = run.final[~reached]
            reached |= energies(landscape, run.final, threads) - plan.ground < target
            if reached.all():
                break
    return best


def step_lengths(plan: Plan) -> np.ndarray:
    """How far a step goes in parameter space [M K]: s, h of a unit momentum, or sqrt(2 h T)."""
    return plan.rows(lengths(plan.step_size, plan.temperatures, plan.units, plan.scheme))


def lengths(step_size: np.ndarray, t: np.ndarray, units: str, scheme: str) -> np.ndarray:
    """The same per temperature [M]; a step is unstable in a box narrower than half its length."""
    if units == "natural":
        return step_size
    return step_size * np.sqrt(t) if scheme == "baoab" else np.sqrt(2 * step_size * t)


def _given(landscape: Any, start: Any, plan: Plan) -> np.ndarray:
    """The user's points, repeated to [M K, P]."""
    count, replicas, dim = plan.count, plan.replicas, landscape.dim
    start = np.asarray(start)
    if start.shape == (dim,):
        start = np.tile(start, (count, 1))
    elif start.shape == (replicas, dim):
        start = np.tile(start, (len(plan.temperatures), 1))
    if start.shape != (count, dim):
        expected = f"one of {list(STARTS)}, or shape [{dim}], [{replicas}, {dim}] or "
        raise ValueError(
            message("start", f"{expected}[{count}, {dim}]", f"shape {list(start.shape)}")
        )
    return points(np.ascontiguousarray(start), dim, str(landscape.dtype), argument="start")


def sample(
    dynamics: Langevin,
    landscape: Any,
    theta: np.ndarray,
    plan: Plan,
    seed: int,
    threads: int | None,
    progress: bool,
) -> Sampled:
    """Run all steps, pausing to keep snapshots. Pauses change no bit of the run.

    Raises
    ------
    Interrupted
        On Ctrl-C; ``.result`` is the `Sampled` so far.
    """
    early, late = plan.stops()
    size = len(late) * theta.nbytes
    require_memory({f"{len(late)} snapshots of {list(theta.shape)} points": size},
                   "Ask for fewer snapshots=, or fewer replicas=.")  # fmt: skip
    observables = ["virial", "squared_norm", "gradient_squared_norm"]
    observables += ["accepted"] * (plan.scheme == "metropolis")
    none = np.zeros(plan.count, np.int64)
    done = None

    def go_on(stop: int) -> Trajectory:
        if done is None:
            return dynamics.run(
                landscape,
                theta,
                steps=stop,
                record_every=plan.record_every,
                observables=observables,
                rng=seed,
                threads=threads,
            )
        return done.trajectory.resume(stop - done.trajectory.state.total_steps, threads=threads)

    with _bar(plan, progress) as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)  # said once, by the chart
        for stop in early + late:
            try:
                run = go_on(stop)
                done = _after(run, done, none, stop, plan)
                if bar is not None:
                    bar.update(stop - bar.n)
            except Interrupted as interrupted:
                run = interrupted.result
                partial = _after(run, done, none, run.state.total_steps, plan, whole=False)
                raise Interrupted(str(interrupted), partial) from None
            except KeyboardInterrupt:  # between two pieces
                if done is None:
                    raise
                raise Interrupted("interrupted between two pieces of the run", done) from None
    return done


def _after(
    run: Trajectory, before: Sampled | None, none: np.ndarray, stop: int, plan: Plan, whole=True
) -> Sampled:
    """What there is after one more piece of the run; `whole`: it was made to its end."""
    first = none if before is None else before.first_restore
    first = np.where((first == 0) & (run.status.restores > 0), stop, first)
    snapshots = [] if before is None else before.snapshots
    burnt = none if before is None else before.restores_burnt
    if stop <= plan.burnt:
        burnt = run.status.restores
    elif whole:
        snapshots = [*snapshots, run.final]
    return Sampled(run, snapshots, burnt, first)


def _bar(plan: Plan, progress: bool) -> Any:
    if not progress:
        return nullcontext()
    from tqdm import tqdm  # type: ignore[import-untyped]  # only where a bar is asked for

    return tqdm(total=plan.steps, unit="step", desc="thermal chart")
