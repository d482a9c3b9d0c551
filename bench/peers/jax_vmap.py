"""JAX, two ways.

``jax``: jit(scan over steps(vmap over replicas(grad))), what one writes first.
``jax_chunk``: lax.map over chunks of replicas small enough for the cache, all steps of a chunk
inside: what an expert writes.

Both are given their best case: activations as samples x units or units x samples, and the size of
the chunks, whichever are quickest together in a trial before the race. ``jax_rows`` is the quicker
of the two with activations as samples x units, which is what one writes, where neither has them.

Of minibatches these three are handed the orders our engine draws. ``jax_draws`` is the quickest of
them with a draw of its own, a new order for every replica and epoch, as SGD needs them.

Noise is jax.random.normal with ``threefry2x32`` keys, the default: on CPUs the ``rbg`` and
``unsafe_rbg`` generators took several times longer when this was written. Keys carry their
generator with them, so no choice leaks elsewhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ..cases import LEARNING_RATE, SEED, STEP_SIZE, TEMPERATURE, Problem

jax.config.update("jax_platforms", os.environ.get("JAX_PLATFORMS", "cpu"))
jax.config.update("jax_enable_x64", True)

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}
CHUNKS = (2, 8, 32, 128)
GPU_CHUNKS = (1024, 8192, 65536)  # a GPU is filled by no fewer
WHOLE_BYTES = 4 * 2**30  # beyond, all replicas at once took twice the time of chunks
GPU_WHOLE_BYTES = 32 * 2**30  # beyond, they might not fit its memory
PATIENCE = 0.2  # seconds of one turn of a candidate in a trial
NEAR = 1.3  # times the least: not decided yet


def predict(case, units_first, theta, inputs):
    """Outputs [o, N] of one network; activations are [n, N] or [N, n] on the way."""
    a, at, last = inputs.T if units_first else inputs, 0, len(case.layer_sizes) - 2
    for k in range(last + 1):
        n_in, n_out = case.layer_sizes[k : k + 2]
        weights = theta[at : at + n_in * n_out].reshape(n_out, n_in)
        at += n_in * n_out
        biases = theta[at : at + n_out]
        at += n_out
        z = weights @ a + biases[:, None] if units_first else a @ weights.T + biases
        a = z if k == last else ACTIVATIONS[case.activation](z)
    return a if units_first else a.T


def mean_loss(case, units_first, theta, inputs, targets):
    f = predict(case, units_first, theta, inputs)
    if case.loss == "mse":
        return jnp.mean((f.T - targets) ** 2)
    if case.loss == "logistic":
        return jnp.mean(jax.nn.softplus(-targets * f[0]))
    own = jnp.take_along_axis(f, targets[None], axis=0)[0]
    return jnp.mean(jax.nn.logsumexp(f, axis=0) - own)


def langevin_block(case, loss, inputs, targets):
    """All steps of a block of replicas: (theta [c, P], key, temperature) -> theta."""
    slope = jax.vmap(jax.grad(loss), in_axes=(0, None, None))

    def block(theta, key, temperature):
        amplitude = jnp.sqrt(2 * STEP_SIZE * temperature).astype(theta.dtype)

        def step(theta, key):
            noise = jax.random.normal(key, theta.shape, theta.dtype)
            moved = theta - STEP_SIZE * slope(theta, inputs, targets) + amplitude * noise
            return moved, None

        return jax.lax.scan(step, theta, jax.random.split(key, case.steps))[0]

    return block


def sgd_block(case, loss, inputs, targets):
    """All steps of a block of replicas: (theta [c, P], batches [S, c, B]) -> theta."""
    slope = jax.vmap(jax.grad(loss), in_axes=(0, 0, 0))

    def block(theta, batches):
        def step(theta, batch):
            return theta - LEARNING_RATE * slope(theta, inputs[batch], targets[batch]), None

        return jax.lax.scan(step, theta, batches)[0]

    return block


def drawn_batches(case) -> np.ndarray:
    """Samples of every minibatch int32 [S, R, B], in a new order for every replica and epoch.

    By NumPy: jax.random.permutation took several times as long on a processor.
    """
    epochs = -(-case.steps * case.batch // case.samples)
    ordered = np.arange(case.samples, dtype=np.int32)
    orders = np.random.default_rng().permuted(
        np.broadcast_to(ordered, (case.replicas * epochs, case.samples)), axis=1
    )
    used = orders.reshape(case.replicas, -1)[:, : case.steps * case.batch]
    return used.reshape(case.replicas, case.steps, case.batch).transpose(1, 0, 2)


def evaluation_block(case, loss, inputs, targets):
    """A block of replicas of what is evaluated once: (theta [c, P], v [c, P]) -> result."""

    def energy(theta):
        return loss(theta, inputs, targets)

    def product(theta, v):
        return jax.jvp(jax.grad(energy), (theta,), (v,))[1]

    single = {
        "energy": lambda theta, v: energy(theta),
        "gradient": lambda theta, v: jax.grad(energy)(theta),
        "hvp": product,
        "hessian": lambda theta, v: jax.hessian(energy)(theta),
    }[case.work]
    return jax.vmap(single)


def keys(count: int):
    return jax.random.split(jax.random.key(SEED, impl="threefry2x32"), count)


def whole_or_chunks(problem: Problem, units_first: bool, chunk: int | None):
    """A jitted function and its arguments, over all replicas or mapped over chunks of them."""
    case = problem.case
    loss = partial(mean_loss, case, units_first)
    theta, inputs, targets = problem.theta, *map(jnp.asarray, (problem.inputs, problem.targets))
    pieces = 1 if chunk is None else case.replicas // chunk

    if case.work == "langevin":
        block = langevin_block(case, loss, inputs, targets)
        mapped, extra = (cut(theta, pieces), keys(pieces)), (jnp.zeros((), theta.dtype),)
    elif case.work == "sgd":
        block = sgd_block(case, loss, inputs, targets)
        mapped, extra = (cut(theta, pieces), cut(problem.batches, pieces, axis=1)), ()
    else:
        block = evaluation_block(case, loss, inputs, targets)
        mapped, extra = (cut(theta, pieces), cut(problem.v, pieces)), ()

    @jax.jit
    def function(mapped, extra):
        if chunk is None:
            return block(*(each[0] for each in mapped), *extra)
        out = jax.lax.map(lambda each: block(*each, *extra), mapped)
        return out.reshape(-1, *out.shape[2:])

    return function, mapped, extra


def cut(array: np.ndarray, pieces: int, axis: int = 0):
    """`array` with the replicas along `axis` in pieces, which come first."""
    shape = (*array.shape[:axis], pieces, -1, *array.shape[axis + 1 :])
    return jnp.asarray(np.moveaxis(array.reshape(shape), axis, 0))


def task(problem: Problem, units_first: bool, chunk: int | None = None, draws: bool = False):
    """With `draws`, SGD that is timed draws its minibatches; else it has those of our engine."""
    case = problem.case
    function, mapped, extra = whole_or_chunks(problem, units_first, chunk)

    def call(noise: bool) -> np.ndarray:
        given, used = mapped, extra
        if case.work == "langevin":
            used = (jnp.asarray(TEMPERATURE if noise else 0.0, problem.theta.dtype),)
        if draws and noise:
            given = (mapped[0], cut(drawn_batches(case), len(mapped[0]), axis=1))
        return np.asarray(function(given, used).block_until_ready())

    return call


def trials(candidates: dict) -> dict:
    """Seconds of the quickest of a few calls of each candidate after compilation.

    Those near the best get a second turn, as a slow moment is longer than a call.
    """
    seconds = {}
    for key, candidate in candidates.items():
        candidate(True)
        seconds[key] = least_seconds(candidate)
    limit = NEAR * min(seconds.values())
    for key in [key for key, s in seconds.items() if s < limit]:
        seconds[key] = min(seconds[key], least_seconds(candidates[key]))
    return seconds


def least_seconds(candidate: Callable) -> float:
    """Of three calls; slow candidates are called once: chance averages out within a call."""
    tries = []
    while len(tries) < 3 and sum(tries) < PATIENCE:
        began = time.perf_counter()
        candidate(True)
        tries.append(time.perf_counter() - began)
    return min(tries)


def chunk_sizes(replicas: int, wanted: tuple[int, ...] = CHUNKS) -> list[int]:
    """Divisors of R smaller than R, the nearest (by ratio) to each wanted; 1 for a prime R."""
    most = min(replicas, 8 * max(wanted))
    divisors = [d for d in range(1, most) if replicas % d == 0]
    if not divisors:
        return []
    return sorted({min(divisors, key=lambda d: max(d / c, c / d)) for c in wanted})


def whole_is_small(problem: Problem) -> bool:
    """Whether activations and slopes of all replicas at once stay below a bound."""
    case = problem.case
    units = (case.batch or case.samples) * sum(case.layer_sizes[1:])
    bound = GPU_WHOLE_BYTES if problem.on_gpu else WHOLE_BYTES
    return 3 * case.replicas * units * np.dtype(problem.dtype).itemsize < bound


def reference(problem: Problem) -> dict:
    """One variant without trials, for what is only compared."""
    return {"jax": task(problem, units_first=False)}


def variants(problem: Problem) -> dict[tuple, Callable]:
    """Everything to choose from: (whether units come first, chunk or None) -> its task.

    All replicas at once are absent where their activations would stream through memory, chunks
    where R cannot be cut.
    """
    chunks = chunk_sizes(problem.case.replicas, GPU_CHUNKS if problem.on_gpu else CHUNKS)
    sizes = [None, *chunks] if whole_is_small(problem) or not chunks else chunks
    return {
        (units_first, chunk): task(problem, units_first, chunk)
        for chunk in sizes
        for units_first in (False, True)
    }


def name_of(variant: tuple) -> str:
    return "jax" if variant[1] is None else "jax_chunk"


def with_draws(problem: Problem, tasks: dict[str, Callable], variant: tuple) -> dict[str, Callable]:
    """The tasks, and for SGD that `variant` with draws of its own."""
    if problem.case.work == "sgd":
        tasks["jax_draws"] = task(problem, *variant, draws=True)
    return tasks


def engines(problem: Problem) -> dict:
    """``jax``, ``jax_chunk`` and ``jax_rows``, each with its best variant; ``jax_draws`` of SGD."""
    tasks = variants(problem)
    seconds = trials(tasks)
    order = sorted(tasks, key=seconds.get)
    chosen = {name: next(v for v in order if name_of(v) == name) for name in map(name_of, tasks)}
    if all(units_first for units_first, _ in chosen.values()):
        chosen["jax_rows"] = next(v for v in order if not v[0])
    return with_draws(problem, {name: tasks[v] for name, v in chosen.items()}, order[0])


def best(problem: Problem) -> dict:
    """Only the quickest variant of all, under its engine's name; of SGD also with its draws."""
    tasks = variants(problem)
    seconds = trials(tasks)
    winner = min(tasks, key=seconds.get)
    return with_draws(problem, {name_of(winner): tasks[winner]}, winner)
