"""Protocols: one question about a landscape, one file, one result that can be saved and drawn."""

from .connectivity_result import ModeConnectivity
from .mode_connectivity import mode_connectivity
from .thermal_chart import thermal_chart
from .thermal_result import ThermalChart

__all__ = ["ModeConnectivity", "ThermalChart", "mode_connectivity", "thermal_chart"]
