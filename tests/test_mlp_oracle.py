"""Twenty random networks against JAX's derivatives in float64, to 1e-11 of the norm."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import in_float32
from conftest import TARGETS

import thalweg as tw

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_disable_most_optimizations", True)  # compile quickly; each runs three times

TOLERANCE = 1e-11
REPLICAS = 3
ACTIVATIONS = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "logistic": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "identity": lambda z: z,
    "sin": jnp.sin,
}
LOSSES = {
    "mse": lambda f, y: jnp.mean((f - y) ** 2, axis=-1),
    "logistic": lambda f, y: jax.nn.softplus(-y * f[:, 0]),
    "cross_entropy": lambda f, y: (
        jax.nn.logsumexp(f, axis=-1) - jnp.take_along_axis(f, y[:, None], axis=-1)[:, 0]
    ),
    "hinge_squared": lambda f, y: jnp.maximum(0, 1 - y * f[:, 0]) ** 2,
}
PARAMETERIZATIONS = ("standard", "ntk", "mean_field")


def architectures():
    """Every activation, loss, parameterisation and depth 1 .. 5, in 20 random combinations."""
    draws = np.random.default_rng(20240)
    wheels = [itertools.cycle(w) for w in (ACTIVATIONS, LOSSES, PARAMETERIZATIONS)]
    for number in range(20):
        activation, loss, parameterization = (next(w) for w in wheels)
        depth = 1 + number % 5
        outputs = int(draws.integers(2, 5)) if loss in ("mse", "cross_entropy") else 1
        sizes = [*draws.integers(2, 8, size=depth).tolist(), outputs]
        yield {
            "layer_sizes": sizes,
            "activation": activation,
            "loss": loss,
            "parameterization": parameterization,
            "bias": bool(number % 3),
            "weight_decay": float(number % 4 == 3) * 0.05,
            "own": ("", "inputs", "targets", "both")[number % 4 if number > 7 else 0],
        }


def label(spec):
    sizes = "-".join(map(str, spec["layer_sizes"]))
    return f"{sizes}_{spec['activation']}_{spec['loss']}_{spec['parameterization']}"


ARCHITECTURES = list(architectures())


def data_of(spec):
    """Inputs and targets, shared or one per replica, in the shapes that users pass."""
    draws = np.random.default_rng(len(label(spec)) + sum(spec["layer_sizes"]))
    samples = int(draws.integers(3, 14))
    lead = (REPLICAS,) if spec["own"] in ("inputs", "both") else ()
    inputs = in_float32(draws.normal(size=(*lead, samples, spec["layer_sizes"][0])))
    lead = (REPLICAS,) if spec["own"] in ("targets", "both") else ()
    if spec["loss"] == "mse":
        return inputs, draws.normal(size=(*lead, samples, spec["layer_sizes"][-1]))
    if spec["loss"] == "cross_entropy":
        return inputs, draws.integers(0, spec["layer_sizes"][-1], size=(*lead, samples))
    return inputs, draws.choice([-1.0, 1.0], size=(*lead, samples))


def oracle(spec):
    """A jitted function (theta, v, inputs, targets) -> everything, for one replica."""
    sizes, phi, loss = (
        spec["layer_sizes"],
        ACTIVATIONS[spec["activation"]],
        LOSSES[spec["loss"]],
    )

    def predict(theta, inputs):
        a, at = inputs, 0
        for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            last = k == len(sizes) - 2
            scale = {
                "standard": 1.0,
                "ntk": n_in**-0.5,
                "mean_field": 1 / n_in if last else n_in**-0.5,
            }[spec["parameterization"]]
            z = scale * a @ theta[at : at + n_in * n_out].reshape(n_out, n_in).T
            at += n_in * n_out
            if spec["bias"]:
                z, at = z + theta[at : at + n_out], at + n_out
            a = z if last else phi(z)
        return a

    def energy(theta, inputs, targets):
        decay = spec["weight_decay"] / 2 * jnp.sum(theta**2)
        return jnp.mean(loss(predict(theta, inputs), targets)) + decay

    def everything(theta, v, inputs, targets):
        slope = jax.grad(energy)
        f = predict(theta, inputs)
        return {
            "energy": energy(theta, inputs, targets),
            "gradient": slope(theta, inputs, targets),
            "hvp": jax.jvp(lambda t: slope(t, inputs, targets), (theta,), (v,))[1],
            "hessian": jax.hessian(energy)(theta, inputs, targets),
            "predict": f,
            "sample_losses": loss(f, targets),
            "margins": margins(spec["loss"], f, targets),
        }

    return jax.jit(everything)


def margins(loss, f, y):
    """Binary: y f. Classes: f_y - logsumexp of the others. Regression has none."""
    if loss == "mse":
        return jnp.zeros(0)
    if loss != "cross_entropy":
        return y * f[:, 0]
    own = jax.nn.one_hot(y, f.shape[1], dtype=bool)
    others = jax.nn.logsumexp(jnp.where(own, -jnp.inf, f), axis=-1)
    return jnp.where(own, f, 0).sum(axis=-1) - others


def ours(land, theta, v, loss):
    found = {
        "energy": land.energy(theta),
        "gradient": land.gradient(theta)[1],
        "hvp": land.hvp(theta, v),
        "hessian": land.hessian(theta),
        "predict": land.predict(theta),
        "sample_losses": land.sample_losses(theta),
    }
    return found if loss == "mse" else {**found, "margins": land.margins(theta)}


def build(spec, target):
    keys = [k for k in spec if k not in ("own", "layer_sizes")]
    data = tw.datasets.from_arrays(*data_of(spec))
    return tw.MLP(spec["layer_sizes"], data=data, device=target, **{key: spec[key] for key in keys})


def expected_rows(spec, theta, v):
    inputs, targets = data_of(spec)
    function = oracle(spec)
    for r in range(REPLICAS):
        x = inputs[r] if inputs.ndim == 3 else inputs
        y = targets[r] if spec["own"] in ("targets", "both") else targets
        yield {key: np.asarray(a) for key, a in function(theta[r], v[r], x, y).items()}


@pytest.mark.parametrize("spec", ARCHITECTURES, ids=label)
def test_everything_agrees_with_automatic_differentiation(spec):
    dim = build(spec, "cpu").dim
    draws = np.random.default_rng(5)
    theta, v = 0.8 * draws.normal(size=(REPLICAS, dim)), draws.normal(size=(REPLICAS, dim))
    truth = list(expected_rows(spec, theta, v))
    for target in TARGETS:
        found = ours(build(spec, target), theta, v, spec["loss"])
        for r, row in enumerate(truth):
            for key, array in found.items():
                error = np.linalg.norm(np.ravel(array[r] - row[key]))
                size = np.linalg.norm(np.ravel(row[key]))
                assert error <= TOLERANCE * size, f"{key} of replica {r} on {target}"


def test_the_table_covers_what_it_says():
    assert {s["activation"] for s in ARCHITECTURES} == set(ACTIVATIONS)
    assert {s["loss"] for s in ARCHITECTURES} == set(LOSSES)
    assert {s["parameterization"] for s in ARCHITECTURES} == set(PARAMETERIZATIONS)
    assert {len(s["layer_sizes"]) - 1 for s in ARCHITECTURES} == {1, 2, 3, 4, 5}
    assert len({label(s) for s in ARCHITECTURES}) == 20
