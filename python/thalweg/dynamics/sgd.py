"""Gradient descent: full batch or minibatches, with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import flag, integer, known_options, message, per_replica
from .base import Dynamics, Rule

__all__ = ["SGD", "batch_options"]


@known_options
@dataclass(frozen=True, eq=False, repr=False)
class SGD(Dynamics):
    """Stochastic gradient descent: ``v <- momentum v + g``, ``x <- x - learning_rate v``.

    With `nesterov`: ``x <- x - learning_rate (g + momentum v)``. The gradient g is that of the full
    batch, or of a minibatch: every replica has its own batch order, a new random one each epoch.

    Parameters
    ----------
    learning_rate : float or array [R]
        > 0.
    momentum : float or array [R]
        In [0, 1).
    nesterov : bool
    batch_size : int, optional
        Samples in a minibatch, 1 .. N; None for all. Needs a landscape with samples.
    replacement : bool
        Draw each minibatch independently instead of going through the data in epochs.
    on_divergence : "freeze" or "raise"
        See `Dynamics`.

    Raises
    ------
    TypeError, ValueError
        For a value outside its set, and in `run` for a batch larger than N.

    Notes
    -----
    The recorded energy is always that of the full batch. Observables: squared_norm |x|^2, and
    without minibatches gradient_squared_norm and virial x . g.

    References
    ----------
    The form of I. Sutskever et al., ICML 2013, with v in units of the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> data = tw.datasets.random_labels(samples=40, features=10, rng=0)
    >>> land = tw.MLP([10, 20, 1], loss="logistic", data=data)
    >>> run = tw.SGD(0.1, batch_size=8).run(land, land.init(4, rng=1), steps=50, rng=2)
    >>> bool((run.energies[-1] < run.energies[0]).all())
    True
    """

    learning_rate: Any
    momentum: Any = 0.0
    nesterov: bool = False
    batch_size: int | None = None
    replacement: bool = False

    def validate(self) -> dict[str, Any]:
        """Check every hyper-parameter; return those to keep in checked form."""
        momentum = per_replica("momentum", self.momentum, least=0, below=1)
        if flag("nesterov", self.nesterov) and not np.all(momentum):
            raise ValueError(message("momentum", "a number > 0 with nesterov=True", "0"))
        check_batches(self.batch_size, self.replacement)
        rate = per_replica("learning_rate", self.learning_rate, above=0)
        return {"learning_rate": rate, "momentum": momentum}

    def rule(self, landscape: Any) -> Rule:
        """Return the compiled rule with its options and parameters."""
        options = batch_options(landscape, self.batch_size, self.replacement)
        return Rule(
            "sgd",
            {"nesterov": float(self.nesterov), **options},
            {"learning_rate": self.learning_rate, "momentum": self.momentum},
        )


def check_batches(batch_size: Any, replacement: Any) -> None:
    """Raise unless the minibatch options make sense by themselves."""
    if batch_size is not None:
        integer("batch_size", batch_size)
    if flag("replacement", replacement) and batch_size is None:
        raise ValueError(message("batch_size", "a number with replacement=True", "None"))


def batch_options(landscape: Any, batch_size: int | None, replacement: bool) -> dict[str, float]:
    """Return the options of the compiled rule after checking the batch against the landscape.

    Raises
    ------
    ValueError
        If the landscape has no samples, or fewer than `batch_size`.
    """
    if batch_size is not None:
        samples = getattr(landscape, "n_samples", 0)
        if not samples:
            fix = "Only a landscape with data (MLP) has minibatches."
            got = f"{batch_size} for {type(landscape).__name__}"
            raise ValueError(
                message("batch_size", "None for a landscape without samples", got, fix)
            )
        integer("batch_size", batch_size, most=samples)
    return {"batch_size": float(batch_size or 0), "replacement": float(replacement)}
