"""Counts that string theory knows, certificates that notice what is missing, runs that go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw
from thalweg.landscapes.black_hole_fields import Fields
from thalweg.protocols.minima_certificates import cubic_test, sum_rule
from thalweg.protocols.minima_krawczyk import Krawczyk, certify
from thalweg.protocols.minima_pool import MinimaPool
from thalweg.protocols.minima_search import BATCH

COUPLINGS = np.array([1 + 0.3j, 0.7 - 0.6j, -0.4 + 0.9j, 0.5 + 1.1j, -1.2 + 0.2j, 0.3 - 0.8j])
count_minima = tw.protocols.count_minima


@pytest.fixture(scope="module")
def complete():
    """All 56 minima at N = 2, with enough starts for statistics."""
    hole = tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS)
    return hole, count_minima(hole, method="multistart", starts=800, rng=1)


@pytest.mark.parametrize(("n", "index"), [(1, 12), (2, 56), (3, 208)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_index_of_black_holes(n, index, seed):
    """The certificate is a sum of ~index terms, each W good to about 1e-13 of its size."""
    found = count_minima(tw.BlackHole((1, 1, 1, n), rng=seed), rng=seed)
    assert (found.count, found.expected) == (index, index)
    assert found.complete
    assert found.sum_rule.deficit < 1e-11
    assert found.nearest_gap() > 1e-4, "same below 1e-6, so different must be far above"
    assert found.certified.all(), "every minimum is proven"
    assert found.solutions.shape == (index, 2 * (3 * n * n + 6 * n + 9))
    assert_allclose(found.fingerprints[1::2, 0], -found.fingerprints[::2, 0])


@pytest.mark.parametrize(("method", "n"), [("multistart", 1), ("monodromy", 2)])
def test_every_method_finds_all(method, n):
    """Starts alone are enough for N = 1 only: rare minima of N = 2 want thousands."""
    found = count_minima(tw.BlackHole((1, 1, 1, n), rng=5), method=method, starts=300, rng=0)
    assert found.count == found.expected
    assert found.complete
    assert (len(found.loops) > 0) == (method == "monodromy")
    if method == "monodromy":
        assert len(found.labels) == BATCH, "one batch has a seed"


def superpotential(n, commutator, minus):
    """The black hole's W with two of its signs to choose: -1, -1 is the right one."""
    fields, terms = Fields(n), []
    matrices = {int(i) for x in fields.x.values() for i in x.ravel()}
    thirds = {int(i) for i in fields.u[3]}
    for key, value in fields.cubic_terms():
        if matrices.issuperset(key):
            value *= -commutator
        elif fields.z[1, 3] in key and thirds & set(key):
            value *= -minus
        terms.append((key, value))
    return tw.Superpotential(
        fields.count, terms, fields.sources(), COUPLINGS, fields.generators(), fields.invariants()
    )


@pytest.mark.parametrize(
    ("commutator", "minus", "count"), [(-1, -1, 56), (1, -1, 60), (-1, 1, 58), (1, 1, 58)]
)
def test_wrong_signs_give_other_counts(commutator, minus, count):
    """Measured by two independent programs; only the right signs agree with string theory."""
    found = count_minima(superpotential(2, commutator, minus), starts=1000, rng=1, cubic_test=True)
    assert found.count == count
    assert found.sum_rule is None
    assert found.complete == (count == 56), "the sum of W^2 is a cubic for the right signs only"


