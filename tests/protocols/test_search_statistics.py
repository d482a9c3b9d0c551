"""What random starts say of minima they missed, against draws whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw
from thalweg import species
from thalweg.protocols import SearchStatistics

EQUAL = 16


@pytest.fixture(scope="module")
def equal():
    """2^4 minima whose basins are equal by symmetry: z_i -> -z_i maps W to minus itself."""
    terms = [term for i in range(4) for term in (((i,) * 3, 1 / 3), ((i,), -1.0 - i))]
    land = tw.Superpotential(4, terms)
    return tw.protocols.count_minima(land, method="multistart", starts=4000, rng=3)


def collections(labels, known):
    """How many starts each complete collection took, one after the other."""
    took, begin = [], 0
    while (needed := SearchStatistics(labels[begin:], known).runs_taken()) is not None:
        took.append(needed)
        begin += needed
    return np.array(took)


def test_equal_basins_take_the_coupon_collectors_time(equal):
    """n H_n = 54.1 successes for n = 16; a collection spreads by pi n / sqrt 6 about it."""
    search = equal.statistics()
    assert (search.found, search.known) == (EQUAL, EQUAL)
    hits, expected = search.hits, search.successes / EQUAL
    assert ((hits - expected) ** 2).sum() / expected < 15 + 5 * np.sqrt(30), "chi squared, 5 sigma"
    took = collections(equal.labels, EQUAL)
    rate = search.successes / len(equal.labels)
    assert_allclose(search.expected_runs(), 16 * sum(1 / k for k in range(1, 17)) / rate)
    error = np.pi * EQUAL / np.sqrt(6) / rate / np.sqrt(took.size)
    assert abs(took.mean() - search.expected_runs()) < 4 * error
    assert search.expected_runs("measured") > search.expected_runs(), "hits are never all equal"


def test_it_is_the_estimators_of_species():
    labels = np.array([0, 2, -1, 2, 1, 0, 2, 4])
    search = SearchStatistics(labels, known=6)
    hits = [2, 1, 3, 1]
    assert_array_equal(search.hits, [2, 1, 3, 0, 1, 0])
    assert (search.successes, search.found, search.runs_taken()) == (7, 4, None)
    assert_array_equal(search.discovery_curve(), [1, 2, 2, 2, 3, 3, 3, 4])
    assert search.coverage() == species.good_turing_coverage(hits)
    assert search.chao1() == species.chao1(hits)
    assert search.ace() == species.ace(hits)
    assert search.expected_new() == species.expected_new(hits, 7)
    assert search.expected_new(3) == species.expected_new(hits, 3)
    assert_allclose(search.expected_runs("measured"), species.coupon_collector_runs(hits, 7 / 8))
    assert_allclose(search.expected_runs(), species.coupon_collector_runs(6) * 8 / 7)
    assert "2 of 4 were hit only once" in search.report()[1]
    assert "for the 4 hit so far; 8 were not enough" in search.report()[-1]


def test_nothing_found_is_nothing_claimed():
    search = SearchStatistics(np.full(5, -1), known=0)
    assert search.report() == []
    assert np.isnan([*search.coverage(), *search.chao1(), search.ace()]).all()
    assert search.expected_runs() == np.inf
    assert search.runs_taken() is None
    assert SearchStatistics(np.zeros(0, dtype=int), known=3).discovery_curve().size == 0


def test_no_singleton_is_a_bound_and_never_complete(equal):
    text = equal.summary()
    assert f"coverage > 1 - 3/{equal.statistics().successes}" in text
    assert "no bound on how many there are" in text
    assert "complete" not in text.replace("completeness: no certificate", "")
    assert not equal.complete


def test_a_pair_is_found_by_either_of_its_minima():
    hole = tw.BlackHole((1, 1, 1, 1), rng=0)
    found = tw.protocols.count_minima(hole, method="multistart", starts=300, rng=0)
    each, pairs = found.statistics(), found.statistics(pairs=True)
    assert (each.found, pairs.found) == (12, 6)
    assert_array_equal(pairs.hits, each.hits.reshape(6, 2).sum(axis=1))
    assert pairs.runs_taken() <= each.runs_taken()
    assert "as pairs z, -z: coverage >" in found.summary()


def test_figures(equal):
    ax = equal.plot()
    curve = ax.lines[0]
    assert_array_equal(curve.get_ydata(), equal.discovery_curve())
    assert ax.get_ylabel() == "different minima $S(m)$"
    ax = equal.plot_hits()
    assert_array_equal(ax.lines[0].get_ydata(), np.sort(equal.hits)[::-1])
