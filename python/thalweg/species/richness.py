"""Lower bounds on the number of minima."""

from __future__ import annotations

import math
from typing import Any

from .counts import checked_hits, normal_quantile

RARE = 10  # ACE: minima hit at most so often are rare


def chao1(hits: Any) -> tuple[float, float]:
    """Return Chao's *lower bound* on the number of minima, and its standard error.

    ``S + f0``, ``f0 = k f_1^2 / (2 f_2)``, k = (m-1)/m; ``k f_1 (f_1 - 1) / 2`` without doubletons.
    Exact on average for equal basins. For unequal ones it is too small, often by far more than its
    error: with log-normal weights (sigma = 2) of 1000 minima, 10^4 runs give about 790 +- 30.
    With no singletons, or one and no doubletons, it is S, error 0: a bound without information.

    Parameters
    ----------
    hits : int array [S]
        As in `good_turing_coverage`.

    Returns
    -------
    bound, error : float
        Numbers of minima.

    Raises
    ------
    TypeError, ValueError
        If `hits` are not counts, or no minimum was hit.

    References
    ----------
    A. Chao, Scand. J. Statist. 11, 265 (1984); variance: A. Chao, Biometrics 43, 783 (1987),
    doi:10.2307/2531532.

    Examples
    --------
    >>> from thalweg.species import chao1
    >>> bound, error = chao1([9, 5, 3, 2, 2, 1, 1, 1, 1])
    >>> round(bound, 2), round(error, 2)
    (12.84, 5.09)
    """
    counts, f1, f2 = checked_hits(hits)
    m, found = int(counts.sum()), counts.size
    k = (m - 1) / m
    if f2:
        r = f1 / f2
        variance = f2 * (k * r**2 / 2 + k**2 * r**3 + k**2 * r**4 / 4)
        return found + k * f1**2 / (2 * f2), math.sqrt(variance)
    unseen = k * f1 * (f1 - 1) / 2
    if unseen == 0:
        return float(found), 0.0
    spread = k**2 * f1 * (2 * f1 - 1) ** 2 / 4 - k**2 * f1**4 / (4 * (found + unseen))
    return found + unseen, math.sqrt(unseen + spread)


def chao1_interval(hits: Any, confidence: float = 0.95) -> tuple[float, float]:
    """Return the log-normal confidence interval of `chao1`: (S + f0/K, S + f0 K).

    It covers the bound, not the number of minima, unless all basins are equal. Arguments and
    errors as in `esty_interval`.

    References
    ----------
    A. Chao, Biometrics 43, 783 (1987), doi:10.2307/2531532.

    Examples
    --------
    >>> from thalweg.species import chao1_interval
    >>> low, high = chao1_interval([9, 5, 3, 2, 2, 1, 1, 1, 1])
    >>> round(low, 2), round(high, 2)
    (9.53, 36.67)
    """
    z, found = normal_quantile(confidence), checked_hits(hits)[0].size
    bound, error = chao1(hits)
    unseen = bound - found
    if unseen == 0:
        return bound, bound
    factor = math.exp(z * math.sqrt(math.log1p((error / unseen) ** 2)))
    return found + unseen / factor, found + unseen * factor


def ace(hits: Any) -> float:
    """Return the abundance-based coverage estimate of the number of minima (rare: <= 10 hits).

    ``S_abundant + S_rare/C + (f_1/C) g2`` with C = 1 - f_1/n_rare and g2 the squared coefficient
    of variation of the rare weights. A lower bound in practice, like `chao1`; nan if all rare
    minima are singletons, where it does not exist. Arguments and errors as in `chao1`.

    References
    ----------
    A. Chao, S.-M. Lee, J. Amer. Statist. Assoc. 87, 210 (1992), doi:10.1080/01621459.1992.10475194.

    Examples
    --------
    >>> from thalweg.species import ace
    >>> round(ace([90, 50, 3, 2, 2, 1, 1, 1]), 3)
    10.571
    """
    counts, f1, _ = checked_hits(hits)
    rare = counts[counts <= RARE]
    n = int(rare.sum())
    if n == 0:
        return float(counts.size)
    if f1 == n:
        return math.nan
    c = 1 - f1 / n
    pairs = float((rare * (rare - 1.0)).sum())
    squared_variation = max(rare.size / c * pairs / (n * (n - 1)) - 1, 0.0)
    return (counts.size - rare.size) + rare.size / c + f1 / c * squared_variation
