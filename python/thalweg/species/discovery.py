"""Discovery: what was found with how many runs, and what more runs should find."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._checks import finite_array, integer, message, real, show
from .counts import checked_hits


def discovery_curve(labels: Any) -> np.ndarray:
    """Return S(m) for m = 1 .. M: how many different minima the first m runs found, int [M].

    Parameters
    ----------
    labels : int array [M]
        Which minimum each run ended in, in the order of the runs; negative for a run that ended in
        none.

    Raises
    ------
    TypeError, ValueError
        If `labels` are not integers [M], M >= 1.

    Examples
    --------
    >>> from thalweg.species import discovery_curve
    >>> discovery_curve([4, 4, -1, 7, 4])
    array([1, 1, 1, 2, 2])
    """
    labels = np.asarray(labels)
    expected = "one integer per run [M], M >= 1"
    if labels.size and labels.dtype.kind not in "iu":
        raise TypeError(message("labels", expected, show(labels)))
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(message("labels", expected, f"shape {list(labels.shape)}"))
    minima, first = np.unique(labels, return_index=True)
    new = np.zeros(labels.size, dtype=np.int64)
    new[first[minima >= 0]] = 1
    return np.cumsum(new)


def rarefaction_curve(hits: Any, runs: Any) -> np.ndarray:
    """Return how many minima a random part of the runs would have found, on average.

    The discovery curve averaged over all orders of the runs, exactly:
    ``S - sum_i C(m - n_i, k) / C(m, k)`` for k of the m runs, n_i hits of minimum i.

    Parameters
    ----------
    hits : int array [S]
        As in `good_turing_coverage`.
    runs : int or int array
        k, from 0 to m.

    Returns
    -------
    array of the shape of `runs`

    Raises
    ------
    TypeError, ValueError
        For bad arguments.

    References
    ----------
    S. H. Hurlbert, Ecology 52, 577 (1971), doi:10.2307/1934145.

    Examples
    --------
    >>> from thalweg.species import rarefaction_curve
    >>> rarefaction_curve([3, 1], [0, 1, 2, 4]).round(6)
    array([0. , 1. , 1.5, 2. ])
    """
    counts, _, _ = checked_hits(hits)
    m, runs = int(counts.sum()), np.asarray(runs)
    expected = f"integers from 0 to m = {m}"
    if runs.dtype.kind not in "iu":
        raise TypeError(message("runs", expected, show(runs)))
    if runs.size and (runs.min() < 0 or runs.max() > m):
        raise ValueError(message("runs", expected, f"{runs.min()} to {runs.max()}"))
    found = np.zeros(runs.shape)
    for often, minima in zip(*np.unique(counts, return_counts=True), strict=True):
        left = (m - often) - runs  # runs outside the part that hit another minimum
        some = np.maximum(left, 0)
        log_missed = (
            _log_factorial(m - often) - _log_factorial(some)
            + _log_factorial(m - runs) - _log_factorial(m)
        )  # fmt: skip
        found += minima * np.where(left >= 0, -np.expm1(log_missed), 1.0)
    return found


def expected_new(hits: Any, runs: int) -> tuple[float, float]:
    """Return how many new minima the next `runs` runs should find, and the standard error.

    With t = runs/m: for t <= 1 Good and Toulmin's unbiased ``-sum_j (-t)^j f_j``. Beyond, that
    series explodes; its terms are weighted with P(L >= j), L binomial(k, 2/(t+2)) with
    k = log_3(m t^2/(t-1))/2, which is biased but useful up to t = ln m, and refused further out.
    The error is that of the prediction, ``sqrt(sum_j w_j^2 f_j + new)`` with w_j the weight of f_j:
    the sampling of the hits, and the luck of the runs to come. Beyond t = 1 the bias comes on top.

    Parameters
    ----------
    hits : int array [S]
        As in `good_turing_coverage`.
    runs : int
        From 1 to ``m max(1, ln m)``; runs that end in a minimum, like those counted in `hits`.

    Returns
    -------
    new, error : float
        Numbers of minima. `new` may be negative within its error: cutting it would bias it.

    Raises
    ------
    TypeError, ValueError
        For bad arguments; for `runs` out of range.

    References
    ----------
    I. J. Good, G. H. Toulmin, Biometrika 43, 45 (1956), doi:10.1093/biomet/43.1-2.45.
    A. Orlitsky, A. T. Suresh, Y. Wu, PNAS 113, 13283 (2016), doi:10.1073/pnas.1607774113.

    Examples
    --------
    >>> from thalweg.species import expected_new
    >>> new, error = expected_new([9, 5, 3, 2, 2, 1, 1, 1, 1], runs=10)
    >>> round(new, 2), round(error, 2)
    (1.35, 1.43)
    """
    counts, _, _ = checked_hits(hits)
    m = int(counts.sum())
    furthest = int(m * max(1.0, math.log(m)))
    if integer("runs", runs) > furthest:
        fix = "Nothing is known so far out: run more, then ask again."
        raise ValueError(
            message("runs", f"at most m ln m = {furthest} for m = {m}", f"{runs}", fix)
        )
    t = runs / m
    often, minima = np.unique(counts, return_counts=True)  # j and f_j
    with np.errstate(over="ignore"):
        weights = -((-t) ** often.astype(float))
    if t > 1:
        tails = _binomial_tails(int(math.log(m * t**2 / (t - 1), 3) / 2), 2 / (t + 2))
        kept = often < len(tails)
        often, minima, weights = often[kept], minima[kept], weights[kept] * tails[often[kept]]
    new = float(weights @ minima)
    return new, math.sqrt(float(weights**2 @ minima) + max(new, 0.0))


def coupon_collector_runs(basins: Any, success_rate: float = 1.0) -> float:
    """Return the expected number of runs until every minimum has been hit.

    For n equal basins ``n H_n``; for weights p_i the integral over t > 0 of
    ``1 - prod_i (1 - exp(-p_i t))``; both over the fraction of runs that end in a minimum at all.
    Weights measured by `hits` are taken as exact and minima not yet found are left out, so the
    result is what *these* minima cost, not a promise for the landscape.

    Parameters
    ----------
    basins : int or array [S]
        The number n of equal basins; or weights > 0 of each, in any units: `hits`, volumes.
    success_rate : float
        In (0, 1].

    Raises
    ------
    TypeError, ValueError
        For bad arguments; for a weight of zero, which no number of runs can find.

    References
    ----------
    P. Flajolet, D. Gardy, L. Thimonier, Discrete Appl. Math. 39, 207 (1992),
    doi:10.1016/0166-218X(92)90177-C.

    Examples
    --------
    >>> from thalweg.species import coupon_collector_runs
    >>> round(coupon_collector_runs(56), 1), round(coupon_collector_runs([9, 1]), 6)
    (258.2, 10.111111)
    """
    success_rate = real("success_rate", success_rate, above=0, most=1)
    if np.ndim(basins) == 0:
        return _equal_basins(integer("basins", basins)) / success_rate
    weights = finite_array("basins", basins).astype(float)
    if weights.ndim != 1 or weights.size == 0 or weights.min() <= 0:
        got = f"a weight of {weights.min():g}" if weights.size else "none"
        got = got if weights.ndim == 1 else f"shape {list(weights.shape)}"
        fix = "Leave out minima that were never hit: their basins are not measured."
        raise ValueError(message("basins", "a number n or positive weights [S]", got, fix))
    weights = weights / weights.sum()
    # t = e^u: the integrand is entire in u and falls on both sides, so that the trapezoidal rule
    # converges exponentially; what is cut off is below 1e-13.
    longest = (math.log(weights.size) + 60) / weights.min()
    u = np.arange(-30.0, math.log(longest), 0.05)
    log_found = np.zeros_like(u)
    for weight, minima in zip(*np.unique(weights, return_counts=True), strict=True):
        log_found += minima * np.log(-np.expm1(-weight * np.exp(u)))
    return 0.05 * float(np.exp(u) @ -np.expm1(log_found)) / success_rate


def _binomial_tails(trials: int, probability: float) -> np.ndarray:
    """Return P(L >= j) for j = 0 .. trials, L binomial."""
    chances = [
        math.comb(trials, j) * probability**j * (1 - probability) ** (trials - j)
        for j in range(trials + 1)
    ]
    return np.cumsum(chances[::-1])[::-1]


def _equal_basins(count: int) -> float:
    """Return n H_n."""
    if count > 10**6:  # next term of the series: 1/(12 n^2)
        return count * (math.log(count) + np.euler_gamma + 0.5 / count)
    return count * math.fsum(1 / i for i in range(1, count + 1))


_log_factorial = np.vectorize(lambda n: math.lgamma(n + 1.0), otypes=[float])
