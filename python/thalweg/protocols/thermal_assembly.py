"""From a run to a chart: records folded by temperature, casualties marked and said."""

from __future__ import annotations

import warnings

import numpy as np

from ..dynamics.engine import caller
from ..errors import DivergenceWarning
from .thermal_result import DIVERGED, ThermalChart
from .thermal_run import Plan, Sampled
from .thermal_snapshots import measure_boundary, measure_directions


def _stranded(energies: np.ndarray, temperatures: np.ndarray, guard: float) -> np.ndarray:
    """Which replicas [M, K] lie far above their lowest sibling: energies [S, M, K] after burn-in.

    A replica that blows up while it cools stays where it was thrown, and its running mean with it.
    """
    if guard <= 0:
        return np.zeros(energies.shape[1:], dtype=bool)
    means = energies.mean(axis=0)
    means[~np.isfinite(means)] = np.inf  # lost already, and listed so
    level = np.maximum(means.min(axis=1), temperatures)  # blow-ups go up: the lowest did not
    return means > guard * level[:, None]


def assemble(landscape, run: Sampled, plan: Plan, known: dict, threads) -> ThermalChart:
    """Fold a finished (or interrupted) run [S, M K] into a chart."""
    made, count = run.trajectory, len(plan.temperatures)
    sampled = made.steps > plan.burnt

    def fold(array):
        return np.ascontiguousarray(array).reshape(*array.shape[:-1], count, -1)

    def series(recorded):  # in float64 from here on: averages of float32 are not float32
        return fold(recorded[sampled].astype(np.float64))

    acceptance = np.full(plan.count, np.nan)
    if "accepted" in made.observables:
        accepted, at = made.observables["accepted"][sampled], made.steps[sampled]
        acceptance = (accepted[-1] - accepted[0]) / (at[-1] - at[0])
    energies, status = series(made.energies), fold(made.status.codes).copy()
    stranded = _stranded(energies, plan.temperatures, plan.guard)
    lost_steps = np.where(status == DIVERGED, fold(made.status.steps), 0)
    lost_steps[stranded] = int(made.steps[sampled][0])
    status[stranded] = DIVERGED
    if stranded.any():  # the diverged are nan already; these would pass for good ones
        run.snapshots = [np.where(stranded.reshape(-1, 1), np.nan, each).astype(each.dtype)
                         for each in run.snapshots]  # fmt: skip
    chart = ThermalChart(
        energies=energies,
        virials=series(made.observables["virial"]),
        squared_norms=series(made.observables["squared_norm"]),
        gradient_squared_norms=series(made.observables["gradient_squared_norm"]),
        restores=fold(made.status.restores),
        restores_sampling=fold(made.status.restores - run.restores_burnt),
        first_restore=fold(run.first_restore),
        status=status,
        lost_steps=lost_steps,
        trained=fold(known["trained"]),
        acceptance=fold(acceptance),
        final=made.final.reshape(count, -1, made.final.shape[-1]),
        boundary=measure_boundary(landscape, run.snapshots, plan.temperatures, threads),
        directions=measure_directions(landscape, run.snapshots, count, threads),
        curvature=None,
        measure=known["measure"],
        ridge=known["ridge"],
        seconds=made.seconds,
        provenance=made.provenance,
        **{name: getattr(plan, name) for name in (
            "temperatures", "confinement", "scheme", "units", "step_size", "steps", "burn_in",
            "cooling", "initial_temperature",
        )},
    )  # fmt: skip
    _warn(chart, plan, int(stranded.sum()))
    return chart


def _warn(chart: ThermalChart, plan: Plan, stranded: int) -> None:
    """Say once what was lost or restored."""
    parts = []
    if stranded:
        parts.append(f"{stranded} replicas stayed more than {plan.guard:g} times above their "
                     "lowest sibling and are excluded as blown up")  # fmt: skip
    diverged = [(m, k) for m, k in chart.lost]
    if len(diverged) > stranded:
        m, k = min(diverged, key=lambda at: (chart.lost_steps[at], at))
        parts.append(
            f"{len(diverged) - stranded} of {plan.count} replicas diverged, the first is replica "
            f"{k} at T={plan.temperatures[m]:g}, step {chart.lost_steps[m, k]}"
        )
    if chart.restores.any():
        m, k = np.argwhere(chart.restores > 0)[0]
        parts.append(
            f"{int(chart.restores.sum())} blow-ups in {int((chart.restores > 0).sum())} replicas "
            f"(one is replica {k} at T={plan.temperatures[m]:g}, by step "
            f"{chart.first_restore[m, k]}) were undone by going back to the last good point"
        )
    if parts:
        text = "; ".join(parts) + ". Smaller steps avoid this; chart.summary() lists them."
        warnings.warn(text, DivergenceWarning, stacklevel=caller())
