"""Landscapes: energy [R], gradient [R, P] and Hessian-vector products [R, P] of points [R, P]."""

from __future__ import annotations

from .base import CompiledLandscape, Landscape
from .black_hole import BlackHole
from .black_hole_index import exact_index
from .describe import describe_landscape
from .layout import Layout
from .mlp import MLP
from .quadratic import Quadratic
from .sums import PythonSum, SumLandscape
from .superpotential import Superpotential
from .surfaces import CoshWell, ExponentialWalls, MullerBrown, Rastrigin
from .user import CallbackLandscape, UserLandscape
from .zeros import OUTCOMES, Zeros

__all__ = [
    "MLP",
    "OUTCOMES",
    "BlackHole",
    "CallbackLandscape",
    "CompiledLandscape",
    "CoshWell",
    "ExponentialWalls",
    "Landscape",
    "Layout",
    "MullerBrown",
    "PythonSum",
    "Quadratic",
    "Rastrigin",
    "SumLandscape",
    "Superpotential",
    "UserLandscape",
    "Zeros",
    "describe_landscape",
    "exact_index",
]
