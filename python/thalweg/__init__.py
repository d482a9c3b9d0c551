"""thalweg: energy landscapes of neural networks and other systems, thousands of replicas at once.

A *landscape* gives the energies [R] and gradients [R, P] of a batch of points [R, P]. *Dynamics*
move batches on landscapes in compiled loops. *Protocols* measure landscapes using dynamics.

>>> import thalweg as tw
>>> data = tw.datasets.random_labels(samples=40, features=10, rng=0)
>>> land = tw.MLP([10, 50, 1], "tanh", "logistic", data=data)
>>> walk = tw.Langevin(temperature=1e-2, step_size=0.01, confinement=5.0)
>>> run = walk.run(land, land.init(replicas=8, rng=7), steps=100, rng=8)
>>> run.energies.shape
(100, 8)
"""

from __future__ import annotations

import importlib
from typing import Any

from . import datasets, rng
from ._targets import default as target
from .dynamics import (
    SGD,
    Adam,
    GradientFlow,
    Langevin,
    ParallelTempering,
    RandomWalk,
    TemperedRun,
    Trajectory,
)
from .errors import DivergenceError, DivergenceWarning, Interrupted
from .landscapes import (
    MLP,
    BlackHole,
    CoshWell,
    ExponentialWalls,
    Landscape,
    MullerBrown,
    Quadratic,
    Rastrigin,
    SumLandscape,
    Superpotential,
    UserLandscape,
    exact_index,
)

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "BlackHole",
    "CoshWell",
    "DivergenceError",
    "DivergenceWarning",
    "ExponentialWalls",
    "GradientFlow",
    "Interrupted",
    "Landscape",
    "Langevin",
    "MullerBrown",
    "ParallelTempering",
    "Quadratic",
    "RandomWalk",
    "Rastrigin",
    "SumLandscape",
    "Superpotential",
    "TemperedRun",
    "Trajectory",
    "UserLandscape",
    "__version__",
    "curvature",
    "datasets",
    "exact_index",
    "protocols",
    "rng",
    "species",
    "target",
    "theory",
]

# Protocols import scipy, which takes a while.
_ON_DEMAND = ("curvature", "protocols", "species", "theory")


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'thalweg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})
