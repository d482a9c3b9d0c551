"""Searches for zeros on a device: the processor's steps, and what a device adds to them.

Elimination and sums over a team keep the processor's order (``cuda/team_lu.cuh``), so searches are
compared bit for bit. Paths are not: ``pow`` and division of complex numbers are a device's own, and
what fits the denominator of their series magnifies the last bit.
"""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest
from cases import COUPLINGS, generator
from emulation import needs_emulation
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw
from thalweg import _targets

FIELDS = ("points", "outcomes", "residuals", "gaps", "steps")


def black_hole(n, device="cpu"):
    return tw.BlackHole((1, 1, 1, n), couplings=COUPLINGS, device=device)


def roots(device="cpu"):
    """dW/dz_i = z_i^2 - c a_i^2: three equations that know nothing of each other."""
    a = np.array([1.0, 2j, 0.5 - 1j])
    return tw.Superpotential(
        3, [((i,) * 3, 1 / 3) for i in range(3)], [-(a**2)], [1.0], device=device
    )


def starts(land, count, scale=3.0):
    """Complex normal points with mean square scale^2 in each variable."""
    return scale * generator("device starts", count).normal(size=(count, land.dim)) / np.sqrt(2)


def loop_of(land):
    draws = generator("device loop").normal(size=(2, 2, len(land.couplings)))
    return np.array([land.couplings, *(draws[0] + 1j * draws[1]), land.couplings])


def assert_same_bits(ours, theirs):
    for field in FIELDS:
        assert_array_equal(getattr(ours, field), getattr(theirs, field), err_msg=field)


# --- The same results as a processor's. ---


@pytest.mark.parametrize(("n", "count"), [(1, 60), (2, 30), (3, 6), (4, 2)])
def test_searches_take_the_steps_of_the_processor(device_target, n, count):
    """N = 1 and 2 stay in the shared memory that an emulated block has, 3 and 4 do not."""
    land, there = black_hole(n), black_hole(n, device_target)
    x = starts(land, count)
    found = land.find_zeros(x)
    assert found.found.sum() > count / 3
    assert_same_bits(there.find_zeros(x), found)
    nudged = found.points + 1e-3 * x
    assert_same_bits(there.polish(nudged), land.polish(nudged))


@pytest.mark.parametrize(
    ("terms", "start", "outcome"),
    [
        ([((0, 0, 1), 1.0), ((1,), 1.0)], [0, 0, 0, 0], "stationary"),
        ([((0, 0, 1), 1.0), ((0,), 1.0)], [1, 0, 1, 0], "runaway"),
        ([((0, 0, 0), 1.0)], [1, 1], "degenerate"),
        ([((0, 0, 0), 1.0), ((0,), 1.0)], [1e9, 0], "unfinished"),
    ],
)
def test_searches_that_find_no_zero_end_alike(device_target, terms, start, outcome):
    steps = 2 if outcome == "unfinished" else 2000
    ends = [
        tw.Superpotential(len(start) // 2, terms, device=device).find_zeros(
            np.array([start], dtype=float), steps
        )
        for device in ("cpu", device_target)
    ]
    assert tw.landscapes.OUTCOMES[ends[0].outcomes[0]] == outcome
    assert_same_bits(ends[1], ends[0])


def test_points_far_out_on_their_orbits_are_balanced_alike(device_target):
    """The symmetry of brane 1: v_1 and z_k1 shrink sixfold, u_1 and z_1k grow."""
    land = black_hole(2)
    found = land.find_zeros(starts(land, 12))
    z = found.points[found.found].view(complex).copy()
    z[:, [12, 13, 25, 27]] /= 6
    z[:, [18, 19, 24, 26]] *= 6
    assert np.abs(land.energy(z.view(float))).max() < 1e-9, "zeros still, on the same orbits"
    ours, theirs = land.polish(z.view(float)), black_hole(2, device_target).polish(z.view(float))
    assert np.abs(ours.points).max() < 0.5 * np.abs(z).max()
    assert_same_bits(theirs, ours)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_paths_of_black_holes_end_at_the_same_minima(device_target, n):
    """W is stationary at a zero: of the error residual / gap of a point it sees the square."""
    land, there = black_hole(n), black_hole(n, device_target)
    found = land.find_zeros(starts(land, {1: 20, 2: 10, 3: 6}[n]))
    points, loop = found.points[found.found], loop_of(land)
    ours, theirs = land.follow(points, loop), there.follow(points, loop)
    assert ours.found.all()
    assert_array_equal(theirs.outcomes, ours.outcomes)
    assert (theirs.residuals / theirs.gaps).max() < 1e-10
    w = [land.fingerprint(ends.points)[:, 0] ** 2 for ends in (ours, theirs)]
    apart = np.abs(w[0][:, None] - w[0])
    assert (np.abs(w[0] - w[1]) <= 1e-11 * (1 + np.abs(w[0]))).all()
    assert apart.max() > 1e-3, "paths that all end alike compare nothing"


def test_paths_without_symmetries_end_at_the_same_points(device_target):
    """To the sum of the distances, residual / gap, that each side leaves to the true zero."""
    land, there = roots(), roots(device_target)
    found = land.find_zeros(starts(land, 40))
    points, around = found.points[found.found], np.exp(2j * np.pi * np.arange(5) / 4)[:, None]
    ours, theirs = land.follow(points, around), there.follow(points, around)
    assert theirs.found.all()
    distance = np.linalg.norm(theirs.points - ours.points, axis=1)
    rounding = 4 * np.finfo(float).eps * np.abs(points).max()
    limit = np.sqrt(3) * (ours.residuals / ours.gaps + theirs.residuals / theirs.gaps) + rounding
    assert (distance <= limit).all()
    assert_allclose(theirs.points, -points, atol=1e-12)  # once around the branch points c = 0


