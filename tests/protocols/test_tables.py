"""Tables: what a number with an error bar looks like."""

import numpy as np
import pytest

from thalweg.protocols.tables import table, value_with_error


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (33.62, 0.618, "33.6 +- 0.6"),
        (154.2, 9.7, "154 +- 10"),
        (90.4, 2.6, "90 +- 3"),
        (1234.0, 56.0, "1234 +- 56"),
        (1.0028, 0.0031, "1.003 +- 0.003"),
        (1.0028, 0.0017, "1.0028 +- 0.0017"),
        (4.8e-05, 2.97e-07, "(4.80 +- 0.03)e-05"),
        (0.0, 2e-7, "(0 +- 2)e-07"),
        (0.5, 0.0, "0.5"),
        (np.nan, np.nan, "-"),
    ],
)
def test_value_with_error(value, error, text):
    assert value_with_error(value, error) == text


def test_signs_can_be_shown():
    assert value_with_error(0.013, 0.02, signed=True) == "+0.01 +- 0.02"


def test_table_lines_up():
    lines = table(["T", "k"], [["0.1", "3"], ["0.01", "12"]]).splitlines()
    assert lines == ["   T   k", "----  --", " 0.1   3", "0.01  12"]
