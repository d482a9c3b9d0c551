"""Hessians of networks by blocks on a device: those of the processor, symmetric, in any chunks."""

from __future__ import annotations

import numpy as np
import pytest
from emulation import needs_emulation
from numpy.testing import assert_allclose, assert_array_equal
from test_device_mlp import ACTIVATIONS, BINARY, LOSSES, network, problem

import thalweg as tw

SHAPES = [  # the last ones need several chunks of samples, or device memory for one of 64
    ([3, 5, 1], 17),
    ([1, 1, 1], 1),
    ([7, 3], 33),
    ([7, 13, 11, 2], 45),
    ([6, 5, 4, 6, 4, 5, 3, 4, 2], 7),
    ([9, 8, 3], 700),
    ([5, 40, 30, 2], 90),
]


def hessians(device, sizes, samples, dtype="float64", rows=3, own=False, **options):
    inputs, targets, x, _ = problem(sizes, samples, options.get("loss", "mse"), rows, own)
    land = network(sizes, inputs, targets, device, dtype, **options)
    return land.hessian(x[:, : land.dim].astype(dtype))


def require_close(theirs, ours, units):
    """To so many roundings of each Hessian's largest number; and exactly symmetric."""
    assert_array_equal(theirs, theirs.transpose(0, 2, 1))
    size = np.abs(ours).max(axis=(1, 2), keepdims=True)
    limit = units * np.finfo(theirs.dtype).eps
    assert_allclose(theirs / size, ours / size, rtol=0, atol=limit)


@pytest.mark.parametrize(("sizes", "samples"), SHAPES, ids=str)
def test_every_shape_is_that_of_the_processor(device_target, dtype, sizes, samples):
    loss = "cross_entropy" if sizes[-1] > 2 else "mse"
    ours = hessians("cpu", sizes, samples, loss=loss)
    theirs = hessians(device_target, sizes, samples, dtype, loss=loss)
    require_close(theirs, ours, 16 * len(sizes) * np.sqrt(max(*sizes, samples)))


@pytest.mark.parametrize("parameterization", ["standard", "ntk", "mean_field"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_loss_and_scale(device_target, activation, loss, parameterization):
    sizes = [5, 6, 4, 1 if loss in BINARY else 3]
    options = {"activation": activation, "loss": loss, "parameterization": parameterization}
    options |= {"bias": parameterization != "ntk", "weight_decay": 0.3, "own": True}
    require_close(
        hessians(device_target, sizes, 9, **options), hessians("cpu", sizes, 9, **options), 300
    )


@needs_emulation
@pytest.mark.parametrize("threads", [1, 5, 32])
@pytest.mark.parametrize("most", [1, 7])
def test_neither_teams_nor_launches_change_a_bit(monkeypatch, threads, most):
    """No sum is shared out: threads own numbers of a Hessian, whatever their count."""
    how = ("cuda_emulated", [5, 7, 4, 2], 21)
    whole = hessians(*how, own=True)
    monkeypatch.setenv("THALWEG_EMULATED_THREADS", str(threads))
    monkeypatch.setenv("THALWEG_EMULATED_ROWS", str(most))
    assert_array_equal(hessians(*how, own=True), whole)


def test_a_sum_goes_row_by_row(device_target):
    """Products with unit vectors, of a network with a well."""
    inputs, targets, x, _ = problem([3, 4, 2], 6, rows=2)

    def total(device):
        net = network([3, 4, 2], inputs, targets, device)
        return tw.SumLandscape([net, tw.Quadratic(np.linspace(1, 2, net.dim), device=device)])

    require = {"rtol": 1e-13, "atol": 1e-13}
    assert_allclose(total(device_target).hessian(x), total("cpu").hessian(x), **require)


@needs_emulation
def test_the_kernel_of_blocks_is_the_one_that_runs(monkeypatch):
    monkeypatch.setenv("THALWEG_EMULATED_FAULT", "hessian of mlp")
    with pytest.raises(RuntimeError, match="hessian of mlp"):
        hessians("cuda_emulated", [3, 4, 1], 5)
