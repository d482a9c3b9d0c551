"""Whether a temperature of a thermal chart is in equilibrium, and if not, why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from .estimates import BLOCKS, ENOUGH_REPLICAS, LARGEST_R_HAT

if TYPE_CHECKING:
    from .thermal_result import ThermalChart

AGEING = (
    "ageing, no equilibrium: measure='free' confines nothing, so where the loss falls to zero at "
    "infinity these numbers depend on the length of the run and are no dimension"
)
LEVEL = 0.01  # probability that a test fails by chance
MIXINGS = 3  # mixing times of the box that must have been sampled
# What a test may be off besides: finite steps bias every estimate by a few per cent, and a ladder
# of one temperature a decade gives its differences 10 % of error.
ALLOWANCE = {"virial": 0.02, "drift": 0.1, "heat": 0.1, "temperature": 0.03}


@dataclass(frozen=True)
class Verdict:
    """The verdict on one temperature.

    Attributes
    ----------
    temperature : float
    equilibrated : bool
        Whether no test failed. Tests can refute equilibrium; none can prove it.
    reasons : tuple of str
        What failed, in words, with the numbers.
    """

    temperature: float
    equilibrated: bool
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        if self.equilibrated:
            return f"T = {self.temperature:.3g}: equilibrated"
        return f"T = {self.temperature:.3g}: NOT equilibrated: {'; '.join(self.reasons)}"


def judge(chart: ThermalChart) -> list[Verdict]:
    """Every test at every temperature."""
    reasons: list[list[str]] = [[] for _ in chart.temperatures]

    def fail(m: int, text: str) -> None:
        reasons[m].append(text)

    _survivors(chart, fail)
    if chart.measure == "free":
        for m in range(len(reasons)):
            fail(m, "ageing: nothing confines")
    sigmas = _sigmas(chart)
    off_by = [
        ("virial", chart.virial_ratio(), 1.0, "virial {:.3f} +- {:.3f} instead of 1"),
        (
            "drift",
            chart.drift(),
            0.0,
            "still drifts: halves differ by {:+.2f} +- {:.2f} of a fluctuation",
        ),
        (
            "temperature",
            chart.configurational_temperature(),
            1.0,
            "configurational temperature {:.2f} +- {:.2f} T: smaller steps",
        ),
    ]
    for name, (value, error), exact, text in off_by:
        for m in np.flatnonzero(np.abs(value - exact) > ALLOWANCE[name] + sigmas * error):
            fail(m, text.format(value[m], error[m]))
    r_hat, mixings = chart.r_hat(), chart.mixing_times()
    for m in np.flatnonzero(r_hat > LARGEST_R_HAT):
        fail(m, f"R-hat {r_hat[m]:.2f} > {LARGEST_R_HAT}: replicas disagree, run longer")
    for m in np.flatnonzero(mixings < MIXINGS):
        fail(m, f"only {mixings[m]:.1f} mixing times of the box sampled: run longer")
    _heat(chart, fail, np.array([not why for why in reasons]))
    return [
        Verdict(float(t), not why, tuple(why))
        for t, why in zip(chart.temperatures, reasons, strict=True)
    ]


def _sigmas(chart: ThermalChart) -> np.ndarray:
    """How many standard errors a test may be off [M], as they are estimated from few units.

    Student's t at the level of 1 %: 5.8 with 4 replicas, 3.5 with 8, 2.9 with 16.
    """
    replicas = chart.kept.sum(axis=1)
    units = np.where(replicas >= ENOUGH_REPLICAS, replicas, BLOCKS * np.maximum(replicas, 1))
    return stats.t.isf(LEVEL / 2, units - 1)


def _survivors(chart: ThermalChart, fail) -> None:
    """Replicas that were lost or had to be rescued: what is left is not a fair sample."""
    lost, replicas = (~chart.kept).sum(axis=1), chart.kept.shape[1]
    rescued = chart.restores_sampling.sum(axis=1)
    for m in range(len(lost)):
        if lost[m]:
            fail(m, f"{lost[m]} of {replicas} replicas diverged: smaller steps")
        if rescued[m]:
            fail(m, f"{rescued[m]} blow-ups undone while sampling: smaller steps")


def _heat(chart: ThermalChart, fail, sound: np.ndarray) -> None:
    """Fluctuations against differences, exact where confined, among temperatures that are `sound`.

    A bad neighbour would spoil a good temperature's difference. The ends of the ladder, where
    differences are one-sided, are not judged.
    """
    if chart.measure == "free" or sound.sum() < 3:
        return
    fluctuation, error = chart.heat_capacity_from_fluctuations()
    difference, other = chart.heat_capacity_from_difference(sound)
    allowed = ALLOWANCE["heat"] * np.abs(difference) + _sigmas(chart) * np.hypot(error, other)
    inner = chart.temperatures[sound]
    for m in np.flatnonzero(np.abs(fluctuation - difference) > allowed):
        if inner.min() < chart.temperatures[m] < inner.max():
            fail(m, f"heat capacity {fluctuation[m]:.3g} by fluctuation, {difference[m]:.3g} by "
                    "difference")  # fmt: skip
