"""One hidden layer, one output, few inputs: such networks have a pass of their own."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy_mlp import NumpyMlp

import thalweg as tw

ROWS = 37  # whole blocks of sixteen or eight lanes, and five rows left over
ALONE = (0, 15, 16, 36)
# Units in pairs and one left over; five inputs have the pass of all other networks.
SIZES = ([1, 3, 1], [2, 8, 1], [3, 5, 1], [4, 7, 1], [2, 1, 1], [5, 4, 1])
SAMPLES = (1, 7, 33, 1000)  # the last in several chunks
ACTIVATIONS = ("tanh", "relu", "logistic", "softplus", "identity", "sin")
LOSSES = ("mse", "logistic", "hinge_squared")
# Scales of both layers, biases or none, weight decay or none.
KINDS = (
    {"parameterization": "standard"},
    {"parameterization": "ntk", "weight_decay": 0.1},
    {"parameterization": "mean_field", "bias": False},
)


def arrays(sizes, samples, loss, *replicas):
    draws = np.random.default_rng([*sizes, samples, len(replicas)])
    inputs = draws.normal(size=(*replicas, samples, sizes[0]))
    if loss == "mse":
        return inputs, draws.normal(size=(*replicas, samples, 1))
    return inputs, draws.choice([-1.0, 1.0], size=(*replicas, samples))


def network(sizes, data, dtype="float64", **kind):
    return tw.MLP(sizes, data=tw.datasets.from_arrays(*data), dtype=dtype, **kind)


def kinds(samples):
    """Every activation with every loss; the rest in turn."""
    for number, activation in enumerate(ACTIVATIONS):
        for place, loss in enumerate(LOSSES):
            options = KINDS[(number + place + samples) % len(KINDS)]
            yield {"activation": activation, "loss": loss, **options}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_row_alone_is_the_row_in_a_batch(sizes, samples, dtype):
    for kind in kinds(samples):
        land = network(sizes, arrays(sizes, samples, kind["loss"]), dtype, **kind)
        theta = land.init(ROWS, rng=1)
        energies, (also, slopes) = land.energy(theta), land.gradient(theta)
        assert_array_equal(energies, also, err_msg=str(kind))
        for r in ALONE:
            energy, slope = land.gradient(theta[r : r + 1])
            assert_array_equal(energy[0], energies[r], err_msg=str(kind))
            assert_array_equal(slope[0], slopes[r], err_msg=str(kind))


@pytest.mark.parametrize("own", ["inputs", "targets", "both"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_so_it_is_where_each_row_has_its_own_data(sizes, own):
    for kind in kinds(33):
        inputs, targets = arrays(sizes, 33, kind["loss"], ROWS)
        if own == "inputs":
            targets = targets[0]
        if own == "targets":
            inputs = inputs[0]
        land = network(sizes, (inputs, targets), "float32", **kind)
        theta = land.init(ROWS, rng=1)
        energies, slopes = land.gradient(theta)
        for r in ALONE:
            x = inputs[r] if own != "targets" else inputs
            y = targets[r] if own != "inputs" else targets
            energy, slope = network(sizes, (x, y), "float32", **kind).gradient(theta[r : r + 1])
            assert_array_equal(energy[0], energies[r], err_msg=str(kind))
            assert_array_equal(slope[0], slopes[r], err_msg=str(kind))


@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_gradients_agree_with_numpy(sizes, samples):
    """To the rounding of sums of 1000 terms in float64."""
    for kind in kinds(samples):
        x, y = arrays(sizes, samples, kind["loss"])
        reference = NumpyMlp(sizes, **kind)
        land = network(sizes, (x, y), **kind)
        theta = land.init(ROWS, rng=1) + 0.1
        energies, slopes = land.gradient(theta)
        for r in ALONE:
            column = y.reshape(samples, 1)
            energy, slope = (f(theta[r], x, column) for f in (reference.energy, reference.gradient))
            assert abs(energies[r] - energy) <= 1e-12 * abs(energy) + 1e-14, kind
            error = np.linalg.norm(slopes[r] - slope)
            assert error <= 1e-12 * np.linalg.norm(slope) + 1e-14, kind


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "dynamics",
    [
        tw.Langevin(0.01, 0.02),
        tw.SGD(0.05, batch_size=1),
        tw.SGD(0.05, momentum=0.9, batch_size=11, replacement=True),
        tw.Adam(0.01),
    ],
    ids=["langevin", "sgd of one sample", "sgd with replacement", "adam"],
)
def test_a_run_alone_is_the_run_in_a_batch(dynamics, dtype):
    land = network([3, 5, 1], arrays([3, 5, 1], 40, "mse"), dtype, activation="tanh", loss="mse")
    theta = land.init(ROWS, rng=1)
    together = dynamics.run(land, theta, steps=60, record_every=6, rng=4)
    for r in ALONE:
        alone = dynamics.run(land, theta[r : r + 1], steps=60, record_every=6, rng=4, replicas=[r])
        assert_array_equal(alone.energies[:, 0], together.energies[:, r])
        assert_array_equal(alone.final[0], together.final[r])
