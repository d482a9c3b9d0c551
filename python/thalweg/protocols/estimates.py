"""Means and variances of correlated series, with error bars that know they are correlated.

A series here is [S, K]: S successive records of K independent replicas. Two records a few steps
apart are nearly the same measurement, so the naive standard error std / sqrt(S K) is far too small.
The error bars below count *independent* things instead: replicas where there are enough of them,
long blocks of each replica where there are not.
"""

from __future__ import annotations

import numpy as np

from .._checks import message

ENOUGH_REPLICAS = 4  # from here on replicas alone carry the error bar
BLOCKS = 10  # blocks per replica below that
FEWEST_RECORDS = 2 * BLOCKS  # a block needs two records to be more than a single measurement


def require_records(steps: int, burn_in: float, record_every: int) -> None:
    """Refuse a run too short for an error bar, before it starts."""
    records = steps // record_every - int(burn_in * steps) // record_every
    if records < FEWEST_RECORDS:
        expected = f"at least {FEWEST_RECORDS} records after burn-in"
        fix = f"{steps} steps, recorded every {record_every} after the first {burn_in:.0%}."
        raise ValueError(message("steps", expected, str(records), fix))


def independent_means(series: np.ndarray) -> np.ndarray:
    """Means of the independent units of a series [S, K]: one per replica, or ten per replica.

    With at least four replicas every replica is one unit: exact whatever the correlation in time,
    and it sees replicas that are stuck in different places. With fewer, each is cut into ten
    blocks, which is right when a block outlasts the correlations.
    """
    records, replicas = series.shape
    if replicas >= ENOUGH_REPLICAS:
        return series.mean(axis=0)
    length = records // BLOCKS
    if length == 0:
        raise ValueError(f"{records} records cannot be cut into {BLOCKS} blocks")
    blocks = series[records - length * BLOCKS :].reshape(BLOCKS, length, replicas)
    return blocks.mean(axis=1).ravel()


def mean_with_error(series: np.ndarray) -> tuple[float, float]:
    """Mean of a series [S, K] and its standard error; (nan, nan) for no replicas.

    Examples
    --------
    >>> import numpy as np
    >>> mean_with_error(np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]))
    (2.5, 0.6454972243679028)
    """
    if series.shape[1] == 0:
        return np.nan, np.nan
    units = independent_means(series)
    return float(series.mean()), float(units.std(ddof=1) / np.sqrt(units.size))


def variance_with_error(series: np.ndarray) -> tuple[float, float]:
    """Equilibrium variance of the quantity in a series [S, K], and its standard error.

    Law of total variance: (mean variance within a replica) + (variance between replica means).
    A finite run sees only part of the variance, Var - Var(replica mean); the second term restores
    exactly what is missing, however correlated the records are. With few replicas Var(replica
    mean) = K error(mean)^2 comes from the blocks. The error bar is that of the mean of
    (x - mean)^2, which is a series like any other.
    """
    if series.shape[1] == 0:
        return np.nan, np.nan
    mean, error = mean_with_error(series)
    within = series.var(axis=0).mean()
    between = series.shape[1] * error**2
    return float(within + between), mean_with_error((series - mean) ** 2)[1]


def split_r_hat(series: np.ndarray) -> float:
    """Split R-hat of a series [S, K]: 1 when the halves of all replicas have one law.

    sqrt((W + B)/W) with W the mean variance within a half and B the variance between the means of
    the 2 K halves. nan for no replicas or fewer than four records.

    References
    ----------
    A. Gelman, D. B. Rubin, Stat. Sci. 7, 457 (1992), doi:10.1214/ss/1177011136; halves as in
    A. Vehtari et al., Bayesian Anal. 16, 667 (2021), doi:10.1214/20-BA1221.

    Examples
    --------
    >>> import numpy as np
    >>> rising = np.arange(8.0)[:, None]
    >>> round(split_r_hat(rising), 2), round(split_r_hat(rising % 2), 2)
    (2.36, 0.87)
    """
    half = len(series) // 2
    if series.shape[1] == 0 or half < 2:
        return np.nan
    halves = np.concatenate([series[:half], series[-half:]], axis=1)
    within = halves.var(axis=0, ddof=1).mean() * (half - 1) / half
    between = halves.mean(axis=0).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else np.inf
    return float(np.sqrt((within + between) / halves.var(axis=0, ddof=1).mean()))
