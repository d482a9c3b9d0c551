"""Local learning coefficient: how fast the volume of low loss grows around one minimum.

After E. Lau, Z. Furman, G. Wang, D. Murfet, S. Wei, arXiv:2308.12108.
"""

from __future__ import annotations

import numpy as np

from .. import rng as random
from .._checks import choice, integer, known_options, message, per_replica, points, real
from ..dynamics import Langevin, Trajectory
from ..errors import Interrupted
from ..landscapes import Landscape, UserLandscape
from ..landscapes.describe import describe_landscape
from .estimates import FEWEST_RECORDS, require_records
from .learning_result import LearningCoefficient

SCHEMES = ("baoab", "euler_maruyama", "leimkuhler_matthews", "metropolis")


@known_options
def local_learning_coefficient(
    landscape: Landscape,
    theta,
    step_size,
    samples: int | None = None,
    temperature: float | None = None,
    localization: float = 1.0,
    scheme: str = "baoab",
    steps: int = 8000,
    burn_in: float = 0.25,
    chains: int = 8,
    record_every: int = 10,
    rng=None,
    threads: int | None = None,
    progress: bool = False,
) -> LearningCoefficient:
    """Estimate the local learning coefficient lambda at each of R points, K chains each.

    ``lambda_hat = (<L> - L(w*)) / T``, T = 1/(n beta), averaged over the posterior localised at the
    point, ``exp(-L(w)/T - (gamma/2) |w - w*|^2)``. All R K chains start at their point and move in
    one batch, with gradients of all samples (no minibatches), in natural units.

    Parameters
    ----------
    landscape : anything with ``dim``, ``dtype``, ``energy`` and ``gradient``; the energy is the
        *mean* loss over the samples, which are the same for all points.
    theta : [P] or [R, P] points w*, minima of the loss.
    step_size : float or array [R]
        Step h (or s) in parameter units. Where the curvature of L is at most c along the way,
        ``step_size * sqrt(c/T + gamma) <= 0.5`` is safe; half of it must give the same answer.
    samples : n >= 2, by default ``landscape.n_samples``; only sets the temperature.
    temperature : T = 1/(n beta) in units of the loss; default log(n)/n, that is beta = 1/log(n).
        Give `samples` or `temperature`, not both.
    localization : gamma > 0, in 1/(units of the parameters)^2: the chains stay within about
        sqrt(P/gamma) of their point, farther than that they are pulled back.
    scheme : "baoab" (default), "leimkuhler_matthews", "euler_maruyama" (the Langevin dynamics of
        the reference, epsilon = step_size^2, without minibatches), or "metropolis" (the same moves,
        accepted or refused so that the step has no bias).
    steps : steps of every chain, of which the fraction `burn_in` is not used.
    chains : K; at least 4 for error bars that rest on chains alone.
    record_every : steps between records.
    rng : None, int, SeedSequence or Generator; the seed used is in ``provenance``.
    threads, progress : as in ``Langevin.run``.

    Returns
    -------
    LearningCoefficient

    Raises
    ------
    TypeError, ValueError : for an argument outside its range, before anything is computed.
    Interrupted : on Ctrl-C; ``.result`` is the estimate from what was recorded, if burn-in was
        over, else the unfinished Trajectory (of w - w*).

    References
    ----------
    E. Lau, Z. Furman, G. Wang, D. Murfet, S. Wei, arXiv:2308.12108 (2023): the estimator.
    S. Watanabe, J. Mach. Learn. Res. 14, 867 (2013), arXiv:1208.6338: beta = 1/log(n) (WBIC).

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic(1.0, dim=10)
    >>> found = tw.protocols.local_learning_coefficient(
    ...     well, np.zeros(10), step_size=0.02, temperature=1e-3, rng=0
    ... )
    >>> value, error = found.coefficient()  # close to P/2 = 5
    """
    centers = _centers(landscape, theta)
    gamma = real("localization", localization, above=0)
    settings = {
        "temperature": _temperature(landscape, samples, temperature),
        "localization": gamma,
        "scheme": choice("scheme", scheme, SCHEMES),
        "step_size": _each_point(step_size, len(centers)),
        "steps": integer("steps", steps),
        "burn_in": real("burn_in", burn_in, least=0, below=1),
    }
    require_records(steps, burn_in, integer("record_every", record_every))
    starts = np.repeat(centers, integer("chains", chains), axis=0)
    fixed = {"centers": centers, "reference": _reference(landscape, centers), **settings}
    observables = ["virial", "squared_norm"] + ["accepted"] * (scheme == "metropolis")
    try:
        run = _sampler(chains, settings).run(
            _centered(landscape, starts, threads),
            np.zeros_like(starts),
            steps=steps,
            record_every=record_every,
            observables=observables,
            rng=random.seed_from(rng),
            threads=threads,
            progress=progress,
        )
    except Interrupted as stop:
        records = int(np.sum(stop.result.steps > burn_in * steps))
        if records < FEWEST_RECORDS:
            raise
        text = f"interrupted; .result is an estimate from the {records} records after burn-in"
        raise Interrupted(text, _result(stop.result, landscape, fixed)) from None
    return _result(run, landscape, fixed)


