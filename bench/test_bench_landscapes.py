"""pytest-benchmark of every landscape: energy, gradient and H v of a batch, every target."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg import _targets

from .cases import CASES, Problem

TARGETS = tuple(_targets.available())
SIZES = {"few": 16, "many": 4096}  # replicas; networks take at most 256, the wide one 8
SURFACES = {
    "quadratic": lambda **how: tw.Quadratic(np.geomspace(0.1, 10, 64), **how),
    "quadratic_rotated": lambda **how: tw.Quadratic(np.geomspace(0.1, 10, 64), rotation=1, **how),
    "muller_brown": lambda **how: tw.MullerBrown(**how),
    "rastrigin": lambda **how: tw.Rastrigin(16, **how),
    "exponential_walls": lambda **how: tw.ExponentialWalls(40, **how),
    "cosh_well": lambda **how: tw.CoshWell(16, **how),
    "black_hole": lambda **how: tw.BlackHole((1, 1, 1, 3), rng=0, **how),
    "sum": lambda **how: tw.Rastrigin(16, **how) + tw.Quadratic(1.0, dim=16, **how),
}
NETWORKS = {"mlp_thermal": "A", "mlp_glass": "EB", "mlp_tiny": "C", "mlp_wide": "D"}


def network(name, dtype, device):
    case = CASES[NETWORKS[name]]
    problem = Problem(case, dtype)
    return tw.MLP(
        list(case.layer_sizes),
        activation=case.activation,
        loss=case.loss,
        data=tw.datasets.from_arrays(problem.inputs, problem.targets),
        dtype=dtype,
        device=device,
    )


@pytest.fixture(params=TARGETS)
def target(request):
    return request.param


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=SIZES)
def size(request):
    return request.param


@pytest.fixture(params=[*SURFACES, *NETWORKS])
def problem(request, dtype, target, size):
    """Landscape, points and directions of a batch; benchmarks are grouped by landscape."""
    name, replicas = request.param, SIZES[size]
    if name in SURFACES:
        land = SURFACES[name](dtype=dtype, device=target)
    else:
        land = network(name, dtype, target)
        replicas = min(replicas, CASES[NETWORKS[name]].replicas, 256)
    draws = np.random.default_rng(0)
    x, v = (0.3 * draws.normal(size=(replicas, land.dim)).astype(dtype) for _ in range(2))
    return name, land, x, v


def timed(benchmark, problem, quantity, *arguments):
    name, land, x, _ = problem
    benchmark.group = f"{name} {quantity} {land.dtype} R={len(x)}"
    result = benchmark(getattr(land, quantity), x, *arguments, threads=1)
    benchmark.extra_info["us_per_replica"] = 1e6 * benchmark.stats.stats.min / len(x)
    return result


def sampled(array):
    """A few rows, so that checking costs nothing."""
    return array[:: max(1, len(array) // 7)]


def test_energy(benchmark, problem):
    energy = timed(benchmark, problem, "energy")
    _, land, x, _ = problem
    few = np.ascontiguousarray(sampled(x))
    np.testing.assert_array_equal(sampled(energy), land.energy(few))
    assert np.isfinite(energy).all()


def test_gradient(benchmark, problem):
    energy, gradient = timed(benchmark, problem, "gradient")
    _, land, x, v = problem
    h = 1e-3 if land.dtype == "float64" else 3e-2
    x, v, slope = (np.ascontiguousarray(sampled(a)) for a in (x, v, gradient))
    rise = (land.energy(x + h * v) - land.energy(x - h * v)).astype(float) / (2 * h)
    expected = (slope * v).sum(axis=1, dtype=float)
    size = np.linalg.norm(slope.astype(float), axis=1) * np.linalg.norm(v, axis=1)
    assert (np.abs(rise - expected) <= 0.02 * size + 1e-3 * np.abs(sampled(energy))).all()


def test_hvp(benchmark, problem):
    name, land, x, v = problem
    product = timed(benchmark, problem, "hvp", v)
    x, v, product = (np.ascontiguousarray(sampled(a)) for a in (x, v, product))
    other = np.roll(v, 1, axis=1).copy()
    left, right = (product * other).sum(axis=1), (land.hvp(x, other) * v).sum(axis=1)
    size = np.linalg.norm(product, axis=1) * np.linalg.norm(other, axis=1)
    assert (np.abs(left - right) <= 1e-3 * size).all(), f"H of {name} is not symmetric"
