"""Protocols: one question about a landscape, one file, one result that can be saved and drawn."""

from .connectivity_result import ModeConnectivity
from .count_minima import count_minima
from .learning_result import LearningCoefficient
from .local_learning_coefficient import local_learning_coefficient
from .minima_certificates import CubicTest, SumRule
from .minima_result import MinimaCount
from .mode_connectivity import mode_connectivity
from .optimizer_coverage import optimizer_coverage
from .optimizer_result import OptimizerCoverage
from .search_statistics import SearchStatistics
from .thermal_chart import thermal_chart
from .thermal_result import ThermalChart

__all__ = [
    "CubicTest",
    "LearningCoefficient",
    "MinimaCount",
    "ModeConnectivity",
    "OptimizerCoverage",
    "SearchStatistics",
    "SumRule",
    "ThermalChart",
    "count_minima",
    "local_learning_coefficient",
    "mode_connectivity",
    "optimizer_coverage",
    "thermal_chart",
]
