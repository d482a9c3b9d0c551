"""Networks of awkward sizes and saturated values: where tiles, tails or overflow go wrong."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import TARGETS
from numpy.linalg import norm
from numpy.testing import assert_allclose, assert_array_equal
from numpy_mlp import NumpyMlp

import thalweg as tw

# Around the sizes of registers (2 .. 16 lanes), tiles and blocks of samples.
WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 97]
SAMPLES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 129, 257]
LOSSES = ("mse", "logistic", "cross_entropy", "hinge_squared")
SMOOTH = ("tanh", "logistic", "softplus", "identity", "sin")


def shape(number: int):
    """A random network, its data, some points and directions; the same for every target."""
    draws = np.random.default_rng([2024, number])
    loss = LOSSES[number % 4]
    outputs = int(draws.choice(WIDTHS[1:12])) if loss in ("mse", "cross_entropy") else 1
    depth = int(draws.integers(1, 5))
    sizes = [*map(int, draws.choice(WIDTHS, size=depth)), outputs]
    reference = NumpyMlp(
        sizes,
        str(draws.choice([*SMOOTH, "relu"])),
        loss,
        str(draws.choice(["standard", "ntk", "mean_field"])),
        bool(draws.integers(2)),
        float(draws.choice([0.0, 0.1])),
    )
    n, replicas = int(draws.choice(SAMPLES)), int(draws.choice([1, 2, 3, 5, 9, 17]))
    x = draws.normal(size=(n, sizes[0]))
    y = {
        "mse": draws.normal(size=(n, outputs)),
        "cross_entropy": draws.integers(0, outputs, size=(n, 1)).astype(float),
    }.get(loss, draws.choice([-1.0, 1.0], size=(n, 1)))
    spread = 1.0 if reference.parameterization != "standard" else 1 / np.sqrt(max(sizes))
    theta = spread * draws.normal(size=(replicas, reference.dim))
    return reference, x, y, theta, draws.normal(size=theta.shape)


def build(reference, x, y, **options):
    y = y if reference.loss == "mse" else y[:, 0]
    return tw.MLP(
        reference.layer_sizes,
        reference.activation,
        reference.loss,
        reference.parameterization,
        reference.bias,
        reference.weight_decay,
        data=tw.datasets.from_arrays(x, y),
        **options,
    )


@pytest.mark.parametrize("number", range(60))
def test_random_shapes_agree_with_numpy(number):
    reference, x, y, theta, _ = shape(number)
    energies = np.array([reference.energy(t, x, y) for t in theta])
    slopes = np.array([reference.gradient(t, x, y) for t in theta])
    for target in TARGETS:
        energy, slope = build(reference, x, y, device=target).gradient(theta)
        assert_allclose(energy, energies, rtol=1e-12, atol=1e-14)
        assert np.all(norm(slope - slopes, axis=1) <= 1e-12 * norm(slopes, axis=1) + 1e-15)
        single = build(reference, x, y, device=target, dtype="float32")
        energy, slope = single.gradient(theta.astype("float32"))
        assert_allclose(energy, energies, rtol=2e-4, atol=1e-6)
        assert np.all(norm(slope - slopes, axis=1) <= 1e-3 * norm(slopes, axis=1) + 1e-6)


@pytest.mark.parametrize("number", range(60))
def test_hvp_of_random_shapes_is_the_slope_of_the_numpy_gradient(number):
    reference, x, y, theta, v = shape(number)
    v = v / norm(v, axis=1, keepdims=True)
    kinked = reference.activation == "relu" or reference.loss == "hinge_squared"
    h = 1e-6 if kinked else 1e-4  # a row whose stencil crosses a kink all the same is left out

    def differences(t, u):
        near, far = (
            reference.gradient(t + s * u, x, y) - reference.gradient(t - s * u, x, y)
            for s in (h, 2 * h)
        )
        return (8 * near - far) / (12 * h)

    clear = [
        np.array_equal(reference.signs(t - 2 * h * u, x, y), reference.signs(t + 2 * h * u, x, y))
        for t, u in zip(theta, v, strict=True)
    ]
    assert any(clear)
    product = build(reference, x, y).hvp(theta, v)
    for r in np.flatnonzero(clear):
        expected = differences(theta[r], v[r])
        scale = norm(expected) + norm(reference.gradient(theta[r], x, y))
        assert norm(product[r] - expected) < 1e-14 / h * 1e3 * scale


@pytest.mark.parametrize("size", [1e2, 1e4, 1e6])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic", "softplus", "identity"])
def test_saturated_networks_neither_overflow_nor_turn_nan(activation, loss, size, dtype, target):
    """Large weights: losses grow linearly (labels) or quadratically, and all stay finite."""
    outputs = 3 if loss in ("mse", "cross_entropy") else 1
    reference = NumpyMlp([2, 3, outputs], activation, loss)
    draws = np.random.default_rng(1)
    x, theta = draws.normal(size=(6, 2)), draws.normal(size=(5, reference.dim))
    theta = np.where(np.arange(reference.dim) < 9, size, 1.0) * theta
    theta = theta.astype(np.float32).astype(float)
    y = {
        "mse": np.ones((6, 3)),
        "cross_entropy": np.array([[0], [1], [2], [0], [1], [2]], float),
    }.get(loss, np.array([[1], [-1], [1], [1], [-1], [-1]], float))
    x = x.astype(np.float32).astype(float)
    land = build(reference, x, y, dtype=dtype, device=target)
    energy, slope = land.gradient(theta.astype(dtype))
    product = land.hvp(theta.astype(dtype), np.ones_like(theta, dtype))
    assert np.isfinite(energy).all()
    assert np.isfinite(slope).all()
    assert np.isfinite(product).all()
    with np.errstate(over="ignore"):  # in the reference's exp(-z), where the result is 0 or 1
        expected = [reference.energy(t, x, y) for t in theta]
    assert_allclose(energy, expected, rtol=1e-4 if dtype == "float32" else 1e-11, atol=1e-6)


def test_results_are_arrays_of_their_own():
    reference, x, y, theta, v = shape(3)
    land = build(reference, x, y)
    first = land.energy(theta), *land.gradient(theta), land.hvp(theta, v)
    kept = [a.copy() for a in first]
    other = 2 * theta
    second = land.energy(other), *land.gradient(other), land.hvp(other, v)
    for mine, before, later in zip(first, kept, second, strict=True):
        assert_array_equal(mine, before)
        assert not np.shares_memory(mine, later)
        mine[...] = 0  # and they may be written to
    assert_array_equal(land.energy(theta), kept[0])
