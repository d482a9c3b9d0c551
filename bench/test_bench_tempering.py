"""pytest-benchmark of parallel tempering: beside no swaps, and beside JAX and NumPy.

    taskset -c 0 pytest bench/test_bench_tempering.py

One thread each: pin the process, as XLA has no setting for it after import. All do the same: 50
times ten BAOAB steps of 8 x 8 walkers of one network (P = 601, N = 40) in natural units and a
round of swaps. Before the times count, every engine must find the same mean energies.
"""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw

from .cases import Case, Problem

TEMPERATURES, COPIES, EVERY, STEPS = np.geomspace(1e-3, 1e-2, 8), 8, 10, 500
SIGMA, H = 1.0, 0.02  # 0.02 |grad of a margin| < 0.3
KEEP = float(np.exp(-H / SIGMA))
SHAKE = float(np.sqrt(1 - KEEP**2))
WALKERS = TEMPERATURES.size * COPIES
CASE = Case("M1", (10, 50, 1), "tanh", "logistic", 40, WALKERS, "gradient", input_scale=0.3)
BETAS = 1 / TEMPERATURES


def network(dtype):
    problem = Problem(CASE, dtype)
    data = tw.datasets.from_arrays(problem.inputs, problem.targets)
    return problem, tw.MLP(list(CASE.layer_sizes), loss="logistic", data=data, dtype=dtype)


def tempering(every=EVERY):
    return tw.ParallelTempering(TEMPERATURES, H, confinement=SIGMA, swap_every=every)


