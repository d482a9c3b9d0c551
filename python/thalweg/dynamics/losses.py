"""Replicas lost on the way: which, at what step, and what is said of it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DivergenceError, DivergenceWarning, caller
from .trajectory import DIVERGED, Status

State = dict[str, np.ndarray]


@dataclass(frozen=True)
class Loss:
    """The replicas that diverged first, all of them at one step."""

    step: int
    replicas: np.ndarray

    def bury(self, state: State) -> State:
        """Return the state at that step with the loss in it.

        Steps that end there need not have seen it: where nothing is recorded they look at points,
        and a finite point may have an infinite energy.
        """
        names = ("status", "status_step", "points")
        status, step, points = copies = [state[name].copy() for name in names]
        status[self.replicas] = DIVERGED
        step[self.replicas] = self.step
        points[self.replicas] = np.nan
        return state | dict(zip(names, copies, strict=True))


def first_loss(earlier: State, later: State) -> Loss | None:
    """Return what was lost first between two states."""
    new = np.flatnonzero((later["status"] == DIVERGED) & (earlier["status"] != DIVERGED))
    if not new.size:
        return None
    steps = later["status_step"][new]
    step = int(steps.min())
    return Loss(step, new[steps == step])


def divergence(loss: Loss, result: Any) -> DivergenceError:
    """Return the error that says which replica diverged; `result` is the run up to there."""
    others = f" (and {loss.replicas.size - 1} others)" if loss.replicas.size > 1 else ""
    return DivergenceError(
        f"replica {loss.replicas[0]}{others} diverged at step {loss.step}. This exception's "
        f".result holds the run up to there. Use smaller steps, or on_divergence='freeze' to let "
        f"the others go on.",
        result,
    )


def warn_of_losses(start: State, status: Status) -> None:
    """Warn of replicas lost or restored since `start`."""
    if not status.codes.any() and not status.restores.any():
        return
    parts = []
    lost = np.flatnonzero((status.codes == DIVERGED) & (start["status"] != DIVERGED))
    if lost.size:
        first = min(lost, key=lambda r: (status.steps[r], r))
        parts.append(
            f"{lost.size} of {status.codes.size} replicas diverged, the first is replica {first} "
            f"at step {status.steps[first]}; they are nan since, the others are unaffected"
        )
    undone = int((status.restores - start["restores"]).sum())
    if undone:
        where = np.flatnonzero(status.restores > start["restores"])
        parts.append(
            f"{undone} blow-ups in {where.size} replicas (the first is replica {where[0]}) were "
            f"undone by going back to the last good point"
        )
    if parts:
        text = "; ".join(parts) + ". Smaller steps avoid this; see .status of the result."
        warnings.warn(text, DivergenceWarning, stacklevel=caller())