def test_both_certificates_notice_a_missing_pair(complete):
    hole, found = complete
    assert found.sum_rule.holds
    for gone in range(0, found.count, 2):
        pool = MinimaPool(hole)
        pool.add(np.delete(found.solutions[::2], gone // 2, axis=0))
        assert len(pool) == 54
        rule = sum_rule(hole, pool)
        assert not rule.holds
        missing = 2 * found.fingerprints[gone, 0] ** 2  # the deficit is W^2 of the missing pair
        assert_allclose(rule.expected - rule.measured, missing, rtol=1e-9)
    whole = cubic_test(hole, found.solutions[::2], seed=3, threads=None)
    short = cubic_test(hole, found.solutions[:-2:2], seed=3, threads=None)
    assert whole.holds
    assert whole.residual < 1e-12
    assert not short.holds
    assert short.residual > 1e-6


@pytest.mark.parametrize("which", ["all equal", "opposite", "minus opposite"])
def test_special_couplings_are_named_and_nothing_is_claimed(which):
    """With c_kl = +-c_mn two minima of twelve lie at infinity, with all c equal six."""
    c = COUPLINGS.copy()
    if which == "all equal":
        c[:] = c[0]
    else:
        c[0] = c[5] if which == "opposite" else -c[5]
    found = count_minima(tw.BlackHole((1, 1, 1, 1), couplings=c), starts=300, rng=0)
    assert found.count == (6 if which == "all equal" else 10)
    assert not found.complete
    assert found.special[0] == ("c12 = -c34" if which == "minus opposite" else "c12 = c34")
    assert "special couplings: c12 =" in found.summary()


def test_hits_and_curve_are_those_of_the_labels(complete):
    hole, found = complete
    assert found.count == 56
    assert found.labels.shape == found.outcomes.shape == (800,)
    assert_array_equal(found.labels >= 0, found.outcomes == 0)
    assert_array_equal(found.hits, np.bincount(found.labels[found.labels >= 0], minlength=56))
    curve = found.discovery_curve()
    assert curve[-1] == len(set(found.labels) - {-1}) == found.sampled_hits.size
    assert set(np.diff(curve)) <= {0, 1}
    assert hole.energy(found.solutions).max() < 1e-20
    assert "56 minima (56 for generic couplings" in found.summary()


def test_statistics_of_the_starts(complete):
    """The estimators are tested in test_species.py; here, that they get the right counts."""
    _, found = complete
    search = found.statistics()
    assert found.sampled_hits.sum() == search.successes == (found.labels >= 0).sum()
    coverage, error = search.coverage()
    assert 0.98 < coverage <= 1
    assert 0 <= error < 0.02
    assert min(search.chao1()[0], search.ace()) >= found.sampled_hits.size
    assert abs(search.expected_new(100)[0]) < 3
    rate, harmonic = (found.labels >= 0).mean(), sum(1 / k for k in range(1, 57))
    assert_allclose(search.expected_runs(), 56 * harmonic / rate, rtol=1e-12)
    assert search.expected_runs("measured") > search.expected_runs() or not found.hits.all()


def test_a_dynamics_may_bring_the_starts_down():
    """The specification's gradient descent: minima found after polishing, most of the twelve."""
    hole = tw.BlackHole((1, 1, 1, 1), couplings=COUPLINGS)
    descent = tw.SGD(learning_rate=0.002, momentum=0.9, on_divergence="freeze")
    found = count_minima(hole, descent, starts=64, scale=1.0, dynamics_steps=2000, rng=0)
    assert found.method == "SGD"
    assert 6 <= found.count <= 12
    assert found.provenance["dynamics_steps"] == 2000


def test_the_seed_decides_and_threads_do_not():
    hole = tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS)
    first, again = (count_minima(hole, rng=7, threads=n) for n in (1, 2))
    assert_array_equal(first.solutions, again.solutions)
    assert_array_equal(first.labels, again.labels)
    assert first.provenance["seed"] == 7


def test_results_survive_a_file(complete, tmp_path):
    _, found = complete
    again = tw.protocols.MinimaCount.load(found.save(tmp_path / "count.npz"))
    assert_array_equal(again.fingerprints, found.fingerprints)
    assert again.complete
    assert again.summary() == found.summary()


def test_going_on_loses_nothing_and_repeats_nothing():
    hole = tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS)
    whole = count_minima(hole, method="multistart", starts=300, rng=2)
    part = count_minima(hole, method="multistart", starts=128, rng=2)
    rest = count_minima(hole, method="multistart", starts=300, resume=part)
    assert_array_equal(rest.labels, whole.labels)
    assert_array_equal(rest.fingerprints, whole.fingerprints)
    other = tw.BlackHole((1, 1, 1, 2), rng=9)
    with pytest.raises(ValueError, match="resume: expected a count of"):
        count_minima(other, resume=part)


