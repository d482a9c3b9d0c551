"""What an estimate of local learning coefficients holds, and whether it can be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..results import Result
from .estimates import (
    LARGEST_R_HAT,
    difference_of_halves,
    mean_with_error,
    split_r_hat,
    variance_with_error,
)
from .tables import table, value_with_error

DIVERGED = 2  # status code of a chain that left the finite numbers
ERRORS = 4  # standard errors by which a test must fail to count
EQUILIBRIUM = "equilibrium"


@dataclass(frozen=True, eq=False)
class LearningCoefficient(Result):
    """Chains in the posterior localised at each of R points w*, K chains per point.

    Arrays of S records taken after the burn-in, all [S, R, K]: ``energies`` L, ``virials``
    (w - w*) . grad L and ``squared_distances`` |w - w*|^2. Per point: ``centers`` w* [R, P],
    ``reference`` L(w*) [R], ``step_size`` [R]. Per chain [R, K]: ``status`` (0 ok, 2 diverged) and
    ``acceptance`` (nan unless Metropolis). ``temperature`` is T = 1/(n beta), ``localization``
    gamma. Estimates are methods; each returns values and one standard error, both [R]. Diverged
    chains are left out of every estimate and listed by `lost`.
    """

    energies: np.ndarray
    virials: np.ndarray
    squared_distances: np.ndarray
    centers: np.ndarray
    reference: np.ndarray
    status: np.ndarray
    acceptance: np.ndarray
    temperature: float
    localization: float
    scheme: str
    step_size: np.ndarray
    steps: int
    burn_in: float
    seconds: float

    @property
    def kept(self) -> np.ndarray:
        """Which chains [R, K] enter the estimates: those that never diverged."""
        return (self.status != DIVERGED) & np.isfinite(self.energies).all(axis=0)

    @property
    def lost(self) -> list[tuple[int, int]]:
        """(point index, chain index) of every chain left out of the estimates."""
        return [(int(r), int(k)) for r, k in np.argwhere(~self.kept)]

    @property
    def excess(self) -> np.ndarray:
        """(L - L(w*)) / T of every record [S, R, K]."""
        return (self.energies - self.reference[:, None]) / self.temperature

    def coefficient(self) -> tuple[np.ndarray, np.ndarray]:
        """lambda_hat = (<L> - L(w*))/T and its standard error: the k of a thermal chart."""
        return self._each(mean_with_error, self.excess)

    def coefficient_from_variance(self) -> tuple[np.ndarray, np.ndarray]:
        """Var(L)/T^2 and its standard error; knows no L(w*), so a w* beside the minimum is seen.

        Equal to lambda_hat where the volume of {L - L(w*) < E} is a power of E. It is
        d<L>/dT exactly, so elsewhere the difference says how lambda_hat changes with T.
        """
        return self._each(variance_with_error, self.excess)

    def virial_ratio(self) -> tuple[np.ndarray, np.ndarray]:
        """(<(w - w*) . grad L>/T + gamma <|w - w*|^2>) / P, exactly 1 in equilibrium."""
        work = self.virials / self.temperature + self.localization * self.squared_distances
        return self._each(mean_with_error, work / self.centers.shape[1])

    def held_by_localization(self) -> tuple[np.ndarray, np.ndarray]:
        """Share gamma <|w - w*|^2> / P of the virial: 1 where only the localisation holds."""
        share = self.localization * self.squared_distances / self.centers.shape[1]
        return self._each(mean_with_error, share)

    def drift(self) -> tuple[np.ndarray, np.ndarray]:
        """lambda_hat of the second half of the records minus that of the first."""
        return self._each(difference_of_halves, self.excess)

    def r_hat(self) -> np.ndarray:
        """Split R-hat [R] of L over the kept chains: 1 when all halves of all chains agree."""
        kept, excess = self.kept, self.excess
        with np.errstate(over="ignore", invalid="ignore"):  # chains that fall without end
            return np.array([split_r_hat(excess[:, r, kept[r]]) for r in range(len(kept))])

    def negative(self) -> np.ndarray:
        """Where lambda_hat [R] is below 0 by more than its error, or energies fell P T below L(w*).

        There w* is no minimum, and lambda_hat means nothing.
        """
        value, error = self.coefficient()
        return (value + ERRORS * error < 0) | (self.lowest() < -self.centers.shape[1])

    def lowest(self) -> np.ndarray:
        """Lowest (L - L(w*))/T [R] that any kept chain met; below 0, w* is not the lowest point."""
        kept, excess = self.kept, self.excess
        lows = [excess[:, r, kept[r]] for r in range(len(kept))]
        return np.array([low.min() if low.size else np.nan for low in lows])

    def verdict(self) -> list[str]:
        """For each point "equilibrium", or all that speaks against it."""
        kept, r_hat, negative = self.kept, self.r_hat(), self.negative()
        drift, drift_error = self.drift()
        virial, virial_error = self.virial_ratio()
        verdicts = []
        for r in range(len(kept)):
            against = []
            if not kept[r].any():
                verdicts.append("every chain diverged: use a smaller step_size")
                continue
            if not kept[r].all():
                against.append(f"{(~kept[r]).sum()} of {kept[r].size} chains diverged")
            if not r_hat[r] <= LARGEST_R_HAT:
                against.append(f"R-hat {r_hat[r]:.2f}: run longer")
            if abs(drift[r]) > ERRORS * drift_error[r]:
                against.append(f"drift {drift[r]:+.2g}: run longer")
            if abs(virial[r] - 1) > ERRORS * virial_error[r]:
                against.append(f"virial {virial[r]:.3f}: run longer or use a smaller step_size")
            if negative[r]:
                against.append("energies far below L(w*): not a minimum")
            verdicts.append("; ".join(against) or EQUILIBRIUM)
        return verdicts

    def _each(self, estimate, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Apply an estimate to the kept chains of every point."""
        kept = self.kept
        with np.errstate(over="ignore", invalid="ignore"):  # chains that fall without end
            pairs = [estimate(series[:, r, kept[r]]) for r in range(len(kept))]
        values, errors = np.array(pairs).T
        return values, errors

    def summary(self) -> str:
        """A table, one row per point, with what was run above and how to read it below."""
        columns = (
            self.coefficient(),
            self.coefficient_from_variance(),
            self.virial_ratio(),
            self.drift(),
        )
        rows = [
            [str(r), f"{self.reference[r]:.4g}"]
            + [value_with_error(v[r], e[r], i == 3) for i, (v, e) in enumerate(columns)]
            + [f"{self.held_by_localization()[0][r]:.2f}", f"{self.r_hat()[r]:.3f}"]
            + [str((~self.kept[r]).sum()), verdict]
            for r, verdict in enumerate(self.verdict())
        ]
        names = ["point", "L(w*)", "lambda", "from variance", "virial", "drift", "held", "R-hat"]
        return "\n".join(
            [self._heading(), "", table([*names, "lost", "verdict"], rows), *self._remarks()]
        )

    def _heading(self) -> str:
        """What was run: a coefficient means little without its temperature and localisation."""
        (count, dim), chains = self.centers.shape, self.status.shape[1]
        return (
            f"local learning coefficient: P = {dim}, T = {self.temperature:.4g}, "
            f"localization {self.localization:g}, {count} points x {chains} chains, {self.scheme}, "
            f"{self.steps} steps ({self.burn_in:.0%} burn-in), {len(self.energies)} records"
        )

    def _remarks(self) -> list[str]:
        """Lines under the table: how to read it, and what went wrong."""
        remarks = [
            f"+- is one standard error; a regular minimum has lambda = P/2 = "
            f"{self.centers.shape[1] / 2:g}; held is the share of the localisation"
        ]
        below = np.flatnonzero(self.lowest() < -1)
        if below.size:
            remarks.append(f"energies below L(w*) - T were met from points {below.tolist()}")
        if np.isfinite(self.acceptance).any():
            rates = ", ".join(f"{rate:.2f}" for rate in np.nanmean(self.acceptance, axis=1))
            remarks.append(f"acceptance per point: {rates}")
        return remarks

    def plot(self, ax=None):
        """Draw lambda_hat of every point, hollow where not in equilibrium; returns the axes."""
        from ..plotting import axes  # matplotlib is optional

        ax = axes(ax, xlabel="point", ylabel=r"local learning coefficient $\hat\lambda$")
        value, error = self.coefficient()
        good = np.array([verdict == EQUILIBRIUM for verdict in self.verdict()])
        place = np.arange(len(good))
        for chosen, face, label in ((good, None, EQUILIBRIUM), (~good, "none", "see verdict")):
            if chosen.any():
                ax.errorbar(place[chosen], value[chosen], error[chosen], fmt="o", capsize=2,
                            mfc=face, color="C0", label=label)  # fmt: skip
        ax.set_xticks(place if len(place) <= 20 else place[:: len(place) // 10])
        ax.legend()
        return ax
