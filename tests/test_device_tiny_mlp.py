"""Tiny networks on a device, where eight lanes of a warp share a replica (``cuda/mlp_warp.cuh``).

Lanes take samples in turn, loops run over widths that the network may not fill, and the sums of a
gradient are shared out among the lanes: samples fewer than lanes, samples left over, narrow layers,
and replicas that do not fill a warp are what could go wrong.
"""

from __future__ import annotations

import numpy as np
import pytest
from emulation import needs_emulation
from numpy.testing import assert_allclose, assert_array_equal
from test_device_mlp import (
    ACTIVATIONS,
    BINARY,
    LOSSES,
    agree,
    answers,
    network,
    problem,
    rows_stand_alone,
)

import thalweg as tw

# As wide as the kernels, narrower, with and without a second half of the hidden units; the last
# four have lanes in float32 only.
SHAPES = [[2, 8, 1], [1, 1, 1], [2, 5, 1], [2, 4, 1], [4, 8, 4], [3, 7, 2], [4, 3, 3], [1, 8, 2]]
SAMPLES = [1, 7, 32, 33, 100]


@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_every_answer_is_that_of_the_processor(device_target, dtype, sizes, samples):
    loss = "cross_entropy" if sizes[-1] > 2 else "mse"
    inputs, targets, x, v = problem(sizes, samples, loss)
    options = {"loss": loss, "weight_decay": 0.1}
    ours = answers(network(sizes, inputs, targets, "cpu", **options), x, v)
    land = network(sizes, inputs, targets, device_target, dtype, **options)
    agree(answers(land, x, v), ours, units=48 * np.sqrt(max(*sizes, samples)))


@pytest.mark.parametrize("parameterization", ["standard", "ntk", "mean_field"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_loss_and_scale(device_target, dtype, activation, loss, parameterization):
    """Each replica with data of its own; in float32 also wider than doubles have lanes for."""
    sizes = [2, 7, 1] if loss in BINARY else [3, 6, 2]
    inputs, targets, x, v = problem(sizes, 17, loss, own=True)
    options = {"activation": activation, "loss": loss, "parameterization": parameterization}
    options |= {"bias": parameterization != "ntk", "weight_decay": 0.3}
    ours = answers(network(sizes, inputs, targets, "cpu", **options), x, v)
    theirs = answers(network(sizes, inputs, targets, device_target, dtype, **options), x, v)
    agree(theirs, ours, units=300)


@pytest.mark.parametrize("sizes", [[2, 8, 1], [4, 8, 3]], ids=str)
def test_the_hessian_is_that_of_the_processor(device_target, dtype, sizes):
    inputs, targets, x, _ = problem(sizes, 33)
    ours = network(sizes, inputs, targets, "cpu").hessian(x)
    theirs = network(sizes, inputs, targets, device_target, dtype).hessian(x.astype(dtype))
    tolerance = 100 * np.finfo(dtype).eps * np.abs(ours).max()
    assert_allclose(theirs, ours, rtol=0, atol=tolerance)


@pytest.mark.parametrize("sizes", [[2, 8, 1], [4, 6, 3]], ids=str)
def test_a_row_does_not_know_its_batch(device_target, dtype, sizes):
    """One replica in a warp of four, and 70 in blocks of sixteen."""
    inputs, targets, x, v = problem(sizes, 33, rows=70)
    land = network(sizes, inputs, targets, device_target, dtype)
    rows_stand_alone(land, x.astype(dtype), v.astype(dtype), (0, 33, 69))


@needs_emulation
def test_lanes_are_eight_where_blocks_are_smaller(monkeypatch):
    """Which says that lanes are at work at all: blocks add up energies in another order."""
    found = {}
    for sizes in ([2, 8, 1], [2, 9, 1]):
        inputs, targets, x, _ = problem(sizes, 100, rows=20)
        land = network(sizes, inputs, targets, "cuda_emulated", "float32")
        for threads in (1, 5):
            monkeypatch.setenv("THALWEG_EMULATED_THREADS", str(threads))
            found[sizes[1], threads] = land.energy(x.astype(np.float32))
    assert_array_equal(found[8, 1], found[8, 5])
    assert not np.array_equal(found[9, 1], found[9, 5])


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 33])
@pytest.mark.parametrize("own", [False, True])
def test_minibatches_are_those_of_the_processor(device_target, own, batch_size, replacement):
    sizes = [2, 6, 1]
    inputs, targets, x, _ = problem(sizes, 40, own=own, rows=5)
    walk = tw.SGD(0.05, momentum=0.5, batch_size=batch_size, replacement=replacement)
    runs = [
        walk.run(network(sizes, inputs, targets, device), x, 15, rng=3)
        for device in ("cpu", device_target)
    ]
    assert not np.array_equal(runs[0].final, x)
    assert_allclose(runs[1].final, runs[0].final, rtol=0, atol=1e-13)


@pytest.mark.parametrize("sizes", [[2, 8, 1], [2, 4, 1], [4, 8, 4], [1, 2, 1]], ids=str)
@pytest.mark.parametrize("scheme", ["euler_maruyama", "leimkuhler_matthews", "baoab"])
def test_trajectories_agree_from_one_seed(device_target, dtype, scheme, sizes):
    """Blocks of random numbers that do not divide among lanes are drawn for steps to come."""
    inputs, targets, x, _ = problem(sizes, 32, rows=21)
    x = x.astype(dtype)
    friction = {"friction": 1.0} if scheme == "baoab" else {}
    walk = tw.Langevin(0.05, 0.01, scheme=scheme, confinement=5.0, **friction)
    ours, land = (network(sizes, inputs, targets, t, dtype) for t in ("cpu", device_target))
    runs = [walk.run(ours, x, 50, rng=5), walk.run(land, x, 50, rng=5)]
    in_parts = walk.run(land, x, 13, rng=5).resume(37, landscape=land)
    assert_array_equal(in_parts.final, runs[1].final)
    assert not np.array_equal(runs[0].final, x)
    # A step passes on what rounding made of the one before, and adds its own: some units each.
    tolerance = 50 * 20 * np.finfo(dtype).eps
    assert_allclose(runs[1].final, runs[0].final, rtol=0, atol=tolerance)
    assert_allclose(runs[1].energies, runs[0].energies, rtol=tolerance, atol=0)


def test_a_lost_replica_leaves_the_others_of_its_warp_alone(device_target):
    """Lanes of one team take another way: burying, which the teams beside it never come to."""
    inputs, targets, x, _ = problem([2, 8, 1], 20, rows=9)
    land = network([2, 8, 1], inputs, targets, device_target, weight_decay=0.1)
    steps = np.full(9, 1e-2)
    good = tw.Langevin(1.0, steps).run(land, x, 60, rng=1)
    steps[5] = 1e6
    with pytest.warns(tw.DivergenceWarning, match="replica 5"):
        bad = tw.Langevin(1.0, steps).run(land, x, 60, rng=1)
    others = [row for row in range(9) if row != 5]
    assert_array_equal(bad.final[others], good.final[others])
