"""Agreement first, then a race: all engines in one process, taking turns."""

from __future__ import annotations

import gc
import math
import statistics
import time
from dataclasses import dataclass, field

import numpy as np

from .cases import STEP_SIZE, TEMPERATURE, Problem
from .peers import Task

# Largest difference from JAX allowed, relative to the norm of what was computed: of the
# displacement for dynamics. In float32 a displacement of 1 per cent of theta keeps five digits,
# hence the looser figure.
AGREEMENT = {"float64": 1e-10, "float32": 2e-3}

# Threads of BLAS go on spinning for a while, and would take a core of whoever is next.
QUIET_SECONDS = 0.1


@dataclass
class Timing:
    """Seconds of every round of one engine on one problem."""

    engine: str
    seconds: list[float] = field(default_factory=list)

    def per_unit(self, problem: Problem, kind: str = "best") -> float:
        """Microseconds per replica-step (or per replica, where there are no steps)."""
        chosen = min(self.seconds) if kind == "best" else statistics.median(self.seconds)
        return 1e6 * chosen / (problem.case.replicas * problem.case.steps)


def moved(problem: Problem, result: np.ndarray) -> np.ndarray:
    """What is compared: displacements of dynamics, everything else as it is; in float64."""
    result = result.astype(np.float64)
    return result - problem.theta if problem.case.work in ("langevin", "sgd") else result


def assert_agreement(problem: Problem, tasks: dict[str, Task]) -> dict[str, float]:
    """Compare all engines without noise with JAX (with NumPy where JAX is absent).

    Returns
    -------
    dict
        Engine -> norm of its difference, relative to the norm of the reference's result.

    Raises
    ------
    AssertionError
        If one is further off than AGREEMENT, or there is nothing to compare with.
    """
    reference = next((name for name in ("jax", "jax_chunk", "numpy") if name in tasks), None)
    assert reference is not None, "a comparison needs JAX or NumPy"
    truth = moved(problem, tasks[reference](False))
    errors = {}
    for name, task in tasks.items():
        result = moved(problem, task(False))
        assert result.shape == truth.shape, f"{name}: {result.shape} instead of {truth.shape}"
        errors[name] = float(np.linalg.norm(result - truth) / np.linalg.norm(truth))
        assert errors[name] <= AGREEMENT[problem.dtype], (
            f"case {problem.case.name}, {problem.dtype}: {name} differs from {reference} by "
            f"{errors[name]:.1e}, more than {AGREEMENT[problem.dtype]:.0e}"
        )
    return errors


def assert_timed_answer(problem: Problem, name: str, quiet: np.ndarray, timed: np.ndarray) -> None:
    """What was timed is right: finite, equal to the quiet answer, or random as it should be."""
    assert np.isfinite(timed).all(), f"{name}: not finite"
    if name.endswith("_draws"):  # other minibatches lead elsewhere
        assert (timed != quiet).any(axis=1).all(), f"{name}: a replica had the quiet minibatches"
        return
    if problem.case.work != "langevin":
        np.testing.assert_array_equal(timed, quiet, err_msg=name)
        return
    # Its variance is 2 eta T per step, less what relaxes (mean curvatures here are below 0.1), and
    # known from as many numbers as there are: five standard errors are allowed on top.
    variance = (timed.astype(np.float64) - quiet).var()
    expected = 2 * STEP_SIZE * TEMPERATURE * problem.case.steps
    chance = 5 * np.sqrt(2 / timed.size)
    least = 0.85 / (1 + 0.2 * STEP_SIZE * problem.case.steps) - chance
    assert least < variance / expected < 1.3 + chance, (
        f"{name}: noise of {variance / expected:.2f} its variance"
    )


def race(
    problem: Problem, tasks: dict[str, Task], rounds: int, seconds: float = math.inf
) -> dict[str, Timing]:
    """Time all engines round-robin; every call starts from the same unchanged arrays.

    No round begins after `seconds`, but two are always made.
    """
    timings = {name: Timing(name) for name in tasks}
    for name, task in tasks.items():  # warm up, and look at what will be timed
        assert_timed_answer(problem, name, task(False), task(True))
    gc.disable()
    try:
        start = time.perf_counter()
        for done in range(rounds):
            if done >= 2 and time.perf_counter() - start > seconds:
                break
            for name, task in tasks.items():
                if problem.threads > 1:
                    time.sleep(QUIET_SECONDS)
                began = time.perf_counter()
                task(True)
                timings[name].seconds.append(time.perf_counter() - began)
    finally:
        gc.enable()
    return timings


def fma_peak(dtype: str, threads: int) -> float | None:
    """Measured peak of fused multiply-adds of `threads` cores, GFLOP/s; None without a probe."""
    from thalweg import _targets

    core = _targets.load(_targets.default())
    return core.fma_peak(dtype) * threads if hasattr(core, "fma_peak") else None
