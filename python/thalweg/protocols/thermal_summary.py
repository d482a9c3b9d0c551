"""A thermal chart as text: what was run, four tables, the verdicts, and how to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .tables import table, value_with_error
from .thermal_verdict import AGEING

if TYPE_CHECKING:
    from .thermal_result import ThermalChart

NO_ERROR = np.nan


def text(chart: ThermalChart) -> str:
    """Everything, with a blank line between the tables."""
    with np.errstate(all="ignore"):  # ratios of what is not there are "-"
        return _text(chart)


def _text(chart: ThermalChart) -> str:
    parts = [heading(chart), _table(chart, _dimensions(chart)), _table(chart, _tests(chart))]
    if chart.boundary is not None:
        parts.append(_table(chart, _boundary(chart)))
    if chart.curvature is not None:
        parts.append(_table(chart, _curvature(chart)))
    return "\n\n".join([*parts, "\n".join(_remarks(chart))])


def heading(chart: ThermalChart) -> str:
    """What was run, in one line: a dimension means nothing without its measure."""
    count, replicas, dim = chart.final.shape
    box = {
        "box": f"box of width {chart.confinement:g}",
        "ridge": f"ridge {chart.ridge or 0:g} |theta|^2/2",
        "free": "no box (free: ageing)",
    }[chart.measure]
    return (
        f"thermal chart: P = {dim}, {box}, {count} temperatures x {replicas} replicas, "
        f"{chart.scheme}, {_steps(chart)} of {_range(chart.step_size, '.3g')} ({chart.units} "
        f"units; {chart.cooling:.0%} cooling, {chart.burn_in:.0%} burn-in), "
        f"{len(chart.energies)} records, seed {chart.provenance.get('seed')}"
    )


def _steps(chart: ThermalChart) -> str:
    if chart.steps_made < chart.steps:
        return f"interrupted after {chart.steps_made} of {chart.steps} steps"
    return f"{chart.steps} steps"


def _table(chart: ThermalChart, columns: list[tuple]) -> str:
    """One row per temperature; a column is a name, its values and errors [M], or texts [M]."""
    rows = [[f"{t:.3g}"] for t in chart.temperatures]
    for _, values, *error in columns:
        for m, row in enumerate(rows):
            if isinstance(values[m], str):
                row.append(values[m])
            else:
                row.append(value_with_error(values[m], error[0][m] if error else NO_ERROR))
    return table(["T", *(column[0] for column in columns)], rows)


def _dimensions(chart: ThermalChart) -> list[tuple]:
    mark = " (ageing)" if chart.measure == "free" else ""
    return [
        ("<L>", *chart.mean_loss()),
        ("k = <L>/T", *chart.k()),
        (f"d = 2k{mark}", *chart.dimension_from_mean()),
        (f"d(variance){mark}", *chart.dimension_from_variance()),
        (f"d(no T){mark}", *chart.dimension_without_thermometer()),
        ("KS to Gamma", [f"{d:.3f}" for d in chart.gamma_distance()[0]]),
        ("its scale", [f"{scale:.3f}" for scale in chart.gamma_distance()[1]]),
        ("equilibrium", ["yes" if verdict.equilibrated else "NO" for verdict in chart.verdicts()]),
    ]


def _tests(chart: ThermalChart) -> list[tuple]:
    columns = [
        ("virial", *chart.virial_ratio()),
        ("T_conf/T", *chart.configurational_temperature()),
        ("C(fluctuation)", *chart.heat_capacity_from_fluctuations()),
        ("C(difference)", *chart.heat_capacity_from_difference()),
        ("drift", *chart.drift()),
        ("R-hat", [f"{r:.3f}" if r < 100 else "> 100" for r in chart.r_hat()]),
        ("tau [steps]", [f"{tau:.0f}" for tau in chart.correlation_time()]),
        ("run/mixing", [f"{n:.1f}" for n in chart.mixing_times()]),
        ("restores", [str(n) for n in chart.restores.sum(axis=1)]),
        ("lost", [str(n) for n in (~chart.kept).sum(axis=1)]),
    ]
    return [column for column in columns if not np.isnan(_numbers(column)).all()]


def _numbers(column: tuple) -> np.ndarray:
    return np.zeros(1) if isinstance(column[1][0], str) else np.asarray(column[1])


def _boundary(chart: ThermalChart) -> list[tuple]:
    (k, k_error), boundary = chart.boundary.total(), chart.boundary
    near, error = boundary.points_near_boundary()
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = near / k
        ratio_error = ratio * np.hypot(error / near, k_error / k)
    return [
        ("near boundary n_b", near, error),
        ("tilted walls say", chart.predicted_points_near_boundary()),
        ("n_b / k", ratio, ratio_error),
        ("participation", *boundary.participation()),
        ("tilted walls say", chart.predicted_participation()),
    ]


def _curvature(chart: ThermalChart) -> list[tuple]:
    curvature = chart.curvature
    columns = [("Tr H", *curvature.trace()), ("lambda_max", *curvature.largest())]
    if curvature.gauss_newton_traces is not None:
        columns.append(("Tr H_GN", *curvature.gauss_newton()))
    columns.append(("d(quadratic)", *curvature.quadratic_dimension()))
    columns.append(("stiff variance / quadratic", *curvature.stiff_variance_ratio()))
    if chart.directions is not None:
        columns.append(("L(mean)/T", *chart.loss_at_mean()))
    return columns


def _remarks(chart: ThermalChart) -> list[str]:
    """Lines under the tables: verdicts, exponents, and everything that went wrong."""
    remarks = [str(verdict) for verdict in chart.verdicts()]
    remarks.append("+- is one standard error; in equilibrium virial, T_conf/T are 1 and drift is 0")
    remarks.append(f"<L> ~ T^{value_with_error(*chart.exponent())} over this ladder")
    if chart.curvature is not None:
        names = ("Tr H", "lambda_max", "Tr H_GN")
        slopes = zip(names, chart.curvature.exponents(chart.temperatures), strict=True)
        said = [f"{n} ~ T^{value_with_error(*a)}" for n, a in slopes if np.isfinite(a[0])]
        if said:
            remarks.append(f"{', '.join(said)} (quadratic: 0; flat exponential walls: 1)")
        remarks.append(
            f"mean Hessians of {len(chart.curvature.traces)} snapshots: d(quadratic) grows with "
            "their number, stiff variances with the length of the run"
        )
        if chart.curvature.kinks:
            remarks.append(
                "the activation has kinks, whose curvature an exact Hessian does not see"
            )
    if chart.directions is not None:
        first, mixed = (
            chart.directions.principal_fractions()[0][:, 0],
            chart.directions.equilibrated(),
        )
        remarks.append(
            f"the first principal component holds {_range(first, '.0%')} of the variance (a free "
            f"random walk: 61%); {_range(mixed, '.0f')} of {chart.directions.fractions.shape[-1]} "
            "components have decorrelated"
        )
    if chart.measure == "free":
        remarks.append(AGEING)
    return remarks + _offset(chart) + _accidents(chart)


def _offset(chart: ThermalChart) -> list[str]:
    """Whether the ground is not where it is said to be: then no dimension means anything."""
    lowest = np.nanmin(np.where(chart.kept, chart.energies, np.nan), initial=np.inf)
    k, capacity = chart.k()[0], chart.heat_capacity_from_fluctuations()[0]
    if lowest < chart.ground:
        return [f"a loss of {lowest:.6g} lies below the ground {chart.ground:g}: give ground="]
    # Energies ~ Gamma(k) have Var/T^2 = k; an offset adds to k alone.
    if np.isfinite(lowest) and (k > 3 * capacity + 10).any():
        return [
            f"losses stay above {lowest:.6g} and fluctuate less than they are high: if that is the "
            "lowest loss there is, give it as ground=; k counts what lies above"
        ]
    return []


def _range(values: np.ndarray, form: str) -> str:
    """Smallest to largest of the values that there are."""
    known = values[np.isfinite(values)]
    if not known.size:
        return "-"
    ends = f"{known.min():{form}}", f"{known.max():{form}}"
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _accidents(chart: ThermalChart) -> list[str]:
    remarks = []
    if chart.restores.any():
        places = [
            f"T={chart.temperatures[m]:.3g} replica {k} ({chart.restores[m, k]}, the first by step "
            f"{chart.first_restore[m, k]})"
            for m, k in np.argwhere(chart.restores > 0)
        ]
        remarks.append(f"blow-ups were undone at {_few(places)}: use a smaller step_size")
    if chart.lost:
        places = [
            f"T={chart.temperatures[m]:.3g} replica {k} (step {chart.lost_steps[m, k]})"
            for m, k in chart.lost
        ]
        remarks.append(f"left out because they diverged: {_few(places)}")
    if np.isfinite(chart.acceptance).any():
        rates = ", ".join(f"{rate:.2f}" for rate in np.nanmean(chart.acceptance, axis=1))
        remarks.append(f"acceptance per temperature: {rates}")
    return remarks


def _few(places: list[str], most: int = 8) -> str:
    """A list in words; the arrays have the rest."""
    more = f" and {len(places) - most} more" if len(places) > most else ""
    return ", ".join(places[:most]) + more
