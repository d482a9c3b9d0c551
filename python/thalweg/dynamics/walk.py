"""Random walks: how far one gets, and what the landscape looks like on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import choice, integer, known_options, message, per_replica, show
from .base import Dynamics, Rule

__all__ = ["RandomWalk"]

MODES = ("free", "sphere", "micro")


@known_options
@dataclass(frozen=True, eq=False, repr=False)
class RandomWalk(Dynamics):
    """A walk of isotropic steps of fixed length: ``x <- x + step_size z / |z|``, z standard normal.

    Parameters
    ----------
    step_size : float or array [R]
        Length of a step, > 0.
    mode : "free", "sphere" or "micro"
        free: every step is made. sphere: after each step x is scaled back to the norm it started
        with. micro: a step is made only if it ends at an energy <= `energy_cap`, which samples the
        set {L <= cap} uniformly.
    energy_cap : float or array [R]
        For micro only, and needed there; at least the energy of the start.
    adapt_steps : int
        For micro: during so many first steps, each replica adapts the length towards 40 % accepted
        steps. Discard these; later steps have a fixed length.
    on_divergence : "freeze" or "raise"
        See `Dynamics`.

    Raises
    ------
    TypeError, ValueError
        For a value outside its set, options that do not go together, and in `run` for a start
        above the cap.

    Notes
    -----
    Observables: squared_norm |x|^2, squared_distance |x - x_0|^2, overlap
    x . x_0 / (|x| |x_0|), accepted (a count), step_size.

    References
    ----------
    Energies along free walks measure ruggedness: E. Weinberger, Biol. Cybern. 63, 325 (1990),
    doi:10.1007/BF00202749.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> walk = tw.RandomWalk(0.1, mode="sphere")
    >>> run = walk.run(tw.Quadratic(1.0, dim=20), np.ones((4, 20)), steps=100, rng=1)
    >>> (run.final**2).sum(axis=1).round(6)
    array([20., 20., 20., 20.])
    """

    step_size: Any
    mode: str = "free"
    energy_cap: Any = None
    adapt_steps: int = 0

    def validate(self) -> dict[str, Any]:
        """Check every hyper-parameter; return those to keep in checked form."""
        micro = choice("mode", self.mode, MODES) == "micro"
        kept = {
            "step_size": per_replica("step_size", self.step_size, above=0),
            "adapt_steps": integer("adapt_steps", self.adapt_steps, least=0),
        }
        if micro and self.energy_cap is None:
            raise ValueError(message("energy_cap", "a number with mode='micro'", "None"))
        if not micro:
            unused = {"energy_cap": self.energy_cap, "adapt_steps": self.adapt_steps or None}
            for name, value in unused.items():
                if value is not None:
                    expected = f"nothing with mode={self.mode!r}"
                    fix = "Leave it out, or use mode='micro'."
                    raise ValueError(message(name, expected, show(value), fix))
            return kept
        return {**kept, "energy_cap": per_replica("energy_cap", self.energy_cap)}

    def check_start(self, energies: np.ndarray) -> None:
        """Raise if a replica starts at no finite energy, or above the cap."""
        super().check_start(energies)
        if self.mode != "micro":
            return
        above = np.flatnonzero(~(energies <= self.energy_cap))
        if above.size:
            cap = np.broadcast_to(self.energy_cap, energies.shape)[above[0]]
            got = f"{energies[above[0]]:g} for replica {above[0]} ({above.size} such)"
            fix = "Raise energy_cap, or start lower."
            raise ValueError(message("theta", f"energies <= energy_cap = {cap:g}", got, fix))

    def rule(self, landscape: Any) -> Rule:
        """Return the compiled rule with its options and parameters."""
        cap = np.inf if self.energy_cap is None else self.energy_cap
        return Rule(
            "random_walk",
            {"mode": float(MODES.index(self.mode)), "adapt_steps": float(self.adapt_steps)},
            {"step_size": self.step_size, "energy_cap": cap},
        )
