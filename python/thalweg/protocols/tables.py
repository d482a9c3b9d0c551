"""Plain-text tables for summaries: what a person reads in a terminal."""

from __future__ import annotations

import numpy as np


def value_with_error(value: float, error: float, form: str) -> str:
    """A value and its standard error, "12.3 +- 0.4"; "-" for a value that does not exist.

    Examples
    --------
    >>> value_with_error(33.62, 0.618, ".1f")
    '33.6 +- 0.6'
    """
    if not np.isfinite(value):
        return "-"
    return f"{value:{form}} +- {error:{form.lstrip('+')}}"


def table(names: list[str], rows: list[list[str]]) -> str:
    """Right-aligned columns under their names, with a rule between.

    Examples
    --------
    >>> print(table(["T", "k"], [["0.1", "3"], ["0.01", "12"]]))
       T   k
    ----  --
     0.1   3
    0.01  12
    """
    widths = [max(len(cell) for cell in column) for column in zip(names, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in [names, rule, *rows]
    )
