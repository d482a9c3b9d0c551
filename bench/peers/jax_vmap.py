"""JAX, two ways.

``jax``: jit(scan over steps(vmap over replicas(grad))), what one writes first.
``jax_chunk``: lax.map over chunks of replicas small enough for the cache, all steps of a chunk
inside: what an expert writes.

Both are given their best case: activations as samples x units or units x samples, and the size of
the chunks, whichever is quickest in a trial before the race. ``jax_rows`` is the quicker of the two
with activations as samples x units, which is what one writes, where that is not their best.

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
PATIENCE = 0.2  # seconds of trials of one candidate


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


def quickest(candidates: dict):
    """The key of the candidate with the quickest of three calls after compilation.

    Slow candidates are called once: chance averages out within a call.
    """
    if len(candidates) == 1:
        return next(iter(candidates))
    seconds = {}
    for key, candidate in candidates.items():
        candidate(True)
        tries = []
        while len(tries) < 3 and sum(tries) < PATIENCE:
            began = time.perf_counter()
            candidate(True)
            tries.append(time.perf_counter() - began)
        seconds[key] = min(tries)
    return min(seconds, key=seconds.get)


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


def variants(problem: Problem, rows: bool = False) -> dict[str, dict]:
    """Everything to choose from: engine -> (layout, chunk) of the variant -> its task.

    The layout is the quicker of two in a trial; ``jax`` is absent where its activations would
    stream through memory, ``jax_chunk`` where R cannot be cut. With `rows` the layout of samples x
    units takes part as ``jax_rows`` if it was the slower one.
    """
    chunks = chunk_sizes(problem.case.replicas, GPU_CHUNKS if problem.on_gpu else CHUNKS)
    trial = None if whole_is_small(problem) or not chunks else chunks[-1]
    layouts = {units_first: task(problem, units_first, trial) for units_first in (False, True)}
    best = quickest(layouts)
    found = {"jax" if trial is None else "jax_chunk": {(best, trial): layouts[best]}}
    for c in chunks:
        if c != trial:
            found.setdefault("jax_chunk", {})[best, c] = task(problem, best, c)
    if rows and best:
        others = {(False, c): task(problem, False, c) for c in chunks if c != trial}
        found["jax_rows"] = {(False, trial): layouts[False], **others}
    return found


def with_draws(problem: Problem, tasks: dict[tuple, Callable]) -> dict[str, Callable]:
    """The tasks (engine, variant) -> task by engine; for SGD also the quickest with its draws."""
    named = {engine: task for (engine, _), task in tasks.items()}
    if problem.case.work == "sgd":
        _, variant = quickest(tasks)
        named["jax_draws"] = task(problem, *variant, draws=True)
    return named


def engines(problem: Problem) -> dict:
    """``jax``, ``jax_chunk`` and ``jax_rows``, each with its best variant; ``jax_draws`` of SGD."""
    found = variants(problem, rows=True)
    chosen = {name: quickest(tasks) for name, tasks in found.items()}
    return with_draws(problem, {(name, key): found[name][key] for name, key in chosen.items()})


def best(problem: Problem) -> dict:
    """Only the quickest variant of all, under its engine's name; of SGD also with its draws."""
    tasks = {(n, key): task for n, some in variants(problem).items() for key, task in some.items()}
    winner = quickest(tasks)
    return with_draws(problem, {winner: tasks[winner]})
