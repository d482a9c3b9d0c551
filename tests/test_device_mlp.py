"""Networks on a device against the processor's, over shapes that divide by nothing.

The schedule of a device (``cuda/mlp_plan.cuh``) cuts samples into chunks and quads, units into
tiles, and sums over samples into parts; the shapes and numbers of samples here leave remainders
everywhere, and some networks do not fit a block's shared memory.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from emulation import needs_emulation
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw

ACTIVATIONS = ("tanh", "relu", "logistic", "softplus", "identity", "sin")
LOSSES = ("mse", "logistic", "cross_entropy", "hinge_squared")
BINARY = ("logistic", "hinge_squared")
SHAPES = [
    ([3, 5, 1], 17),
    ([1, 1, 1], 1),
    ([7, 3], 33),
    ([7, 13, 11, 2], 100),
    ([30, 100, 1], 17),
    ([16, 16, 16, 16, 16, 4], 33),
    ([3, 5, 4, 6, 4, 5, 3, 4, 2], 7),
    ([10, 20, 20, 1], 100),
    ([2, 8, 1], 32),
    ([10, 50, 1], 40),
]
LARGE = [([64, 90, 70, 10], 50), ([300, 30, 10], 45), ([5, 700, 300, 2], 21), ([9, 8, 3], 700)]


def problem(sizes, samples, loss="mse", rows=3, own=False, seed=0):
    """Data, points [R, P] and directions [R, P], all of them float32 values."""
    draws = np.random.default_rng([seed, samples, *sizes])
    lead = (rows, samples) if own else (samples,)
    inputs = draws.normal(size=(*lead, sizes[0]))
    if loss == "mse":
        targets = draws.normal(size=(*lead, sizes[-1]))
    elif loss == "cross_entropy":
        targets = draws.integers(0, sizes[-1], size=lead)
    else:
        targets = draws.choice([-1.0, 1.0], size=lead)
    dim = sum((a + 1) * b for a, b in itertools.pairwise(sizes))
    x = draws.normal(size=(2, rows, dim)) * np.array([0.5, 1.0])[:, None, None]
    x = x.astype(np.float32).astype(float)
    return inputs.astype(np.float32).astype(float), targets, x[0], x[1]


def network(sizes, inputs, targets, device, dtype="float64", **options):
    data = tw.datasets.from_arrays(inputs, targets)
    return tw.MLP(sizes, data=data, dtype=dtype, device=device, **options)


def answers(land, x, v):
    """Everything a network is asked, by name."""
    x, v = x[:, : land.dim].astype(land.dtype), v[:, : land.dim].astype(land.dtype)
    energy, gradient = land.gradient(x)
    assert_array_equal(land.energy(x), energy)  # the same sums in the same order
    found = {"energy": energy, "gradient": gradient, "hvp": land.hvp(x, v)}
    found |= {"losses": land.sample_losses(x), "outputs": land.predict(x)}
    if land.loss != "mse":
        found["margins"] = land.margins(x)
    return found


def agree(theirs, ours, units):
    """To so many roundings of the largest number of each row."""
    for name, value in ours.items():
        eps = np.finfo(theirs[name].dtype).eps
        size = np.abs(value).max(axis=tuple(range(1, value.ndim)), keepdims=True)
        error = np.abs(theirs[name].astype(float) - value) / size
        assert error.max() <= units * eps, f"{name}: {error.max() / eps:.0f} roundings"


def rows_stand_alone(land, x, v, rows):
    """A row's answers are the same bits without the others."""
    together = answers(land, x, v)
    for row in rows:
        for name, value in answers(land, x[row : row + 1], v[row : row + 1]).items():
            assert_array_equal(value[0], together[name][row], err_msg=name)


@pytest.mark.parametrize(("sizes", "samples"), SHAPES + LARGE, ids=str)
def test_every_answer_is_that_of_the_processor(device_target, dtype, sizes, samples):
    loss = "cross_entropy" if sizes[-1] > 2 else "mse"
    inputs, targets, x, v = problem(sizes, samples, loss)
    ours = answers(network(sizes, inputs, targets, "cpu", loss=loss), x, v)
    land = network(sizes, inputs, targets, device_target, dtype, loss=loss)
    # Sums of n terms are off by some sqrt(n) roundings; layers pass theirs on.
    longest = max(*sizes, samples)
    agree(answers(land, x, v), ours, units=16 * len(sizes) * np.sqrt(longest))


