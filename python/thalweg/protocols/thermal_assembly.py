"""From a run to a chart: records folded by temperature, casualties marked and said."""

from __future__ import annotations

import warnings

import numpy as np

from ..errors import DivergenceWarning, caller
from .thermal_result import DIVERGED, ThermalChart
from .thermal_run import Plan, Sampled
from .thermal_snapshots import measure_boundary, measure_directions


def _stranded(energies: np.ndarray, lowest: np.ndarray, share: np.ndarray, guard: float):
    """Which replicas [M, K] blew up and took the guard's running mean along.

    Mean loss [S, M, K] after burn-in more than `guard` times above the `lowest` [M, K] that the
    replica itself ever had, or its `share` [M] of thermal energy: losses above the ground. One that
    never was lower has not blown up, it sits in a worse place, or is slow.
    """
    if guard <= 0:
        return np.zeros(lowest.shape, dtype=bool)
    return energies.mean(axis=0) > guard * np.maximum(lowest, share[:, None])


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
    with np.errstate(invalid="ignore"):
        lowest = fold(np.fmin.reduce(made.energies, axis=0).astype(np.float64)) - plan.ground
    share = plan.temperatures * max(1, made.final.shape[-1] / 2)
    stranded = _stranded(energies - plan.ground, lowest, share, plan.guard) & (status != DIVERGED)
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
        boundary=measure_boundary(landscape, run.snapshots, plan, threads),
        directions=measure_directions(landscape, run.snapshots, count, threads),
        steps_made=made.state.total_steps,
        curvature=None,
        measure=known["measure"],
        ridge=known["ridge"],
        seconds=made.seconds,
        provenance=_provenance(made.provenance, plan, known),
        **{name: getattr(plan, name) for name in (
            "temperatures", "confinement", "scheme", "units", "step_size", "steps", "burn_in",
            "cooling", "initial_temperature", "record_every", "ground",
        )},
    )  # fmt: skip
    _warn(chart, plan, int(stranded.sum()))
    return chart


def _provenance(run: dict, plan: Plan, known: dict) -> dict:
    """That of the run, with the arguments of the chart that are in none of its fields."""
    asked = {name: getattr(plan, name) for name in ("replicas", "snapshots", "guard")}
    return {**run, "chart": asked | {name: known[name] for name in ("start", "curvature")}}


def _warn(chart: ThermalChart, plan: Plan, stranded: int) -> None:
    """Say once what was lost or restored."""
    parts = []
    if stranded:
        parts.append(
            f"{stranded} replicas stayed more than {plan.guard:g} times above their own lowest "
            "loss and are excluded as blown up"
        )
    if len(chart.lost) > stranded:
        m, k = min(chart.lost, key=lambda at: (chart.lost_steps[at], at))
        parts.append(
            f"{len(chart.lost) - stranded} of {plan.count} replicas diverged, the first is replica "
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
