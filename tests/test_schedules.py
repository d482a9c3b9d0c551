"""Several schedules, one answer: rows side by side in the lanes or one by one agree to the bit.

Alone, the lanes of a row are its samples if these are many, and else the units of its layers.
"""

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


BLOCK = 16  # rows side by side, whatever the precision
# Rows of inputs with and without room for a one beside them, several of them, layers of one unit.
SHAPES = {
    "3-5-1": ("tanh", "mse", {}),
    "2-8-1": ("sin", "logistic", {"bias": False}),
    "7-13-11-2": ("softplus", "cross_entropy", {"parameterization": "ntk"}),
    "10-20-20-1": ("tanh", "logistic", {"weight_decay": 0.1}),
    "16-32-3": ("relu", "mse", {"parameterization": "mean_field"}),
    "15-1-16-20": ("logistic", "cross_entropy", {}),
    "16-1": ("identity", "hinge_squared", {"bias": False}),
}


def shaped(name, samples, dtype, rows=None):
    """A network of SHAPES; with `rows`, those of the replicas' own data sets."""
    draws, sizes = np.random.default_rng(samples), [int(n) for n in name.split("-")]
    activation, loss, options = SHAPES[name]
    lead = () if rows is None else (BLOCK,)
    inputs = draws.normal(size=(*lead, samples, sizes[0]))
    targets = {
        "mse": draws.normal(size=(*lead, samples, sizes[-1])),
        "cross_entropy": draws.integers(0, sizes[-1], (*lead, samples)),
    }.get(loss, draws.choice([-1.0, 1.0], (*lead, samples)))
    if rows is not None:
        inputs, targets = inputs[rows], targets[rows]
    data = tw.datasets.from_arrays(inputs, targets)
    return tw.MLP(sizes, activation, loss, data=data, dtype=dtype, **options)


def everything(land, theta, v):
    """What a network is asked for, each with the replicas first."""
    energy, slope = land.gradient(theta)
    found = {"energy": energy, "energy alone": land.energy(theta), "gradient": slope}
    found |= {"hvp": land.hvp(theta, v), "losses": land.sample_losses(theta)}
    found["outputs"] = land.predict(theta)
    inputs = np.random.default_rng(5).normal(size=(1500, land.layer_sizes[0]))
    found["other outputs"] = land.predict(theta, inputs.astype(theta.dtype))
    if land.loss != "mse":
        found["margins"] = land.margins(theta)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("own_data", [False, True])
@pytest.mark.parametrize("samples", [1, 7, 17, 100, 1000])
@pytest.mark.parametrize("name", SHAPES)
def test_samples_in_the_lanes_are_replicas_in_the_lanes(name, samples, own_data, dtype):
    """From one sample, in the lanes of units, to several chunks with idle lanes in the last."""
    every = np.arange(BLOCK) if own_data else None
    land = shaped(name, samples, dtype, every)
    theta, v = land.init(BLOCK, rng=1), land.init(BLOCK, rng=2)
    together = everything(land, theta, v)
    for r in (0, BLOCK - 1):
        one = shaped(name, samples, dtype, [r]) if own_data else land
        alone = everything(one, theta[[r]], v[[r]])
        for what, found in together.items():
            np.testing.assert_array_equal(alone[what], found[[r]], err_msg=what)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("own_data", [False, True])
@pytest.mark.parametrize("size", [1, 7, 16, 33, 500])
@pytest.mark.parametrize("name", ["3-5-1", "7-13-11-2"])
def test_minibatches_in_the_lanes(name, size, own_data, dtype):
    """Full energies are recorded between, so that schedules take turns in one run."""
    every = np.arange(BLOCK) if own_data else None
    land = shaped(name, 700, dtype, every)
    theta, sgd = land.init(BLOCK, rng=1), tw.SGD(0.05, momentum=0.5, batch_size=size)
    run = {"steps": 6, "record_every": 2, "rng": 4}
    together = sgd.run(land, theta, **run)
    for r in (0, BLOCK - 1):
        one = shaped(name, 700, dtype, [r]) if own_data else land
        alone = sgd.run(one, theta[[r]], replicas=[r], **run)
        np.testing.assert_array_equal(alone.energies[:, 0], together.energies[:, r])
        np.testing.assert_array_equal(alone.final[0], together.final[r])


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
