"""pytest-benchmark of every dynamics on a small network, on every target here."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg import _targets

from .cases import CASES, Problem

STEPS, REPLICAS = 50, 256
DYNAMICS = {
    "euler_maruyama": tw.Langevin(1e-3, 0.05),
    "leimkuhler_matthews": tw.Langevin(1e-3, 0.05, scheme="leimkuhler_matthews"),
    "baoab": tw.Langevin(1e-3, 0.05, scheme="baoab", friction=1.0),
    "baoab_natural": tw.Langevin(
        1e-3, 0.05, scheme="baoab", friction=1.0, units="natural", confinement=5.0
    ),
    "metropolis": tw.Langevin(1e-3, 0.05, metropolis=True),
    "sgd": tw.SGD(0.05, momentum=0.9),
    "sgd_batches": tw.SGD(0.05, batch_size=16),
    "adam": tw.Adam(1e-3),
    "gradient_flow_fixed": tw.GradientFlow(0.05, adaptive=False),
    "gradient_flow_adaptive": tw.GradientFlow(0.05),
    "random_walk": tw.RandomWalk(0.02),
    "random_walk_sphere": tw.RandomWalk(0.02, mode="sphere"),
    "random_walk_micro": tw.RandomWalk(0.02, mode="micro", energy_cap=50.0),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", _targets.available())
@pytest.mark.parametrize("name", DYNAMICS)
def test_dynamics(benchmark, name, target, dtype):
    """Fifty recorded steps of 256 replicas of the thermal network."""
    problem = Problem(CASES["A"], dtype)
    land = tw.MLP(
        [10, 20, 20, 1],
        loss="logistic",
        data=tw.datasets.from_arrays(problem.inputs, problem.targets),
        dtype=dtype,
        device=target,
    )
    theta = np.ascontiguousarray(problem.theta[:REPLICAS])
    benchmark.group = f"{name} {dtype}"
    found = benchmark(DYNAMICS[name].run, land, theta, STEPS, record_every=10, rng=0, threads=1)
    benchmark.extra_info["us_per_replica_step"] = (
        1e6 * benchmark.stats.stats.min / (STEPS * REPLICAS)
    )
    assert found.status.ok.all()
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(found.energies[-1], land.energy(found.final), rtol=tolerance)
    if name.startswith(("sgd", "adam", "gradient_flow")):
        assert (found.energies[-1] < land.energy(theta)).mean() > 0.95, "training lowers the loss"
    else:
        assert (found.final != theta).any(axis=1).mean() > 0.95
