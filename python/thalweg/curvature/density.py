"""Spectral densities of Hessians by stochastic Lanczos quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import rng as _rng
from .._checks import finite_array, integer, known_options, message, real
from .._memory import require_memory
from ..results import Result
from .krylov import Krylov
from .products import BLOCK, Products, provenance

WIDTH = 0.01  # default width of the lines of a density, of the range of the nodes


@dataclass(frozen=True, eq=False)
class SpectralDensity(Result):
    """Quadratures of the spectra of R Hessians: V probes with m nodes each.

    For every probe v, ``sum_j weights_j f(nodes_j) = v^T f(H) v / P``, exact for polynomials f of
    degree up to 2 m - 1. Over probes the mean is that of f over the eigenvalues.

    Attributes
    ----------
    nodes, weights : [R, V, m]
        Ritz values, ascending, and their weights, which add up to 1. Where a probe's Krylov space
        ended early, the nodes it lacks are 0 and weigh nothing. nan where a product was not finite.
    dim : int
        P.
    products : str
        "exact" or "finite difference".
    """

    nodes: np.ndarray
    weights: np.ndarray
    dim: int
    products: str

    @property
    def lost(self) -> list[int]:
        """The replicas where a product was not finite."""
        return np.flatnonzero(np.isnan(self.nodes).any(axis=(1, 2))).tolist()

    def range(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest node of each replica, [R] each: inside the spectrum, near its ends."""
        counts = ~(self.weights == 0)  # nan counts
        return (
            np.where(counts, self.nodes, np.inf).min(axis=(1, 2)),
            np.where(counts, self.nodes, -np.inf).max(axis=(1, 2)),
        )

    def density(self, grid: Any, width: float | None = None) -> np.ndarray:
        """Density of eigenvalues [R, G] at `grid` [G], every node a Gaussian line; integral 1.

        Parameters
        ----------
        grid : array [G]
        width : float, optional
            Standard deviation of a line; default 1 % of the range of a replica's nodes (of the
            node itself if there is only one, 0.01 if that is 0).

        Raises
        ------
        TypeError, ValueError
            If the grid is not a row of numbers, or the width not positive.
        """
        low, high = self.range()
        if width is None:
            spread = np.where(high > low, high - low, np.where(high != 0, np.abs(high), 1.0))
            widths = WIDTH * spread
        else:
            widths = np.full(len(low), real("width", width, above=0))
        widths = widths[:, None, None, None]

        def line(x: np.ndarray) -> np.ndarray:
            z = (x - self.nodes[..., None]) / widths
            return np.exp(-0.5 * z * z) / (np.sqrt(2 * np.pi) * widths)

        return self._over_grid(grid, line)

    def cumulative(self, grid: Any) -> np.ndarray:
        """Fraction of eigenvalues up to each number of `grid` [G]: [R, G], from 0 to 1.

        With n probes the error is about ``1 / sqrt(n P) + 1 / m``.
        """

        def step(x: np.ndarray) -> np.ndarray:
            below = (self.nodes[..., None] <= x).astype(np.float64)
            return np.where(np.isnan(self.nodes[..., None]), np.nan, below)

        return self._over_grid(grid, step)

    def _over_grid(self, grid: Any, shape: Any) -> np.ndarray:
        """Mean over probes of sum_j weights_j shape(grid)_j: [R, G], some of the grid at a time."""
        grid = finite_array("grid", grid).astype(np.float64)
        if grid.ndim != 1 or grid.size == 0:
            raise ValueError(message("grid", "numbers [G]", f"shape {list(grid.shape)}"))
        found = np.empty((len(self.nodes), len(grid)))
        size = max(1, BLOCK // self.nodes.size)
        for first in range(0, len(grid), size):
            here = slice(first, first + size)
            lines = self.weights[..., None] * shape(grid[here])
            found[:, here] = lines.sum(axis=2).mean(axis=1)
        return found

    def moments(self, order: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean of eigenvalue^order and its standard error over the probes, [R] each.

        That is ``Tr H^order / P``. Each probe's share is exact up to order 2 m - 1.
        """
        order = integer("order", order, least=0)
        each = (self.weights * self.nodes**order).sum(axis=2)
        return each.mean(axis=1), each.std(axis=1, ddof=1) / np.sqrt(each.shape[1])

    def trace(self) -> tuple[np.ndarray, np.ndarray]:
        """Trace of each Hessian and its standard error, [R] each."""
        mean, error = self.moments(1)
        return self.dim * mean, self.dim * error

    def plot(self, ax: Any = None) -> Any:
        """Draw the density of each replica on a logarithmic axis; returns the axes."""
        from ..plotting import axes  # matplotlib is optional

        ax = axes(ax, xlabel="eigenvalue of the Hessian", ylabel="density")
        low, high = self.range()
        fine = np.isfinite(low)
        if fine.any():
            least, most = low[fine].min(), high[fine].max()
            margin = 0.05 * (most - least or abs(most) or 1)
            grid = np.linspace(least - margin, most + margin, 801)
            rows = self.density(grid)
            for r in np.flatnonzero(fine):
                ax.plot(
                    grid, rows[r], linewidth=1, label=f"replica {r}" if fine.sum() < 8 else None
                )
            ax.set_yscale("log")
            ax.set_ylim(bottom=1e-6 * np.nanmax(rows))
            if 1 < fine.sum() < 8:
                ax.legend()
        return ax

    def summary(self) -> str:
        """A few lines: what was measured, and range and trace of each replica (of 8 at most)."""
        replicas, probes, steps = self.nodes.shape
        lines = [
            f"spectral density of {replicas} Hessians, P = {self.dim}: {probes} probes x {steps} "
            f"nodes, {self.products} products"
        ]
        (low, high), (trace, error) = self.range(), self.trace()
        lines += [
            f"  replica {r}: nodes from {low[r]:.4g} to {high[r]:.4g}, trace {trace[r]:.4g} "
            f"+- {error[r]:.2g}"
            for r in range(min(replicas, 8))
        ]
        if replicas > 8:
            lines.append(f"  and {replicas - 8} more")
        if self.lost:
            lines.append(f"  lost because a product was not finite: replicas {self.lost}")
        return "\n".join(lines)


@known_options
def spectral_density(
    landscape: Any,
    theta: np.ndarray,
    probes: int = 10,
    steps: int = 80,
    rng: Any = None,
    *,
    replicas: Any = None,
    differences: bool = False,
    threads: int | None = None,
) -> SpectralDensity:
    """Measure the spectrum of the Hessian at each point by stochastic Lanczos quadrature.

    Parameters
    ----------
    landscape : Landscape
    theta : array [R, P] of the landscape's dtype, C-contiguous
    probes : int
        V >= 2, random signs.
    steps : int
        m, nodes per probe; at most P are made. The cost is V m products per replica.
    rng : see `thalweg.rng.seed_from`
        The same seed gives the same probes as in `thalweg.curvature.trace`.
    replicas, differences, threads : as in `thalweg.curvature.trace`

    Returns
    -------
    SpectralDensity

    Raises
    ------
    TypeError, ValueError
        For bad arguments, before anything is computed.
    MemoryError
        If nodes and weights, or the bases of as many spaces as must grow at once, do not fit.

    References
    ----------
    S. Ubaru, J. Chen, Y. Saad, SIAM J. Matrix Anal. Appl. 38, 1075 (2017), doi:10.1137/16M1104974.
    B. Ghorbani, S. Krishnan, Y. Xiao, arXiv:1901.10159.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic(np.linspace(0, 1, 400), rotation=7)
    >>> spectrum = tw.curvature.spectral_density(well, np.zeros((1, 400)), steps=40, rng=1)
    >>> spectrum.cumulative([0.25, 0.5, 0.75]).round(1)
    array([[0.2, 0.5, 0.8]])
    """
    products = Products(landscape, theta, differences, threads)
    count, dim = products.replicas, products.dim
    probes, steps = integer("probes", probes, least=2), min(integer("steps", steps), dim)
    seed, ids = _rng.seed_from(rng), _rng.batch_ids(replicas, count)
    unit = count if products.whole else 1
    at_once = min(probes * count, max(1, BLOCK // (unit * (steps + 1) * dim)) * unit)
    require_memory(
        {
            f"nodes and weights {[count, probes, steps]}": 16 * count * probes * steps,
            f"Lanczos bases {[at_once, steps + 1, dim]}": 8 * at_once * (steps + 4) * dim,
        },
        "Use fewer replicas at a time, or fewer steps.",
    )
    nodes = np.empty((probes * count, steps))  # probe by probe
    weights = np.empty_like(nodes)
    for first in range(0, probes * count, at_once):
        probe, rows = np.divmod(np.arange(first, min(first + at_once, probes * count)), count)
        here = slice(first, first + at_once)
        nodes[here], weights[here] = _quadrature(
            products, _signs(seed, ids, probe, rows, dim), rows, steps
        )
    shape = (probes, count, steps)
    return SpectralDensity(
        *(np.ascontiguousarray(x.reshape(shape).transpose(1, 0, 2)) for x in (nodes, weights)),
        dim=dim,
        products=products.kind,
        provenance=provenance(products, seed, probes=probes, steps=steps, differences=differences),
    )


def _signs(seed: int, ids: np.ndarray, probe: np.ndarray, rows: np.ndarray, dim: int) -> np.ndarray:
    """Random signs [A, P]: probe[i] of replica rows[i]."""
    each = [
        _rng.rademacher(
            seed, stream="probe", step=int(p), replicas=ids[rows[probe == p]], count=dim
        )
        for p in np.unique(probe)
    ]
    return np.concatenate(each)


def _quadrature(
    products: Products, start: np.ndarray, rows: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights [A, m] of the spectral measures of vectors [A, P]."""
    krylov = Krylov(products, rows, start[:, None], steps)
    while krylov.size < steps:
        krylov.grow()
    nodes, coordinates, _ = krylov.ritz()
    return nodes, coordinates[:, 0] ** 2
