"""Estimators of what is missing: closed forms, exact sums over basins, and simulated searches.

A simulated search draws m minima with known weights p, many times over, from the counter-based
generator. What must come out is known exactly: S(m) = sum_i 1 - (1 - p_i)^m, coverage the weight of
what was found. Tolerances are four standard errors of the mean over the repeats.
"""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom

import thalweg as tw
from thalweg import species

K = 1000  # minima in the simulated landscapes
REPEATS = 200


def weights(kind):
    if kind == "equal":
        return np.full(K, 1 / K)
    if kind == "zipf":
        raw = 1 / np.arange(1.0, K + 1)
    else:  # lognormal with this sigma
        raw = np.exp(kind * tw.rng.normals(3, stream="test", replicas=1, count=K)[0])
    return raw / raw.sum()


def searches(kind, m, repeats=REPEATS, seed=1, step=0):
    """Hits [repeats, K] of independent searches of m runs each, and the weights [K]."""
    p = weights(kind)
    draws = tw.rng.uniforms(seed, stream="test", step=step, replicas=repeats, count=m)
    labels = np.minimum(np.searchsorted(np.cumsum(p), draws, side="right"), K - 1)
    return np.array([np.bincount(row, minlength=K) for row in labels]), p


def agrees(sample, exact):
    sample = np.asarray(sample, dtype=float)
    error = sample.std(ddof=1) / np.sqrt(len(sample))
    assert abs(sample.mean() - exact) < 4 * error + 1e-12


def within(sample, low, high):
    assert low < np.mean(sample) < high


# --- the tables of M.3: K = 1000, these many runs -> minima found, Chao1, ACE, coverage ---

# Chao1 and ACE of the equal weights are unbiased up to O(1/f2): 3 % at 500 runs, 1 % at 2000.
# (weights, runs, Chao1, ACE, allowed relative bias of both against the table)
TABLE = [
    ("equal", 500, 1011, 1026, 0.03),
    ("equal", 2000, 1002, 1004, 0.01),
    (1.0, 2000, 874, 899, 0.03),  # one draw of log-normal weights differs from another by that
    (2.0, 10_000, 782, 774, 0.06),
    ("zipf", 10_000, 993, 1006, 0.01),
]


@pytest.mark.parametrize(("kind", "m", "chao", "ace", "allowed"), TABLE)
def test_simulated_searches(kind, m, chao, ace, allowed):
    hits, p = searches(kind, m)
    found = (hits > 0).sum(axis=1)
    agrees(found, (1 - (1 - p) ** m).sum())
    assert np.mean([species.chao1(row)[0] for row in hits]) == pytest.approx(chao, rel=allowed)
    assert np.mean([species.ace(row) for row in hits]) == pytest.approx(ace, rel=allowed)


@pytest.mark.parametrize(("kind", "m"), [row[:2] for row in TABLE])
def test_coverage_and_its_error(kind, m):
    hits, p = searches(kind, m)
    exact = ((hits > 0) * p).sum(axis=1)
    estimates, errors = np.array([species.good_turing_coverage(row) for row in hits]).T
    # Bias is O(1/m) by construction; what is left is sampling.
    assert abs((estimates - exact).mean()) < 4 * (estimates - exact).std() / REPEATS**0.5 + 1 / m
    # A variance from 200 repeats is good to sqrt(2/200) = 10 %; the table found 10 % besides.
    rms = np.sqrt(np.mean((estimates - exact) ** 2))
    assert rms == pytest.approx(np.sqrt((errors**2).mean()), rel=0.25)
    intervals = np.array([species.esty_interval(row) for row in hits])
    held = (intervals[:, 0] <= exact) & (exact <= intervals[:, 1])
    assert held.mean() > 0.95 - 4 * np.sqrt(0.95 * 0.05 / REPEATS) - 0.02


def test_chao1_interval_holds_for_equal_basins_and_only_for_them():
    def share(kind, m):
        low, high = np.array([species.chao1_interval(row) for row in searches(kind, m)[0]]).T
        return ((low <= K) & (high >= K)).mean()

    assert share("equal", 2000) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / REPEATS)
    assert share(2.0, 10_000) < 0.03  # the reason why it is called a lower bound


