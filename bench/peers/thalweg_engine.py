"""Our own engine, called as a user calls it: through the public Python classes."""

from __future__ import annotations

import numpy as np

import thalweg as tw

from ..cases import LEARNING_RATE, SEED, STEP_SIZE, TEMPERATURE, Problem


def engines(problem: Problem) -> dict:
    """One task; `threads` is passed with every call."""
    case, land, threads = problem.case, problem.landscape, problem.threads

    def run(dynamics) -> np.ndarray:
        # No record falls into the run: the peers compute no energies either.
        unrecorded = case.steps + 1
        return dynamics.run(
            land, problem.theta, case.steps, record_every=unrecorded, rng=SEED, threads=threads
        ).final

    thermal, quiet = (tw.Langevin(t, STEP_SIZE) for t in (TEMPERATURE, 0.0))
    descent = tw.SGD(LEARNING_RATE, batch_size=case.batch) if case.batch else None

    tasks = {
        "langevin": lambda noise: run(thermal if noise else quiet),
        "sgd": lambda noise: run(descent),
        "gradient": lambda noise: land.gradient(problem.theta, threads=threads)[1],
        "hvp": lambda noise: land.hvp(problem.theta, problem.v, threads=threads),
        "energy": lambda noise: land.energy(problem.theta, threads=threads),
        "hessian": lambda noise: land.hessian(problem.theta, threads=threads),
    }
    return {"thalweg": tasks[case.work]}
