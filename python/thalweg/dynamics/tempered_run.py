"""What parallel tempering leaves behind: records by temperature, the account of swaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import known_options
from .swaps import Exchange
from .trajectory import CarriedState, Resumable, Status

__all__ = ["TemperedRun"]

ENOUGH_COPIES = 4  # from here on copies of the ladder carry the error bar


@known_options
@dataclass(frozen=True, eq=False)
class TemperedRun(Resumable):
    """A run of `ParallelTempering`: everything at each temperature, and who was there.

    Letters: M temperatures, K copies of the ladder, P parameters, S_rec records. Axis [M, K] of
    records is (temperature, copy); of `status` and `state` it is (walker, copy), flattened to
    [M K]: walker w started at temperature w.

    Attributes
    ----------
    temperatures : array [M]
    energies : array [S_rec, M, K]
        At each temperature after each recorded step, before the swaps of that step; nan where a
        walker that diverged sits.
    steps : int64 array [S_rec]
        The recorded steps, counted from 1.
    walkers : int32 array [S_rec, M, K]
        Which walker was at temperature m of copy k.
    observables : dict of str to array [S_rec, M, K]
    points : array [S_rec, M, K, P] or None
    final : array [M, K, P]
        The points after the last step.
    final_energies : array [M, K]
    exchange : Exchange
        Attempts and acceptances of each pair [M - 1, K], round trips of each walker [M, K].
    swap_every : int
        Steps between rounds of swaps.
    status : Status
        Which walkers [M K] are ok or diverged, and since when.
    seconds : float
    dynamics : ParallelTempering
    state : CarriedState
    provenance : dict

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic(1.0, dim=6)
    >>> tempering = tw.ParallelTempering([0.1, 0.2, 0.4], 0.1, confinement=10.0)
    >>> half = tempering.run(well, np.zeros(6), 50, copies=8, rng=3)
    >>> whole = tempering.run(well, np.zeros(6), 100, copies=8, rng=3)
    >>> bool((half.resume(50).energies == whole.energies).all())
    True
    """

    temperatures: np.ndarray
    energies: np.ndarray
    steps: np.ndarray
    walkers: np.ndarray
    observables: dict[str, np.ndarray]
    points: np.ndarray | None
    final: np.ndarray
    final_energies: np.ndarray
    exchange: Exchange
    swap_every: int
    status: Status
    seconds: float
    dynamics: Any
    state: CarriedState

    @property
    def lost(self) -> list[tuple[int, int]]:
        """(walker, copy) of every walker that diverged."""
        copies = self.final.shape[1]
        return [divmod(int(row), copies) for row in self.status.diverged]

    def acceptance(self) -> tuple[np.ndarray, np.ndarray]:
        """Share of accepted swaps between neighbours, and its standard error, both [M - 1].

        With four copies or more the error is that between copies, exact however slowly walkers
        move. With fewer it is that of independent swaps, which is too small where energies do not
        change much from round to round. nan where nothing was tried.
        """
        tried, done = self.exchange.attempts, self.exchange.accepted
        with np.errstate(invalid="ignore", divide="ignore"):
            share = done.sum(axis=1) / tried.sum(axis=1)
            if tried.shape[1] < ENOUGH_COPIES:
                return share, np.sqrt(share * (1 - share) / tried.sum(axis=1))
            # A ratio of sums over copies: its error from what each copy leaves over.
            rest = done - share[:, None] * tried
            spread = np.sqrt((rest**2).sum(axis=1) * tried.shape[1] / (tried.shape[1] - 1))
            return share, spread / tried.sum(axis=1)

    def round_trips(self) -> tuple[np.ndarray, float]:
        """Round trips (lowest, highest, lowest) of each walker [M, K], and their mean steps.

        The clock of a walker starts when it first comes to the lowest temperature. The mean is
        over finished trips, so that a run of few of them favours the quick ones; nan without any.
        """
        trips = self.exchange.trips
        total = trips.sum()
        return trips, float(self.exchange.trip_steps.sum() / total) if total else float("nan")

    def ideal_round_trip(self) -> float:
        """Mean steps of a round trip at this acceptance if energies forgot between two rounds.

        See `thalweg.theory.tempering.round_trip_rounds`; inf if a pair never swapped.
        """
        from ..theory.tempering import round_trip_rounds  # scipy only where it is asked for

        share, _ = self.acceptance()
        return self.swap_every * round_trip_rounds(share) if (share > 0).all() else float("inf")

    def levels(self) -> np.ndarray:
        """Index of the temperature of each walker, int [S_rec, M, K]: `walkers` the other way."""
        return np.argsort(self.walkers, axis=1)

    def summary(self) -> str:
        """Return a table, one row per temperature, and the round trips."""
        count, copies, dim = self.final.shape
        steps = self.state.total_steps
        late = self.energies[len(self.energies) // 2 :].astype(float)
        share, error = self.acceptance()
        lines = [
            f"parallel tempering: {count} temperatures x {copies} copies, P = {dim}, {steps} "
            f"steps, swaps every {self.swap_every}",
            f"{'T':>10} {'<L>':>12} {'<L>/T':>8}  swaps with the next",
        ]
        for m, temperature in enumerate(self.temperatures):
            known = late[:, m][np.isfinite(late[:, m])]
            mean = known.mean() if known.size else float("nan")
            up = f"{share[m]:.3f} +- {error[m]:.3f}" if m < count - 1 else ""
            lines.append(f"{temperature:>10.4g} {mean:>12.5g} {mean / temperature:>8.4g}  {up}")
        trips, mean_steps = self.round_trips()
        if trips.any():
            lines.append(
                f"round trips: {trips.sum()} by {(trips > 0).sum()} of {trips.size} walkers, "
                f"{mean_steps:.4g} steps each "
                f"({self.ideal_round_trip():.4g} if nothing held them up)"
            )
        else:
            lines.append("round trips: none yet")
        lines.append("<L> is the mean over the second half of the records")
        if self.lost:
            names = ", ".join(f"{w} of copy {k}" for w, k in self.lost)
            lines.append(f"diverged walkers, out of all swaps since: {names}")
        return "\n".join(lines)

    def plot(self, ax: Any = None, copy: int = 0) -> Any:
        """Draw the way of every walker of one copy through the temperatures; returns the axes.

        Lines that cross the whole range are healthy; a band that none crosses is a bottleneck:
        put temperatures there.
        """
        from ..plotting import axes  # matplotlib is optional

        ax = axes(ax, xlabel="step", ylabel="temperature $T$", title="one line per walker")
        thin = max(1, len(self.steps) // 500)
        paths = self.temperatures[self.levels()[::thin, :, copy]]
        ax.plot(self.steps[::thin], paths, linewidth=0.8, drawstyle="steps-mid")
        ax.set_yscale("log")
        return ax

    def __repr__(self) -> str:
        count, copies, dim = self.final.shape
        return (
            f"TemperedRun(M={count}, K={copies}, P={dim}, steps={self.state.total_steps}, "
            f"records={len(self.steps)}; {self.status!r})"
        )
