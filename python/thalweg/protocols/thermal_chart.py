"""Thermal chart: the effective dimension of the low-loss region, read from thermal fluctuations.

After N. Jules, G. Brener, T. Kachman, N. Levi, Y. Bar-Sinai, arXiv:2304.01335.
"""

from __future__ import annotations

import warnings

import numpy as np

from .. import rng as random
from .._checks import choice, integer, known_options, message, per_replica, points, real
from ..dynamics import Langevin, Trajectory
from ..errors import DivergenceWarning, Interrupted
from ..landscapes import Landscape
from .estimates import FEWEST_RECORDS, require_records
from .thermal_result import AGEING, DIVERGED, ThermalChart

MEASURES = ("box", "free")
SCHEMES = ("baoab", "euler_maruyama", "leimkuhler_matthews", "metropolis")


@known_options
def thermal_chart(
    landscape: Landscape,
    temperatures,
    measure: str = "box",
    confinement: float = 5.0,
    scheme: str = "baoab",
    step_size=0.05,
    steps: int = 8000,
    burn_in: float = 0.5,
    cooling: float = 0.4,
    initial_temperature: float = 0.1,
    replicas: int = 4,
    record_every: int = 10,
    start=None,
    guard: float = 50.0,
    rng=None,
    threads: int | None = None,
    progress: bool = False,
) -> ThermalChart:
    """Sample a landscape at M temperatures, K replicas each, and chart its thermal fluctuations.

    All M K replicas move in one batch. The measure ``"box"`` is exp(-L/T) N(theta; 0, sigma^2),
    sampled in natural units: U = L/T + |theta|^2/(2 sigma^2) at temperature one, so that every
    temperature needs about the same number of steps. Each replica cools from
    `initial_temperature` to its own temperature, geometrically, before anything is recorded.

    Parameters
    ----------
    landscape : anything with ``dim``, ``dtype``, ``energy`` and ``gradient``.
    temperatures : [M], positive, in the units of the loss (k_B = 1).
    measure : "box" (default) or "free" (no confinement: the result ages and says so).
    confinement : sigma > 0, width of the box in parameter units; for "free" only the time
        1/friction = sigma that BAOAB remembers a velocity, and the width of the default start.
    scheme : "baoab", "leimkuhler_matthews", "euler_maruyama" or "metropolis" (Euler-Maruyama
        proposals, accepted or refused so that the step has no bias).
    step_size : step h (or s) in parameter units, a number or one per temperature [M]. Rule for
        logistic losses: step_size * max_i |grad of margin i| <= 0.3.
    steps : steps of every replica; `cooling` and `burn_in` are fractions of it.
    replicas : K, at least 4 for error bars that rest on replicas alone.
    record_every : steps between records.
    start : [P], [K, P] or [M K, P] points (temperature-major), default a draw from N(0, sigma^2).
    guard : a replica whose loss exceeds guard * max(its running mean, T) has blown up and goes
        back to its last good point. One that blew up while cooling, where its mean is not yet
        known, is found by the same comparison with its siblings' median, and excluded as diverged.
        0 switches the guard off. Not used by "metropolis".
    rng : None, int, SeedSequence or Generator; the seed used is in ``provenance``.
    threads, progress : as in ``Langevin.run``.

    Returns
    -------
    ThermalChart

    Raises
    ------
    ValueError : for an argument outside its range, before anything is computed.
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
    settings = {
        "temperatures": _ladder("temperatures", temperatures),
        "measure": choice("measure", measure, MEASURES),
        "confinement": real("confinement", confinement, above=0),
        "scheme": choice("scheme", scheme, SCHEMES),
        "step_size": _ladder("step_size", step_size, len(np.atleast_1d(temperatures))),
        "steps": integer("steps", steps),
        "burn_in": real("burn_in", burn_in, least=0, below=1),
        "cooling": real("cooling", cooling, least=0, most=burn_in),
        "initial_temperature": real("initial_temperature", initial_temperature, above=0),
    }
    integer("replicas", replicas)
    real("guard", guard, least=0)
    require_records(steps, burn_in, integer("record_every", record_every))
    seed = random.seed_from(rng)
    sampler = _sampler(replicas, guard, settings)
    theta = _start(landscape, start, replicas, settings, seed)
    if measure == "free":
        warnings.warn(AGEING, stacklevel=3)  # past known_options, to the caller
    observables = ["virial", "squared_norm"] + ["accepted"] * (scheme == "metropolis")
    try:
        run = sampler.run(
            landscape,
            theta,
            steps=steps,
            record_every=record_every,
            observables=observables,
            rng=seed,
            threads=threads,
            progress=progress,
        )
    except Interrupted as stop:
        records = int(np.sum(stop.result.steps > burn_in * steps))
        if records < FEWEST_RECORDS:
            raise
        partial = _chart(stop.result, settings, guard)
        text = f"interrupted; .result is a chart of the {records} records made after burn-in"
        raise Interrupted(text, partial) from None
    return _chart(run, settings, guard)


def _ladder(argument: str, values, count: int | None = None) -> np.ndarray:
    """One positive number per temperature, as a read-only array [M]; a single one is repeated."""
    checked = np.atleast_1d(per_replica(argument, values, above=0))
    if count is not None and checked.size not in (1, count):
        expected = f"one number, or one per temperature [{count}]"
        raise ValueError(message(argument, expected, f"{checked.size} numbers"))
    return np.repeat(checked, count) if count and checked.size == 1 else checked


def _sampler(replicas: int, guard: float, settings: dict) -> Langevin:
    """The Langevin dynamics of all replicas, temperature-major, in natural units."""
    temperatures = settings["temperatures"]
    # A temperature above the common start does not cool, it starts where it is.
    starts = np.maximum(temperatures, settings["initial_temperature"])
    each = {
        "temperature": np.repeat(temperatures, replicas),
        "step_size": np.repeat(settings["step_size"], replicas),
        "initial_temperature": np.repeat(starts, replicas),
    }
    metropolis = settings["scheme"] == "metropolis"
    guarded = guard > 0 and not metropolis
    return Langevin(
        **each,
        scheme="euler_maruyama" if metropolis else settings["scheme"],
        metropolis=metropolis,
        friction=1 / settings["confinement"] if settings["scheme"] == "baoab" else None,
        confinement=settings["confinement"] if settings["measure"] == "box" else None,
        units="natural",
        cooling_steps=int(settings["cooling"] * settings["steps"]),
        guard=guard if guarded else None,
        on_divergence="restore" if guarded else "freeze",
    )


def _start(landscape, start, replicas: int, settings: dict, seed: int) -> np.ndarray:
    """Starting points [M K, P] in the landscape's precision, temperature-major."""
    count, dim = len(settings["temperatures"]), landscape.dim
    dtype = str(landscape.dtype)
    if start is None:
        noise = random.normals(
            seed, stream="initialization", replicas=count * replicas, count=dim, dtype=dtype
        )
        return settings["confinement"] * noise
    start = np.asarray(start)
    if start.shape == (dim,):
        start = np.tile(start, (count * replicas, 1))
    elif start.shape == (replicas, dim):
        start = np.tile(start, (count, 1))
    if start.shape != (count * replicas, dim):
        expected = f"shape [{dim}], [{replicas}, {dim}] or [{count * replicas}, {dim}]"
        raise ValueError(message("start", expected, f"shape {list(start.shape)}"))
    return points(np.ascontiguousarray(start), dim, dtype, argument="start")


