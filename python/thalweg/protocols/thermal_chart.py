"""Thermal chart: the effective dimension of the low-loss region, read from thermal fluctuations.

After N. Jules, G. Brener, T. Kachman, N. Levi, Y. Bar-Sinai, arXiv:2304.01335.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from .. import rng as random
from .._checks import choice, integer, known_options, message, per_replica, real
from ..errors import Interrupted, caller
from ..landscapes import Landscape
from ..landscapes.user import usable
from .estimates import FEWEST_RECORDS, require_records
from .thermal_assembly import assemble
from .thermal_curvature import measure_curvature
from .thermal_result import ThermalChart
from .thermal_run import (
    SCHEMES,
    STARTS,
    Plan,
    Sampled,
    lengths,
    sample,
    sampler,
    starting_points,
    starting_temperatures,
)
from .thermal_verdict import AGEING

MEASURES = ("box", "ridge", "free")
UNITS = ("natural", "plain")


@known_options
def thermal_chart(
    landscape: Landscape,
    temperatures,
    measure: str = "box",
    confinement: float = 5.0,
    ridge: float | None = None,
    scheme: str = "baoab",
    step_size=0.05,
    units: str = "natural",
    steps: int = 8000,
    burn_in: float = 0.5,
    cooling: float = 0.4,
    initial_temperature: float = 0.1,
    replicas: int = 4,
    record_every: int = 10,
    snapshots: int = 40,
    curvature: int = 8,
    start="both",
    ground: float = 0.0,
    guard: float = 50.0,
    rng=None,
    threads: int | None = None,
    progress: bool = False,
) -> ThermalChart:
    """Sample a landscape at M temperatures, K replicas each, and chart its thermal fluctuations.

    All M K replicas move in one batch. The measure ``"box"`` is exp(-L/T) N(theta; 0, sigma^2),
    sampled in natural units: U = L/T + |theta|^2/(2 sigma^2) at temperature one, so that every
    temperature needs about the same number of steps. Hot replicas cool from `initial_temperature`
    to their own temperature, geometrically, before anything is recorded.

    Parameters
    ----------
    landscape : anything with ``dim``, ``dtype``, ``energy`` and ``gradient``.
    temperatures : [M], positive, in the units of the loss (k_B = 1).
    measure : "box" (default); "ridge": exp(-(L + ridge |theta|^2/2)/T), a box that shrinks with T;
        or "free" (no confinement: the result ages and says so).
    confinement : sigma > 0, width of the box in parameter units; without a box only the time
        1/friction = sigma that BAOAB remembers a velocity, and the width of the default start.
    ridge : > 0, curvature of the ridge, in units of the loss; for measure="ridge".
    scheme : "baoab", "leimkuhler_matthews", "euler_maruyama" or "metropolis" (Euler-Maruyama
        proposals, accepted or refused so that the step has no bias).
    step_size : step h (or s) in parameter units, a number or one per temperature [M]. Rule for
        logistic losses: step_size * max_i |grad of margin i| <= 0.3.
    units : "natural", or "plain": x <- x - h grad V + sqrt(2 h T) xi with one h (`step_size`) at
        every temperature, the usual protocol.
    steps : steps of every replica; `cooling` and `burn_in` are fractions of it.
    replicas : K, at least 4 for error bars that rest on replicas alone.
    record_every : steps between records.
    snapshots : at so many evenly spaced steps after the burn-in the points themselves are looked
        at: losses of single samples, principal components.
    curvature : at so many of the snapshots the Hessian is looked at: traces, largest eigenvalue,
        the quadratic test. 0: never.
    start : "both" (default: even replicas hot, odd ones trained), "hot" (draws from the box),
        "trained" (the same draws, trained by Adam until their loss is below T, so that they come
        from below; where 500 steps do not get there they cool from T = their own loss), or points
        [P], [K, P] or [M K, P] (temperature-major), which cool.
    ground : the lowest loss there is; dimensions count what lies above it. 0 for networks that can
        fit their data; the summary says when it looks wrong.
    guard : a replica whose loss exceeds guard * max(its running mean, T) has blown up and goes
        back to its last good point. One that took its running mean along is found afterwards: it
        stays more than guard * max(the lowest loss it ever had, T, P T / 2) above the ground, and
        is excluded as diverged. 0 switches the guard off. Not used by "metropolis".
    rng : None, int, SeedSequence or Generator; the seed used is in ``provenance``.
    threads, progress : as in ``Langevin.run``.

    Returns
    -------
    ThermalChart

    Raises
    ------
    ValueError : for an argument outside its range, before anything is computed.
    MemoryError : if the snapshots would not fit.
    Interrupted : on Ctrl-C; ``.result`` is the chart of what was recorded, if burn-in was over,
        else the unfinished Trajectory.

    References
    ----------
    N. Jules, G. Brener, T. Kachman, N. Levi, Y. Bar-Sinai, arXiv:2304.01335 (2023).
    B. Leimkuhler, C. Matthews, J. Chem. Phys. 138, 174102 (2013), doi:10.1063/1.4802990 (BAOAB).

    Examples
    --------
    >>> import thalweg as tw
    >>> well = tw.Quadratic(1.0, dim=10)
    >>> chart = tw.protocols.thermal_chart(well, [1e-3, 1e-2], step_size=0.02, rng=0)
    >>> dimension, error = chart.dimension_from_mean()   # close to 10 at both temperatures
    """
    landscape = usable(landscape)
    plan = _plan(
        temperatures, measure, confinement, ridge, scheme, step_size, units, steps, burn_in,
        cooling, initial_temperature, replicas, record_every, snapshots, ground, guard,
    )  # fmt: skip
    integer("curvature", curvature, least=0, most=snapshots)
    if isinstance(start, str):
        choice("start", start, STARTS)
    if measure == "free":
        warnings.warn(AGEING, stacklevel=caller())
    seed = random.seed_from(rng)
    theta, trained = starting_points(landscape, start, plan, seed, threads)
    known = {
        "measure": measure,
        "ridge": ridge,
        "trained": trained,
        "start": start if isinstance(start, str) else "given points",
        "curvature": curvature,
    }
    try:
        starts = starting_temperatures(landscape, theta, trained, plan, threads)
        run = sample(sampler(plan, starts), landscape, theta, plan, seed, threads, progress)
    except Interrupted as stop:
        _raise_with_chart(stop, landscape, plan, known, threads)
    try:
        chart = assemble(landscape, run, plan, known, threads)
    except KeyboardInterrupt:
        text = "interrupted after the run; .result is its chart without what snapshots show"
        run.snapshots = []
        raise Interrupted(text, assemble(landscape, run, plan, known, threads)) from None
    if curvature:
        chart = _with_curvature(chart, landscape, run, curvature, plan, seed, threads, progress)
    return chart


def _plan(
    temperatures, measure, confinement, ridge, scheme, step_size, units, steps, burn_in, cooling,
    initial_temperature, replicas, record_every, snapshots, ground, guard,
) -> Plan:  # fmt: skip
    """Check every argument; the first bad one is named."""
    ladder = _ladder("temperatures", temperatures)
    choice("measure", measure, MEASURES)
    sigma = real("confinement", confinement, above=0)
    if measure == "ridge":
        if ridge is None:
            raise ValueError(message("ridge", "a number > 0 for measure='ridge'", "None"))
        widths = np.sqrt(ladder / real("ridge", ridge, above=0))
    elif ridge is not None:
        raise ValueError(message("ridge", f"None for measure={measure!r}", str(ridge)))
    else:
        widths = np.full(len(ladder), sigma if measure == "box" else np.inf)
    burn_in = real("burn_in", burn_in, least=0, below=1)
    plan = Plan(
        temperatures=ladder,
        step_size=_ladder("step_size", step_size, len(ladder)),
        widths=widths,
        ground=real("ground", ground),
        confinement=sigma,
        scheme=choice("scheme", scheme, SCHEMES),
        units=choice("units", units, UNITS),
        steps=integer("steps", steps),
        burn_in=burn_in,
        cooling=real("cooling", cooling, least=0, most=burn_in),
        initial_temperature=real("initial_temperature", initial_temperature, above=0),
        replicas=integer("replicas", replicas),
        record_every=integer("record_every", record_every),
        snapshots=integer("snapshots", snapshots),
        guard=real("guard", guard, least=0),
    )
    require_records(steps, burn_in, record_every)
    if len(np.unique(ladder)) < len(ladder):
        fix = "For more replicas at one temperature use replicas=."
        raise ValueError(message("temperatures", "different numbers", "one of them twice", fix))
    far = lengths(plan.step_size, ladder, plan.units, plan.scheme) / widths
    if (far >= 2).any():
        m = int(np.argmax(far))
        expected = f"steps shorter than twice the box, {2 * widths[m]:.3g}, at T = {ladder[m]:.3g}"
        got = f"{far[m] * widths[m]:.3g}"
        raise ValueError(message("step_size", expected, got, "Give one per temperature [M]."))
    return plan


def _ladder(argument: str, values, count: int | None = None) -> np.ndarray:
    """One positive number per temperature, as a read-only array [M]; a single one is repeated."""
    checked = np.atleast_1d(per_replica(argument, values, above=0))
    if count is not None and checked.size not in (1, count):
        expected = f"one number, or one per temperature [{count}]"
        raise ValueError(message(argument, expected, f"{checked.size} numbers"))
    return np.repeat(checked, count) if count and checked.size == 1 else checked


def _raise_with_chart(stop: Interrupted, landscape, plan: Plan, known: dict, threads) -> None:
    """Go on raising, with a chart of the records made after burn-in if there are enough."""
    run: Sampled = stop.result
    records = int(np.sum(run.trajectory.steps > plan.burnt))
    if records < FEWEST_RECORDS:
        raise Interrupted(str(stop), run.trajectory) from None
    text = f"interrupted; .result is a chart of the {records} records made after burn-in"
    raise Interrupted(text, assemble(landscape, run, plan, known, threads)) from None


def _with_curvature(
    chart: ThermalChart,
    landscape,
    run: Sampled,
    count: int,
    plan: Plan,
    seed: int,
    threads,
    progress: bool,
) -> ThermalChart:
    """Add the curvature; Ctrl-C meanwhile leaves the chart without it."""
    try:
        found = measure_curvature(landscape, run.snapshots, count, plan, seed, threads, progress)
    except KeyboardInterrupt:
        text = "interrupted while measuring curvature; .result is the chart without it"
        raise Interrupted(text, chart) from None
    return replace(chart, curvature=found)
