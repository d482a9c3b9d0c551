"""Fixtures shared by the whole suite: every landscape row, precision and compiled target here."""

from __future__ import annotations

import signal
import sys

import pytest
from cases import CASES

from thalweg import _targets

TARGETS = tuple(_targets.available())
DEVICES = tuple(name for name in TARGETS if name in _targets.DEVICES)
# Without a device there is no row for one: nothing is skipped.
collect_ignore_glob = [] if DEVICES else ["test_device*.py"]


@pytest.fixture(params=list(CASES))
def case(request):
    """A row of the table of landscapes."""
    return CASES[request.param]


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(params=TARGETS)
def target(request):
    """Each instruction-set level (and device) that runs on this machine."""
    return request.param


@pytest.fixture(params=DEVICES)
def device_target(request):
    """Each target with devices that runs on this machine: on GPUs, and emulated where built."""
    return request.param


def pytest_configure() -> None:
    # A shell may start its background jobs with Ctrl-C ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def closed_figures():
    """Let no test leave pyplot figures behind: twenty open ones are a warning somewhere else."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
