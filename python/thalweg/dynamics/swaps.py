"""Swaps of temperatures between walkers, and what is known of who went where.

Letters: M temperatures, K copies of the ladder; walker (w, k) is replica w K + k of the batch and
keeps its id, hence its noise, at whatever temperature it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from .. import rng
from ..results import Record

__all__ = ["Exchange", "carried_over", "swap"]

FIRST_ID = 2**31  # of the copies in the random numbers: far from the ids of walkers
BLOCK = 64  # rounds whose random numbers are drawn together


@dataclass(frozen=True, eq=False)
class Exchange(Record):
    """Where the walkers are, and the account of all swaps so far.

    Attributes
    ----------
    walkers : int32 array [M, K]
        Which walker of copy k is at temperature m.
    attempts, accepted : int64 array [M - 1, K]
        Swaps between temperatures m and m + 1.
    heading : int8 array [M, K]
        Of each walker: 1 on its way up from the lowest temperature, -1 down from the highest, 0
        when it has not been at the lowest yet.
    since : int64 array [M, K]
        The step at which each walker began the round trip it is on.
    trips, trip_steps : int64 array [M, K]
        Round trips each walker has finished, and the steps these took together.

    Examples
    --------
    >>> from thalweg.dynamics.swaps import Exchange
    >>> Exchange.start(temperatures=3, copies=1).walkers.ravel()
    array([0, 1, 2], dtype=int32)
    """

    walkers: np.ndarray
    attempts: np.ndarray
    accepted: np.ndarray
    heading: np.ndarray
    since: np.ndarray
    trips: np.ndarray
    trip_steps: np.ndarray

    def __post_init__(self) -> None:
        for array in vars(self).values():
            array.flags.writeable = False

    @classmethod
    def start(cls, temperatures: int, copies: int, begin: int = 0) -> Exchange:
        """Return the state before the first step, walker m at temperature m; clocks start later."""
        shape = (temperatures, copies)
        heading = np.zeros(shape, np.int8)
        heading[0] = 1
        return cls(
            walkers=np.repeat(np.arange(temperatures, dtype=np.int32)[:, None], copies, axis=1),
            attempts=np.zeros((temperatures - 1, copies), np.int64),
            accepted=np.zeros((temperatures - 1, copies), np.int64),
            heading=heading,
            since=np.full(shape, begin, np.int64),
            trips=np.zeros(shape, np.int64),
            trip_steps=np.zeros(shape, np.int64),
        )

    @cached_property
    def rows(self) -> np.ndarray:
        """The rows [M K] of the batch in the order of temperature and copy."""
        copies = self.walkers.shape[1]
        return (self.walkers * copies + np.arange(copies)).ravel()


def swap(
    before: Exchange,
    energies: np.ndarray,
    alive: np.ndarray,
    betas: np.ndarray,
    *,
    seed: int,
    number: int,
    step: int,
) -> Exchange:
    """Return the state after round `number` = 1, 2, ... of swaps, made at `step`.

    Neighbours (0, 1), (2, 3), ... are tried in odd rounds, else (1, 2), (3, 4), ...; a pair swaps
    with probability min(1, exp[(beta_i - beta_j)(L_i - L_j)]). A pair with a walker that has
    diverged is not tried.

    Parameters
    ----------
    before : Exchange
    energies : array [M K]
        L of each walker, row by row of the batch.
    alive : bool array [M K]
    betas : array [M]
        1/T, falling.
    seed, number, step : int
    """
    count, copies = before.walkers.shape
    first = 1 - number % 2
    lower, upper = slice(first, count - 1, 2), slice(first + 1, count, 2)
    rows = before.rows.reshape(count, copies)
    energy, ok = energies[rows].astype(np.float64), alive[rows]
    with np.errstate(over="ignore", invalid="ignore"):  # of walkers that have blown up
        gain = (betas[lower] - betas[upper])[:, None] * (energy[lower] - energy[upper])
    tried = ok[lower] & ok[upper]
    draws = _log_draws(seed, number // BLOCK, count - 1, copies)[number % BLOCK]
    done = tried & (draws[lower] < gain)  # false for nan
    walkers, attempts, accepted = (
        array.copy() for array in (before.walkers, before.attempts, before.accepted)
    )
    attempts[lower] += tried
    accepted[lower] += done
    np.copyto(walkers[lower], before.walkers[upper], where=done)
    np.copyto(walkers[upper], before.walkers[lower], where=done)
    return Exchange(walkers, attempts, accepted, *_visits(before, walkers, step))


@lru_cache(maxsize=8)
def _log_draws(seed: int, block: int, pairs: int, copies: int) -> np.ndarray:
    """Return log u [BLOCK, M - 1, K] for the rounds of a block: one call for many rounds.

    Stream "metropolis" at step `block`, of ids 2**31 + k, where no walker draws.
    """
    draws = rng.uniforms(
        seed,
        stream="metropolis",
        step=block,
        replicas=FIRST_ID + np.arange(copies),
        count=BLOCK * pairs,
    )
    return np.log(draws.reshape(copies, BLOCK, pairs).transpose(1, 2, 0))


def _visits(before: Exchange, walkers: np.ndarray, step: int) -> tuple[np.ndarray, ...]:
    """Book who is at the ends now: heading, since, trips, trip_steps."""
    heading, since, trips, trip_steps = (
        array.copy() for array in (before.heading, before.since, before.trips, before.trip_steps)
    )
    copy = np.arange(walkers.shape[1])
    highest, lowest = (walkers[-1], copy), (walkers[0], copy)
    going = heading[highest]
    heading[highest] = np.where(going == 1, -1, going)
    coming = heading[lowest]
    back, began = coming == -1, since[lowest]
    trips[lowest] += back
    trip_steps[lowest] += back * (step - began)
    since[lowest] = np.where(coming == 1, began, step)
    heading[lowest] = 1
    return heading, since, trips, trip_steps


def carried_over(
    state: dict[str, Any],
    before: Exchange,
    after: Exchange,
    momentum: int | None,
    widths: np.ndarray,
) -> dict[str, Any]:
    """Return the state of the batch after temperatures changed hands; `state` is left alone.

    Points stay with their walkers. What the rule counts and averages (the running mean of the
    guard, accepted moves) belongs to a temperature and goes with it. Momenta, the vector of number
    `momentum`, are scaled with the widths [M] of their law.
    """
    old, new, state = before.rows, after.rows, dict(state)
    if len(state["scalars"]):
        scalars = np.empty_like(state["scalars"])
        scalars[:, new] = state["scalars"][:, old]
        state["scalars"] = scalars
    if momentum is not None:
        scale = np.empty(old.size)
        scale[new] = np.repeat(widths, old.size // len(widths))
        scale[old] /= np.repeat(widths, old.size // len(widths))
        vectors = state["vectors"].copy()
        vectors[momentum] *= scale[:, None].astype(vectors.dtype)
        state["vectors"] = vectors
    return state
