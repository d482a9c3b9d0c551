"""pytest-benchmark of a thermal chart beside a NumPy loop that samples the same measure.

    pytest bench/test_bench_thermal.py

Both make the same BAOAB steps of the standard network ([10, 50, 1], 40 random labels) in natural
units, all replicas in one batch, one thread each, and must find the same <L>/T.
"""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw

from .cases import Case
from .peers.numpy_by_hand import Network

TEMPERATURES = np.geomspace(1e-4, 1e-2, 3)
REPLICAS, STEPS, BOX, STEP = 8, 3000, 5.0, 0.05
BURN_IN, COOLING, EVERY, HOT = 0.5, 0.4, 10, 0.1
NETWORK = Case("M1", (10, 50, 1), "tanh", "logistic", 40, 3 * REPLICAS, "langevin")


def landscape():
    data = tw.datasets.random_labels(samples=40, features=10, rng=0)
    return tw.MLP([10, 50, 1], "tanh", "logistic", parameterization="ntk", data=data)


def by_thalweg(land, curvature=0):
    return tw.protocols.thermal_chart(
        land, TEMPERATURES, confinement=BOX, step_size=STEP, steps=STEPS, burn_in=BURN_IN,
        cooling=COOLING, initial_temperature=HOT, replicas=REPLICAS, record_every=EVERY,
        curvature=curvature, rng=1, threads=1,
    )  # fmt: skip


def scales(network):
    """What turns parameters of the ntk parameterisation into those of the standard one, [P]."""
    scale = np.ones(network.case.dim)
    for start, middle, _, _, n_in in network.places:
        scale[start:middle] = n_in**-0.5
    return scale


def by_numpy(land, seed=2):
    """L/T of the records after burn-in [S, M K]: BAOAB in natural units, cooled alike."""
    network, rng = Network(NETWORK), np.random.default_rng(seed)
    inputs, targets = land.data.inputs, np.ravel(land.data.targets)
    scale, target = scales(network), np.repeat(TEMPERATURES, REPLICAS)[:, None]
    theta = BOX * rng.standard_normal((target.size, scale.size))
    momentum = rng.standard_normal(theta.shape)
    keep = np.exp(-STEP / BOX)

    def slope(theta, t):
        return scale * network.gradient(scale * theta, inputs, targets) / t + theta / BOX**2

    records, force = [], slope(theta, target * (HOT / target))
    for step in range(1, STEPS + 1):
        t = target * (HOT / target) ** max(0.0, 1 - step / (COOLING * STEPS))
        momentum -= STEP / 2 * force
        theta += STEP / 2 * momentum
        momentum = keep * momentum + np.sqrt(1 - keep**2) * rng.standard_normal(theta.shape)
        theta += STEP / 2 * momentum
        force = slope(theta, t)
        momentum -= STEP / 2 * force
        if step % EVERY == 0 and step > BURN_IN * STEPS:
            records.append(network.energy(scale * theta, inputs, targets) / target[:, 0])
    return np.array(records)


@pytest.fixture(scope="module")
def expected():
    """<L>/T [M] of the loop and its standard error, from replicas."""
    means = by_numpy(landscape(), seed=0).mean(axis=0).reshape(len(TEMPERATURES), REPLICAS)
    return means.mean(axis=1), means.std(axis=1, ddof=1) / np.sqrt(REPLICAS)


def agrees(found, expected):
    (value, error), (mean, spread) = found, expected
    assert (np.abs(value - mean) < 5 * np.hypot(error, spread) + 0.02 * mean).all()


@pytest.mark.benchmark(group="thermal chart")
@pytest.mark.parametrize("curvature", [0, 8])
def test_thalweg(benchmark, expected, curvature):
    land = landscape()
    chart = benchmark.pedantic(by_thalweg, (land, curvature), rounds=5, warmup_rounds=1)
    agrees(chart.k(), expected)


@pytest.mark.benchmark(group="thermal chart")
def test_numpy(benchmark, expected):
    records = benchmark.pedantic(by_numpy, (landscape(),), rounds=3)
    means = records.mean(axis=0).reshape(len(TEMPERATURES), REPLICAS)
    agrees((means.mean(axis=1), means.std(axis=1, ddof=1) / np.sqrt(REPLICAS)), expected)
