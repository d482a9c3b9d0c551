"""Gradient flow: steepest descent followed as a differential equation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import flag, known_options, message, per_replica, real
from .base import Dynamics, Rule

__all__ = ["GradientFlow"]


@known_options
@dataclass(frozen=True, eq=False, repr=False)
class GradientFlow(Dynamics):
    """Gradient flow ``dx/dt = -grad L`` until a minimum is reached.

    * adaptive: Euler steps whose length h each replica finds for itself. A trial x - h g is
      accepted if ``|L(x - h g) - (L - h |g|^2)| <= kappa h |g|^2``, that is if L falls as linear
      theory says to within kappa; then h grows by 1.2 (up to `maximum_step`), else h is halved.
    * fixed: classical fourth-order Runge-Kutta steps of length `step_size`, four gradients each.

    A replica converges, and rests from then on, when ``L <= energy_tolerance`` or
    ``|g| <= gradient_tolerance``.

    Parameters
    ----------
    step_size : float or array [R]
        > 0: the first step (adaptive) or every step (fixed).
    adaptive : bool
    kappa : float
        In (0, 1); smaller follows the flow more closely. Adaptive only.
    maximum_step : float
        >= step_size. Adaptive only.
    energy_tolerance : float or array [R], optional
        None: only the gradient decides. (An energy may be negative, so 0 would not mean "never".)
    gradient_tolerance : float or array [R]
        >= 0.
    on_divergence : "freeze" or "raise"
        See `Dynamics`.

    Raises
    ------
    TypeError, ValueError
        For a value outside its set.

    Notes
    -----
    Observables: squared_norm |x|^2, gradient_squared_norm |g|^2, virial x . g, time t, step_size h.
    A step of `run` is one trial.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> surface = tw.MullerBrown()
    >>> start = np.array([[-0.7, 1.2], [0.6, 0.1]])
    >>> run = tw.GradientFlow(step_size=1e-4).run(surface, start, steps=2000)
    >>> run.final.round(4)
    array([[-0.5582,  1.4417],
           [ 0.6235,  0.028 ]])
    """

    step_size: Any = 0.1
    adaptive: bool = True
    kappa: float = 0.25
    maximum_step: float = 50.0
    energy_tolerance: Any = None
    gradient_tolerance: Any = 1e-6

    def validate(self) -> dict[str, Any]:
        """Check every hyper-parameter; return those to keep in checked form."""
        flag("adaptive", self.adaptive)
        kept = {
            "step_size": per_replica("step_size", self.step_size, above=0),
            "kappa": real("kappa", self.kappa, above=0, below=1),
            "maximum_step": real("maximum_step", self.maximum_step, above=0),
            "gradient_tolerance": per_replica(
                "gradient_tolerance", self.gradient_tolerance, least=0
            ),
        }
        if self.energy_tolerance is not None:
            kept["energy_tolerance"] = per_replica("energy_tolerance", self.energy_tolerance)
        if self.adaptive and np.max(kept["step_size"]) > kept["maximum_step"]:
            expected = f"at least step_size = {np.max(kept['step_size']):g}"
            raise ValueError(message("maximum_step", expected, f"{self.maximum_step:g}"))
        return kept

    def rule(self, landscape: Any) -> Rule:
        """Return the compiled rule with its options and parameters."""
        tolerance = -np.inf if self.energy_tolerance is None else self.energy_tolerance
        return Rule(
            "gradient_flow",
            {
                "adaptive": float(self.adaptive),
                "kappa": self.kappa,
                "maximum_step": self.maximum_step,
            },
            {
                "step_size": self.step_size,
                "energy_tolerance": tolerance,
                "gradient_tolerance": self.gradient_tolerance,
            },
        )
