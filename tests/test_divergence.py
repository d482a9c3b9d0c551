"""A replica that blows up is named, with its first bad step, and changes no other's bits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from cases import generator
from numpy.testing import assert_array_equal

import thalweg as tw

REPLICAS, BAD, STEPS = 21, 4, 260
GOOD = [r for r in range(REPLICAS) if r != BAD]
LAND = {dtype: tw.Quadratic([1.0, 2.0, 4.0], dtype=dtype) for dtype in ("float64", "float32")}


def too_large(step):
    """One replica steps ten times too far: |1 - 10 x 0.3 x 4| = 11, it grows elevenfold a step."""
    values = np.full(REPLICAS, step)
    values[BAD] *= 10
    return values


def starts(dtype="float64"):
    return generator("divergence").normal(size=(REPLICAS, 3)).astype(dtype)


RULES = {
    "euler_maruyama": lambda step, **o: tw.Langevin(0.1, step, **o),
    "leimkuhler_matthews": lambda step, **o: tw.Langevin(
        0.1, step, scheme="leimkuhler_matthews", **o
    ),
    "baoab": lambda step, **o: tw.Langevin(0.1, 2 * step, scheme="baoab", friction=0.1, **o),
    "natural": lambda step, **o: tw.Langevin(0.3, 1.4 * step, units="natural", **o),
    "sgd": lambda step, **o: tw.SGD(step, momentum=0.1, **o),
    "flow": lambda step, **o: tw.GradientFlow(
        2 * step, adaptive=False, gradient_tolerance=0.0, **o
    ),
}
LANGEVIN = ("euler_maruyama", "leimkuhler_matthews", "baoab", "natural")


@pytest.fixture(params=RULES)
def rule(request):
    return RULES[request.param]


def run(dynamics, dtype="float64", rows=None, **options):
    rows = np.arange(REPLICAS) if rows is None else np.asarray(rows)
    how = {"rng": 21, "replicas": rows, "record_points": True, **options}
    return dynamics.run(LAND[dtype], starts(dtype)[rows], STEPS, **how)


def assert_untouched(found, rule, dtype="float64", **options):
    """All good replicas have the bits of a run in which the bad one never was."""
    step = np.full(len(GOOD), 0.3)
    without = run(rule(step, **options), dtype, rows=GOOD)
    assert_array_equal(found.energies[:, GOOD], without.energies)
    assert_array_equal(found.points[:, GOOD], without.points)
    assert_array_equal(found.final[GOOD], without.final)
    assert np.isfinite(without.energies).all()
    assert found.status.ok[GOOD].all()
    assert not found.status.restores[GOOD].any()


def test_a_diverging_replica_is_frozen_and_named(rule, dtype):
    with pytest.warns(tw.DivergenceWarning, match=rf"replica.*\b{BAD}\b"):
        found = run(rule(too_large(0.3)), dtype)
    assert_array_equal(found.status.diverged, [BAD])
    assert_array_equal(found.status.ok, np.arange(REPLICAS) != BAD)
    assert_array_equal(found.status.codes == 2, ~found.status.ok)
    energies, first = found.energies[:, BAD], int(found.status.steps[BAD])
    assert 3 < first < STEPS
    assert_array_equal(np.isnan(energies), found.steps >= first)
    assert np.isfinite(energies[: first - 1]).all(), "reported later than it happened"
    # Not reported earlier either: one step before, the energy was close to overflowing.
    assert energies[first - 2] > np.finfo(dtype).max / 1e9
    assert np.isnan(found.final[BAD]).all()
    assert np.isnan(found.points[first - 1 :, BAD]).all()
    assert_untouched(found, rule, dtype)


def test_the_report_is_the_same_whatever_the_threads_and_chunks(rule):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tw.DivergenceWarning)
        whole = run(rule(too_large(0.3)), threads=1)
        spread = run(rule(too_large(0.3)), threads=3, record_every=1)
        dynamics, rows = rule(too_large(0.3)), np.arange(REPLICAS)
        part = dynamics.run(
            LAND["float64"], starts(), 37, rng=21, replicas=rows, record_points=True
        )
        for steps in (100, 23, STEPS - 160):
            part = part.resume(steps)
    for other in (spread, part):
        assert_array_equal(other.energies, whole.energies)
        assert_array_equal(other.status.codes, whole.status.codes)
        assert_array_equal(other.status.steps, whole.status.steps)


@pytest.mark.parametrize("name", LANGEVIN)
def test_the_guard_notices_long_before_overflow(name):
    """Energy above guard x max(mean, T) is a blow-up, though every number is still finite."""
    rule = RULES[name]
    with pytest.warns(tw.DivergenceWarning):
        found = run(rule(too_large(0.3), guard=50.0))
    first = int(found.status.steps[BAD])
    assert_array_equal(found.status.diverged, [BAD])
    assert first < 15, "eleven-fold growth passes a factor 50 within a few steps"
    assert np.isnan(found.energies[first - 1 :, BAD]).all()
    assert_untouched(found, rule, guard=50.0)


@pytest.mark.parametrize("name", LANGEVIN)
@pytest.mark.parametrize("guard", [None, 50.0])
def test_restoring_goes_back_to_a_good_state_and_counts(name, guard, dtype):
    rule = RULES[name]
    options = {"guard": guard, "on_divergence": "restore"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tw.DivergenceWarning)
        found = run(rule(too_large(0.3), **options), dtype)
    assert found.status.restores[BAD] > (0 if guard is None and dtype == "float64" else 5)
    assert found.status.ok[BAD]
    assert np.isfinite(found.energies).all()
    assert np.isfinite(found.points).all()
    assert_untouched(found, rule, dtype, **options)


def test_restored_replicas_start_with_fresh_momenta():
    """Just beyond the stable step a blow-up takes a few steps to build up; the momenta of the last
    one would bring the next at once.
    """
    chain = tw.Langevin(
        0.1, 1.05, scheme="baoab", friction=0.1, guard=50.0, on_divergence="restore"
    )
    with pytest.warns(tw.DivergenceWarning, match="blow-ups"):
        found = chain.run(tw.Quadratic(4.0, dim=3), np.full((200, 3), 0.1), 400, rng=3)
    assert found.status.restores.min() > 10
    assert found.status.restores.max() < 400 / 2


def test_the_guard_leaves_healthy_runs_alone():
    """Same bits with and without a guard that never acts, restores included."""
    plain = run(tw.Langevin(0.1, 0.3))
    for policy in ("freeze", "restore", "raise"):
        guarded = run(tw.Langevin(0.1, 0.3, guard=1e4, on_divergence=policy))
        assert_array_equal(guarded.energies, plain.energies)
        assert not guarded.status.restores.any()


def test_raising_names_replica_and_step_and_keeps_the_work(rule):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tw.DivergenceWarning)
        frozen = run(rule(too_large(0.3)))
    first = int(frozen.status.steps[BAD])
    with pytest.raises(tw.DivergenceError, match=rf"replica {BAD}\b.*step {first}\b") as caught:
        run(rule(too_large(0.3), on_divergence="raise"))
    kept = caught.value.result
    assert_array_equal(kept.status.diverged, [BAD])
    recorded = len(kept.energies)
    assert recorded >= first - 1
    assert_array_equal(kept.energies, frozen.energies[:recorded])


@pytest.mark.parametrize("end", [19, 20, 21, 30])
@pytest.mark.parametrize("on_divergence", ["freeze", "raise"])
def test_a_loss_at_the_end_of_a_call_is_found_by_the_next(end, on_divergence, target):
    """Ten times as far with each step: at step 20 the point is finite, x^2 in float32 is not.

    No record asks for the energy of an end, so a run up to there does not see it yet.
    """
    land = tw.Quadratic([1.0, 1.0], dtype="float32", device=target)
    descent = tw.SGD([0.1, 11.0, 0.1], on_divergence=on_divergence)

    def lost(run):
        if on_divergence == "raise":
            with pytest.raises(tw.DivergenceError, match="replica 1 diverged at step 20") as caught:
                run()
            assert caught.value.result.state.total_steps == 20
            return caught.value.result
        with pytest.warns(tw.DivergenceWarning, match="replica 1 at step 20"):
            return run()

    def begin(steps):
        return descent.run(land, np.ones((3, 2), np.float32), steps, record_every=1000)

    whole = lost(lambda: begin(40))
    if end < 20 or (end == 20 and target.startswith("cpu")):  # devices look at every end
        first = begin(end)
        assert first.status.ok.all()
        assert np.isfinite(first.final).all()
        found = lost(lambda: first.resume(40 - end))
    else:
        found = lost(lambda: begin(end))
        found = found if on_divergence == "raise" else found.resume(40 - end)
    assert_array_equal(found.final, whole.final)
    assert_array_equal(found.status.diverged, [1])
    assert_array_equal(found.status.steps, [0, 20, 0])


def test_a_summary_lists_who_failed_and_when():
    with pytest.warns(tw.DivergenceWarning):
        found = run(RULES["sgd"](too_large(0.3)))
    text = found.summary()
    assert str(BAD) in text
    assert str(int(found.status.steps[BAD])) in text
    assert "diverged" in text


def test_the_first_bad_step_does_not_depend_on_what_is_recorded():
    """Minibatch rules see the full energy only where it is recorded; the date is the same."""
    draws = generator("divergence", 1)
    data = tw.datasets.from_arrays(draws.normal(size=(20, 3)), draws.normal(size=20))
    land = tw.MLP([3, 4, 1], activation="identity", data=data)
    rates = np.full(6, 0.01)
    rates[2] = 5.0
    theta = draws.normal(size=(6, land.dim))
    reports = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tw.DivergenceWarning)
        for every in (1, 7, 1000):
            found = tw.SGD(rates, batch_size=5).run(land, theta, 60, record_every=every, rng=1)
            assert_array_equal(found.status.diverged, [2])
            assert np.isnan(found.final[2]).all()
            reports.append(int(found.status.steps[2]))
    assert len(set(reports)) == 1, reports


def test_the_guard_does_not_mistake_heating_for_a_blow_up():
    """From the bottom of a well of 2000 dimensions a step heats by P T eta, many times 50 T."""
    theta = np.zeros((8, 2000))
    chain = tw.Langevin(0.1, 0.05, guard=50.0, on_divergence="raise")
    found = chain.run(tw.Quadratic(1.0, dim=2000), theta, 200, rng=1)
    assert abs(found.energies[-1].mean() / 100 - 1) < 0.1  # P T / 2


def test_the_guard_does_not_mistake_cooling_for_a_blow_up():
    """Cooling starts a thousand times hotter than the temperature that the guard knows."""
    chain = tw.Langevin(
        1e-3, 0.05, guard=50.0, initial_temperature=1.0, cooling_steps=600,
        on_divergence="raise",
    )  # fmt: skip
    found = chain.run(tw.Quadratic(1.0, dim=20), np.zeros((8, 20)), 1500, rng=1)
    assert found.energies[:100].max() > 50 * 10 * 1e-3
    assert found.energies[-1].max() < 50 * 10 * 1e-3


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["energy", "gradient"])
def test_bad_values_of_a_user_function_hurt_one_replica_only(poison, where):
    """A function that fails at x > 1 for the one replica that goes there."""

    def energy(x):
        out = -0.1 * x[:, 0]
        return np.where(x[:, 0] > 1, poison, out) if where == "energy" else out

    def gradient(x):
        slope = np.zeros_like(x)
        slope[:, 0] = -0.1
        if where == "gradient":
            slope[x[:, 0] > 1] = poison
        return energy(x), slope

    land = tw.UserLandscape(energy, gradient, dim=2)
    theta = np.zeros((9, 2))
    theta[:, 0] = -5.0
    theta[3, 0] = 0.65
    with pytest.warns(tw.DivergenceWarning):
        found = tw.SGD(1.0).run(land, theta, 20, rng=0)
    # 0.65 + 0.1 s > 1 first at s = 4; a bad gradient there shows in the step after.
    assert_array_equal(found.status.diverged, [3])
    assert int(found.status.steps[3]) == (4 if where == "energy" else 5)
    good = np.arange(9) != 3
    np.testing.assert_allclose(found.final[good, 0], -3.0)


def test_everything_may_diverge():
    with pytest.warns(tw.DivergenceWarning):
        found = tw.SGD(10.0).run(LAND["float64"], starts(), STEPS, rng=0)
    assert_array_equal(found.status.diverged, np.arange(REPLICAS))
    assert np.isnan(found.energies[-1]).all()


def test_minibatches_may_start_at_no_finite_energy_and_say_so():
    """Nobody computes the energy of all samples first: the replica is lost at step 0, by name."""
    draws = generator("divergence")
    data = tw.datasets.from_arrays(draws.normal(size=(50, 3)), draws.normal(size=(50, 1)))
    land = tw.MLP([3, 5, 1], activation="relu", loss="mse", data=data, dtype="float32")
    theta = land.init(REPLICAS, rng=1)
    theta[BAD] *= 1e19
    sgd, how = tw.SGD(0.01, batch_size=5), {"steps": 30, "record_every": 10, "rng": 1}
    with pytest.warns(tw.DivergenceWarning, match=f"replica {BAD} at step 0"):
        together = sgd.run(land, theta, **how)
    without = sgd.run(land, theta[GOOD], replicas=GOOD, **how)
    assert_array_equal(together.final[GOOD], without.final)
    with pytest.raises(ValueError, match=f"finite energy, got inf for replica {BAD}"):
        tw.SGD(0.01).run(land, theta, **how)
    with pytest.raises(tw.DivergenceError, match=f"replica {BAD} diverged at step 0") as caught:
        tw.SGD(0.01, batch_size=5, on_divergence="raise").run(land, theta, **how)
    kept = caught.value.result
    assert kept.state.total_steps == 0
    assert_array_equal(kept.status.diverged, [BAD])
    assert_array_equal(kept.final[GOOD], theta[GOOD])
