"""Two schedules, one answer: rows side by side in the lanes or one by one agree to the bit."""

import numpy as np
import pytest

import thalweg as tw

ROWS = 37  # two whole blocks of sixteen lanes, and five rows left over
ALONE = (0, 15, 16, 31, 32, 36)

NETWORKS = {
    "tanh": {"layer_sizes": [10, 20, 20, 1], "activation": "tanh", "loss": "logistic"},
    "relu": {"layer_sizes": [7, 13, 11, 4], "activation": "relu", "loss": "cross_entropy"},
    "softplus": {"layer_sizes": [3, 5, 2], "activation": "softplus", "loss": "mse"},
    "logistic": {"layer_sizes": [3, 18, 1], "activation": "logistic", "loss": "hinge_squared"},
    "sin": {"layer_sizes": [17, 6, 5, 4, 3], "activation": "sin", "loss": "cross_entropy"},
}


def network(name, dtype, samples=150, **options):
    """A narrow network with scaled layers and weight decay; its samples come in several chunks."""
    draws, kind = np.random.default_rng(3), NETWORKS[name]
    outputs = kind["layer_sizes"][-1]
    targets = {
        "logistic": draws.choice([-1.0, 1.0], samples),
        "hinge_squared": draws.choice([-1.0, 1.0], samples),
        "cross_entropy": draws.integers(0, outputs, samples),
        "mse": draws.normal(size=(samples, outputs)),
    }[kind["loss"]]
    inputs = draws.normal(size=(samples, kind["layer_sizes"][0]))
    data = tw.datasets.from_arrays(inputs, targets)
    return tw.MLP(**kind, data=data, weight_decay=0.01, dtype=dtype, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_row_alone_is_the_row_in_a_batch(name, dtype):
    land = network(name, dtype, samples=700)
    theta, v = land.init(ROWS, rng=1), land.init(ROWS, rng=2)
    inputs = np.random.default_rng(5).normal(size=(9, land.layer_sizes[0])).astype(dtype)
    ways = {
        "energy": land.energy,
        "gradient": lambda x: land.gradient(x)[1],
        "sample losses": land.sample_losses,
        "predictions": lambda x: land.predict(x, inputs),
    }
    for what, way in ways.items():
        together = way(theta)
        for r in ALONE:
            np.testing.assert_array_equal(together[r : r + 1], way(theta[r : r + 1]), err_msg=what)
    together = land.hvp(theta, v)
    for r in ALONE:
        np.testing.assert_array_equal(together[r], land.hvp(theta[r : r + 1], v[r : r + 1])[0])


DYNAMICS = {
    "euler_maruyama": tw.Langevin(0.01, 0.02, scheme="euler_maruyama"),
    "leimkuhler_matthews": tw.Langevin(0.01, 0.02, scheme="leimkuhler_matthews"),
    "baoab": tw.Langevin(0.01, 0.02, scheme="baoab", friction=1.0),
    "metropolis": tw.Langevin(0.01, 0.02, scheme="euler_maruyama", metropolis=True),
    "sgd in order": tw.SGD(0.05, momentum=0.9, batch_size=33),
    "sgd with replacement": tw.SGD(0.05, batch_size=7, replacement=True),
    "adam": tw.Adam(0.01),
    "gradient flow": tw.GradientFlow(0.05),
    "random walk": tw.RandomWalk(0.1, mode="sphere"),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", DYNAMICS)
def test_a_run_alone_is_the_run_in_a_batch(kind, dtype):
    land = network("tanh", dtype)
    theta, dynamics = land.init(ROWS, rng=1), DYNAMICS[kind]
    run = {"steps": 12, "record_every": 3, "rng": 4, "observables": ("squared_norm",)}
    together = dynamics.run(land, theta, **run)
    for r in ALONE:
        alone = dynamics.run(land, theta[r : r + 1], replicas=[r], **run)
        np.testing.assert_array_equal(alone.energies[:, 0], together.energies[:, r])
        np.testing.assert_array_equal(alone.final[0], together.final[r])
        observed = "squared_norm"
        np.testing.assert_array_equal(
            alone.observables[observed][:, 0], together.observables[observed][:, r]
        )