@pytest.mark.parametrize("parameterization", ["standard", "ntk", "mean_field"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_loss_and_scale(device_target, activation, loss, parameterization):
    sizes = [5, 9, 7, 1 if loss in BINARY else 3]
    inputs, targets, x, v = problem(sizes, 17, loss, own=True)
    options = {"activation": activation, "loss": loss, "parameterization": parameterization}
    options |= {"bias": parameterization != "ntk", "weight_decay": 0.3}
    ours = answers(network(sizes, inputs, targets, "cpu", **options), x, v)
    theirs = answers(network(sizes, inputs, targets, device_target, **options), x, v)
    agree(theirs, ours, units=300)


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
def test_the_hessian_is_that_of_the_processor(device_target, loss):
    sizes = [3, 4, 1 if loss == "logistic" else 3]
    inputs, targets, x, _ = problem(sizes, 11, loss)
    ours = network(sizes, inputs, targets, "cpu", loss=loss).hessian(x)
    theirs = network(sizes, inputs, targets, device_target, loss=loss).hessian(x)
    assert_allclose(theirs, ours, rtol=0, atol=1e-14 * np.abs(ours).max() * 10)


@pytest.mark.parametrize(("sizes", "samples"), [([7, 13, 11, 2], 33), ([64, 90, 70, 10], 20)])
def test_a_row_does_not_know_its_batch(device_target, dtype, sizes, samples):
    inputs, targets, x, v = problem(sizes, samples, rows=7)
    land = network(sizes, inputs, targets, device_target, dtype)
    rows_stand_alone(land, x.astype(dtype), v.astype(dtype), (0, 3, 6))


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 33])
@pytest.mark.parametrize("own", [False, True])
def test_minibatches_are_those_of_the_processor(device_target, own, batch_size, replacement):
    """Steps of gradient descent: the same samples, and the mean over these alone."""
    sizes = [4, 6, 3]
    inputs, targets, x, _ = problem(sizes, 40, "cross_entropy", own=own)
    walk = tw.SGD(0.05, momentum=0.5, batch_size=batch_size, replacement=replacement)
    runs = [
        walk.run(network(sizes, inputs, targets, device, loss="cross_entropy"), x, 15, rng=3)
        for device in ("cpu", device_target)
    ]
    assert not np.array_equal(runs[0].final, x)
    assert_allclose(runs[1].final, runs[0].final, rtol=0, atol=1e-13)


@needs_emulation
@pytest.mark.parametrize("threads", [1, 5, 32, 128])
def test_any_size_of_a_team_gives_the_same_to_rounding(monkeypatch, threads):
    sizes = [7, 13, 11, 2]
    inputs, targets, x, v = problem(sizes, 45)
    ours = answers(network(sizes, inputs, targets, "cpu"), x, v)
    monkeypatch.setenv("THALWEG_EMULATED_THREADS", str(threads))
    agree(answers(network(sizes, inputs, targets, "cuda_emulated"), x, v), ours, units=100)


def test_infinite_weights_lose_a_row_and_no_other(device_target):
    sizes = [3, 5, 1]
    inputs, targets, x, _ = problem(sizes, 6)
    land = network(sizes, inputs, targets, device_target)
    energy, gradient = land.gradient(x)
    x[1, 4] = np.nan
    spoiled_energy, spoiled = land.gradient(x)
    assert np.isnan(spoiled_energy[1])
    for row in (0, 2):
        assert spoiled_energy[row] == energy[row]
        assert_array_equal(spoiled[row], gradient[row])


def test_a_network_that_kernels_cannot_count_is_refused(device_target):
    sizes = [70_000, 40_000, 1]
    with pytest.raises(ValueError, match=r"layer_sizes: expected at most 2147483647 parameters"):
        network(sizes, np.zeros((1, sizes[0])), np.zeros((1, 1)), device_target)


@pytest.mark.parametrize("batch_size", [None, 7])
def test_samples_left_in_place_between_steps_are_the_right_ones(device_target, batch_size):
    """Inputs stay where they are while all samples are used; minibatches take their place."""
    sizes = [4, 6, 3]
    inputs, targets, x, _ = problem(sizes, 40, "cross_entropy", own=True)
    walk = tw.SGD(0.05, batch_size=batch_size)
    runs = [
        walk.run(
            network(sizes, inputs, targets, device, loss="cross_entropy"),
            x,
            12,
            rng=3,
            record_every=3,
        )
        for device in ("cpu", device_target)
    ]
    assert_allclose(runs[1].energies, runs[0].energies, rtol=1e-12)
    assert_allclose(runs[1].final, runs[0].final, rtol=0, atol=1e-13)


def fused(a, b, c):
    """``a b + c`` rounded once to float32: products of float32 are exact here."""
    return (np.longdouble(a) * np.longdouble(b) + np.longdouble(c)).astype(np.float32)


@pytest.mark.parametrize("units_off", [-1, 0, 1])
def test_a_quotient_by_newton_and_markstein_is_rounded_correctly(units_off):
    """What a GPU does for ``divide_in_range`` (``math/bits.hpp``) in logistic and tanh.

    Its reciprocal is off by at most a unit in the last place. docs/gpu.md says what came of trying
    every argument once.
    """
    draws = np.random.default_rng(0)
    e = np.exp(-draws.uniform(0, 30, 200_000)).astype(np.float32)
    power = np.exp2(draws.integers(-27, 28, e.size)).astype(np.float32)
    t = draws.uniform(-0.18, 0.18, e.size).astype(np.float32)
    one = np.float32(1)
    above = [np.ones_like(e), e, fused(power + one, t, power - one)]
    below = [one + e, one + e, fused(power - one, t, power + one)]
    for a, b in zip(above, below, strict=True):
        r = ((one / b).view(np.int32) + units_off).view(np.float32)
        r = fused(fused(-b, r, one), r, r)
        q = a * r
        assert_array_equal(fused(fused(-b, q, a), r, q), a / b)
