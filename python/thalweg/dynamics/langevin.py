"""Langevin dynamics: points move downhill and are shaken at a temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import choice, flag, integer, known_options, message, per_replica, real, show
from .base import Dynamics, Rule

__all__ = ["Langevin"]

SCHEMES = ("euler_maruyama", "leimkuhler_matthews", "baoab")
UNITS = ("plain", "natural")


@known_options
@dataclass(frozen=True, eq=False, repr=False)
class Langevin(Dynamics):
    """Langevin dynamics at temperature T, free or confined by a Gaussian box of width sigma.

    In ``plain`` units the energy is ``V = L + T |x|^2 / (2 sigma^2)`` at temperature T; in
    ``natural`` units ``U = L / T + |x|^2 / (2 sigma^2)`` at temperature 1. Both sample
    ``exp(-L/T) exp(-|x|^2 / (2 sigma^2))``; in natural units all temperatures need the same number
    of steps. One gradient per step; xi is standard normal noise.

    * ``euler_maruyama``: plain ``x <- x - h grad V + sqrt(2 h T) xi``; natural
      ``x <- x - (h^2/2) grad U + h xi``. In a harmonic well of curvature k the variance is
      T/k / (1 - h k/2) instead of T/k (plain).
    * ``leimkuhler_matthews``: the same with (xi_n + xi_{n+1})/2 for xi; no bias in a harmonic well.
    * ``baoab``: with momenta p, unit masses and friction gamma:
      p -= (h/2) grad; x += (h/2) p; p = c p + sqrt(T (1 - c^2)) xi with c = exp(-gamma h);
      x += (h/2) p; p -= (h/2) grad. No bias of x in a harmonic well for any stable h; momenta
      start in equilibrium.

    Parameters
    ----------
    temperature : float or array [R]
        T >= 0, in units of the energy (k_B = 1); > 0 in natural units and with `metropolis`.
    step_size : float or array [R]
        h > 0: of time (plain, overdamped; baoab) or of length (natural, overdamped).
    scheme : "euler_maruyama", "leimkuhler_matthews" or "baoab"
    friction : float or array [R], optional
        gamma > 0, for baoab only. Default in a box: 1/sigma (natural units); else it must be given.
    confinement : float or array [R], optional
        sigma > 0. None: no box.
    units : "plain" or "natural"
    metropolis : bool
        Accept or refuse Euler-Maruyama moves so that no bias is left (MALA).
    initial_temperature : float or array [R], optional
        Where cooling starts; needed with `cooling_steps`, without effect if that is 0.
    cooling_steps : int
        The temperature of step s is ``T (T_initial / T)^(1 - s / cooling_steps)``, then T.
    guard : float, optional
        A replica has blown up when its energy exceeds guard * max(running mean, T). (A step too
        large for a steep wall throws it far away, silently.) Until 200 steps after cooling, while
        the mean is not known yet, P T / 2 at the temperature of the step stands for T. None: only
        a non-finite energy counts. Not with `metropolis`, which needs no guard.
    on_divergence : "freeze", "restore" or "raise"
        "restore" puts a replica that blew up back to its last good point, and counts it. See
        `Dynamics` for the others.

    Raises
    ------
    TypeError, ValueError
        For a value outside its set, or options that do not go together.

    Notes
    -----
    Observables: squared_norm |x|^2, gradient_squared_norm |grad L|^2, virial x . grad L;
    kinetic_energy |p|^2/2 (baoab); accepted, a count (metropolis).

    References
    ----------
    B. Leimkuhler, C. Matthews, Appl. Math. Res. Express 2013, 34, doi:10.1093/amrx/abs010.
    G. Roberts, R. Tweedie, Bernoulli 2, 341 (1996), doi:10.2307/3318418 (MALA).

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic(1.0, dim=10)
    >>> walk = tw.Langevin(temperature=[0.1, 0.2], step_size=0.1, scheme="leimkuhler_matthews")
    >>> run = walk.run(well, np.zeros((2, 10)), steps=50_000, record_every=10, rng=1)
    >>> (run.energies[100:].mean(axis=0) / (5 * np.array([0.1, 0.2]))).round(1)  # P T / 2
    array([1., 1.])
    """

    temperature: Any
    step_size: Any
    scheme: str = "euler_maruyama"
    friction: Any = None
    confinement: Any = None
    units: str = "plain"
    metropolis: bool = False
    initial_temperature: Any = None
    cooling_steps: int = 0
    guard: float | None = None

    policies = ("freeze", "restore", "raise")

    def validate(self) -> dict[str, Any]:
        """Check every hyper-parameter; return those to keep in checked form."""
        choice("scheme", self.scheme, SCHEMES)
        choice("units", self.units, UNITS)
        needs_heat = flag("metropolis", self.metropolis) or self.units == "natural"
        bound: dict[str, Any] = {"above": 0} if needs_heat else {"least": 0}
        kept = {
            "temperature": per_replica("temperature", self.temperature, **bound),
            "step_size": per_replica("step_size", self.step_size, above=0),
            "cooling_steps": integer("cooling_steps", self.cooling_steps, least=0),
        }
        for name in ("friction", "confinement"):
            if getattr(self, name) is not None:
                kept[name] = per_replica(name, getattr(self, name), above=0)
        if self.guard is not None:
            kept["guard"] = real("guard", self.guard, above=1)
        self._check_friction()
        self._check_metropolis()
        return {**kept, **self._checked_cooling(kept["temperature"])}

    def _check_friction(self) -> None:
        if self.scheme != "baoab":
            if self.friction is not None:
                fix = "Leave it out, or use scheme='baoab'."
                raise ValueError(
                    message(
                        "friction", f"None for scheme={self.scheme!r}", show(self.friction), fix
                    )
                )
        elif self.friction is None and (self.units == "plain" or self.confinement is None):
            fix = "Only natural units with a confinement sigma have a default, 1/sigma."
            raise ValueError(message("friction", "a number > 0 for scheme='baoab'", "None", fix))

    def _check_metropolis(self) -> None:
        if not self.metropolis:
            return
        if self.scheme != "euler_maruyama":
            expected = "scheme='euler_maruyama' with metropolis=True"
            raise ValueError(message("scheme", expected, repr(self.scheme)))
        if self.guard is not None or self.on_divergence == "restore":
            what = "guard" if self.guard is not None else "on_divergence"
            got = repr(getattr(self, what))
            fix = "Bad moves are refused already; leave it out."
            raise ValueError(message(what, "no guard with metropolis=True", got, fix))

    def _checked_cooling(self, temperature: Any) -> dict[str, Any]:
        if self.initial_temperature is None:
            if self.cooling_steps:
                expected = f"a number > 0 with cooling_steps={self.cooling_steps}"
                raise ValueError(message("initial_temperature", expected, "None"))
            return {}
        if self.cooling_steps and np.min(temperature) <= 0:
            fix = "The temperature falls geometrically; it cannot reach 0."
            raise ValueError(message("temperature", "a number > 0 when cooling", "0", fix))
        hot = per_replica("initial_temperature", self.initial_temperature, above=0)
        return {"initial_temperature": hot}

    def rule(self, landscape: Any) -> Rule:
        """Return the compiled rule with its options and parameters."""
        confinement = np.inf if self.confinement is None else self.confinement
        friction = self.friction
        if friction is None:
            friction = np.divide(1.0, confinement) if self.scheme == "baoab" else 0.0
        hot = self.initial_temperature
        return Rule(
            "langevin",
            {
                "scheme": float(SCHEMES.index(self.scheme)),
                "natural": float(self.units == "natural"),
                "metropolis": float(self.metropolis),
                "cooling_steps": float(self.cooling_steps),
                "guard": self.guard or 0.0,
                "restore": float(self.on_divergence == "restore"),
            },
            {
                "temperature": self.temperature,
                "step_size": self.step_size,
                "friction": friction,
                "confinement": confinement,
                "initial_temperature": self.temperature if hot is None else hot,
            },
        )
