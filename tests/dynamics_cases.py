"""One row per dynamics: what every dynamics test runs over. Adding a dynamics is adding a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from cases import CASES, MlpCase, generator

import thalweg as tw

REPLICAS = 23  # no multiple of a lane count, and row 17 exists
LANGEVIN = ("squared_norm", "gradient_squared_norm", "virial")


@dataclass(frozen=True)
class DynamicsCase:
    """How to build a dynamics (per-replica overrides allowed) and what it can observe."""

    name: str
    make: Callable
    observables: tuple = ()
    random: bool = True
    vary: str = ""  # a hyper-parameter that may differ from replica to replica
    minibatch: bool = False
    capped: bool = False  # needs an energy cap above the starting energies

    def build(self, **overrides):
        return self.make(**overrides)

    def build_for(self, terrain, dtype="float64"):
        """The dynamics with a cap that just holds every starting point of `terrain`."""
        if not self.capped:
            return self.build()
        land = terrain.build(dtype, rows=np.arange(REPLICAS))
        return self.build(energy_cap=1.02 * float(land.energy(start(terrain, dtype)).max()) + 0.02)


def langevin(**defaults):
    return partial(tw.Langevin, **{"temperature": 0.02, "step_size": 0.05, **defaults})


DYNAMICS = [
    DynamicsCase("euler_maruyama", langevin(), LANGEVIN, vary="temperature"),
    DynamicsCase("euler_confined", langevin(confinement=2.0), LANGEVIN, vary="confinement"),
    DynamicsCase(
        "leimkuhler_matthews", langevin(scheme="leimkuhler_matthews"), LANGEVIN, vary="step_size"
    ),
    DynamicsCase(
        "baoab",
        langevin(scheme="baoab", friction=0.5),
        (*LANGEVIN, "kinetic_energy"),
        vary="friction",
    ),
    DynamicsCase(
        "natural_euler",
        langevin(units="natural", confinement=1.5, step_size=0.1),
        LANGEVIN,
        vary="temperature",
    ),
    DynamicsCase(
        "natural_baoab_cooled",
        langevin(
            scheme="baoab",
            units="natural",
            confinement=1.5,
            friction=0.7,
            initial_temperature=0.5,
            cooling_steps=90,
        ),
        (*LANGEVIN, "kinetic_energy"),
        vary="temperature",
    ),
    DynamicsCase(
        "metropolis",
        langevin(metropolis=True, temperature=0.3, step_size=0.4),
        (*LANGEVIN, "accepted"),
        vary="step_size",
    ),
    DynamicsCase(
        "guarded",
        langevin(guard=50.0, on_divergence="restore", cooling_steps=20, initial_temperature=0.1),
        LANGEVIN,
        vary="temperature",
    ),
    DynamicsCase(
        "sgd_full",
        partial(tw.SGD, 0.1, momentum=0.5),
        random=False,
        vary="momentum",
    ),
    DynamicsCase(
        "sgd_nesterov",
        partial(tw.SGD, learning_rate=0.1, momentum=0.8, nesterov=True, batch_size=3),
        vary="learning_rate",
        minibatch=True,
    ),
    DynamicsCase(
        "sgd_replacement",
        partial(tw.SGD, learning_rate=0.1, batch_size=4, replacement=True),
        vary="learning_rate",
        minibatch=True,
    ),
    DynamicsCase("adam_full", partial(tw.Adam, learning_rate=0.02), random=False, vary="beta1"),
    DynamicsCase(
        "adam_batches",
        partial(tw.Adam, learning_rate=0.02, batch_size=3),
        vary="learning_rate",
        minibatch=True,
    ),
    DynamicsCase(
        "flow_fixed",
        partial(tw.GradientFlow, step_size=0.1, adaptive=False),
        random=False,
        vary="step_size",
    ),
    DynamicsCase("flow_adaptive", partial(tw.GradientFlow, step_size=0.1), random=False),
    DynamicsCase(
        "walk_free",
        partial(tw.RandomWalk, step_size=0.3),
        ("squared_distance", "overlap"),
        vary="step_size",
    ),
    DynamicsCase(
        "walk_sphere",
        partial(tw.RandomWalk, step_size=0.3, mode="sphere"),
        ("squared_distance", "overlap"),
        vary="step_size",
    ),
    DynamicsCase(
        "walk_micro",
        partial(tw.RandomWalk, step_size=0.3, mode="micro", energy_cap=1.2, adapt_steps=40),
        ("squared_distance", "overlap", "accepted"),
        vary="energy_cap",
        capped=True,
    ),
]
DYNAMICS_BY_NAME = {case.name: case for case in DYNAMICS}

# What the dynamics of the contract move on: shared data, data of one's own, the schedule for wide
# networks, a surface, and Python functions.
NETWORK = MlpCase("dynamics", (3, 5, 1), "tanh", "logistic", samples=10)
TERRAINS = {
    "network": NETWORK,
    "own_data": CASES["own_both"],
    "wide": CASES["wide"],
    "walls": CASES["exponential_walls"],
    "user": CASES["user"],
}


def start(terrain, dtype="float64", replicas=REPLICAS):
    """Starting points [R, P], low enough for the capped random walk."""
    points = terrain.points(replicas, salt=11)
    return np.ascontiguousarray(0.5 * points, dtype=dtype)


def spread_values(dynamics, name: str) -> np.ndarray:
    """A different value of hyper-parameter `name` for every replica, near the default one."""
    factors = generator(name).uniform(1.0, 1.1, size=REPLICAS)
    return factors * float(np.asarray(getattr(dynamics, name)))
