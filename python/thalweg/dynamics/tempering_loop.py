"""The loop of parallel tempering: a few compiled steps of all walkers, a round of swaps, again.

The state of the compiled loop, its gradients included, goes from call to call, so that a round
costs a few small NumPy operations and no gradient. Rounds are made between step n `every` and the
next; a record is made before the round of its step, and a run that ends there leaves it to
`resume`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from .engine import (
    Job,
    Pace,
    Records,
    interrupted,
    progress_bar,
    settled,
    show_progress,
)
from .losses import Loss, State, divergence, first_loss, warn_of_losses
from .swaps import Exchange, carried_over, swap
from .tempered_run import TemperedRun
from .trajectory import OK, CarriedState, Status

__all__ = ["Ladder", "run_tempered"]

SHOW_SECONDS = 0.1  # a bar drawn every ten steps would cost more than they do


@dataclass(frozen=True)
class Ladder:
    """What rounds of swaps need: temperatures and the width of the law of momenta, both [M]."""

    temperatures: np.ndarray
    widths: np.ndarray
    every: int
    begin: int  # no swaps before that step
    copies: int


@dataclass(frozen=True)
class Snapshot:
    """The run between two calls of the compiled loop: replaced in one assignment."""

    state: State
    exchange: Exchange
    total_steps: int
    filled: int


class TemperedRecords:
    """Records sorted by temperature, and which walker was where."""

    def __init__(self, job: Job, total_steps: int, before: TemperedRun | None) -> None:
        self.sorted = Records(job, total_steps, None)
        count = job.records_until(total_steps)
        self.rows = np.empty((count, len(job.replicas)), np.int32)
        self.filled = 0
        if before is not None:
            flat = (len(before.steps), len(job.replicas))
            columns = {"energy": before.energies, **before.observables}
            points = before.points
            self.filled = self.sorted.put(
                0,
                {name: column.reshape(flat) for name, column in columns.items()},
                None if points is None else points.reshape(*flat, points.shape[-1]),
            )
            copies = before.walkers.shape[2]
            walkers = before.walkers * copies + np.arange(copies)
            self.rows[: self.filled] = walkers.reshape(flat)

    def put(self, at: int, made: State, rows: np.ndarray) -> int:
        """Write the records of one call from row `at`; return the row behind them."""
        columns = {name: column[:, rows] for name, column in made["records"].items()}
        points = made["recorded_points"]
        stop = self.sorted.put(at, columns, None if points is None else points[:, rows])
        self.rows[at:stop] = rows
        return stop


def run_tempered(
    job: Job,
    ladder: Ladder,
    state: State,
    exchange: Exchange,
    first_step: int,
    steps: int,
    before: TemperedRun | None,
) -> TemperedRun:
    """Make `steps` steps and their rounds of swaps; return the whole run, `before` included."""
    begin = time.perf_counter()
    last_step = first_step + steps
    records = TemperedRecords(job, last_step, before)
    now = Snapshot(state, exchange, first_step, records.filled)

    def result() -> TemperedRun:
        seconds = time.perf_counter() - begin + (before.seconds if before is not None else 0.0)
        return _tempered_run(job, ladder, now, records, seconds)

    pace, shown, unseen = Pace(job), begin, 0
    try:
        with progress_bar(job, steps) as bar:
            while now.total_steps < last_step:
                start = time.perf_counter()
                made, loss = _advance(job, ladder, now, pace, last_step)
                chunk = made.total_steps - now.total_steps
                pace.took(chunk, time.perf_counter() - start)
                filled = records.put(now.filled, made.state, made.exchange.rows)
                now = Snapshot(made.state, made.exchange, made.total_steps, filled)
                unseen += chunk
                if bar is not None and (
                    start - shown > SHOW_SECONDS or made.total_steps == last_step
                ):
                    show_progress(bar, unseen, now.state["energy"][None])
                    shown, unseen = start, 0
                if loss is not None:
                    raise divergence(loss, result())
    except KeyboardInterrupt:
        raise interrupted(now.total_steps, last_step, result()) from None
    finished = result()
    warn_of_losses(state, finished.status)
    return finished


def _advance(
    job: Job, ladder: Ladder, now: Snapshot, pace: Pace, last_step: int
) -> tuple[Snapshot, Loss | None]:
    """Make the round that is due and the steps up to the next; return a loss that ends the run."""
    state, exchange, first = now.state, now.exchange, now.total_steps
    if first and first >= ladder.begin and first % ladder.every == 0:
        state, exchange = _round(job, ladder, now)
    parameters = np.empty_like(job.parameters)
    parameters[:, exchange.rows] = job.parameters
    chunk = min(pace.chunk(last_step - first), ladder.every - first % ladder.every)
    made = job.advance(state, first, chunk, parameters)
    if first == 0:
        job.dynamics.check_start(made["start_energy"])
    loss = first_loss(state, made) if job.dynamics.on_divergence == "raise" else None
    if loss is not None and loss.step < first + chunk:
        chunk = max(1, loss.step - first)
        made = job.advance(state, first, chunk, parameters)
    return Snapshot(made, exchange, first + chunk, now.filled), loss


def _round(job: Job, ladder: Ladder, now: Snapshot) -> tuple[State, Exchange]:
    """Return state and places after the swaps that are due: even pairs first, then odd."""
    exchange = swap(
        now.exchange,
        now.state["energy"],
        now.state["status"] == OK,
        1 / ladder.temperatures,
        seed=job.seed,
        number=now.total_steps // ladder.every,
        step=now.total_steps,
    )
    momentum = None
    if "momentum" in job.layout["vectors"] and np.ptp(ladder.widths) > 0:
        momentum = job.layout["vectors"].index("momentum")
    return carried_over(now.state, now.exchange, exchange, momentum, ladder.widths), exchange


def _tempered_run(
    job: Job, ladder: Ladder, now: Snapshot, records: TemperedRecords, seconds: float
) -> TemperedRun:
    """Return what a snapshot and its records amount to, as read-only arrays."""
    made, rows, kept = now.state, now.exchange.rows, slice(now.filled)
    shape = (len(ladder.temperatures), ladder.copies)

    def folded(array: np.ndarray) -> np.ndarray:
        return settled(array[kept].reshape(-1, *shape, *array.shape[2:]))

    columns = {name: folded(column) for name, column in records.sorted.columns.items()}
    points = records.sorted.points
    return TemperedRun(
        temperatures=settled(ladder.temperatures),
        energies=columns.pop("energy"),
        steps=settled(job.record_every * np.arange(1, now.filled + 1, dtype=np.int64)),
        walkers=folded(records.rows[kept] // ladder.copies),
        observables=columns,
        points=None if points is None else folded(points),
        final=settled(made["points"][rows].reshape(*shape, -1)),
        final_energies=settled(made["energy"][rows].reshape(shape)),
        exchange=now.exchange,
        swap_every=ladder.every,
        status=Status(*(settled(made[n]) for n in ("status", "status_step", "restores"))),
        seconds=seconds,
        dynamics=job.dynamics,
        state=CarriedState(
            settled(made["vectors"]), settled(made["scalars"]), job.replicas, now.total_steps
        ),
        provenance={**job.provenance, "steps": now.total_steps},
    ).remember(job.landscape)