def test_chao1_error_is_the_spread_of_repeated_searches():
    pairs = np.array([species.chao1(row) for row in searches("equal", 2000)[0]])
    assert pairs[:, 0].std() == pytest.approx(np.sqrt((pairs[:, 1] ** 2).mean()), rel=0.25)


@pytest.mark.parametrize("t", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("kind", ["equal", 1.0])
def test_expected_new_minima(kind, t):
    m, more = 2000, int(2000 * t)
    before, p = searches(kind, m)
    after, _ = searches(kind, more, step=1)
    new = ((before == 0) & (after > 0)).sum(axis=1)
    pairs = np.array([species.expected_new(row, more) for row in before])
    exact = ((1 - p) ** m * (1 - (1 - p) ** more)).sum()
    agrees(new, exact)
    stated = np.sqrt((pairs[:, 1] ** 2).mean())
    missed = np.sqrt(np.mean((pairs[:, 0] - new) ** 2))
    assert missed < 1.25 * stated  # 10 % from 200 repeats
    assert missed > 0.6 * stated  # Poisson hits are assumed; multinomial ones vary less
    if t <= 1:
        agrees(pairs[:, 0], exact)
    else:  # smoothed: biased, but by less than its error
        assert abs(pairs[:, 0].mean() - exact) < stated


def test_nothing_is_said_about_the_far_future():
    with pytest.raises(ValueError, match="runs: expected at most m ln m = 59 for m = 20, got 60"):
        species.expected_new([10, 6, 3, 1], 60)
    assert np.isfinite(species.expected_new([10, 6, 3, 1], 59)).all()
    assert species.expected_new([1], 1) == (1.0, math.sqrt(2))


def test_far_ahead_the_series_is_cut_off_by_a_binomial():
    hits = [9, 5, 3, 2, 2, 1, 1, 1, 1] * 20  # m = 500
    t, j, f = 3, np.array([1, 2, 3, 5, 9]), 20 * np.array([4, 2, 1, 1, 1])
    tail = binom.sf(j - 1, int(math.log(500 * t**2 / (t - 1)) / math.log(3) / 2), 2 / (t + 2))
    weights = -((-t) ** j) * tail
    new, error = species.expected_new(hits, 500 * t)
    assert new == pytest.approx((weights * f).sum())
    assert error == pytest.approx(math.sqrt((weights**2 * f).sum() + new))


# --- no singletons: a bound, never "complete" ---


def test_without_singletons_only_a_bound_is_claimed():
    hits = [600, 250, 150]
    assert species.good_turing_coverage(hits) == (1.0, 0.0)
    assert species.chao1(hits) == (3.0, 0.0)
    assert species.chao1_interval(hits) == (3.0, 3.0)
    low, high = species.esty_interval(hits)
    assert low == pytest.approx(1 + math.log(0.05) / 1000)  # about 1 - 3/m
    assert high == 1.0
    assert species.coverage_statement(hits) == "coverage > 1 - 3/1000 = 0.997 (95 %)"
    assert "complete" not in species.coverage_statement(hits)


def test_the_bound_without_singletons_holds():
    # Weight u in 100 minima each too rare to be hit twice: no singletons with probability
    # exp(-m u), so where that is 1 %, a bound at 99 % may fail in 1 % of the searches.
    m, rare = 500, 100
    u = -math.log(0.01) / m
    p = np.r_[1 - u, np.full(rare, u / rare)]
    draws = tw.rng.uniforms(2, stream="test", replicas=2000, count=m)
    labels = np.minimum(np.searchsorted(np.cumsum(p), draws, side="right"), rare)
    wrong = 0
    for row in labels:
        hits = np.bincount(row, minlength=rare + 1)
        exact = p[hits > 0].sum()
        wrong += exact < species.esty_interval(hits, confidence=0.99)[0] and not (hits == 1).any()
    assert wrong / 2000 < 0.01 + 4 * math.sqrt(0.01 / 2000)


def test_one_singleton_claims_no_more_than_none():
    for hits in ([500, 499, 1], [997, 2, 1], [999, 1]):
        assert species.esty_interval(hits)[0] <= species.esty_interval([500, 500])[0]
    assert species.coverage_statement([500, 499, 1]) == "coverage 0.9990 +- 0.0010"


# --- closed forms and edges ---


def test_formulas_by_hand():
    hits = [9, 5, 3, 2, 2, 1, 1, 1, 1]  # m = 25, f1 = 4, f2 = 2
    k = 24 / 25
    assert species.chao1(hits)[0] == pytest.approx(9 + k * 16 / 4)
    assert species.chao1(hits)[1] == pytest.approx(math.sqrt(2 * (k * 2 + k**2 * 8 + k**2 * 4)))
    coverage, error = species.good_turing_coverage(hits)
    assert coverage == pytest.approx(1 - 4 / 25 * (24 * 4) / (24 * 4 + 2 * 2))
    assert error == pytest.approx(math.sqrt(4 * (1 - 4 / 25) + 4) / 25)
    assert species.expected_new(hits, 5)[0] == pytest.approx(
        0.2 * 4 - 0.2**2 * 2 + 0.2**3 + 0.2**5 + 0.2**9
    )
    # ACE: all 9 are rare, 25 hits, C = 21/25; sum j(j-1) f_j = 72 + 20 + 6 + 4 = 102.
    assert species.ace(hits) == pytest.approx(9 / 0.84 + 4 / 0.84 * (9 / 0.84 * 102 / 600 - 1))


def test_no_doubletons():
    hits = [5, 1, 1, 1]
    assert species.chao1(hits)[0] == pytest.approx(4 + 7 / 8 * 3)
    variance = 7 / 8 * 3 + (7 / 8) ** 2 * (3 * 5**2 / 4 - 3**4 / (4 * (4 + 7 / 8 * 3)))
    assert species.chao1(hits)[1] == pytest.approx(math.sqrt(variance))
    assert species.chao1([5, 1]) == (2.0, 0.0)  # one singleton: no information
    assert species.good_turing_coverage(hits)[0] == pytest.approx(1 - 3 / 8)
    assert species.chao1_interval(hits)[0] > 4


def test_only_singletons_is_no_coverage():
    assert species.good_turing_coverage([1, 1, 1, 1]) == (0.0, 0.0)
    assert species.esty_interval([1, 1, 1, 1])[0] == 0.0
    assert math.isnan(species.ace([1, 1, 1, 1]))
    assert species.chao1([1] * 4)[0] == pytest.approx(4 + 3 / 4 * 6)
    statement = "coverage near 0: each of 4 runs found another minimum"
    assert species.coverage_statement([1, 1, 1, 1]) == statement


def test_one_minimum():
    assert species.good_turing_coverage([7]) == (1.0, 0.0)
    assert species.chao1([7]) == (1.0, 0.0)
    assert species.ace([7]) == 1.0
    assert species.ace([700]) == 1.0
    assert species.coupon_collector_runs([7]) == pytest.approx(1.0)
    assert species.coverage_statement([2]) == "coverage > 1 - 3/2 = 0 (95 %)"


def test_zeros_are_minima_not_found():
    for estimate in (species.chao1, species.ace, species.good_turing_coverage):
        assert estimate([4, 0, 2, 1, 0]) == estimate(np.array([4, 2, 1], dtype=np.uint8))


def test_discovery_curve():
    labels = [3, 3, -1, 0, 3, -1, 9]
    np.testing.assert_array_equal(species.discovery_curve(labels), [1, 1, 1, 2, 2, 2, 3])
    np.testing.assert_array_equal(species.discovery_curve([-1, -1]), [0, 0])


def test_rarefaction_is_the_mean_discovery_curve_over_all_orders():
    runs = (0, 0, 0, 1, 1, 2)
    orders = np.array([species.discovery_curve(o) for o in itertools.permutations(runs)])
    exact = np.r_[0, orders.mean(axis=0)]
    np.testing.assert_allclose(species.rarefaction_curve([3, 2, 1], np.arange(7)), exact, rtol=1e-9)
    assert species.rarefaction_curve([3, 2, 1], 6) == pytest.approx(3)


def test_rarefaction_of_many_runs():
    hits = np.array([4_000_000, 900_000, 7, 1])
    k = np.array([1, 1000, 4_900_008])
    p = hits / hits.sum()
    # Drawing with replacement differs by O(k/m) only: at 1 and 1000 of five million runs, not.
    exact = (1 - (1 - p) ** k[:2, None]).sum(axis=1)
    np.testing.assert_allclose(species.rarefaction_curve(hits, k)[:2], exact, rtol=1e-5)
    assert species.rarefaction_curve(hits, k)[2] == 4


@pytest.mark.parametrize(("n", "runs"), [(12, 37), (56, 258), (208, 1231), (6, 15), (28, 110)])
def test_coupon_collector_with_equal_basins(n, runs):
    exact = n * sum(1 / i for i in range(1, n + 1))
    assert round(exact) == runs
    assert species.coupon_collector_runs(n) == pytest.approx(exact, rel=1e-14)
    assert species.coupon_collector_runs(np.full(n, 17)) == pytest.approx(exact, rel=1e-11)
    assert species.coupon_collector_runs(n, success_rate=0.25) == pytest.approx(4 * exact)


def test_coupon_collector_with_unequal_basins():
    p = np.array([0.5, 0.3, 0.15, 0.0499, 0.0001])
    subsets = [c for r in range(1, 6) for c in itertools.combinations(p, r)]
    exact = sum((-1) ** (len(c) + 1) / sum(c) for c in subsets)  # inclusion and exclusion
    assert species.coupon_collector_runs(p) == pytest.approx(exact, rel=1e-11)
    draws = tw.rng.uniforms(5, stream="test", replicas=1000, count=400)
    q = np.array([0.6, 0.3, 0.1])
    labels = np.searchsorted(np.cumsum(q)[:-1], draws, side="right")
    needed = [1 + int(np.argmax(species.discovery_curve(row) == 3)) for row in labels]
    agrees(needed, species.coupon_collector_runs(q))


def test_large_numbers_of_equal_basins():
    n = 10**6
    ratio = species.coupon_collector_runs(n + 1) / species.coupon_collector_runs(n)
    assert ratio == pytest.approx(1 + 1 / n + 1 / n / (math.log(n) + 0.5772), rel=1e-10)


@pytest.mark.parametrize(
    ("name", "arguments", "error", "text"),
    [
        ("chao1", ([],), ValueError, "hits: .* got no minimum that was hit. No run"),
        ("chao1", ([0, 0],), ValueError, "hits: .* got no minimum that was hit"),
        ("ace", ([3, -1],), ValueError, "hits: expected how often .* got -1"),
        ("ace", ([1.5, 2.0],), TypeError, "hits: expected how often each found .* float64"),
        ("ace", ([True, False],), TypeError, "hits: expected how often each found .* bool"),
        ("ace", ([[1, 2]],), ValueError, r"hits: .* got shape \[1, 2\]"),
        ("ace", (5,), ValueError, r"hits: .* got shape \[\]"),
        ("coverage_statement", ([],), ValueError, "hits: expected"),
        ("esty_interval", ([2], 1.0), ValueError, "confidence: expected .* < 1"),
        ("chao1_interval", ([2], 0), ValueError, "confidence: expected .* > 0"),
        ("expected_new", ([2, 1], 0), ValueError, "runs: expected an integer >= 1"),
        ("expected_new", ([2, 1], 1.5), TypeError, "runs: expected an integer"),
        ("discovery_curve", ([],), ValueError, r"labels: .* got shape \[0\]"),
        ("discovery_curve", ([0.5],), TypeError, "labels: expected one integer"),
        ("discovery_curve", ([[1]],), ValueError, r"labels: .* got shape \[1, 1\]"),
        ("rarefaction_curve", ([2, 1], [4]), ValueError, "runs: .* 0 to m = 3, got 4"),
        ("rarefaction_curve", ([2, 1], 0.5), TypeError, "runs: expected integers"),
        ("coupon_collector_runs", (0,), ValueError, "basins: expected an integer >= 1"),
        ("coupon_collector_runs", ([1, 0],), ValueError, "basins: .* got a weight of 0"),
        ("coupon_collector_runs", ([],), ValueError, "basins: .* got none"),
        ("coupon_collector_runs", ([[1.0]],), ValueError, r"basins: .* shape \[1, 1\]"),
        ("coupon_collector_runs", (3, 0), ValueError, "success_rate: expected .* > 0"),
        ("coupon_collector_runs", (3, 1.1), ValueError, "success_rate: .* <= 1"),
        ("coupon_collector_runs", (2.5,), TypeError, "basins: expected an integer"),
    ],
)
def test_bad_arguments_are_named(name, arguments, error, text):
    with pytest.raises(error, match=text):
        getattr(species, name)(*arguments)
