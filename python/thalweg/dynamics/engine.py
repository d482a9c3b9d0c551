"""The loop around the compiled loop: a run is made in chunks of about a quarter of a second.

Those of a large state are longer. Between chunks the progress bar moves, divergence is looked at,
and a state is kept to which Ctrl-C can fall back. Where the chunks are cut changes no bit of the
result.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._memory import require_memory
from ..errors import Interrupted
from .losses import Loss, State, divergence, first_loss, warn_of_losses
from .trajectory import CarriedState, Status, Trajectory

__all__ = [
    "Job",
    "Pace",
    "Records",
    "State",
    "interrupted",
    "progress_bar",
    "run_job",
    "settled",
    "show_progress",
]

CHUNK_SECONDS = 0.25
FIRST_CHUNK_WORK = 3e8  # parameters times samples: some 30 to 100 ms of compiled steps
STEP_WORK = 200  # what a step of a replica costs besides, in the same coin
GROWTH = 8  # from one chunk to the next, until the pace is known
# For each byte of the state, ten times what carrying it from one chunk to the next takes: no chunk
# is planned shorter.
CARRY_SECONDS, CARRY_WORK = 2.5e-9, 25


@dataclass(frozen=True)
class Job:
    """A run with every question answered; `dynamics` and `provenance` go into the result."""

    dynamics: Any
    landscape: Any
    handle: Any  # the landscape in the compiled module
    rule: str
    options: dict[str, float]
    parameters: np.ndarray  # [n, R]
    layout: dict[str, list[str]]
    record_every: int
    record_points: bool
    observables: list[str]
    seed: int
    replicas: np.ndarray  # [R]
    threads: int
    progress: bool
    provenance: dict[str, Any]

    def state_bytes(self) -> int:
        """Return the size of points, gradient and carried vectors."""
        size = len(self.replicas) * self.landscape.dim * np.dtype(self.landscape.dtype).itemsize
        return (2 + len(self.layout["vectors"])) * size

    def records_until(self, step: int) -> int:
        """Return how many records steps 1 .. `step` make."""
        return step // self.record_every

    def fresh_state(self, theta: np.ndarray) -> State:
        """Return the state before the first step; the rule fills in what it carries."""
        replicas, dim = theta.shape
        # Twice: the state before a chunk is kept until the one after it exists.
        require_memory({f"state of {list(theta.shape)} points": 2 * self.state_bytes()})
        return {
            "points": theta.copy(),
            "vectors": np.zeros((len(self.layout["vectors"]), replicas, dim), theta.dtype),
            "scalars": np.zeros((len(self.layout["scalars"]), replicas), theta.dtype),
            "status": np.zeros(replicas, np.int32),
            "status_step": np.zeros(replicas, np.int64),
            "restores": np.zeros(replicas, np.int64),
        }

    def advance(
        self,
        state: State,
        first_step: int,
        steps: int,
        parameters: np.ndarray | None = None,
        goes_on: bool = True,
    ) -> dict[str, Any]:
        """Make `steps` compiled steps; `state` is left alone.

        `parameters` [n, R] stand for the job's own where these change between chunks. A run that
        does not go on behind these steps takes no gradient at its end, and no energy but to
        record it.
        """
        return self.landscape._module.advance(
            self.handle,
            self.rule,
            self.options,
            self.parameters if parameters is None else parameters,
            state,
            first_step,
            steps,
            self.record_every,
            self.observables,
            self.record_points,
            self.seed,
            self.replicas,
            self.threads,
            goes_on,
        )


class Records:
    """Arrays for all records of a run, allocated once and filled chunk by chunk."""

    def __init__(self, job: Job, total_steps: int, before: Trajectory | None) -> None:
        replicas, dim = len(job.replicas), job.landscape.dim
        count, size = job.records_until(total_steps), np.dtype(job.landscape.dtype).itemsize
        names = ["energy", *job.observables]
        rows = count * replicas * size
        sizes = {f"recorded energies and observables [{count}, {replicas}]": len(names) * rows}
        if job.record_points:
            sizes[f"recorded points [{count}, {replicas}, {dim}]"] = dim * rows
        require_memory(sizes, "Raise record_every, or run fewer replicas at a time.")
        self.columns = {n: np.empty((count, replicas), job.landscape.dtype) for n in names}
        self.points = None
        if job.record_points:
            self.points = np.empty((count, replicas, dim), job.landscape.dtype)
        self.filled = 0
        if before is not None:
            old = {"energy": before.energies, **before.observables}
            self.filled = self.put(0, old, before.points)

    def put(self, at: int, columns: dict[str, np.ndarray], points: np.ndarray | None) -> int:
        """Write records from row `at`; return the row behind them."""
        stop = at + len(columns["energy"])
        for name, column in self.columns.items():
            column[at:stop] = columns[name]
        if self.points is not None:
            self.points[at:stop] = points
        return stop


@dataclass(frozen=True)
class Snapshot:
    """The run after a whole number of chunks: replaced in one assignment, so never half made."""

    state: State
    total_steps: int
    filled: int


class Pace:
    """Sizes chunks so that each takes about `CHUNK_SECONDS`, longer where the state is large."""

    def __init__(self, job: Job) -> None:
        work = getattr(job.landscape, "work", None)  # a user's function: nobody knows
        if work and (batch := getattr(job.dynamics, "batch_size", None)):
            work = max(1, work * batch // job.landscape.n_samples)
        carried = job.state_bytes()
        self._seconds = max(CHUNK_SECONDS, CARRY_SECONDS * carried)
        self._next = 1
        if work:
            first = max(FIRST_CHUNK_WORK, CARRY_WORK * carried)
            self._next = max(1, int(first // (len(job.replicas) * (work + STEP_WORK))))

    def chunk(self, left: int) -> int:
        """Return the size of the next chunk of at most `left` steps; none is left for a stub."""
        return left if left <= 1.25 * self._next else self._next

    def took(self, steps: int, seconds: float) -> None:
        """Learn from a finished chunk."""
        fitting = int(self._seconds * steps / max(seconds, 1e-9))
        self._next = max(1, min(fitting, GROWTH * steps))


def run_job(
    job: Job, state: State, first_step: int, steps: int, before: Trajectory | None
) -> Trajectory:
    """Make `steps` steps from `state`; return the whole trajectory, what was `before` included."""
    begin = time.perf_counter()
    last_step = first_step + steps
    records = Records(job, last_step, before)
    now = Snapshot(state, first_step, records.filled)

    def result() -> Trajectory:
        seconds = time.perf_counter() - begin + (before.seconds if before is not None else 0.0)
        return _trajectory(job, now, records, seconds)

    pace = Pace(job)
    try:
        with progress_bar(job, steps) as bar:
            while now.total_steps < last_step:
                chunk = pace.chunk(last_step - now.total_steps)
                start = time.perf_counter()
                goes_on = now.total_steps + chunk < last_step
                made = job.advance(now.state, now.total_steps, chunk, goes_on=goes_on)
                pace.took(chunk, time.perf_counter() - start)
                if now.total_steps == 0 and "start_energy" in made:
                    job.dynamics.check_start(made["start_energy"])
                raises = job.dynamics.on_divergence == "raise"
                if raises and (loss := first_loss(now.state, made)) is not None:
                    now = _cut_at(loss, job, now, records)
                    raise divergence(loss, result())
                filled = records.put(now.filled, made["records"], made["recorded_points"])
                now = Snapshot(made, now.total_steps + chunk, filled)
                show_progress(bar, chunk, made["records"]["energy"])
    except KeyboardInterrupt:
        raise interrupted(now.total_steps, last_step, result()) from None
    finished = result()
    warn_of_losses(state, finished.status)
    return finished


def _cut_at(loss: Loss, job: Job, now: Snapshot, records: Records) -> Snapshot:
    """Return the run up to a loss: where it stops must not depend on how fast it ran."""
    steps = loss.step - now.total_steps
    if steps == 0:
        return replace(now, state=loss.bury(now.state))
    made = job.advance(now.state, now.total_steps, steps)
    filled = records.put(now.filled, made["records"], made["recorded_points"])
    return Snapshot(loss.bury(made), loss.step, filled)


def _trajectory(job: Job, now: Snapshot, records: Records, seconds: float) -> Trajectory:
    """Return what a snapshot and its records amount to, as read-only arrays."""
    columns = {name: settled(column[: now.filled]) for name, column in records.columns.items()}
    made = now.state
    provenance = {**job.provenance, "steps": now.total_steps}
    return Trajectory(
        energies=columns.pop("energy"),
        steps=settled(job.record_every * np.arange(1, now.filled + 1, dtype=np.int64)),
        observables=columns,
        points=None if records.points is None else settled(records.points[: now.filled]),
        final=settled(made["points"]),
        status=Status(*(settled(made[n]) for n in ("status", "status_step", "restores"))),
        seconds=seconds,
        dynamics=job.dynamics,
        state=CarriedState(
            settled(made["vectors"]), settled(made["scalars"]), job.replicas, now.total_steps
        ),
        provenance=provenance,
    ).remember(job.landscape)


def settled(array: np.ndarray) -> np.ndarray:
    """Return a read-only view; results are not edited by accident."""
    view = array.view()
    view.flags.writeable = False
    return view


def interrupted(done: int, last_step: int, result: Any) -> Interrupted:
    """Return the exception that carries what was done when Ctrl-C came."""
    return Interrupted(
        f"interrupted after step {done} of {last_step}. This exception's .result holds all up "
        f"to there: .result.resume({last_step - done}) goes on, .result.save(path) keeps it.",
        result,
    )


def progress_bar(job: Job, steps: int) -> Any:
    """Return a context that is a bar, or None where none is asked for."""
    if not job.progress:
        return nullcontext()
    from tqdm import tqdm  # type: ignore[import-untyped]  # only where a bar is asked for: importing it costs time

    return tqdm(total=steps, unit="step", desc=type(job.dynamics).__name__)


def show_progress(bar: Any, steps: int, energies: np.ndarray) -> None:
    """Move the bar by `steps`, with the mean of the last of `energies` [S_rec, R] beside it."""
    if bar is None:
        return
    bar.update(steps)
    alive = energies[-1][np.isfinite(energies[-1])] if len(energies) else energies
    if alive.size:
        bar.set_postfix_str(f"mean energy {alive.mean():.4g}")