class Thalweg:
    """Mean energies [M, K] of the second half of a run from `theta` [M, K, P]."""

    def __init__(self, dtype, every=EVERY):
        self.land, self.spec = network(dtype)[1], tempering(every)

    def __call__(self, theta, steps, seed):
        run = self.spec.run(
            self.land, theta, steps, copies=COPIES, record_every=EVERY, rng=seed, threads=1
        )
        return run.energies[len(run.energies) // 2 :].mean(axis=0), run.exchange.accepted.sum()


class WithoutSwaps(Thalweg):
    """The same Langevin dynamics, nobody moves between temperatures."""

    def __call__(self, theta, steps, seed):
        run = self.spec.langevin(COPIES).run(
            self.land, theta.reshape(-1, theta.shape[2]), steps, record_every=EVERY, rng=seed,
            threads=1,
        )  # fmt: skip
        return run.energies[len(run.energies) // 2 :].mean(axis=0).reshape(theta.shape[:2]), None


class Numpy:
    """Temperatures swap between walkers; gradients of all walkers in one batch by hand."""

    def __init__(self, dtype):
        from .peers.numpy_by_hand import Network

        self.problem, self.network = Problem(CASE, dtype), Network(CASE)

    def gradient(self, x):
        return self.network.gradient(x, self.problem.inputs, self.problem.targets)

    def __call__(self, theta, steps, seed):
        draws, dtype = np.random.default_rng(seed), theta.dtype
        x = theta.reshape(-1, theta.shape[2]).copy()
        p = draws.standard_normal(x.shape, dtype)
        level = np.repeat(np.arange(BETAS.size), COPIES).reshape(-1, COPIES)  # [walker, copy]
        beta = BETAS.astype(dtype)[level].reshape(-1, 1)
        force = beta * self.gradient(x) + x / SIGMA**2
        kept, accepted = [], 0
        for number in range(1, steps // EVERY + 1):
            for _ in range(EVERY):
                p -= dtype.type(H / 2) * force
                x += dtype.type(H / 2) * p
                p = dtype.type(KEEP) * p + dtype.type(SHAKE) * draws.standard_normal(x.shape, dtype)
                x += dtype.type(H / 2) * p
                g = self.gradient(x)
                force = beta * g + x / dtype.type(SIGMA**2)
                p -= dtype.type(H / 2) * force
            energy = self.network.energy(x, self.problem.inputs, self.problem.targets)
            at = np.argsort(level, axis=0)  # the walker at each level
            energy = np.take_along_axis(energy.reshape(level.shape), at, axis=0)
            kept.append(energy)
            low = slice(1 - number % 2, BETAS.size - 1, 2)
            high = slice(2 - number % 2, BETAS.size, 2)
            gain = (BETAS[low] - BETAS[high])[:, None] * (energy[low] - energy[high])
            done = np.log(draws.random(gain.shape)) < gain
            accepted += done.sum()
            after = at.copy()
            after[low], after[high] = (
                np.where(done, at[high], at[low]), np.where(done, at[low], at[high])
            )  # fmt: skip
            level = np.argsort(after, axis=0)
            beta = BETAS.astype(dtype)[level].reshape(-1, 1)
            force = beta * g + x / dtype.type(SIGMA**2)
        return np.mean(kept[len(kept) // 2 :], axis=0), accepted


class Jax:
    """All rounds in one jit(scan), ten steps in a scan inside; threefry noise."""

    def __init__(self, dtype):
        from functools import partial

        from .peers import jax_vmap

        self.jax, self.jnp, self.compiled = jax_vmap.jax, jax_vmap.jnp, {}
        problem = Problem(CASE, dtype)
        loss = partial(jax_vmap.mean_loss, CASE, False)
        single = self.jax.value_and_grad(loss)
        inputs, targets = self.jnp.asarray(problem.inputs), self.jnp.asarray(problem.targets)
        self.both = self.jax.vmap(lambda x: single(x, inputs, targets))

    def rounds(self, count, x, key):
        jax, jnp = self.jax, self.jnp
        betas = jnp.asarray(BETAS, x.dtype)
        every = jnp.arange(BETAS.size - 1)

        def step(carry, key):
            x, p, g, _, beta = carry
            p = p - H / 2 * (beta * g + x / SIGMA**2)
            x = x + H / 2 * p
            p = KEEP * p + SHAKE * jax.random.normal(key, x.shape, x.dtype)
            x = x + H / 2 * p
            energy, g = self.both(x)
            return (x, p - H / 2 * (beta * g + x / SIGMA**2), g, energy, beta), None

        def one_round(carry, inputs):
            (x, p, g, energy, level), (key, number) = carry, inputs
            beta = betas[level].reshape(-1, 1)
            noise, chance = jax.random.split(key)
            start = (x, p, g, energy, beta)
            x, p, g, energy, _ = jax.lax.scan(step, start, jax.random.split(noise, EVERY))[0]
            at = jnp.argsort(level, axis=0)
            sorted_energy = jnp.take_along_axis(energy.reshape(level.shape), at, axis=0)
            gain = (betas[:-1] - betas[1:])[:, None] * (sorted_energy[:-1] - sorted_energy[1:])
            u = jax.random.uniform(chance, gain.shape, x.dtype)
            done = (jnp.log(u) < gain) & ((every % 2 == 1 - number % 2)[:, None])
            up = jnp.pad(done, ((0, 1), (0, 0)))  # this level takes the walker above
            down = jnp.pad(done, ((1, 0), (0, 0)))
            after = jnp.where(up, jnp.roll(at, -1, axis=0), at)
            after = jnp.where(down, jnp.roll(at, 1, axis=0), after)
            return (x, p, g, energy, jnp.argsort(after, axis=0)), (sorted_energy, done.sum())

        first, rest = jax.random.split(key)
        energy, g = self.both(x)
        level = jnp.repeat(jnp.arange(BETAS.size), COPIES).reshape(-1, COPIES)
        carry = (x, jax.random.normal(first, x.shape, x.dtype), g, energy, level)
        inputs = jax.random.split(rest, count), jnp.arange(1, count + 1)
        energies, accepted = jax.lax.scan(one_round, carry, inputs)[1]
        return energies[count // 2 :].mean(axis=0), accepted.sum()

    def __call__(self, theta, steps, seed):
        count = steps // EVERY
        if count not in self.compiled:
            self.compiled[count] = self.jax.jit(lambda x, key: self.rounds(count, x, key))
        x = self.jnp.asarray(theta.reshape(-1, theta.shape[2]))
        key = self.jax.random.key(seed, impl="threefry2x32")
        mean, accepted = self.compiled[count](x, key)
        return np.asarray(mean), int(accepted)


ENGINES = {"thalweg": Thalweg, "without_swaps": WithoutSwaps, "jax": Jax, "numpy": Numpy}


@pytest.fixture(scope="module")
def settled():
    """Points in equilibrium [M, K, P], and what a long run says of energies: mean, error [M]."""
    _, land = network("float64")
    theta = SIGMA * tw.rng.normals(0, stream="initialization", replicas=64, count=land.dim)
    warm = tempering().run(land, theta, 6000, copies=COPIES, record_every=10, rng=1)
    run = tempering().run(land, warm.final, 12_000, copies=COPIES, record_every=10, rng=2)
    return warm.final, *mean_and_error(run.energies.mean(axis=0))


def mean_and_error(per_copy):
    return per_copy.mean(axis=1), per_copy.std(axis=1, ddof=1) / np.sqrt(COPIES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ENGINES)
def test_tempering(benchmark, settled, engine, dtype):
    """500 steps, 50 rounds; first 4000 steps of each must agree with a long run of ours."""
    theta, known, known_error = settled
    call, theta = ENGINES[engine](dtype), theta.astype(dtype)
    mean, error = mean_and_error(call(theta, 4000, 3)[0].astype(float))
    assert (np.abs(mean - known) < 5 * np.hypot(error, known_error)).all(), mean / known
    benchmark.group = f"tempering {dtype}"
    energies, accepted = benchmark(call, theta, STEPS, 4)
    benchmark.extra_info["us_per_replica_step"] = (
        1e6 * benchmark.stats.stats.min / (STEPS * CASE.replicas)
    )
    assert np.isfinite(energies).all()
    if accepted is not None:
        share = accepted / (COPIES * (25 * 4 + 24 * 3))  # 49 or 50 rounds, of 4 and 3 pairs
        assert 0.08 < share < 0.3


@pytest.mark.parametrize("every", [1, 10, 100])
def test_rounds(benchmark, settled, every):
    """What rounds cost: the more seldom, the nearer to no swaps at all."""
    call = Thalweg("float64", every)
    benchmark.group = "tempering float64, rounds"
    energies, accepted = benchmark(call, settled[0], STEPS, 4)
    assert np.isfinite(energies).all()
    assert accepted > 0
