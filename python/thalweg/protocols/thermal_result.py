"""What a thermal chart holds, and the estimates that can be read from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..results import Result
from .estimates import mean_with_error, variance_with_error
from .tables import table, value_with_error

AGEING = (
    "ageing, no equilibrium: measure='free' confines nothing, so where the loss falls to zero at "
    "infinity these numbers depend on the length of the run and are no dimension"
)
DIVERGED = 2  # status code of a replica that left the finite numbers


@dataclass(frozen=True, eq=False)
class ThermalChart(Result):
    """What a landscape looks like to thermal noise, at M temperatures with K replicas each.

    Arrays of S records taken after the burn-in: ``energies``, ``virials`` (theta . grad L) and
    ``squared_norms`` (|theta|^2), all [S, M, K]. Per replica [M, K]: ``restores`` (blow-ups undone
    by the guard), ``status`` (0 ok, 2 diverged), ``acceptance`` (nan unless Metropolis) and the
    last point ``final`` [M, K, P]. Estimates are methods; each returns values and one standard
    error, both [M], from independent replicas (see `estimates`). Diverged replicas are left out of
    every estimate and listed by `lost`.
    """

    temperatures: np.ndarray
    energies: np.ndarray
    virials: np.ndarray
    squared_norms: np.ndarray
    restores: np.ndarray
    status: np.ndarray
    acceptance: np.ndarray
    final: np.ndarray
    measure: str
    confinement: float
    scheme: str
    step_size: np.ndarray
    steps: int
    burn_in: float
    cooling: float
    initial_temperature: float
    seconds: float

    @property
    def kept(self) -> np.ndarray:
        """Which replicas [M, K] enter the estimates: those that never diverged."""
        return (self.status != DIVERGED) & np.isfinite(self.energies).all(axis=0)

    @property
    def lost(self) -> list[tuple[int, int]]:
        """(temperature index, replica index) of every replica left out of the estimates."""
        return [(int(m), int(k)) for m, k in np.argwhere(~self.kept)]

    def mean_loss(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss <L> and its standard error."""
        return self._each(mean_with_error, self.energies)

    def loss_variance(self) -> tuple[np.ndarray, np.ndarray]:
        """Variance of the loss, within and between replicas, and its standard error."""
        return self._each(variance_with_error, self.energies)

    def k(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss in units of the temperature, k = <L>/T: half the dimension from the mean."""
        return tuple(x / self.temperatures for x in self.mean_loss())

    def dimension_from_mean(self) -> tuple[np.ndarray, np.ndarray]:
        """Effective dimension 2 <L>/T: a harmonic well of that many directions holds as much."""
        return tuple(2 * x / self.temperatures for x in self.mean_loss())

    def dimension_from_variance(self) -> tuple[np.ndarray, np.ndarray]:
        """Effective dimension 2 Var(L)/T^2: a harmonic well of that many directions shakes so."""
        return tuple(2 * x / self.temperatures**2 for x in self.loss_variance())

    def virial_ratio(self) -> tuple[np.ndarray, np.ndarray]:
        """(<theta . grad L>/T + <|theta|^2>/sigma^2) / P, exactly 1 in equilibrium in the box.

        nan for measure "free", where there is nothing to compare with. Walls that reflect (the lid
        of ExponentialWalls) add a surface term that is not counted here.
        """
        if self.measure != "box":
            return np.full(len(self.temperatures), np.nan), np.full(len(self.temperatures), np.nan)
        work = self.virials / self.temperatures[:, None]
        sizes = self.squared_norms / self.confinement**2
        return self._each(mean_with_error, (work + sizes) / self.final.shape[-1])

    def drift(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss of the second half over that of the first, minus 1: not 0 while it ages."""
        half = len(self.energies) // 2
        early, early_error = self._each(mean_with_error, self.energies[:half])
        late, late_error = self._each(mean_with_error, self.energies[half:])
        ratio = late / early
        # The halves are taken as independent: true when the run is many correlation times long.
        return ratio - 1, np.abs(ratio) * np.hypot(early_error / early, late_error / late)

    def _each(self, estimate, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Apply an estimate to the kept replicas of every temperature."""
        kept = self.kept
        pairs = [estimate(series[:, m, kept[m]]) for m in range(len(self.temperatures))]
        values, errors = np.array(pairs).T
        return values, errors

    def summary(self) -> str:
        """A table, one row per temperature, with what was run above and what was lost below."""
        columns = (
            ("<L>", self.mean_loss()),
            ("<L>/T", self.k()),
            ("d(mean)", self.dimension_from_mean()),
            ("d(variance)", self.dimension_from_variance()),
            ("virial", self.virial_ratio()),
            ("drift", self.drift()),
        )
        rows = [
            [f"{t:.3g}"]
            + [value_with_error(v[m], e[m], name == "drift") for name, (v, e) in columns]
            + [str(self.restores[m].sum()), str((~self.kept[m]).sum())]
            for m, t in enumerate(self.temperatures)
        ]
        names = ["T", *(name for name, _ in columns), "restores", "lost"]
        return "\n".join([self._heading(), "", table(names, rows), *self._remarks()])

    def _heading(self) -> str:
        """What was run, in one line: a dimension means nothing without its measure."""
        count, replicas, dim = self.final.shape
        box = f"box of width {self.confinement:g}" if self.measure == "box" else "no box (free)"
        return (
            f"thermal chart: P = {dim}, {box}, {count} temperatures x {replicas} replicas, "
            f"{self.scheme}, {self.steps} steps ({self.cooling:.0%} cooling, "
            f"{self.burn_in:.0%} burn-in), {len(self.energies)} records"
        )

    def _remarks(self) -> list[str]:
        """Lines under the table: how to read it, and everything that went wrong."""
        remarks = ["+- is one standard error; in equilibrium virial is 1 and drift is 0"]
        if self.measure == "free":
            remarks.append(AGEING)
        shaken = [
            f"T={t:.3g}" for t, n in zip(self.temperatures, self.restores, strict=True) if n.any()
        ]
        if shaken:
            remarks.append(f"blow-ups were undone at {', '.join(shaken)}: use a smaller step_size")
        if self.lost:
            places = ", ".join(f"T={self.temperatures[m]:.3g} replica {k}" for m, k in self.lost)
            remarks.append(f"left out because they diverged: {places}")
        if np.isfinite(self.acceptance).any():
            rates = ", ".join(f"{rate:.2f}" for rate in np.nanmean(self.acceptance, axis=1))
            remarks.append(f"acceptance per temperature: {rates}")
        return remarks

    def plot(self, ax=None):
        """Draw both effective dimensions against temperature; returns the axes."""
        from ..plotting import axes  # matplotlib is optional

        title = "no box: ageing, no equilibrium" if self.measure == "free" else None
        ax = axes(ax, xlabel="temperature $T$", ylabel="effective dimension", title=title)
        for label, marker, (value, error) in (
            (r"from the mean, $2\langle L\rangle/T$", "o", self.dimension_from_mean()),
            (r"from the variance, $2\,\mathrm{Var}L/T^2$", "s", self.dimension_from_variance()),
        ):
            ax.errorbar(self.temperatures, value, error, marker=marker, capsize=2, label=label)
        ax.set_xscale("log")
        ax.set_ylim(bottom=0)
        ax.legend()
        return ax
