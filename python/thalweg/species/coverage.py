"""Coverage: the share of all basins, by weight, that the found minima make up."""

from __future__ import annotations

import math
from typing import Any

from .counts import checked_hits, normal_quantile


def good_turing_coverage(hits: Any) -> tuple[float, float]:
    """Return the coverage of a search and Esty's standard error of it.

    Coverage is the probability that one more run ends in a minimum already found:
    ``C = 1 - (f_1/m) (m-1) f_1 / ((m-1) f_1 + 2 f_2)``, error
    ``sqrt(f_1 (1 - f_1/m) + 2 f_2) / m``. Without doubletons this is Good's 1 - f_1/m. Without
    singletons the number says nothing; use `coverage_statement`.

    Parameters
    ----------
    hits : int array [S]
        How often each minimum was hit. Zeros (minima known from elsewhere) count as not found.

    Returns
    -------
    coverage, error : float
        Dimensionless, in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If `hits` are not counts, or no minimum was hit.

    References
    ----------
    I. J. Good, Biometrika 40, 237 (1953), doi:10.1093/biomet/40.3-4.237.
    A. Chao, L. Jost, Ecology 93, 2533 (2012), eq. 4a, doi:10.1890/11-1952.1.
    W. W. Esty, Ann. Statist. 11, 905 (1983), doi:10.1214/aos/1176346256.

    Examples
    --------
    >>> from thalweg.species import good_turing_coverage
    >>> coverage, error = good_turing_coverage([50, 30, 15, 2, 2, 1])
    >>> round(coverage, 3), round(error, 3)
    (0.99, 0.022)
    """
    counts, f1, f2 = checked_hits(hits)
    m = int(counts.sum())
    factor = (m - 1) * f1 / ((m - 1) * f1 + 2 * f2) if f2 else 1.0
    return 1 - f1 / m * factor, math.sqrt(f1 * (1 - f1 / m) + 2 * f2) / m


def esty_interval(hits: Any, confidence: float = 0.95) -> tuple[float, float]:
    """Return a confidence interval of the coverage, within [0, 1].

    Normal, with Esty's error, around `good_turing_coverage`. Its lower end is never above
    ``1 + ln(1 - confidence)/m``, about 1 - 3/m, which is also what remains when there are no
    singletons: rare minima of total weight u give about Poisson(m u) singletons, so that none is
    seen with probability exp(-m u).

    Parameters
    ----------
    hits : int array [S]
        As in `good_turing_coverage`.
    confidence : float
        In (0, 1).

    Raises
    ------
    TypeError, ValueError
        For bad arguments.

    References
    ----------
    W. W. Esty, Ann. Statist. 11, 905 (1983), doi:10.1214/aos/1176346256.

    Examples
    --------
    >>> from thalweg.species import esty_interval
    >>> low, high = esty_interval([500, 300, 200])   # no singletons: more than 1 - 3/m
    >>> round(low, 4), high
    (0.997, 1.0)
    """
    z, m = normal_quantile(confidence), int(checked_hits(hits)[0].sum())
    coverage, error = good_turing_coverage(hits)
    none_seen = 1 + math.log(1 - confidence) / m
    return max(0.0, min(coverage - z * error, none_seen)), min(1.0, coverage + z * error)


def coverage_statement(hits: Any) -> str:
    """Return the coverage as a sentence that never claims more than was measured.

    Without singletons the estimate is 1, which is no measurement: the sentence is then the bound
    "coverage > 1 - 3/m". Only a certificate can say "complete". Arguments and errors as in
    `good_turing_coverage`.

    Examples
    --------
    >>> from thalweg.species import coverage_statement
    >>> print(coverage_statement([50, 30, 15, 2, 2, 1]))
    coverage 0.99 +- 0.02
    >>> print(coverage_statement([500, 300, 200]))
    coverage > 1 - 3/1000 = 0.997 (95 %)
    """
    counts, f1, _ = checked_hits(hits)
    m = int(counts.sum())
    if f1 == 0:
        return f"coverage > 1 - 3/{m} = {max(0.0, 1 - 3 / m):.{_digits(3 / m)}f} (95 %)"
    if f1 == m:
        return f"coverage near 0: each of {m} runs found another minimum"
    coverage, error = good_turing_coverage(hits)
    digits = _digits(error)
    return f"coverage {coverage:.{digits}f} +- {error:.{digits}f}"


def _digits(error: float) -> int:
    """Return the decimals that show an error to one digit."""
    return max(0, -math.floor(math.log10(error)))
