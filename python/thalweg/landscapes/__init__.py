"""Landscapes: energy [R], gradient [R, P] and Hessian-vector products [R, P] of points [R, P]."""

from __future__ import annotations

from .base import CompiledLandscape, Landscape
from .describe import describe_landscape
from .layout import Layout
from .mlp import MLP
from .quadratic import Quadratic
from .sums import PythonSum, SumLandscape
from .surfaces import CoshWell, ExponentialWalls, MullerBrown, Rastrigin
from .user import CallbackLandscape, UserLandscape

__all__ = [
    "MLP",
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
    "UserLandscape",
    "describe_landscape",
]
