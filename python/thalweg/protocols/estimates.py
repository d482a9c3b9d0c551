"""Estimates from correlated series, with error bars that know they are correlated.

A series here is [S, K]: S successive records of K independent replicas. Two records a few steps
apart are nearly the same measurement, so the naive standard error std / sqrt(S K) is far too small.
The error bars below count *independent* things instead: replicas where there are enough of them,
long blocks of each replica where there are not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._checks import message

ENOUGH_REPLICAS = 4  # from here on replicas alone carry the error bar
# Two or three replicas whose means scatter more than their blocks allow (1 % of the chi^2 law with
# K - 1 degrees of freedom) sit in different places; their blocks are then not independent.
DISAGREE = {2: 6.63, 3: 4.61}
BLOCKS = 10  # blocks per replica below that
FEWEST_RECORDS = 2 * BLOCKS  # a block needs two records to be more than a single measurement
LARGEST_R_HAT = 1.05  # above, replicas disagree
WINDOW = 5  # autocorrelations are summed over so many of their own times (Sokal)


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
    blocks, which is right when a block outlasts the correlations; but two or three replicas that
    disagree are the units themselves.
    """
    records, replicas = series.shape
    if replicas >= ENOUGH_REPLICAS:
        return series.mean(axis=0)
    length = records // BLOCKS
    if length == 0:
        raise ValueError(f"{records} records cannot be cut into {BLOCKS} blocks")
    blocks = series[records - length * BLOCKS :].reshape(BLOCKS, length, replicas).mean(axis=1)
    means = blocks.mean(axis=0)
    if replicas > 1:
        expected = blocks.var(axis=0, ddof=1).mean() / BLOCKS
        if means.var(ddof=1) > DISAGREE[replicas] * expected:
            return means
    return blocks.ravel()


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


def sparse_mean_with_error(series: np.ndarray) -> tuple[float, float]:
    """`mean_with_error` of a few records [S, K] taken so far apart that each counts for itself.

    With too few replicas to carry the error bar and too few records for blocks, every record is
    one unit.
    """
    if series.shape[1] >= ENOUGH_REPLICAS or len(series) >= FEWEST_RECORDS or not series.size:
        return mean_with_error(series)
    spread = series.std(ddof=1) if series.size > 1 else np.nan
    return float(series.mean()), float(spread / np.sqrt(series.size))


def variance_with_error(series: np.ndarray) -> tuple[float, float]:
    """Equilibrium variance of the quantity in a series [S, K], and its standard error.

    Law of total variance: (mean variance within a replica) + (variance between replica means).
    A finite run sees only part of the variance, Var - Var(replica mean); the second term restores
    exactly what is missing, however correlated the records are. Of a single replica it comes from
    the blocks. The error bar is that of the mean of (x - mean)^2, a series like any other.
    """
    if series.shape[1] == 0:
        return np.nan, np.nan
    mean, error = mean_with_error(series)
    value = total_variance(series) + (error**2 if series.shape[1] == 1 else 0.0)
    return value, mean_with_error((series - mean) ** 2)[1]


def total_variance(series: np.ndarray) -> float:
    """Mean variance within a replica plus variance between replica means, of a series [S, K]."""
    between = series.mean(axis=0).var(ddof=1) if series.shape[1] > 1 else 0.0
    return float(series.var(axis=0).mean() + between)


def jackknife(estimate: Callable[..., float], *series: np.ndarray) -> tuple[float, float]:
    """Any estimate from whole series [S, K], and its standard error by leaving one unit out.

    Units as in `independent_means`: a replica, or a tenth of the run of all replicas.

    References
    ----------
    B. Efron, C. Stein, Ann. Statist. 9, 586 (1981), doi:10.1214/aos/1176345462.

    Examples
    --------
    >>> import numpy as np
    >>> value, error = jackknife(np.mean, np.array([[1.0, 2.0, 3.0, 4.0]]))
    >>> value, round(error, 6)  # the mean's own standard error
    (2.5, 0.645497)
    """
    records, replicas = series[0].shape
    if replicas == 0:
        return np.nan, np.nan
    if replicas >= ENOUGH_REPLICAS:
        units, axis = np.arange(replicas), 1
    else:
        units, axis = np.arange(records) * BLOCKS // records, 0
    left = [
        estimate(*(np.compress(units != unit, each, axis=axis) for each in series))
        for unit in np.unique(units)
    ]
    return float(estimate(*series)), float(np.std(left) * np.sqrt(len(left) - 1))


