"""The exceptions and warnings that thalweg adds to Python's own.

Bad input raises ``ValueError``, ``TypeError`` or ``MemoryError``; only two situations need a type
of their own, because both carry the work that was finished before they happened.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["DivergenceError", "DivergenceWarning", "Interrupted"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped a run; ``result`` holds everything up to the last finished chunk of steps.

    It derives from ``KeyboardInterrupt``, so a program that does not know it still stops.

    Attributes
    ----------
    result : Trajectory or TemperedRun
        The finished part. ``result.resume(steps)`` goes on from there, bit for bit.

    Examples
    --------
    >>> import thalweg as tw
    >>> issubclass(tw.Interrupted, KeyboardInterrupt)
    True
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result


class DivergenceError(RuntimeError):
    """A replica diverged and the dynamics was built with ``on_divergence="raise"``.

    Attributes
    ----------
    result : Trajectory
        The run up to and including the first step at which a replica diverged.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> steep = tw.Quadratic(1e6, dim=2)
    >>> try:
    ...     tw.SGD(learning_rate=1.0, on_divergence="raise").run(steep, np.ones((1, 2)), steps=500)
    ... except tw.DivergenceError as error:
    ...     print(error.result.status.diverged)
    [0]
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result


class DivergenceWarning(RuntimeWarning):
    """Replicas diverged, or were restored after a blow-up, in a run that went on without them."""


def caller() -> int:
    """Return the stacklevel of the first frame outside thalweg: where the user's line is."""
    level, frame = 1, sys._getframe(1)
    package = __name__.partition(".")[0]
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    return level
