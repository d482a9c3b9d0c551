"""pytest-benchmark of local learning coefficients beside a NumPy loop on the same chains.

    pytest bench/test_bench_learning_coefficient.py

The loop is the Langevin dynamics of arXiv:2308.12108 (SGLD with gradients of all samples): one
chain after the other, as samplers of one model do, or all chains as one batch. One thread each.
"""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw

from .cases import CASES, Problem
from .peers.numpy_by_hand import Network

CHAINS, STEPS, BURN_IN, EVERY = 32, 400, 0.25, 10
TEMPERATURE, LOCALIZATION, STEP_SIZE = np.log(100) / 100, 10.0, 0.05


def problem():
    """The thermal network, its landscape, and a point that training reached."""
    made = Problem(CASES["A"], "float64")
    start = made.theta[:1].copy()
    return made, tw.Adam(0.01).run(made.landscape, start, 500, rng=0).final[0]


def by_numpy(made, center, together, seed=2):
    """(L - L(w*))/T of the records after burn-in [S, K], and chains in one batch or one by one."""
    net, rng = Network(made.case), np.random.default_rng(seed)
    least = net.energy(center[None], made.inputs, made.targets)

    def chain(theta):
        records = []
        for step in range(1, STEPS + 1):
            slope = net.gradient(theta, made.inputs, made.targets) / TEMPERATURE
            slope += LOCALIZATION * (theta - center)
            noise = rng.standard_normal(theta.shape)
            theta = theta - STEP_SIZE**2 / 2 * slope + STEP_SIZE * noise
            if step % EVERY == 0 and step > BURN_IN * STEPS:
                records.append(net.energy(theta, made.inputs, made.targets) - least)
        return np.array(records) / TEMPERATURE

    size = CHAINS if together else 1
    starts = np.repeat(center[None], size, axis=0)
    return np.concatenate([chain(starts) for _ in range(CHAINS // size)], axis=1)


def by_thalweg(made, center):
    found = tw.protocols.local_learning_coefficient(
        made.landscape,
        center,
        STEP_SIZE,
        temperature=TEMPERATURE,
        localization=LOCALIZATION,
        scheme="euler_maruyama",
        steps=STEPS,
        burn_in=BURN_IN,
        chains=CHAINS,
        record_every=EVERY,
        rng=1,
        threads=1,
    )
    return found.excess[:, 0]


def dynamics_alone(made, center):
    """The same steps without a center: what the shift to w* costs."""
    chain = tw.Langevin(TEMPERATURE, STEP_SIZE, units="natural", confinement=LOCALIZATION**-0.5)
    starts = np.repeat(center[None], CHAINS, axis=0)
    run = chain.run(made.landscape, starts, STEPS, record_every=EVERY, rng=1, threads=1)
    assert run.status.ok.all()


@pytest.fixture(scope="module")
def expected():
    """Mean over chains and its error, from the loop of arXiv:2308.12108 itself."""
    means = by_numpy(*problem(), together=True, seed=0).mean(axis=0)
    return means.mean(), means.std(ddof=1) / np.sqrt(CHAINS)


ENGINES = {
    "thalweg": by_thalweg,
    "thalweg, no center": dynamics_alone,
    "numpy, all chains": lambda *where: by_numpy(*where, together=True),
    "numpy, one by one": lambda *where: by_numpy(*where, together=False),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_learning_coefficient(benchmark, expected, engine):
    """Same start, scheme and step: the chains have one law at every step, so the means agree."""
    made, center = problem()
    benchmark.group = "local learning coefficient"
    excess = benchmark.pedantic(ENGINES[engine], (made, center), rounds=3, warmup_rounds=1)
    benchmark.extra_info["us_per_chain_step"] = 1e6 * benchmark.stats.stats.min / (STEPS * CHAINS)
    if excess is None:
        return
    assert excess.shape == ((1 - BURN_IN) * STEPS / EVERY, CHAINS)
    means = excess.mean(axis=0)
    value, error = means.mean(), means.std(ddof=1) / np.sqrt(CHAINS)
    assert error < 0.02 * value
    assert abs(value - expected[0]) < 4 * np.hypot(error, expected[1])
