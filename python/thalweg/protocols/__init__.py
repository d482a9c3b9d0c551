"""Protocols: one question about a landscape, one file, one result that can be saved and drawn."""

from .connectivity_result import ModeConnectivity
from .count_minima import count_minima
from .minima_certificates import CubicTest, SumRule
from .minima_result import MinimaCount
from .mode_connectivity import mode_connectivity
from .thermal_chart import thermal_chart
from .thermal_result import ThermalChart

__all__ = [
    "CubicTest",
    "MinimaCount",
    "ModeConnectivity",
    "SumRule",
    "ThermalChart",
    "count_minima",
    "mode_connectivity",
    "thermal_chart",
]
