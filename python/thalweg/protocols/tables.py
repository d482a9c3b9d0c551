"""Plain-text tables for summaries: what a person reads in a terminal."""

from __future__ import annotations

import numpy as np


def value_with_error(value: float, error: float, signed: bool = False) -> str:
    """A value and its standard error, the error to one digit (two if it starts with 1).

    Numbers below 1/1000 share one power of ten; a value that does not exist is "-".

    Examples
    --------
    >>> value_with_error(33.62, 0.618), value_with_error(4.8e-05, 1.2e-07)
    ('33.6 +- 0.6', '(4.800 +- 0.012)e-05')
    """
    if not np.isfinite(value):
        return "-"
    if not np.isfinite(error) or error <= 1e-12 * abs(value):
        return f"{value:.4g}"
    largest = max(abs(value), error)
    power = int(np.floor(np.log10(largest))) if largest < 1e-3 else 0
    value, error = value / 10.0**power, error / 10.0**power
    first = int(np.floor(np.log10(error)))
    digits = max(0, -first + (error / 10.0**first < 1.95))
    text = f"{value:{'+' if signed else ''}.{digits}f} +- {error:.{digits}f}"
    return f"({text})e{power:03d}" if power else text


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
