"""Dynamics: frozen specifications of how points move, run by compiled loops."""

from __future__ import annotations

from .adam import Adam
from .base import Dynamics
from .flow import GradientFlow
from .langevin import Langevin
from .sgd import SGD
from .tempered_run import TemperedRun
from .tempering import ParallelTempering
from .trajectory import CarriedState, Status, Trajectory
from .walk import RandomWalk

__all__ = [
    "SGD",
    "Adam",
    "CarriedState",
    "Dynamics",
    "GradientFlow",
    "Langevin",
    "ParallelTempering",
    "RandomWalk",
    "Status",
    "TemperedRun",
    "Trajectory",
]
