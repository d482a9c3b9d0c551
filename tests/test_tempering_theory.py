"""Closed forms of parallel tempering against simulation of just what they assume."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate
from scipy.stats import gamma, norm

import thalweg as tw
from thalweg.theory.tempering import round_trip_rounds, swap_acceptance, temperature_ladder

PAIRS = [(5, 2.0), (18, 1.5), (18, 2.0), (0.5, 4.0), (1, 1.1), (60, 1.2)]


@pytest.mark.parametrize(("k", "ratio"), PAIRS)
def test_acceptance_is_that_of_gamma_energies(k, ratio):
    """The mean of min(1, w) itself, over independent energies: four standard errors."""
    draw = np.random.default_rng(3)
    cold, hot = draw.gamma(k, size=400_000), ratio * draw.gamma(k, size=400_000)
    accepted = np.minimum(1, np.exp((1 - 1 / ratio) * (cold - hot)))
    error = accepted.std() / np.sqrt(accepted.size)
    assert abs(swap_acceptance(k, ratio) - accepted.mean()) < 4 * error
    assert error < 1e-3


@pytest.mark.parametrize(("k", "ratio"), PAIRS)
def test_acceptance_is_the_integral(k, ratio):
    """2 Pr(cold > hot) by quadrature, to the digits that quadrature has."""
    value, _ = integrate.quad(
        lambda a: gamma.pdf(a, k) * gamma.cdf(a / ratio, k), 0, np.inf, epsabs=1e-12, limit=200
    )
    assert_allclose(swap_acceptance(k, ratio), 2 * value, rtol=1e-6)


def test_acceptance_knows_published_values_and_limits():
    """The figures that the design was made with (Monte Carlo: 0.2903, 0.2292, 0.0408)."""
    assert_allclose(swap_acceptance([5, 18, 18], [2, 1.5, 2]), [0.2897, 0.2286, 0.0408], atol=5e-5)
    assert swap_acceptance(18, 1.0) == 1.0
    assert swap_acceptance(7, 0.5) == swap_acceptance(7, 2.0)
    k, ratio = 1.0, 3.0  # Exp(1): Pr(a > R b) = 1/(1 + R)
    assert_allclose(swap_acceptance(k, ratio), 2 / (1 + ratio))
    assert isinstance(swap_acceptance(1, 2), float)


def test_the_rule_of_thumb_gives_what_is_said_of_it():
    """R = 1 + 1.9/sqrt(k): for large k, 2 Pr(z < -1.9/sqrt(2)) of a normal z."""
    k = np.array([5, 18, 1e6])
    found = swap_acceptance(k, 1 + 1.9 / np.sqrt(k))
    assert_allclose(found, [0.35, 0.27, 2 * norm.cdf(-1.9 / np.sqrt(2))], atol=0.005)


@pytest.mark.parametrize("k", [0.5, 4, 18, 300])
@pytest.mark.parametrize("wanted", [0.05, 0.25, 0.6])
def test_ladders_are_the_shortest_that_swap_enough(k, wanted):
    ladder = temperature_ladder(1e-4, 0.3, k, wanted)
    assert ladder[0] == 1e-4
    assert ladder[-1] == 0.3
    ratios = ladder[1:] / ladder[:-1]
    assert_allclose(ratios, ratios[0])
    assert swap_acceptance(k, ratios[0]) >= wanted
    if len(ladder) > 2:
        wider = (0.3 / 1e-4) ** (1 / (len(ladder) - 2))
        assert swap_acceptance(k, wider) < wanted, "one temperature less would have done"


def test_a_ladder_that_fits_exactly_has_no_step_too_many():
    ratio = temperature_ladder(1.0, 1.0001, 7)[1]
    assert ratio == 1.0001
    wanted = swap_acceptance(7, 1.5)
    assert len(temperature_ladder(1.0, 1.5**6, 7, wanted)) == 7


def walk_of_one(rates, rounds, rng):
    """Rounds per round trip of a walker that swaps by coin: even and odd pairs in turn."""
    level, heading, trips, began, count = 0, 1, [], 0, len(rates)
    coins = rng.random((rounds, count))
    for step in range(1, rounds + 1):
        parity = (step + 1) % 2
        pair = level if level % 2 == parity else level - 1
        if 0 <= pair < count and coins[step - 1, pair] < rates[pair]:
            level += 1 if pair == level else -1
        if level == count:
            heading = -1
        elif level == 0 and heading == -1:
            trips.append(step - began)
            began, heading = step, 1
    return np.array(trips)


@pytest.mark.parametrize("rates", [[0.3], [0.9, 0.25, 0.6], [0.5] * 5])
def test_round_trips_take_what_the_formula_says(rates):
    trips = walk_of_one(np.array(rates), 200_000, np.random.default_rng(0))
    error = trips.std() / np.sqrt(trips.size)
    assert abs(round_trip_rounds(rates) - trips.mean()) < 4 * error
    assert error < 0.03 * trips.mean()


BAD = [
    (lambda: swap_acceptance(0, 2), ValueError, "k > 0 0"),
    (lambda: swap_acceptance(1, -2.0), ValueError, "ratio > 0 -2"),
    (lambda: swap_acceptance("many", 2), TypeError, "k real"),
    (lambda: swap_acceptance(1, np.nan), ValueError, "ratio finite nan"),
    (lambda: temperature_ladder(0.0, 1, 5), ValueError, "lowest > 0 0"),
    (lambda: temperature_ladder(1.0, 0.5, 5), ValueError, "highest lowest = 1 0.5"),
    (lambda: temperature_ladder(0.1, 1, 5, acceptance=1.0), ValueError, "acceptance < 1 1"),
    (lambda: round_trip_rounds([0.5, 1.5]), ValueError, "acceptance probabilities 1.5"),
    (lambda: round_trip_rounds([0.5, 0.0]), ValueError, "acceptance > 0 0"),
    (lambda: round_trip_rounds(0.5), ValueError, "acceptance [M - 1]"),
]


@pytest.mark.parametrize(("call", "kind", "words"), BAD)
def test_bad_arguments_are_named(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    for word in words.split():
        assert word in str(caught.value)


def test_theory_is_public():
    assert tw.theory.tempering.swap_acceptance is swap_acceptance
