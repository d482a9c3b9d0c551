"""What every dynamics promises: the same bits however a run is cut, batched or threaded."""

from __future__ import annotations

import numpy as np
import pytest
from dynamics_cases import (
    DYNAMICS,
    DYNAMICS_BY_NAME,
    NETWORK,
    REPLICAS,
    TERRAINS,
    spread_values,
    start,
)
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw

STEPS = 128
VARIED = [case for case in DYNAMICS if case.vary]


@pytest.fixture(params=DYNAMICS, ids=lambda case: case.name)
def dynamics(request):
    return request.param


def run(case, terrain, dtype="float64", target="cpu", steps=STEPS, rows=None, **options):
    """A trajectory of `terrain`'s replicas `rows`, with everything recorded."""
    rows = np.arange(REPLICAS) if rows is None else np.asarray(rows)
    options = {
        "record_every": 5,
        "record_points": True,
        "observables": case.observables,
        "rng": 42,
        "replicas": rows,
        **options,
    }
    spec = options.pop("spec", None) or case.build_for(terrain, dtype)
    land = terrain.build(dtype, target, rows=rows)
    theta = np.ascontiguousarray(start(terrain, dtype)[rows])
    return spec.run(land, theta, steps, **options)


def same_bits(mine, other, columns=slice(None)):
    """All that two trajectories measured is equal; `columns` picks replicas of `other`."""
    assert_array_equal(mine.steps, other.steps)
    assert_array_equal(mine.energies, other.energies[:, columns])
    assert_array_equal(mine.final, other.final[columns])
    assert_array_equal(mine.points, other.points[:, columns])
    assert set(mine.observables) == set(other.observables)
    for name, values in mine.observables.items():
        assert_array_equal(values, other.observables[name][:, columns], err_msg=name)
    for field in ("codes", "steps", "restores"):
        theirs = getattr(other.status, field)[columns]
        assert_array_equal(getattr(mine.status, field), theirs, err_msg=field)


def terrain_names(case):
    return ["network"] if case.minibatch else list(TERRAINS)


PAIRS = [(case.name, name) for case in DYNAMICS for name in terrain_names(case)]


@pytest.mark.parametrize("chunks", [7, 64])
def test_a_run_may_be_cut_anywhere(dynamics, dtype, target, chunks):
    whole = run(dynamics, NETWORK, dtype, target)
    cuts = np.unique(np.linspace(0, STEPS, chunks + 1).round().astype(int))
    pieces = np.diff(cuts)
    assert len(pieces) == chunks
    part = run(dynamics, NETWORK, dtype, target, steps=int(pieces[0]))
    for piece in pieces[1:]:
        part = part.resume(int(piece))
    same_bits(part, whole)