KILLED = """
import sys, thalweg as tw
from thalweg.protocols import minima_search
minima_search.SAVE_SECONDS = 0.0
tw.protocols.count_minima(tw.BlackHole((1, 1, 1, 3), rng=0), rng=0, checkpoint=sys.argv[1])
"""


def test_a_killed_count_goes_on_from_its_checkpoint(tmp_path):
    file = tmp_path / "pool.npz"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(file)])
    for _ in range(600):
        if file.exists() or child.poll() is not None:
            break
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    before = tw.protocols.MinimaCount.load(file)
    after = count_minima(tw.BlackHole((1, 1, 1, 3), rng=0), resume=file)
    assert 0 < before.count < 208
    assert after.count == 208
    assert after.complete
    assert_array_equal(after.fingerprints[: before.count], before.fingerprints)


def test_an_interrupted_count_carries_what_it_found(monkeypatch):
    hole = tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS)
    calls, search = [], type(hole).find_zeros

    def interrupted(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return search(self, *args, **kwargs)

    monkeypatch.setattr(type(hole), "find_zeros", interrupted)
    with pytest.raises(tw.Interrupted) as stop:
        count_minima(hole, rng=0)
    assert len(stop.value.result.labels) == BATCH
    assert stop.value.result.count > 20


def test_bad_arguments_are_refused_before_anything_is_computed():
    hole = tw.BlackHole((1, 1, 1, 1), couplings=COUPLINGS)
    with pytest.raises(ValueError, match="method"):
        count_minima(hole, method="homotopy")
    with pytest.raises(TypeError, match="landscape"):
        count_minima(tw.MullerBrown())
    with pytest.raises(ValueError, match="couplings to vary"):
        count_minima(tw.Superpotential(1, [((0, 0, 0), 1.0), ((0,), -3.0)]))
    with pytest.raises(ValueError, match="checkpoint"):
        count_minima(hole, checkpoint="/nowhere/pool.npz")


def test_a_landscape_without_symmetries():
    """W = sum z^3/3 - a^2 z: 2^4 minima, found by starts alone."""
    terms = [term for i in range(4) for term in (((i,) * 3, 1 / 3), ((i,), -1.0 - i))]
    found = count_minima(tw.Superpotential(4, terms), method="multistart", starts=400, rng=0)
    assert found.count == 16
    assert not found.complete, "there is no certificate"
    assert "no certificate" in found.summary()
    assert "coverage >" in found.summary()


def test_krawczyk_proves_what_is_there_and_nothing_else(complete):
    hole, found = complete
    test, points = Krawczyk(hole), found.solutions[::2]
    balls = test(points)
    assert balls.proven.all()
    nudged = points + 1e-7 * np.random.default_rng(0).normal(size=points.shape)
    around = test(nudged)
    assert around.proven.all(), "the zero is still beside the point"
    # The ball holds the zero of the slice through its own centre: Newton's limit from there.
    limit = hole.polish(nudged).points.view(complex)
    distance = np.abs(limit - nudged.view(complex)).max(axis=1)
    assert (distance < around.radii).all()
    assert (around.radii < 1e-2).all()
    assert not test(points + 0.3).proven.any()


def test_krawczyk_refuses_a_double_zero_and_a_point_listed_twice(complete):
    double = tw.Superpotential(1, [((0, 0, 0), 1.0)])  # F = 3 z^2
    for x in (1e-3, 1e-8, 1e-12):
        assert not Krawczyk(double)(np.array([[x, 0.0]])).proven.any()
    hole, found = complete
    twice = np.ascontiguousarray(found.solutions[[0, 2, 0]])
    assert_array_equal(certify(hole, twice, 2), [False, True, False])
