"""Every kernel once on a few replicas: what ``compute-sanitizer`` watches (see run_gpu.sh)."""

from __future__ import annotations

import sys
import warnings

import numpy as np
from cases import CASES
from dynamics_cases import DYNAMICS, NETWORK, TERRAINS

import thalweg as tw
from thalweg import _targets

REPLICAS = np.arange(5)
STEPS = 3


def landscapes(device: str) -> int:
    """All that is evaluated in batches; returns how many rows there were."""
    rows = 0
    for case in CASES.values():
        if case.name.startswith(("user", "sum_with_user")):
            continue  # computed by Python
        for dtype in ("float32", "float64"):
            land = case.build(dtype, device, rows=REPLICAS)
            theta = np.ascontiguousarray(case.points(len(REPLICAS)), dtype)
            land.energy(theta)
            land.gradient(theta)
            land.hvp(theta, theta)
            if land.dim <= 60:
                land.hessian(theta)
            if isinstance(land, tw.MLP):
                land.sample_losses(theta)
            rows += 1
    return rows


def dynamics(device: str) -> int:
    rows = 0
    for case in DYNAMICS:
        for name in ["network"] if case.minibatch else TERRAINS:
            terrain = NETWORK if name == "network" else TERRAINS[name]
            spec = case.build_for(terrain)
            for dtype in ("float32", "float64"):
                land = terrain.build(dtype, device, rows=REPLICAS)
                theta = np.ascontiguousarray(terrain.points(len(REPLICAS)), dtype)
                try:
                    spec.run(land, theta, STEPS, rng=1, record_points=True,
                             observables=case.observables, replicas=REPLICAS)  # fmt: skip
                except ValueError as error:
                    if "energy_cap" not in str(error):
                        raise
                rows += 1
    return rows


def numbers(device: str) -> None:
    module = _targets.load_device(device)
    names = np.arange(3, dtype=np.uint32)
    for dtype in ("float32", "float64"):
        module.normals(1, "noise", 0, names, 9, dtype)
        module.elementary("tanh", np.linspace(-1, 1, 9).astype(dtype))
    module.permutations(1, "batch_order", 0, names, 9)


def searches(device: str) -> int:
    """Searches, polishes and paths: N = 1 in shared memory, N = 5 in device memory."""
    for n in (1, 5):
        hole = tw.BlackHole((1, 1, 1, n), rng=0, device=device)
        draws = np.random.default_rng(n).normal(size=(3, hole.dim))
        found = hole.find_zeros(2 * draws, 40 if n == 1 else 3)
        hole.polish(found.points)
        hole.follow(found.points, np.array([hole.couplings, (1 + 1e-3j) * hole.couplings]))
    return 6


if __name__ == "__main__":
    warnings.simplefilter("ignore", tw.DivergenceWarning)
    where = sys.argv[1] if len(sys.argv) > 1 else "cuda"
    numbers(where)
    print(f"{where}: {landscapes(where)} landscapes and {dynamics(where)} dynamics ran")
    print(f"{where}: {searches(where)} searches ran")
