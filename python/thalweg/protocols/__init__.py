"""Protocols: one question about a landscape, one file, one result that can be saved and drawn."""

from .thermal_chart import thermal_chart
from .thermal_result import ThermalChart

__all__ = ["ThermalChart", "thermal_chart"]
