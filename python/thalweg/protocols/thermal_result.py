"""What a thermal chart holds, and the estimates that can be read from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..results import Result
from ..theory import walls
from . import thermal_figure, thermal_summary, thermal_verdict
from .estimates import (
    autocorrelation_time,
    difference_of_halves,
    jackknife,
    mean_with_error,
    per_temperature,
    power_law,
    sparse_mean_with_error,
    split_r_hat,
    total_variance,
    variance_with_error,
)
from .thermal_curvature import Curvature
from .thermal_run import lengths
from .thermal_snapshots import Boundary, Directions

DIVERGED = 2  # status code of a replica that left the finite numbers


@dataclass(frozen=True, eq=False)
class ThermalChart(Result):
    """What a landscape looks like to thermal noise, at M temperatures with K replicas each.

    Estimates are methods; unless they say otherwise each returns values and one standard error,
    both [M], from independent replicas (see `estimates`). Diverged replicas are left out of every
    estimate and listed by `lost`.

    Attributes
    ----------
    temperatures : array [M]
    energies, virials, squared_norms, gradient_squared_norms : arrays [S, M, K]
        L, theta . grad L, |theta|^2 and |grad L|^2 in the S records after the burn-in.
    restores, restores_sampling : int arrays [M, K]
        Blow-ups undone by the guard: in all, and after the burn-in.
    first_restore : int array [M, K]
        The step by which the first was undone (runs are looked at a few dozen times), 0: none.
    status, lost_steps : int arrays [M, K]
        0 ok, 2 diverged; and the first bad step, 0: none.
    trained : bool array [M, K]
        Which replicas began at trained points.
    acceptance : array [M, K]
        nan unless the scheme is "metropolis".
    final : array [M, K, P]
        The last points.
    boundary : Boundary or None
        Losses of single samples in the snapshots, where the landscape has samples.
    directions : Directions or None
        Principal components of the motion.
    curvature : Curvature or None
        The Hessian in the snapshots; None if it was not asked for.
    steps_made : int
        Steps of every replica; fewer than ``steps`` after Ctrl-C.
    measure, confinement, ridge, ground, scheme, units, step_size, steps, burn_in, cooling,
    initial_temperature, record_every : as given
    seconds : float
    """

    temperatures: np.ndarray
    energies: np.ndarray
    virials: np.ndarray
    squared_norms: np.ndarray
    gradient_squared_norms: np.ndarray
    restores: np.ndarray
    restores_sampling: np.ndarray
    first_restore: np.ndarray
    status: np.ndarray
    lost_steps: np.ndarray
    trained: np.ndarray
    acceptance: np.ndarray
    final: np.ndarray
    boundary: Boundary | None
    directions: Directions | None
    curvature: Curvature | None
    measure: str
    confinement: float
    ridge: float | None
    ground: float
    scheme: str
    units: str
    step_size: np.ndarray
    steps: int
    burn_in: float
    cooling: float
    initial_temperature: float
    record_every: int
    steps_made: int
    seconds: float

    # --- What was sampled. ---

    @property
    def widths(self) -> np.ndarray:
        """Sigma of the confining Gaussian [M]: the box, sqrt(T / ridge), or inf."""
        if self.measure == "ridge":
            return np.sqrt(self.temperatures / self.ridge)
        return np.full(
            len(self.temperatures), self.confinement if self.measure == "box" else np.inf
        )

    @property
    def kept(self) -> np.ndarray:
        """Which replicas [M, K] enter the estimates: those that never diverged."""
        return (self.status != DIVERGED) & np.isfinite(self.energies).all(axis=0)

    @property
    def lost(self) -> list[tuple[int, int]]:
        """(temperature index, replica index) of every replica left out; see ``lost_steps``."""
        return [(int(m), int(k)) for m, k in np.argwhere(~self.kept)]

    def thermal_energy(self) -> np.ndarray:
        """The energy V [S, M, K] that the temperature is conjugate to: L, with its ridge if any."""
        if self.measure != "ridge":
            return self.energies
        return self.energies + 0.5 * self.ridge * self.squared_norms

    # --- Dimensions. ---

    def mean_loss(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss <L> and its standard error."""
        return self._each(mean_with_error, self.energies)

    def loss_variance(self) -> tuple[np.ndarray, np.ndarray]:
        """Variance of the loss, within and between replicas, and its standard error."""
        return self._each(variance_with_error, self.energies)

    def k(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss above the ground in units of T, k = <L>/T: half the dimension from the mean."""
        mean, error = self.mean_loss()
        return (mean - self.ground) / self.temperatures, error / self.temperatures

    def dimension_from_mean(self) -> tuple[np.ndarray, np.ndarray]:
        """Effective dimension 2 <L>/T: a harmonic well of that many directions holds as much."""
        return tuple(2 * x for x in self.k())

    def dimension_from_variance(self) -> tuple[np.ndarray, np.ndarray]:
        """Effective dimension 2 Var(L)/T^2: a harmonic well of that many directions shakes so."""
        return tuple(2 * x / self.temperatures**2 for x in self.loss_variance())

    def dimension_without_thermometer(self) -> tuple[np.ndarray, np.ndarray]:
        """Effective dimension 2 <L>^2 / Var(L): knows nothing of T; for energies ~ Gamma(k)."""

        def estimate(series):
            with np.errstate(invalid="ignore"):  # nothing moves: no dimension
                return 2 * series.mean() ** 2 / np.float64(total_variance(series))

        above = self.energies - self.ground
        return self._each(lambda series: jackknife(estimate, series), above)

    def exponent(self) -> tuple[float, float]:
        """Exponent a of <L> ~ T^a over the whole ladder, and its standard error; 1 for a well."""
        mean, error = self.mean_loss()
        return power_law(self.temperatures, mean - self.ground, error)

    def loss_at_mean(self) -> tuple[np.ndarray, np.ndarray]:
        """Loss of a replica's mean point in units of T, and its standard error; nan if not known.

        In a convex well it lies below k. A run that sees the whole box has its mean near the
        centre, whatever is there: it then tends to L(0)/T.
        """
        if self.directions is None:
            return np.full(len(self.temperatures), np.nan), np.full(len(self.temperatures), np.nan)
        series = self.directions.loss_at_mean[None] / self.temperatures[:, None]
        return self._each(sparse_mean_with_error, series)

    # --- What the simplest model of walls says, without a free parameter, once k is measured. ---

    def predicted_points_near_boundary(self, level: float = walls.BOUNDARY_LEVEL) -> np.ndarray:
        """Samples near the boundary [M] that N tilted walls with this <L>/T would have."""
        return self._predicted(walls.tilted_points_near_boundary, level)

    def predicted_participation(self) -> np.ndarray:
        """Participation [M] that N tilted walls with this <L>/T would have."""
        return self._predicted(walls.tilted_participation)

    def _predicted(self, model, *arguments) -> np.ndarray:
        predicted = np.full(len(self.temperatures), np.nan)
        k = predicted if self.boundary is None else self.boundary.total()[0]
        known = np.isfinite(k) & (k > 0)
        if self.boundary is not None and known.any():
            predicted[known] = model(k[known], self.boundary.samples, *arguments)
        return predicted

    # --- Thermometers and tests of equilibrium. ---

    def heat_capacity_from_fluctuations(self) -> tuple[np.ndarray, np.ndarray]:
        """Var(V)/T^2, and its standard error."""
        pair = self._each(variance_with_error, self.thermal_energy())
        return tuple(x / self.temperatures**2 for x in pair)

    def heat_capacity_from_difference(
        self, among: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """d<V>/dT by second-order differences along the ladder, exact for a + b T + c T^2.

        In the box and with a ridge this equals Var(V)/T^2 exactly. Differences are taken among the
        temperatures of the mask `among` [M] (default: where a replica is left), nan elsewhere and
        for fewer than three. The standard error is that of the means; the error of the difference
        formula comes on top where <V> bends between neighbours, most at the ends.
        """
        mean, error = self._each(mean_with_error, self.thermal_energy())
        usable = np.isfinite(mean) if among is None else among & np.isfinite(mean)
        at = np.flatnonzero(usable)
        at = at[np.argsort(self.temperatures[at])]
        value, width = np.full(len(mean), np.nan), np.full(len(mean), np.nan)
        if at.size >= 3:
            rule = np.gradient(np.eye(at.size), self.temperatures[at], axis=0, edge_order=2)
            value[at], width[at] = rule @ mean[at], np.sqrt(rule**2 @ error[at] ** 2)
        return value, width

    def gamma_distance(self) -> tuple[np.ndarray, np.ndarray]:
        """Kolmogorov-Smirnov distance of L/T from Gamma(k, 1), k = <L>/T, and its own scale, [M].

        The scale is the distance that as many independent draws would have on average,
        sqrt(pi/2) log(2) / sqrt(n), n = records / autocorrelation time (a little less, as k is
        fitted). Distances up to twice that are what a Gamma law gives.
        """

        def estimate(series):
            if series.size == 0 or not series.mean() > 0:
                return np.nan, np.nan
            draws = series.size / autocorrelation_time(series)
            mean = series.mean()
            distance = stats.kstest(series.ravel(), stats.gamma(mean).cdf).statistic
            return distance, np.sqrt(np.pi / 2 / draws) * np.log(2)

        return self._each(estimate, (self.energies - self.ground) / self.temperatures[:, None])

    def skewness(self) -> tuple[np.ndarray, np.ndarray]:
        """Skewness of L, and its standard error; 2/sqrt(k) for Gamma(k)."""

        def estimate(series):
            return float(stats.skew(series, axis=None))

        return self._each(lambda series: jackknife(estimate, series), self.energies)

    def virial_ratio(self) -> tuple[np.ndarray, np.ndarray]:
        """(<theta . grad L>/T + <|theta|^2>/sigma^2) / P, exactly 1 in equilibrium.

        nan for measure "free", where there is nothing to compare with. Walls that reflect (the lid
        of ExponentialWalls) add a surface term that is not counted here.
        """
        if self.measure == "free":
            return np.full(len(self.temperatures), np.nan), np.full(len(self.temperatures), np.nan)
        work = self.virials / self.temperatures[:, None]
        sizes = self.squared_norms / self.widths[:, None] ** 2
        return self._each(mean_with_error, (work + sizes) / self.final.shape[-1])

    def configurational_temperature(self) -> tuple[np.ndarray, np.ndarray]:
        """<|grad U|^2> / <lap U>, the temperature of the motion in units of the one asked for.

        U = L/T + |theta|^2 / (2 sigma^2), so 1 in equilibrium (H. H. Rugh, Phys. Rev. Lett. 78,
        772 (1997), doi:10.1103/PhysRevLett.78.772). The Laplacian comes from the traces in
        `curvature`; nan without them, or where the landscape has kinks: they push, but an exact
        Hessian does not see them.
        """
        nothing = np.full(len(self.temperatures), np.nan)
        if self.curvature is None or self.curvature.kinks:
            return nothing, nothing
        t, box = self.temperatures[:, None], self.widths[:, None] ** -2
        force = self.gradient_squared_norms / t**2 + 2 * box * self.virials / t
        force, force_error = self._each(mean_with_error, force + box**2 * self.squared_norms)
        trace, trace_error = self.curvature.trace()
        laplacian = trace / self.temperatures + self.final.shape[-1] * box[:, 0]
        ratio = force / laplacian
        relative = np.hypot(force_error / force, trace_error / self.temperatures / laplacian)
        return ratio, np.abs(ratio) * relative

    def drift(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss of the second half less that of the first, in standard deviations of the loss.

        Not 0 while it ages. nan where the loss does not fluctuate.
        """
        pair = self._each(difference_of_halves, self.energies)
        with np.errstate(divide="ignore", invalid="ignore"):
            return tuple(x / np.sqrt(self.loss_variance()[0]) for x in pair)

    def r_hat(self) -> np.ndarray:
        """Gelman-Rubin R-hat [M] of the loss, over halves of replicas started hot and trained."""
        return self._each(lambda series: (split_r_hat(series),), self.energies)[0]

    def correlation_time(self) -> np.ndarray:
        """Integrated autocorrelation time [M] of the loss, in steps."""
        pair = self._each(lambda series: (autocorrelation_time(series),), self.energies)
        return pair[0] * self.record_every

    def mixing_times(self) -> np.ndarray:
        """Length of the sampled part [M] in mixing times of the box, the slowest thing there is.

        These take 2 pi sigma / h steps of BAOAB (natural units), 2 (sigma / s)^2 of the others; in
        plain units s^2 = 2 h T. nan for plain BAOAB, where the friction decides, and without a box.
        """
        far = lengths(self.step_size, self.temperatures, self.units, self.scheme)
        mixing = 2 * np.pi * self.widths / far
        if self.scheme != "baoab":
            mixing = 2 * (self.widths / far) ** 2
        elif self.units == "plain":
            mixing = np.full(len(far), np.nan)
        sampled = self.record_every * len(self.energies)
        return np.where(np.isfinite(self.widths), sampled / mixing, np.nan)

    def verdicts(self) -> list[thermal_verdict.Verdict]:
        """Return for every temperature whether it is in equilibrium, and if not, why not."""
        return thermal_verdict.judge(self)

    def _each(self, estimate, series: np.ndarray) -> tuple:
        """Apply an estimate to the kept replicas of every temperature."""
        return per_temperature(estimate, np.where(self.kept, series, np.nan))

    # --- For people. ---

    def summary(self) -> str:
        """Return tables, a row per temperature, of dimensions, tests, boundary and curvature."""
        return thermal_summary.text(self)

    def plot(self, axes=None):
        """Draw the four panels of the chart; returns their axes [4].

        Mean loss against temperature; the energy histograms collapsed onto Gamma(k); samples near
        the boundary against k; curvature against temperature.
        """
        return thermal_figure.draw(self, axes)