def test_a_path_that_is_given_up_ends_alike(device_target):
    """Through the branch point: two zeros meet at c = 0."""
    ends = [
        land.follow(np.array([[1.0, 0, 0, 2, 0.5, -1]]), np.array([[1.0], [-1.0]]))
        for land in (roots(), roots(device_target))
    ]
    assert_array_equal(ends[0].outcomes, [3])
    assert_array_equal(ends[1].outcomes, ends[0].outcomes)


@pytest.mark.parametrize("n", [1, 2])
def test_all_minima_are_counted(device_target, n):
    ours, theirs = (
        tw.protocols.count_minima(black_hole(n, device), rng=0, progress=False)
        for device in ("cpu", device_target)
    )
    assert len(theirs.solutions) == {1: 12, 2: 56}[n]
    assert theirs.sum_rule.holds
    assert_array_equal(theirs.outcomes, ours.outcomes)
    mine, exact = (np.sort_complex(c.fingerprints[:, 0] ** 2) for c in (theirs, ours))
    assert_allclose(mine, exact, rtol=0, atol=1e-11 * (1 + np.abs(exact).max()))


# --- Batches, teams, memory, errors. ---


def test_a_search_does_not_know_its_batch(device_target):
    """More points than one launch takes, emulated."""
    land = black_hole(1, device_target)
    x = starts(land, 50)
    whole = land.find_zeros(x)
    for rows in (slice(0, 1), slice(31, 50)):
        assert_array_equal(land.find_zeros(x[rows]).points, whole.points[rows])
    some = whole.points[whole.found][:20]
    ends = land.follow(some, loop_of(land))
    assert_array_equal(land.follow(some[17:19], loop_of(land)).points, ends.points[17:19])
    assert land.find_zeros(x[:0]).points.shape == (0, land.dim)


@needs_emulation
@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_any_size_of_a_team_gives_the_same_bits(monkeypatch, threads):
    land = black_hole(2, "cuda_emulated")
    x = starts(land, 3)
    whole = land.find_zeros(x)
    ends = land.follow(whole.points, loop_of(land))
    monkeypatch.setenv("THALWEG_EMULATED_THREADS", str(threads))
    assert_same_bits(land.find_zeros(x), whole)
    assert_same_bits(land.follow(whole.points, loop_of(land)), ends)


def test_equations_are_on_the_device_of_their_landscape(device_target):
    names = _targets.devices(device_target)
    if len(names) < 2:
        pytest.skip("one device here")
    land = black_hole(1, names[1])
    tw.CoshWell(2, device=names[0])  # the device that was chosen last is another one
    free = [_targets.load(device_target).device_info(d)["free_memory"] for d in (0, 1)]
    assert land.find_zeros(starts(land, 4)).found.any()
    after = [_targets.load(device_target).device_info(d)["free_memory"] for d in (0, 1)]
    assert after[0] == free[0]
    assert after[1] < free[1], "the tables of the equations stay with the landscape"
    land.find_zeros(starts(land, 4))
    assert _targets.load(device_target).device_info(1)["free_memory"] == after[1]


SEARCHES = {
    "search for zeros": lambda land, x: land.find_zeros(x),
    "polish of zeros": lambda land, x: land.polish(x),
    "paths of zeros": lambda land, x: land.follow(x, loop_of(land)),
}


@needs_emulation
@pytest.mark.parametrize("kernel", SEARCHES)
def test_a_failing_search_is_named_and_the_next_one_works(monkeypatch, kernel):
    land = black_hole(1, "cuda_emulated")
    x = land.find_zeros(starts(land, 3)).points
    before = _targets.load("cuda_emulated").device_info(0)["free_memory"]
    monkeypatch.setenv("THALWEG_EMULATED_FAULT", kernel)
    with pytest.raises(RuntimeError, match=kernel):
        SEARCHES[kernel](land, x)
    monkeypatch.delenv("THALWEG_EMULATED_FAULT")
    assert _targets.load("cuda_emulated").device_info(0)["free_memory"] == before
    SEARCHES[kernel](land, x)


@needs_emulation
@pytest.mark.parametrize("kernel", SEARCHES)
def test_too_little_memory_is_told_with_what_is_needed(monkeypatch, kernel):
    """A matrix of 54 x 54 complex numbers for each point at work does not fit in shared memory."""
    land = black_hole(3, "cuda_emulated")
    x = starts(land, 12)
    wanted = SEARCHES[kernel](land, x)
    used = 4 * 2**30 - _targets.load("cuda_emulated").device_info(0)["free_memory"]
    monkeypatch.setenv("THALWEG_EMULATED_MEMORY", str(used + 60_000))  # none at a time
    with pytest.raises(MemoryError, match=r"needs \d+ bytes .* are free on device 0"):
        SEARCHES[kernel](land, x)
    monkeypatch.setenv("THALWEG_EMULATED_MEMORY", str(used + 200_000))  # one at a time
    assert np.array_equal(SEARCHES[kernel](land, x).points, wanted.points)


@needs_emulation
def test_ctrl_c_comes_through_between_launches():
    land = black_hole(2, "cuda_emulated")
    x = np.repeat(starts(land, 20), 500, axis=0)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        land.find_zeros(x)
    timer.join()
    assert land.find_zeros(x[:2]).points.shape == (2, land.dim)
