"""Adam: gradient descent with a step for each parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._checks import known_options, per_replica
from .base import Dynamics, Rule
from .sgd import batch_options, check_batches

__all__ = ["Adam"]


@known_options
@dataclass(frozen=True, eq=False, repr=False)
class Adam(Dynamics):
    """Adam: ``m <- b1 m + (1 - b1) g``, ``v <- b2 v + (1 - b2) g^2`` and a step along m/sqrt(v).

    ``x <- x - learning_rate m' / (sqrt(v') + epsilon)`` with ``m' = m / (1 - b1^s)`` and
    ``v' = v / (1 - b2^s)`` at step s.

    Parameters
    ----------
    learning_rate : float or array [R]
        > 0.
    beta1, beta2 : float or array [R]
        In [0, 1).
    epsilon : float or array [R]
        > 0.
    batch_size, replacement
        As in `SGD`.
    on_divergence : "freeze" or "raise"
        See `Dynamics`.

    Raises
    ------
    TypeError, ValueError
        For a value outside its set, and in `run` for a batch larger than N.

    Notes
    -----
    Records as in `SGD`. The defaults are the paper's.

    References
    ----------
    D. Kingma, J. Ba, ICLR 2015, arXiv:1412.6980, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic([1.0, 100.0])
    >>> run = tw.Adam(learning_rate=0.1).run(well, np.ones((2, 2)), steps=300)
    >>> bool((run.energies[-1] < 1e-3).all())
    True
    """

    learning_rate: Any = 1e-3
    beta1: Any = 0.9
    beta2: Any = 0.999
    epsilon: Any = 1e-8
    batch_size: int | None = None
    replacement: bool = False

    def validate(self) -> dict[str, Any]:
        """Check every hyper-parameter; return those to keep in checked form."""
        check_batches(self.batch_size, self.replacement)
        return {
            "learning_rate": per_replica("learning_rate", self.learning_rate, above=0),
            "beta1": per_replica("beta1", self.beta1, least=0, below=1),
            "beta2": per_replica("beta2", self.beta2, least=0, below=1),
            "epsilon": per_replica("epsilon", self.epsilon, above=0),
        }

    def rule(self, landscape: Any) -> Rule:
        """Return the compiled rule with its options and parameters."""
        options = batch_options(landscape, self.batch_size, self.replacement)
        names = ("learning_rate", "beta1", "beta2", "epsilon")
        return Rule("adam", options, {name: getattr(self, name) for name in names})
