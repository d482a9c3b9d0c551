"""The Hessian along a thermal chart, and the test of the quadratic picture of a minimum."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import curvature
from .. import rng as random
from ..curvature.products import Products
from ..errors import caller
from ..results import Record
from .estimates import per_temperature, power_law, sparse_mean_with_error
from .thermal_run import Plan, without_lost
from .thermal_snapshots import MARGIN_LOSSES

PROBES = 4  # random vectors of each trace; the spread between snapshots is larger
STIFF = 4  # stiffest directions compared with the quadratic prediction
DENSITY_PROBES, DENSITY_STEPS = 2, 50
TOLERANCE = 1e-2  # of an eigenvalue that fluctuates by tens of per cent between snapshots
KINKED = ("relu",)
# Central differences of margins: step in units of (1 + |theta|) / |v|, near the cube root of the
# rounding error.
MARGIN_STEP = {"float64": 1e-5, "float32": 3e-3}


@dataclass(frozen=True, eq=False)
class Curvature(Record):
    """The Hessian in C snapshots of every replica [C, M, K]; nan for lost replicas.

    Attributes
    ----------
    traces, largest_eigenvalues : arrays [C, M, K]
        Tr H (Hutchinson, a few probes) and lambda_max (Lanczos).
    gauss_newton_traces : array [C, M, K] or None
        (1/N) sum_i s'(m_i) |grad m_i|^2, s the logistic function, m_i the margins: what is left of
        Tr H without the curvature of the margins themselves. None for losses without margins.
    quadratic_dimensions : array [M, K]
        sum_j h_j / (h_j + T/sigma^2) over the positive eigenvalues of the replica's mean Hessian:
        the dimension 2 <L>/T of a quadratic landscape with that Hessian.
    stiff_curvatures, stiff_variances, stiff_predictions : arrays [M, K, 4]
        Eigenvalues h_j of the mean Hessian, stiffest first; the variance of the snapshots along
        these directions; and T / (h_j + T/sigma^2), what it would be in that quadratic landscape.
    kinks : bool
        Whether the landscape has kinks (ReLU), whose curvature exact products do not see.
    products : str
        "exact" or "finite difference".
    """

    traces: np.ndarray
    largest_eigenvalues: np.ndarray
    gauss_newton_traces: np.ndarray | None
    quadratic_dimensions: np.ndarray
    stiff_curvatures: np.ndarray
    stiff_variances: np.ndarray
    stiff_predictions: np.ndarray
    kinks: bool
    products: str

    def trace(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean of Tr H and its standard error, [M]."""
        return per_temperature(sparse_mean_with_error, self.traces)

    def largest(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean of lambda_max and its standard error, [M]."""
        return per_temperature(sparse_mean_with_error, self.largest_eigenvalues)

    def gauss_newton(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean of the Gauss-Newton trace and its standard error, [M]; nan without margins."""
        if self.gauss_newton_traces is None:
            return np.full(self.traces.shape[1], np.nan), np.full(self.traces.shape[1], np.nan)
        return per_temperature(sparse_mean_with_error, self.gauss_newton_traces)

    def quadratic_dimension(self) -> tuple[np.ndarray, np.ndarray]:
        """d_quad, the dimension that the mean Hessian promises, and its standard error, [M].

        The mean over C snapshots: it grows with C where the Hessian fluctuates, as its noise is
        averaged out of ever more soft directions. A lower bound, at the C of this chart.
        """
        return per_temperature(sparse_mean_with_error, self.quadratic_dimensions[None])

    def stiff_variance_ratio(self) -> tuple[np.ndarray, np.ndarray]:
        """Variance along the stiffest directions over the quadratic prediction, [M]; there 1.

        In other landscapes it depends on the length of the run, which decides how much of the box
        the replica has seen, and, as d_quad, on the number of snapshots.
        """
        ratio = (self.stiff_variances / self.stiff_predictions).mean(axis=-1)
        return per_temperature(sparse_mean_with_error, ratio[None])

    def exponents(self, temperatures: np.ndarray) -> tuple[tuple, tuple, tuple]:
        """Exponents a and errors of Tr H, lambda_max and the Gauss-Newton trace ~ T^a."""
        measured = (self.trace(), self.largest(), self.gauss_newton())
        return tuple(power_law(temperatures, *pair) for pair in measured)

    def plot(self, ax: Any = None) -> Any:
        """Draw the variances along stiff directions against T/(h + T/sigma^2); returns the axes."""
        from ..plotting import axes, shades  # matplotlib is optional

        ax = axes(ax, xlabel=r"quadratic prediction $T/(h_j + T/\sigma^2)$",
                  ylabel=r"variance along $v_j$")  # fmt: skip
        for m, colour in enumerate(shades(len(self.stiff_variances))):
            ax.plot(
                self.stiff_predictions[m].ravel(),
                self.stiff_variances[m].ravel(),
                "o",
                alpha=0.6,
                color=colour,
            )
        ends = np.nanmin(self.stiff_predictions), np.nanmax(self.stiff_predictions)
        ax.plot(ends, ends, color="0.45", linestyle="--", linewidth=1, label="quadratic landscape")
        ax.loglog()
        ax.legend()
        return ax


class MeanHessian:
    """A landscape that is nothing but a Hessian: the mean over some points of each replica.

    A "point" is a label: its first coordinate says which replica's mean is meant.
    """

    def __init__(self, landscape: Any, points: list[np.ndarray], threads: int | None) -> None:
        self.products = [Products(landscape, each, False, threads) for each in points]
        self.dim, self.dtype = landscape.dim, str(landscape.dtype)
        self.labels = np.zeros(points[0].shape, self.dtype)
        self.labels[:, 0] = np.arange(len(self.labels))

    def energy(self, theta: np.ndarray) -> np.ndarray:
        """There is none: zeros [R]."""
        return np.zeros(len(theta), self.dtype)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """There is none: zeros [R, P]."""
        return np.zeros_like(theta)

    def hvp(self, theta: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Mean Hessians of the labelled replicas times v, [R, P]."""
        rows, vectors = theta[:, 0].astype(int), v.astype(np.float64)
        total = sum(product(rows, vectors) for product in self.products)
        return (total / len(self.products)).astype(self.dtype)


def measure_curvature(
    landscape: Any,
    snapshots: list[np.ndarray],
    count: int,
    plan: Plan,
    seed: int,
    threads: int | None,
    progress: bool,
) -> Curvature:
    """Look at the Hessian in `count` of the snapshots, evenly chosen, the last among them."""
    at = np.unique(np.linspace(len(snapshots) - 1, 0, count).astype(int))
    alive = without_lost(snapshots[-1])[1]
    chosen = [without_lost(snapshots[i])[0] for i in at]

    def fold(values):
        values = np.where(alive.reshape(-1, *[1] * (np.ndim(values) - 1)), values, np.nan)
        return values.reshape(len(plan.temperatures), plan.replicas, *values.shape[1:])

    traces, largest, newton = [], [], []
    margins = getattr(landscape, "loss", None) in MARGIN_LOSSES
    for index, theta in zip(at, _watched(chosen, progress), strict=True):
        options = {"rng": random.seed_from([seed, int(index)]), "threads": threads}
        traces.append(fold(curvature.trace(landscape, theta, probes=PROBES, **options)[0]))
        top = _outermost(landscape, theta, alive, 1, **options)
        largest.append(fold(top.values[:, 0]))
        if margins:
            newton.append(fold(gauss_newton_traces(landscape, theta, **options)))
    dimensions, stiff = _quadratic(landscape, snapshots, chosen, plan, seed, threads)
    return Curvature(
        traces=np.array(traces),
        largest_eigenvalues=np.array(largest),
        gauss_newton_traces=np.array(newton) if margins else None,
        quadratic_dimensions=fold(dimensions),
        stiff_curvatures=fold(stiff[0]),
        stiff_variances=fold(stiff[1]),
        stiff_predictions=fold(stiff[2]),
        kinks=getattr(landscape, "activation", None) in KINKED,
        products=top.products,
    )


def _watched(points: list[np.ndarray], progress: bool) -> Any:
    if not progress:
        return points
    from tqdm import tqdm  # type: ignore[import-untyped]  # only where a bar is asked for

    return tqdm(points, unit="snapshot", desc="curvature")


def gauss_newton_traces(
    landscape: Any, theta: np.ndarray, rng: int, threads: int | None
) -> np.ndarray:
    """(1/N) sum_i s'(m_i) |grad m_i|^2 at each point [R], s the logistic function.

    |grad m_i|^2 is the mean of (v . grad m_i)^2 over random signs v, and each of these derivatives
    a central difference of margins: 2 PROBES forward passes.
    """
    margins = landscape.margins(theta, threads=threads).astype(np.float64)
    slopes = 0.25 / np.cosh(np.clip(0.5 * margins, -350, 350)) ** 2  # s'(m), without overflow
    size = MARGIN_STEP[str(landscape.dtype)] * (1 + np.linalg.norm(theta, axis=1, keepdims=True))
    size = (size / np.sqrt(theta.shape[1])).astype(theta.dtype)
    total = np.zeros(len(theta))
    for probe in range(PROBES):
        v = random.rademacher(
            rng,
            stream="direction",
            step=probe,
            replicas=len(theta),
            count=theta.shape[1],
            dtype=str(landscape.dtype),
        )
        ahead, behind = (
            landscape.margins(theta + sign * size * v, threads=threads).astype(np.float64)
            for sign in (1, -1)
        )
        total += (slopes * ((ahead - behind) / (2 * size)) ** 2).mean(axis=1)
    return total / PROBES


def _outermost(landscape: Any, theta: np.ndarray, alive: np.ndarray, count: int, **options) -> Any:
    """Largest eigenpairs; the rows of lost replicas may fail to converge without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = curvature.eigenpairs(landscape, theta, count, tolerance=TOLERANCE, **options)
    slow = int((~found.converged[alive]).any(axis=1).sum())
    if slow:
        text = f"largest eigenvalues of {slow} Hessians are not converged to {TOLERANCE:.0%}"
        warnings.warn(text, UserWarning, stacklevel=caller())
    return found


def _quadratic(
    landscape: Any,
    snapshots: list[np.ndarray],
    chosen: list[np.ndarray],
    plan: Plan,
    seed: int,
    threads: int | None,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What each replica's mean Hessian promises: its dimension [R], stiff directions 3 x [R, 4]."""
    mean = MeanHessian(landscape, chosen, threads)
    t = plan.rows(plan.temperatures)[:, None]
    softest = t / plan.rows(plan.widths)[:, None] ** 2  # stiffness of the box
    density = curvature.spectral_density(
        mean, mean.labels, probes=DENSITY_PROBES, steps=min(DENSITY_STEPS, mean.dim), rng=seed
    )
    values = np.maximum(density.nodes, 0)  # [R, probes, steps]
    bound = values / np.maximum(values + softest[..., None], np.finfo(float).tiny)
    dimensions = mean.dim * (density.weights * bound).sum(axis=2).mean(axis=1)
    alive = without_lost(snapshots[-1])[1]
    stiff = _outermost(mean, mean.labels, alive, min(STIFF, mean.dim), rng=seed)
    centre = np.mean(snapshots, axis=0, dtype=np.float64)
    variances = np.zeros(stiff.values.shape)
    for points in snapshots:  # one at a time: copies of all would double the memory
        variances += np.einsum("rp,rjp->rj", points - centre, stiff.vectors) ** 2
    variances /= len(snapshots) - 1 if len(snapshots) > 1 else np.nan
    return dimensions, (stiff.values, variances, t / (stiff.values + softest))