def _stranded(energies: np.ndarray, temperatures: np.ndarray, guard: float) -> np.ndarray:
    """Which replicas [M, K] lie far above their siblings: energies [S, M, K] after burn-in.

    A replica that blows up while it cools stays where it was thrown, and its running mean with it.
    """
    if guard <= 0 or energies.shape[2] < 3:  # of two, nobody knows which is the odd one
        return np.zeros(energies.shape[1:], dtype=bool)
    means = energies.mean(axis=0)
    means[~np.isfinite(means)] = np.inf  # lost already, and listed so
    level = np.maximum(np.median(means, axis=1), temperatures)
    return means > guard * level[:, None]


def _chart(run: Trajectory, settings: dict, guard: float) -> ThermalChart:
    """Fold a finished (or interrupted) run [S, M K] into a chart."""
    count = len(settings["temperatures"])
    sampled = run.steps > settings["burn_in"] * settings["steps"]

    def fold(array):
        return np.ascontiguousarray(array).reshape(*array.shape[:-1], count, -1)

    acceptance = np.full(run.final.shape[0], np.nan)
    if "accepted" in run.observables:
        accepted = run.observables["accepted"][sampled]
        made = run.steps[sampled]
        acceptance = (accepted[-1] - accepted[0]) / (made[-1] - made[0])

    def series(recorded):  # in float64 from here on: averages of float32 are not float32
        return fold(recorded[sampled].astype(np.float64))

    energies, status = series(run.energies), fold(run.status.codes).copy()
    stranded = _stranded(energies, settings["temperatures"], guard)
    status[stranded] = DIVERGED
    if stranded.any():
        warnings.warn(
            f"{int(stranded.sum())} replicas stayed more than {guard:g} times above their siblings "
            f"and are excluded as blown up: use smaller steps",
            DivergenceWarning,
            stacklevel=4,
        )
    return ThermalChart(
        energies=energies,
        virials=series(run.observables["virial"]),
        squared_norms=series(run.observables["squared_norm"]),
        restores=fold(run.status.restores),
        status=status,
        acceptance=fold(acceptance),
        final=run.final.reshape(count, -1, run.final.shape[-1]),
        seconds=run.seconds,
        provenance=run.provenance,
        **settings,
    )