@pytest.mark.parametrize(("name", "place"), PAIRS)
def test_where_a_run_ends_changes_no_bit(name, place, dtype, target):
    """What nobody asks for behind the last step is not computed."""
    case, terrain = DYNAMICS_BY_NAME[name], TERRAINS[place]
    for every in (1, 5):  # the energy of an end is asked for, and it is not
        plain = {"observables": (), "record_every": every}
        whole = run(case, terrain, dtype, target, steps=8, **plain)
        for end in (1, 7):
            part = run(case, terrain, dtype, target, steps=end, **plain)
            assert_array_equal(part.energies, whole.energies[: end // every])
            same_bits(part.resume(8 - end), whole)


def test_the_energy_of_a_users_run_is_that_beside_the_gradient():
    """Its bits may differ from those of the energy alone; here they differ by much."""
    land = tw.UserLandscape(
        lambda x: 7 + (x**2).sum(axis=1), lambda x: ((x**2).sum(axis=1), 2 * x), dim=3
    )
    found = tw.SGD(0.25).run(land, np.ones((1, 3)), 2, record_every=1)
    assert_array_equal(found.energies[:, 0], [0.75, 0.1875])


def test_a_run_resumes_from_disk(dynamics, dtype, tmp_path):
    whole = run(dynamics, NETWORK, dtype)
    run(dynamics, NETWORK, dtype, steps=50).save(tmp_path / "half.npz")
    loaded = tw.Trajectory.load(tmp_path / "half.npz")
    land = NETWORK.build(dtype, rows=np.arange(REPLICAS))
    same_bits(loaded.resume(STEPS - 50, landscape=land), whole)


def test_a_loaded_run_needs_its_landscape(tmp_path):
    run(DYNAMICS[0], NETWORK, steps=5).save(tmp_path / "run.npz")
    with pytest.raises((TypeError, ValueError), match="landscape"):
        tw.Trajectory.load(tmp_path / "run.npz").resume(5)


@pytest.mark.parametrize(("name", "place"), PAIRS)
def test_replica_17_is_the_same_alone(name, place, dtype, target):
    case = DYNAMICS_BY_NAME[name]
    steps = 20 if place == "wide" else STEPS
    whole = run(case, TERRAINS[place], dtype, target, steps=steps)
    alone = run(case, TERRAINS[place], dtype, target, steps=steps, rows=[17])
    same_bits(alone, whole, columns=[17])


@pytest.mark.parametrize(("name", "place"), PAIRS)
def test_threads_do_not_change_a_bit(name, place, dtype, target):
    case = DYNAMICS_BY_NAME[name]
    steps = 20 if place == "wide" else 60
    one = run(case, TERRAINS[place], dtype, target, steps=steps, threads=1)
    for threads in (2, 3):
        same_bits(run(case, TERRAINS[place], dtype, target, steps=steps, threads=threads), one)


@pytest.mark.parametrize(("name", "place"), PAIRS)
def test_records_describe_the_recorded_points(name, place, dtype):
    """Record s is taken after step s: its energy and observables are those of its point."""
    case, terrain = DYNAMICS_BY_NAME[name], TERRAINS[place]
    found = run(case, terrain, dtype, steps=12, record_every=1)
    land = terrain.build(dtype, rows=np.arange(REPLICAS))
    eps = float(np.finfo(dtype).eps)
    assert_array_equal(found.steps, np.arange(1, 13))
    assert found.status.ok.all()
    assert_array_equal(found.points[-1], found.final)
    for x, energy in zip(found.points, found.energies, strict=True):
        assert_allclose(energy, land.energy(x), rtol=64 * eps, atol=64 * eps)
    norms = (found.points.astype(float) ** 2).sum(axis=2)
    origin = start(terrain, dtype).astype(float)
    distances = ((found.points - origin) ** 2).sum(axis=2)
    overlap = (found.points * origin).sum(axis=2) / np.sqrt(norms * (origin**2).sum(axis=1))
    slopes = np.array([land.gradient(x)[1] for x in found.points], dtype=float)
    expected = {
        "squared_norm": norms,
        "virial": (found.points * slopes).sum(axis=2),
        "gradient_squared_norm": (slopes**2).sum(axis=2),
        "squared_distance": distances,
        "overlap": overlap,
    }
    for key in set(expected) & set(found.observables):
        scale = np.abs(expected[key]).max()
        assert_allclose(found.observables[key], expected[key], atol=500 * eps * scale, err_msg=key)


def test_thinner_records_are_the_same_records(dynamics):
    every, fifth = (run(dynamics, NETWORK, record_every=n) for n in (1, 5))
    assert_array_equal(fifth.steps, np.arange(5, STEPS + 1, 5))
    assert_array_equal(fifth.energies, every.energies[4::5])
    assert_array_equal(fifth.points, every.points[4::5])
    assert_array_equal(fifth.final, every.final)


@pytest.mark.parametrize("dynamics", VARIED, ids=lambda case: case.name)
def test_one_value_for_all_or_one_for_each(dynamics):
    """A replica with its own hyper-parameter walks as it would where all have that value."""
    values = spread_values(dynamics.build(), dynamics.vary)
    mixed = run(dynamics, NETWORK, spec=dynamics.build(**{dynamics.vary: values}))
    for r in (0, 17, REPLICAS - 1):
        spec = dynamics.build(**{dynamics.vary: float(values[r])})
        same_bits(run(dynamics, NETWORK, spec=spec, rows=[r]), mixed, columns=[r])
    assert len(np.unique(mixed.energies[-1])) == REPLICAS


def test_the_seed_decides(dynamics):
    first, again, other = (run(dynamics, NETWORK, rng=seed) for seed in (1, 1, 2))
    same_bits(again, first)
    if dynamics.random:
        assert (other.final != first.final).any(axis=1).all(), "another seed moves every replica"
    else:
        same_bits(other, first)


def test_replicas_differ_only_by_their_noise(dynamics):
    """Equal starts: random dynamics part, deterministic ones stay together."""
    theta = np.repeat(start(NETWORK)[:1], 9, axis=0)
    found = dynamics.build().run(NETWORK.build(), theta, 30, rng=3)
    distinct = len(np.unique(found.final, axis=0))
    assert distinct == (9 if dynamics.random else 1)


def test_arrays_may_be_read_only_and_are_left_alone(dynamics, dtype):
    theta = start(NETWORK, dtype)
    before = theta.copy()
    theta.setflags(write=False)
    replicas = np.arange(REPLICAS, dtype=np.uint32)
    replicas.setflags(write=False)
    spec = dynamics.build()
    if dynamics.vary:
        values = spread_values(spec, dynamics.vary)
        values.setflags(write=False)
        spec = dynamics.build(**{dynamics.vary: values})
    found = spec.run(NETWORK.build(dtype), theta, 10, rng=3, replicas=replicas)
    found.resume(10)
    assert_array_equal(theta, before)
    assert not np.shares_memory(found.final, theta)


def test_targets_walk_alike(dynamics, target):
    """Other instructions, other last bits: forty steps stay within 1e-9 of each other."""
    mine, best = (run(dynamics, NETWORK, target=t, steps=40) for t in (target, "cpu"))
    assert_allclose(mine.final, best.final, rtol=0, atol=1e-9)
