"""SGD and Adam against NumPy on the same minibatches, and the order in which batches come."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from cases import MlpCase, generator
from numpy.testing import assert_allclose, assert_array_equal
from numpy_mlp import NumpyMlp

import thalweg as tw

SEED, SAMPLES, REPLICAS = 13, 10, 5
NET = NumpyMlp([3, 6, 2], "tanh", "cross_entropy")


def data():
    draws = generator("optimizers")
    return draws.normal(size=(SAMPLES, 3)), draws.integers(0, 2, size=SAMPLES)


def network(dtype="float64"):
    inputs, labels = data()
    return tw.MLP(
        [3, 6, 2],
        loss="cross_entropy",
        data=tw.datasets.from_arrays(inputs, labels),
        dtype=dtype,
    )


def start():
    return 0.5 * generator("optimizers", 1).normal(size=(REPLICAS, NET.dim))


def batches(replica, steps, batch_size, samples=SAMPLES):
    """Positions s B .. s B + B - 1 of the replica's concatenated epoch permutations, per step s."""
    epochs = -(-steps * batch_size // samples)
    who = np.array([replica], dtype=np.uint32)
    order = [
        tw.rng.permutations(SEED, stream="batch_order", step=epoch, replicas=who, count=samples)[0]
        for epoch in range(epochs)
    ]
    return np.concatenate(order)[: steps * batch_size].reshape(steps, batch_size)


def gradients(replica, steps, batch_size):
    """The gradient function of every step, on that step's minibatch, for one replica."""
    inputs, labels = data()
    labels = labels[:, None].astype(float)
    chosen = (
        np.tile(np.arange(SAMPLES), (steps, 1))
        if batch_size is None
        else batches(replica, steps, batch_size)
    )
    for batch in chosen:
        yield lambda theta, batch=batch: NET.gradient(theta, inputs[batch], labels[batch])


def numpy_sgd(theta, slopes, rate, momentum=0.0, nesterov=False):
    """v <- mu v + g; theta <- theta - rate v, or - rate (g + mu v) with Nesterov's look-ahead."""
    velocity = np.zeros_like(theta)
    for slope in slopes:
        g = slope(theta)
        velocity = momentum * velocity + g
        theta = theta - rate * (g + momentum * velocity if nesterov else velocity)
        yield theta


def numpy_adam(theta, slopes, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Kingma & Ba, arXiv:1412.6980, algorithm 1."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, slope in enumerate(slopes, start=1):
        g = slope(theta)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        rise, scale = m / (1 - beta1**t), np.sqrt(v / (1 - beta2**t))
        theta = theta - rate * rise / (scale + epsilon)
        yield theta


STEPS = 35
RULES = {
    "sgd": (tw.SGD, numpy_sgd, (0.2,), {}),
    "momentum": (tw.SGD, numpy_sgd, (0.1,), {"momentum": 0.7}),
    "nesterov": (tw.SGD, numpy_sgd, (0.1,), {"momentum": 0.7, "nesterov": True}),
    "adam": (tw.Adam, numpy_adam, (0.05,), {}),
    "adam_betas": (tw.Adam, numpy_adam, (0.05, 0.7, 0.95, 1e-3), {}),
}


@pytest.mark.parametrize("batch_size", [None, 1, 4, 5, SAMPLES])
@pytest.mark.parametrize("rule", RULES)
def test_optimizers_follow_their_definition(rule, batch_size, target):
    ours, theirs, arguments, options = RULES[rule]
    theta = start()
    inputs, labels = data()
    land = tw.MLP(
        [3, 6, 2],
        loss="cross_entropy",
        data=tw.datasets.from_arrays(inputs, labels),
        device=target,
    )
    found = ours(*arguments, batch_size=batch_size, **options).run(
        land, theta, STEPS, record_points=True, rng=SEED
    )
    for r in range(REPLICAS):
        expected = theirs(theta[r], gradients(r, STEPS, batch_size), *arguments, **options)
        for step, (point, mine) in enumerate(zip(found.points[:, r], expected, strict=True), 1):
            assert_allclose(point, mine, rtol=0, atol=1e-11, err_msg=f"replica {r}, step {step}")


NETWORKS = {
    "wide": MlpCase(
        "wide_batches", (33, 67, 45, 10), "tanh", "cross_entropy", samples=37, spread=0.2
    ),
    "relu_decay": MlpCase(
        "relu_batches", (7, 12, 5, 1), "relu", "logistic", "ntk", weight_decay=0.2, samples=37
    ),
    "own_inputs": MlpCase("a", (3, 6, 1), "tanh", "hinge_squared", own=("inputs",), samples=37),
    "own_targets": MlpCase("b", (3, 6, 2), "sin", "mse", own=("targets",), samples=37),
    "own_both": MlpCase(
        "c", (20, 70, 3), "softplus", "mse", own=("inputs", "targets"), samples=37, spread=0.1
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_minibatches_of_every_kind_of_network(name, target):
    """Both schedules, own data, weight decay: batches of 8 out of 37, into the third epoch."""
    case, rows, steps = NETWORKS[name], np.arange(REPLICAS), 12
    theta = case.points(REPLICAS)
    found = tw.SGD(0.05, momentum=0.5, batch_size=8).run(
        case.build(device=target, rows=rows), theta, steps, record_points=True, rng=SEED
    )
    for r in rows:
        x, y = case.data_of(r)
        slopes = [
            lambda t, batch=batch, x=x, y=y: case.reference.gradient(t, x[batch], y[batch])
            for batch in batches(r, steps, 8, samples=37)
        ]
        expected = np.array(list(numpy_sgd(theta[r], slopes, 0.05, momentum=0.5)))
        assert_allclose(found.points[:, r], expected, rtol=0, atol=1e-11)
        full = case.reference.energy(expected[-1], x, y)
        assert_allclose(found.energies[-1, r], full, rtol=1e-11)


def test_recorded_energy_is_of_all_data():
    land = network()
    found = tw.SGD(0.1, batch_size=2).run(land, start(), 6, record_points=True, rng=0)
    for point, energy in zip(found.points, found.energies, strict=True):
        assert_allclose(energy, land.energy(point), rtol=1e-14)


def marked_landscape():
    """f = w 0 + b and targets 4^i: a step of SGD on b tells which samples were in its batch.

    b' = b - rate 2 (b - mean of 4^i over the batch), so the batch sum is a number whose base-4
    digits count how often each sample was drawn.
    """
    targets = 4.0 ** np.arange(SAMPLES)[:, None]
    data = tw.datasets.from_arrays(np.zeros((SAMPLES, 1)), targets)
    return tw.MLP([1, 1], activation="identity", loss="mse", data=data)


def visits(batch_size, steps, replacement=False, replicas=REPLICAS, rng=SEED):
    """How often each sample was used in each step [S, R, N]."""
    rate = 0.125
    land = marked_landscape()
    theta = np.zeros((replicas, 2))
    found = tw.SGD(rate, batch_size=batch_size, replacement=replacement).run(
        land, theta, steps, record_points=True, rng=rng
    )
    b = np.concatenate([theta[None], found.points])[..., 1]
    sums = batch_size * (b[:-1] + (b[1:] - b[:-1]) / (2 * rate))
    whole = np.rint(sums).astype(np.int64)
    assert_allclose(sums, whole, atol=1e-4)
    return whole[..., None] // 4 ** np.arange(SAMPLES) % 4


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 7, SAMPLES])
def test_each_epoch_visits_each_sample_once(batch_size):
    """Also when the batch does not divide the data and a batch reaches into the next epoch."""
    epochs = batch_size // np.gcd(batch_size, SAMPLES)
    steps = epochs * SAMPLES // batch_size
    seen = visits(batch_size, 2 * steps)
    assert (seen.sum(axis=2) == batch_size).all()
    total = seen.cumsum(axis=0)
    assert (total[steps - 1] == epochs).all()
    assert (total[-1] == 2 * epochs).all()
    for step in range(
        2 * steps
    ):  # all epochs that are over, and at most one visit of the running one
        used = (step + 1) * batch_size
        assert (total[step] >= used // SAMPLES).all()
        assert (total[step] <= -(-used // SAMPLES)).all()


def test_batches_are_the_published_permutations():
    seen = visits(batch_size=3, steps=20)
    for r in range(REPLICAS):
        for step, batch in enumerate(batches(r, 20, 3)):
            counts = np.bincount(batch, minlength=SAMPLES)
            assert_array_equal(seen[step, r], counts, err_msg=f"replica {r}, step {step}")


def test_replicas_and_epochs_have_orders_of_their_own():
    seen = visits(batch_size=1, steps=3 * SAMPLES, replicas=40).argmax(axis=2)
    epochs = seen.reshape(3, SAMPLES, 40)
    orders = {tuple(epochs[e, :, r]) for e, r in itertools.product(range(3), range(40))}
    assert len(orders) == 120, "of 10! orders, 120 draws should all differ"


def test_with_replacement_samples_repeat_and_are_uniform():
    seen = visits(batch_size=2, steps=200, replacement=True, replicas=100)
    assert (seen.sum(axis=2) == 2).all()
    assert (seen == 2).any(), "drawn with replacement, a batch of two may hold a sample twice"
    twice = (seen == 2).any(axis=2).mean()
    assert abs(twice - 1 / SAMPLES) < 5 * np.sqrt(0.1 * 0.9 / 20_000)
    counts = seen.sum(axis=(0, 1))
    expected = 2 * 200 * 100 / SAMPLES
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 27.9, "0.1 % quantile for 9 degrees of freedom"
