"""Protocols: one question about a landscape, one file, one result that can be saved and drawn."""

from .count_minima import count_minima
from .minima_certificates import CubicTest, SumRule
from .minima_result import MinimaCount
from .thermal_chart import thermal_chart
from .thermal_result import ThermalChart

__all__ = ["CubicTest", "MinimaCount", "SumRule", "ThermalChart", "count_minima", "thermal_chart"]
