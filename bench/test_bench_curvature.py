"""pytest-benchmark of curvature: extreme eigenvalues beside ARPACK, spectra beside JAX.

    export OMP_NUM_THREADS=1
    export XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    taskset -c 0 pytest bench/test_bench_curvature.py

One thread, float64, the thermal network (P = 641, N = 100). SciPy's `eigsh` goes through the
replicas one by one, with our products and, as "scipy_jax", with products compiled by JAX. JAX's
Lanczos is one jitted, vmapped loop with every vector kept orthogonal; compiling is not timed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, eigsh

import thalweg as tw

from .cases import CASES, Problem

PROBES, STEPS = 10, 80
TOLERANCE = 1e-6


def network():
    case = CASES["A"]
    problem = Problem(case, "float64")
    land = tw.MLP(
        list(case.layer_sizes),
        activation=case.activation,
        loss=case.loss,
        data=tw.datasets.from_arrays(problem.inputs, problem.targets),
    )
    return land, lambda replicas: land.init(replicas, rng=1)


def jax_hvp(land):
    """The Hessian product of one replica of `land` in JAX: forward over reverse."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    inputs, targets = (
        jnp.asarray(x, dtype=jnp.float64) for x in (land.data.inputs, land.data.targets)
    )

    def loss(theta):
        at, x = 0, inputs
        for layer, (n_in, n_out) in enumerate(
            zip(land.layer_sizes, land.layer_sizes[1:], strict=False)
        ):
            weights = theta[at : at + n_in * n_out].reshape(n_out, n_in)
            x = x @ weights.T + theta[at + n_in * n_out : at + (n_in + 1) * n_out]
            at += (n_in + 1) * n_out
            if layer < len(land.layer_sizes) - 2:
                x = jnp.tanh(x)
        return jnp.mean(jax.nn.softplus(-targets.reshape(-1) * x[:, 0]))

    return lambda theta, v: jax.jvp(jax.grad(loss), (theta,), (v,))[1]


def by_scipy(land, theta, count, product):
    found = []
    for point in theta:

        def multiply(v, point=point):
            return np.asarray(product(point, np.asarray(v).ravel()))

        operator = LinearOperator((land.dim, land.dim), matvec=multiply, dtype=np.float64)
        low_high = [
            eigsh(operator, count, which=which, tol=TOLERANCE, ncv=count + 20)[0]
            for which in ("SA", "LA")
        ]
        found.append(np.concatenate([np.sort(low_high[0]), np.sort(low_high[1])[::-1]]))
    return np.array(found)


@pytest.mark.parametrize("replicas", [1, 16, 64])
@pytest.mark.parametrize("engine", ["thalweg", "scipy", "scipy_jax"])
def test_both_ends(benchmark, engine, replicas):
    """Two eigenvalues at each end of every Hessian, to 1e-6, against the full Hessian's."""
    land, points = network()
    theta, count = points(replicas), 2
    benchmark.group = f"eigenvalues R={replicas}"
    if engine == "thalweg":
        found = benchmark(
            lambda: (
                tw.curvature.eigenpairs(
                    land, theta, count, "both", TOLERANCE, rng=1, threads=1
                ).values
            )
        )
    else:
        if engine == "scipy":

            def product(point, v):
                return land.hvp(point[None], np.ascontiguousarray(v[None]), threads=1)[0]
        else:
            import jax

            product = jax.jit(jax_hvp(land))
            product(theta[0], theta[0])
        found = benchmark.pedantic(by_scipy, (land, theta, count, product), rounds=3)
    benchmark.extra_info["ms_per_replica"] = 1e3 * benchmark.stats.stats.min / replicas
    exact = np.linalg.eigvalsh(land.hessian(theta))
    expected = np.concatenate([exact[:, :2], exact[:, : -count - 1 : -1]], axis=1)
    assert np.abs(found - expected).max() < 10 * TOLERANCE * np.abs(exact).max()


def jax_quadrature(product):
    """Lanczos from one start in JAX: nodes and weights [m], orthogonalised twice."""
    import jax
    import jax.numpy as jnp

    def run(theta, start):
        def step(i, state):
            basis, alpha, beta = state
            w = product(theta, basis[i])
            alpha = alpha.at[i].set(w @ basis[i])
            for _ in range(2):
                w = w - (basis @ w) @ basis
            beta = beta.at[i].set(jnp.linalg.norm(w))
            return basis.at[i + 1].set(w / beta[i]), alpha, beta

        basis = jnp.zeros((STEPS + 1, len(start))).at[0].set(start / jnp.linalg.norm(start))
        zero = jnp.zeros(STEPS)
        _, alpha, beta = jax.lax.fori_loop(0, STEPS, step, (basis, zero, zero))
        matrix = jnp.diag(alpha) + jnp.diag(beta[:-1], 1) + jnp.diag(beta[:-1], -1)
        nodes, vectors = jnp.linalg.eigh(matrix)
        return nodes, vectors[0] ** 2

    return jax.jit(jax.vmap(jax.vmap(run, (None, 0)), (0, 0)))


@pytest.mark.parametrize("replicas", [1, 16])
@pytest.mark.parametrize("engine", ["thalweg", "jax"])
def test_spectrum(benchmark, engine, replicas):
    """Ten probes of eighty steps per replica; moments of both must be those of the Hessian."""
    land, points = network()
    theta = points(replicas)
    benchmark.group = f"spectra R={replicas}"
    if engine == "thalweg":
        found = benchmark(
            tw.curvature.spectral_density, land, theta, PROBES, STEPS, rng=1, threads=1
        )
        nodes, weights = found.nodes, found.weights
    else:
        run = jax_quadrature(jax_hvp(land))
        signs = np.stack(
            [
                tw.rng.rademacher(1, stream="probe", step=i, replicas=replicas, count=land.dim)
                for i in range(PROBES)
            ],
            axis=1,
        )
        run(theta, signs)[0].block_until_ready()
        nodes, weights = benchmark(lambda: [np.asarray(x) for x in run(theta, signs)])
    benchmark.extra_info["us_per_product"] = (
        1e6 * benchmark.stats.stats.min / (replicas * PROBES * STEPS)
    )
    hessian = land.hessian(theta)
    v = tw.rng.rademacher(1, stream="probe", step=3, replicas=replicas, count=land.dim)
    for order in (1, 2):
        image = np.einsum("rij,rj->ri", hessian, v)
        exact = (image**order * v ** (2 - order)).sum(axis=1) / land.dim
        ours = (weights[:, 3] * nodes[:, 3] ** order).sum(axis=1)
        np.testing.assert_allclose(ours, exact, rtol=1e-9)