def _temperature(landscape, samples, temperature) -> float:
    """T = 1/(n beta): as given, or log(n)/n."""
    if temperature is not None:
        if samples is not None:
            fix = "samples only sets the temperature log(n)/n; leave one of them out."
            raise ValueError(message("samples", "None where temperature is given", "both", fix))
        return real("temperature", temperature, above=0)
    if samples is None:
        samples = getattr(landscape, "n_samples", 0)
        if samples < 2:
            expected = "the number of samples n >= 2, or a temperature"
            fix = "This landscape knows no samples (n_samples)."
            raise ValueError(message("samples", expected, "None", fix))
    n = integer("samples", samples, least=2)
    return float(np.log(n) / n)


def _centers(landscape, theta) -> np.ndarray:
    """The points w* [R, P] in the landscape's precision."""
    theta = np.asarray(theta)
    theta = theta[None] if theta.ndim == 1 else theta
    return points(np.ascontiguousarray(theta), landscape.dim, str(landscape.dtype)).copy()


def _reference(landscape, centers: np.ndarray) -> np.ndarray:
    """L(w*) of every point [R]."""
    if getattr(landscape, "data_replicas", None):
        got = f"{landscape.data_replicas} of them"
        fix = "Measure one landscape for each data set."
        raise ValueError(message("landscape", "one data set for all points", got, fix))
    energies = np.asarray(landscape.energy(centers), dtype=np.float64)
    if not np.isfinite(energies).all():
        got = f"L = {energies[~np.isfinite(energies)][0]} at one"
        raise ValueError(message("theta", "points of finite energy", got))
    return energies


def _each_point(step_size, count: int) -> np.ndarray:
    """One step size for each of R points."""
    checked = np.atleast_1d(per_replica("step_size", step_size, above=0))
    if checked.size not in (1, count):
        expected = f"one number, or one per point [{count}]"
        raise ValueError(message("step_size", expected, f"{checked.size} numbers"))
    return np.broadcast_to(checked, count).copy()


def _centered(landscape, starts: np.ndarray, threads: int | None) -> UserLandscape:
    """The landscape as seen from the start of each chain: L(w* + x) as a function of x [R K, P].

    The box of `Langevin` lies around zero; so seen, it is the localisation, whatever the center of
    each row. Dynamics on functions call them with the whole batch, its rows in order.
    """
    inner = landscape if hasattr(landscape, "device") else UserLandscape.wrap(landscape)

    def energy(x):
        return inner.energy(starts + x, threads=threads)

    def gradient(x):
        return inner.gradient(starts + x, threads=threads)

    return UserLandscape(
        energy, gradient, dim=inner.dim, dtype=str(inner.dtype), device=inner.device
    )


def _sampler(chains: int, settings: dict) -> Langevin:
    """Langevin dynamics in natural units: exp(-L/T - gamma |x|^2 / 2) at temperature one."""
    metropolis = settings["scheme"] == "metropolis"
    return Langevin(
        temperature=settings["temperature"],
        step_size=np.repeat(settings["step_size"], chains),
        scheme="euler_maruyama" if metropolis else settings["scheme"],
        metropolis=metropolis,
        confinement=1 / np.sqrt(settings["localization"]),
        units="natural",
    )


def _result(run: Trajectory, landscape, fixed: dict) -> LearningCoefficient:
    """Fold a finished (or interrupted) run [S, R K] into a result."""
    count = len(fixed["centers"])
    sampled = run.steps > fixed["burn_in"] * fixed["steps"]

    def series(recorded):  # in float64 from here on: averages of float32 are not float32
        return recorded[sampled].astype(np.float64).reshape(int(sampled.sum()), count, -1)

    status = run.status.codes.reshape(count, -1)
    acceptance = np.full(status.shape, np.nan)
    if "accepted" in run.observables:
        accepted, made = series(run.observables["accepted"]), run.steps[sampled]
        acceptance = (accepted[-1] - accepted[0]) / (made[-1] - made[0])
    return LearningCoefficient(
        energies=series(run.energies),
        virials=series(run.observables["virial"]),
        squared_distances=series(run.observables["squared_norm"]),
        status=status,
        acceptance=acceptance,
        seconds=run.seconds,
        provenance={**run.provenance, "landscape": describe_landscape(landscape)},
        **fixed,
    )