def autocorrelation_time(series: np.ndarray) -> float:
    """Integrated autocorrelation time of a series [S, K] in records, 1 for independent records.

    tau = 1 + 2 sum_t rho(t), summed up to the first t > 5 tau (Sokal's window), rho averaged over
    replicas around their common mean: replicas stuck in different places never decorrelate. S K /
    tau is the number of independent records. A run shorter than some 50 tau underestimates it.

    References
    ----------
    A. Sokal, in: Functional Integration, NATO ASI B 361 (1997), doi:10.1007/978-1-4899-0319-8_6.
    """
    rho = autocorrelations(series)
    if rho is None:
        return np.nan
    times = 2 * np.cumsum(rho) - 1
    beyond = np.arange(len(rho)) > WINDOW * times
    return float(max(1.0, times[np.argmax(beyond) if beyond.any() else -1]))


def decorrelation_time(series: np.ndarray) -> float:
    """The same sum up to the first lag at which the autocorrelation is not positive.

    An oscillation, whose autocorrelations cancel in the long run, counts as memory here: the
    principal components of a random walk are half-waves, and have forgotten nothing.
    """
    rho = autocorrelations(series)
    if rho is None:
        return np.nan
    negative = rho <= 0
    return float(2 * rho[: np.argmax(negative) if negative.any() else None].sum() - 1)


def autocorrelations(series: np.ndarray) -> np.ndarray | None:
    """Autocorrelation at lags 0 .. S - 1, averaged over replicas; None if nothing moves."""
    records, replicas = series.shape
    centred = series - series.mean() if replicas else series
    power = float((centred**2).mean()) if series.size else 0.0
    if not power > 0:
        return None
    spectrum = np.abs(np.fft.rfft(centred, 2 * records, axis=0)) ** 2
    sums = np.fft.irfft(spectrum, axis=0)[:records].mean(axis=1)
    return sums / np.arange(records, 0, -1) / power


def split_r_hat(series: np.ndarray) -> float:
    """Gelman-Rubin R-hat of a series [S, K], every replica cut in two; 1 when all have mixed.

    sqrt((W (h-1)/h + B) / W): W is the mean variance within the 2 K halves of h records, B the
    variance of their means. It sees replicas that differ and replicas that drift.

    References
    ----------
    A. Gelman, D. Rubin, Statist. Sci. 7, 457 (1992), doi:10.1214/ss/1177011136; halves as in
    A. Vehtari et al., Bayesian Anal. 16, 667 (2021), doi:10.1214/20-BA1221.
    """
    half = len(series) // 2
    if half < 2 or series.shape[1] == 0:
        return np.nan
    halves = np.concatenate([series[:half], series[-half:]], axis=1)
    within = halves.var(axis=0, ddof=1).mean()
    between = halves.mean(axis=0).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else np.inf
    return float(np.sqrt((half - 1) / half + between / within))


def difference_of_halves(series: np.ndarray) -> tuple[float, float]:
    """Mean of the second half of a series [S, K] less that of the first, and its standard error.

    The halves count as independent: true when the run is many correlation times long.
    """
    half = len(series) // 2
    early, early_error = mean_with_error(series[:half])
    late, late_error = mean_with_error(series[half:])
    return late - early, float(np.hypot(early_error, late_error))


def power_law(x: np.ndarray, y: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Exponent of y ~ x^a and its standard error, by weighted least squares of the logarithms.

    Points that are not finite and positive are left out; (nan, nan) for fewer than three. Where
    the points scatter more about the line than their errors allow (chi^2 per degree of freedom
    above 1), no power law holds exactly and the error is widened by that factor's square root.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 10.0, 100.0])
    >>> power_law(x, 3 * x**0.5, 0.01 * x**0.5)[0].__round__(6)
    0.5
    """
    good = np.isfinite(y) & np.isfinite(error) & (y > 0)
    if good.sum() < 3:
        return np.nan, np.nan
    u, v, width = np.log(x[good]), np.log(y[good]), (error / np.where(good, y, 1))[good]
    width = np.maximum(width, 1e-12)  # exact values weigh alike
    weight = width**-2
    centre = np.average(u, weights=weight)
    spread = float(weight @ (u - centre) ** 2)
    slope = float(weight @ ((u - centre) * v)) / spread
    rest = v - np.average(v, weights=weight) - slope * (u - centre)
    excess = max(1.0, float(weight @ rest**2) / (good.sum() - 2))
    return slope, float(np.sqrt(excess / spread))


def per_temperature(estimate: Callable[[np.ndarray], tuple], series: np.ndarray) -> tuple:
    """Apply an estimate to the replicas of every temperature of a series [S, M, K].

    A replica that is nan anywhere was lost and is left out. Returns one array [M] for each number
    that the estimate returns.
    """
    kept = np.isfinite(series).all(axis=0)
    each = [estimate(series[:, m, kept[m]]) for m in range(series.shape[1])]
    return tuple(np.array(column) for column in zip(*each, strict=True))
