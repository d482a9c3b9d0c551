"""What the snapshots of a thermal chart show: samples near the boundary, directions of motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..results import Record
from ..theory import walls
from .estimates import decorrelation_time, per_temperature, sparse_mean_with_error
from .thermal_run import Plan, energies, without_lost

MARGIN_LOSSES = ("logistic", "cross_entropy")  # losses that are walls of margins
COMPONENTS = 10  # principal components kept
MIXED = 10  # a direction has equilibrated when its autocorrelation time is below 1/10 of the run


@dataclass(frozen=True, eq=False)
class Boundary(Record):
    """How the loss is shared between samples, in S snapshots of every replica.

    Attributes
    ----------
    shares : array [S, M, K, N]
        u_i / T with u_i = loss of sample i / N, so that their sum is L / T; nan for lost replicas.

    References
    ----------
    After "the number of data points near the classification decision boundary", arXiv:2304.01335;
    definitions and predictions: docs/theory, exponential walls.
    """

    shares: np.ndarray

    def total(self) -> tuple:
        """<sum_i u_i>/T and its standard error, [M]: k, but for weight decay."""
        return per_temperature(sparse_mean_with_error, self.shares.sum(-1))

    @property
    def samples(self) -> int:
        """N, the number of samples."""
        return self.shares.shape[-1]

    def points_near_boundary(self, level: float = walls.BOUNDARY_LEVEL) -> tuple:
        """n_b = <number of samples with u_i > level T>, and its standard error, [M].

        At the default level, E1(level) = 1, flat walls give n_b = k = <L>/T: these are the samples
        within log(1/level) = 1.3 of the margin at which thermal noise feels the boundary.
        """
        counts = np.where(np.isfinite(self.shares).all(-1), (self.shares > level).sum(-1), np.nan)
        return per_temperature(sparse_mean_with_error, counts)

    def participation(self) -> tuple:
        """n_part = 1 / <sum_i p_i^2> - 1 with p_i = u_i / sum_j u_j, and its standard error, [M].

        Flat walls give k (Poisson-Dirichlet), tilted ones a little less.
        """
        with np.errstate(invalid="ignore"):
            squares = ((self.shares / self.shares.sum(-1, keepdims=True)) ** 2).sum(-1)
        mean, error = per_temperature(sparse_mean_with_error, squares)
        return 1 / mean - 1, error / mean**2


@dataclass(frozen=True, eq=False)
class Directions(Record):
    """Where the replicas of a chart moved: principal components of each replica's snapshots.

    Attributes
    ----------
    fractions : array [M, K, C]
        Share of the variance in the first C principal components; nan for lost replicas.
    times : array [M, K, C]
        Their decorrelation times in snapshots.
    snapshots : int
        S, how many there were.
    loss_at_mean : array [M, K]
        Loss of the mean point of the replica: below <L> in a convex well.
    """

    fractions: np.ndarray
    times: np.ndarray
    snapshots: int
    loss_at_mean: np.ndarray

    def principal_fractions(self) -> tuple:
        """Mean over replicas of `fractions`, and its standard error, both [M, C]."""
        count = np.isfinite(self.fractions).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.nansum(self.fractions, axis=1) / count
            spread = np.nansum((self.fractions - mean[:, None]) ** 2, axis=1) / (count - 1)
            return mean, np.sqrt(spread / count)

    def random_walk(self) -> np.ndarray:
        """The same fractions [C] for a free random walk: 6 / (pi^2 j^2), whatever the landscape.

        The components of a random walk seen from its mean are cosines of variance ~ 1/j^2 (J.
        Antognini, J. Sohl-Dickstein, arXiv:1806.08805). A first component with 61 % of the variance
        is therefore no sign of a low-dimensional valley.
        """
        return 6 / (np.pi * np.arange(1, self.fractions.shape[-1] + 1)) ** 2

    def equilibrated(self) -> np.ndarray:
        """How many of the C components have autocorrelation times below a tenth of the run, [M].

        The mean over replicas. The others are still wandering: their variances are lower bounds.
        """
        mixed = (self.times < self.snapshots / MIXED).sum(axis=2).astype(float)
        mixed[np.isnan(self.fractions[..., 0])] = np.nan
        count = np.isfinite(mixed).sum(axis=1)
        return np.divide(np.nansum(mixed, axis=1), count, where=count > 0, out=count * np.nan)

    def plot(self, ax: Any = None) -> Any:
        """Draw the principal fractions with the random walk's beside them; returns the axes."""
        from ..plotting import axes, shades  # matplotlib is optional

        ax = axes(ax, xlabel="principal component", ylabel="fraction of the variance")
        mean, error = self.principal_fractions()
        numbers = np.arange(1, mean.shape[1] + 1)
        for m, colour in enumerate(shades(len(mean))):
            ax.errorbar(
                numbers, mean[m], error[m], marker="o", markersize=3, capsize=2, color=colour
            )
        ax.plot(numbers, self.random_walk(), "k--", linewidth=1, label="free random walk")
        ax.set_yscale("log")
        ax.legend()
        return ax


def measure_boundary(
    landscape: Any, snapshots: list[np.ndarray], plan: Plan, threads: int | None
) -> Boundary | None:
    """The shares of all samples, or None for a landscape without samples or decision boundary."""
    decides = getattr(landscape, "loss", MARGIN_LOSSES[0]) in MARGIN_LOSSES
    if not hasattr(landscape, "sample_losses") or not decides or not snapshots:
        return None
    shares = []
    for theta in snapshots:
        shown, fine = without_lost(theta)
        losses = landscape.sample_losses(shown, threads=threads).astype(np.float64)
        losses[~fine] = np.nan
        losses = losses.reshape(len(plan.temperatures), plan.replicas, -1) / losses.shape[-1]
        shares.append(losses / plan.temperatures[:, None, None])
    return Boundary(np.array(shares, dtype=np.float32))


def measure_directions(
    landscape: Any, snapshots: list[np.ndarray], count: int, threads: int | None
) -> Directions | None:
    """Principal components of each replica's snapshots (dual form), and the loss at their mean."""
    if len(snapshots) < 3:
        return None
    stack = np.array(snapshots)  # [S, M K, P]
    rows = stack.shape[1]
    components = min(COMPONENTS, len(snapshots) - 1, stack.shape[2])
    fractions = np.full((rows, components), np.nan)
    times = np.full((rows, components), np.nan)
    for row in range(rows):  # one small eigenproblem each: nothing of the engine in this loop
        if np.isfinite(stack[:, row]).all():
            fractions[row], times[row] = _principal(stack[:, row].astype(np.float64), components)
    means = stack.mean(axis=0, dtype=np.float64).astype(stack.dtype)
    return Directions(
        fractions=fractions.reshape(count, -1, components),
        times=times.reshape(count, -1, components),
        snapshots=len(snapshots),
        loss_at_mean=energies(landscape, means, threads).reshape(count, -1),
    )


def _principal(path: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Variance fractions and autocorrelation times of the first components of a path [S, P]."""
    path = path - path.mean(axis=0)
    gram = path @ path.T
    values, vectors = np.linalg.eigh(gram)
    largest = slice(None, -components - 1, -1)
    total = np.trace(gram)
    scores = vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0))
    times = [decorrelation_time(score[:, None]) for score in scores.T]
    return values[largest] / total if total > 0 else np.full(components, np.nan), np.array(times)
