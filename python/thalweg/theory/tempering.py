"""Parallel tempering of energies with a Gamma law: exact acceptance, ladders, round trips.

At temperature T the energy of a system with ``{L < E}`` of volume ~ E^k is T times a Gamma(k)
number: a harmonic well of d = 2 k stiff directions, or exponential walls (`thermal_chart` measures
k = <L>/T). All that follows needs only that law.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betainc, betaincinv

from .._checks import finite_array, message, real, show

__all__ = ["round_trip_rounds", "swap_acceptance", "temperature_ladder"]


def swap_acceptance(k: Any, ratio: Any) -> Any:
    """Return the mean acceptance of swaps between temperatures T and ``ratio`` T.

    ``A = 2 I_{1/(1 + R)}(k, k)`` with I the regularised incomplete beta function. Derivation: a
    swap of cold (energy a T) and hot (b R T; a and b are Gamma(k)) is accepted with probability
    min(1, w), w = exp[(1/T - 1/(R T)) (a T - b R T)]. Swapping two states in equilibrium is a
    reversible move, so that those with w < 1 are accepted as often as those with w > 1, which
    always are: A = 2 Pr(w > 1) = 2 Pr(a > R b) = 2 Pr(b/(a + b) < 1/(1 + R)), and b/(a + b) has
    the law Beta(k, k).

    Parameters
    ----------
    k : float or array
        > 0: mean energy over temperature, half the number of stiff harmonic directions.
    ratio : float or array
        R > 0, of the two temperatures; R and 1/R are the same pair.

    Returns
    -------
    float or array
        Dimensionless, in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If an argument is not a finite number > 0.

    References
    ----------
    For d = 2 k harmonic directions: C. Predescu, M. Predescu, C. V. Ciobanu, J. Chem. Phys. 120,
    4119 (2004), doi:10.1063/1.1644093.

    Examples
    --------
    >>> from thalweg.theory.tempering import swap_acceptance
    >>> round(swap_acceptance(18, 1.45), 3)
    0.27
    """
    k, ratio = _positive("k", k), _positive("ratio", ratio)
    found = np.minimum(1.0, 2 * betainc(k, k, 1 / (1 + np.maximum(ratio, 1 / ratio))))
    return float(found) if np.ndim(found) == 0 else found


def temperature_ladder(
    lowest: float, highest: float, k: float, acceptance: float = 0.25
) -> np.ndarray:
    """Return the shortest geometric ladder whose neighbours swap at least as often as asked.

    Solves `swap_acceptance` for the largest ratio allowed and spreads the fewest such steps evenly
    between both ends. One k must serve the whole ladder; take the largest one met. (By hand:
    R = 1 + 1.9/sqrt(k) gives 0.27 at k = 18, but 0.35 at k = 5 and 0.18 for large k.)

    Parameters
    ----------
    lowest, highest : float
        The ends, > 0, in units of the energy (k_B = 1).
    k : float
        > 0: mean energy over temperature, as in `swap_acceptance`.
    acceptance : float
        Between 0 and 1.

    Returns
    -------
    array [M]
        Rising temperatures, M >= 2, with both ends.

    Raises
    ------
    TypeError, ValueError
        For numbers out of range, and if `highest` is not above `lowest`.

    Examples
    --------
    >>> from thalweg.theory.tempering import temperature_ladder
    >>> temperature_ladder(0.01, 0.1, k=18).round(4)
    array([0.01  , 0.0147, 0.0215, 0.0316, 0.0464, 0.0681, 0.1   ])
    """
    lowest, k = real("lowest", lowest, above=0), real("k", k, above=0)
    highest = real("highest", highest, above=0)
    if not highest > lowest:
        raise ValueError(message("highest", f"a number > lowest = {lowest:g}", f"{highest:g}"))
    wanted = real("acceptance", acceptance, above=0, below=1)
    share = float(betaincinv(k, k, wanted / 2))  # 1 / (1 + R)
    widest = np.log1p(-share) - np.log(share)  # log R
    steps = np.log(highest) - np.log(lowest)
    # An asked acceptance that a whole number of steps meets exactly must not cost one step more.
    count = max(1, int(np.ceil(steps / widest * (1 - 1e-12))))
    ladder = np.exp(np.linspace(np.log(lowest), np.log(highest), count + 1))
    ladder[[0, -1]] = lowest, highest
    return ladder


def round_trip_rounds(acceptance: Any) -> float:
    """Return the mean round-trip time of a walker, in rounds of swaps, where energies forget fast.

    With M temperatures, neighbours i that accept with probability A_i, even and odd pairs in turn
    and independent energies from round to round, a walker goes on in its direction while it is
    accepted and turns when it is refused; from the lowest temperature to the highest and back it
    takes ``M (2 + 2 sum_i (1 - A_i)/A_i)`` rounds on average. A measured time that is much longer
    says that walkers are held up inside a temperature: rounds are too frequent to count, or there
    is a bottleneck.

    Parameters
    ----------
    acceptance : array [M - 1]
        Of each pair of neighbours, in (0, 1].

    Raises
    ------
    TypeError, ValueError
        If these are not probabilities > 0.

    References
    ----------
    S. Syed, A. Bouchard-Cote, G. Deligiannidis, A. Doucet, J. R. Stat. Soc. B 84, 321 (2022),
    doi:10.1111/rssb.12464.

    Examples
    --------
    >>> from thalweg.theory.tempering import round_trip_rounds
    >>> round_trip_rounds([1.0, 1.0, 1.0])  # a conveyor belt: M up, M down
    8.0
    >>> round_trip_rounds([0.25, 0.25, 0.25])
    80.0
    """
    rates = _positive("acceptance", acceptance)
    if rates.ndim != 1 or rates.size == 0 or rates.max() > 1:
        expected = "probabilities [M - 1] in (0, 1], one per pair of neighbours"
        got = show(rates) if rates.ndim != 1 or not rates.size else f"{rates.max():g}"
        raise ValueError(message("acceptance", expected, got))
    return float((rates.size + 1) * (2 + 2 * ((1 - rates) / rates).sum()))


def _positive(argument: str, value: Any) -> np.ndarray:
    array = finite_array(argument, value).astype(float)
    if (array <= 0).any():
        raise ValueError(message(argument, "numbers > 0", f"{array.min():g}"))
    return array
