"""What landscapes given by one compiled formula share."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import dtype_name
from .base import CompiledLandscape, load_target

__all__ = ["FormulaLandscape"]


class FormulaLandscape(CompiledLandscape):
    """A compiled formula with named parameters."""

    def _build(self, formula: str, parameters: dict[str, Any], arguments: dict[str, Any]) -> None:
        arguments["dtype"] = dtype_name(arguments["dtype"])
        module = load_target(arguments["device"])
        values = {
            name: np.ascontiguousarray(np.atleast_1d(value), dtype=np.float64)
            for name, value in parameters.items()
        }
        core = module.formula(formula, arguments.get("dim", 2), values, arguments["dtype"])
        self._attach(module, core, arguments["device"], arguments)
