"""What bad input gets: an error that names the argument, what was expected and what came.

Each row is (id, call, exception, words that the message must hold). The words are what a reader
needs: the argument, the expectation, the value; not the exact sentence.
"""

from __future__ import annotations

import numpy as np
import pytest
from dynamics_cases import NETWORK, start
from numpy.testing import assert_array_equal

import thalweg as tw

N, P = NETWORK.samples, NETWORK.reference.dim
LAND = NETWORK.build()
LAND32 = NETWORK.build("float32")
OWN = tw.MLP([2, 1], data=tw.datasets.from_arrays(np.ones((4, 5, 2)), np.ones((4, 5))))
THETA = start(NETWORK)
X = np.random.default_rng(0).normal(size=(6, 3))
SIGNS = np.array([1, -1, 1, 1, -1, -1])


def mlp(inputs=X, targets=SIGNS, sizes=(3, 4, 1), loss="logistic", **options):
    return tw.MLP(list(sizes), loss=loss, data=tw.datasets.from_arrays(inputs, targets), **options)


def with_entry(array, value, at=(2, 1)):
    out = np.array(array, dtype=float)
    out[at[: out.ndim]] = value
    return out


def langevin(temperature=0.1, step_size=0.1, **options):
    return tw.Langevin(temperature, step_size, **options)


def run(dynamics=None, land=LAND, theta=THETA, steps=3, **options):
    return (dynamics or langevin()).run(land, theta, steps, **options)


ARRAYS = [
    ("dtype", lambda: LAND.energy(THETA.astype("float32")), TypeError, "theta float64 float32"),
    ("dtype_32", lambda: LAND32.energy(THETA), TypeError, "theta float32 float64"),
    ("dtype_int", lambda: LAND.energy(np.ones((2, P), int)), TypeError, "theta float64 int64"),
    ("dtype_complex", lambda: LAND.energy(THETA * 1j), TypeError, "theta float64 complex128"),
    ("byte_order", lambda: LAND.energy(THETA.astype(">f8")), TypeError, "theta float64"),
    ("list", lambda: LAND.energy(THETA.tolist()), TypeError, "theta float64 list"),
    ("rank_1", lambda: LAND.energy(THETA[0]), ValueError, f"theta [R, {P}] [{P}]"),
    ("rank_3", lambda: LAND.gradient(THETA[None]), ValueError, f"theta [R, {P}] [1, {len(THETA)}"),
    ("p_mismatch", lambda: LAND.energy(THETA[:, 1:].copy()), ValueError, f"theta {P} {P - 1}"),
    ("order", lambda: LAND.energy(np.asfortranarray(THETA)), ValueError, "theta C-contiguous"),
    ("strided", lambda: LAND.gradient(THETA[::2]), ValueError, "theta C-contiguous"),
    ("no_replica", lambda: LAND.energy(np.empty((0, P))), ValueError, "theta R 0"),
    ("hvp_dtype", lambda: LAND.hvp(THETA, THETA.astype("f4")), TypeError, "v float64 float32"),
    ("hvp_rows", lambda: LAND.hvp(THETA, THETA[1:].copy()), ValueError, f"v {len(THETA)}"),
    ("hessian_rank", lambda: LAND.hessian(THETA[0]), ValueError, f"theta [R, {P}] [{P}]"),
    ("threads_0", lambda: LAND.energy(THETA, threads=0), ValueError, "threads 1 0"),
    ("threads_text", lambda: LAND.energy(THETA, threads="2"), TypeError, "threads integer '2'"),
    ("own_data_rows", lambda: OWN.energy(np.ones((3, 3))), ValueError, "theta 4 3"),
    ("predict_size", lambda: LAND.predict(THETA, np.ones((4, 7))), ValueError, "inputs 3 7"),
    ("predict_nan", lambda: LAND.predict(THETA, with_entry(X, np.nan)), ValueError, "inputs nan"),
    ("margins", lambda: mlp(loss="mse").margins(np.ones((1, 21))), ValueError, "margins mse"),
    (
        "predict_rows",
        lambda: LAND.predict(THETA, np.ones((5, 4, 3))),
        ValueError,
        f"inputs {len(THETA)} 5",
    ),
]

DATA = [
    ("nan_input", lambda: mlp(with_entry(X, np.nan)), ValueError, "inputs finite nan [2, 1]"),
    ("inf_target", lambda: mlp(targets=with_entry(SIGNS, np.inf)), ValueError, "targets inf [2]"),
    ("text", lambda: mlp(np.array([["a"]])), TypeError, "inputs real"),
    ("one_axis", lambda: mlp(X[:, 0]), ValueError, "inputs [N, d] [6]"),
    ("empty", lambda: mlp(X[:0], SIGNS[:0]), ValueError, "inputs [0, 3]"),
    ("lengths", lambda: mlp(targets=SIGNS[1:]), ValueError, "targets 6 [5]"),
    ("features", lambda: mlp(sizes=(4, 1)), ValueError, "inputs 4 [6, 3]"),
    ("zero_one", lambda: mlp(targets=(SIGNS + 1) // 2), ValueError, "targets -1 +1 0"),
    ("hinge", lambda: mlp(targets=2 * SIGNS, loss="hinge_squared"), ValueError, "targets -1 +1 2"),
    (
        "class_out_of_range",
        lambda: mlp(targets=[0, 1, 2, 3, 0, 1], sizes=(3, 3), loss="cross_entropy"),
        ValueError,
        "targets 0 .. 2 3 [3]",
    ),
    (
        "class_not_whole",
        lambda: mlp(targets=[0, 1, 0.5, 1, 0, 1], sizes=(3, 2), loss="cross_entropy"),
        ValueError,
        "targets 0.5",
    ),
    (
        "negative_class",
        lambda: mlp(targets=SIGNS, sizes=(3, 2), loss="cross_entropy"),
        ValueError,
        "targets -1",
    ),
    ("outputs", lambda: mlp(sizes=(3, 4, 2)), ValueError, "layer_sizes one output 2"),
    ("one_class", lambda: mlp(loss="cross_entropy"), ValueError, "layer_sizes 2 1"),
    ("mse_outputs", lambda: mlp(sizes=(3, 2), loss="mse"), ValueError, "targets [6, 2] [6]"),
    (
        "replicas_differ",
        lambda: mlp(np.ones((4, 6, 3)), np.ones((5, 6))),
        ValueError,
        "targets 4 5",
    ),
    ("overflow", lambda: mlp(1e300 * X, dtype="float32"), ValueError, "inputs float32"),
    ("no_layers", lambda: mlp(sizes=(3,)), ValueError, "layer_sizes 2 1"),
    ("nine_layers", lambda: mlp(sizes=(3, *[2] * 8, 1)), ValueError, "layer_sizes 9 10"),
    ("width_0", lambda: mlp(sizes=(3, 0, 1)), ValueError, "layer_sizes[1] >= 1 0"),
    ("width_1.5", lambda: mlp(sizes=(3, 1.5, 1)), TypeError, "layer_sizes[1] integer 1.5"),
    ("activation", lambda: mlp(activation="tanhh"), ValueError, "activation tanhh tanh relu"),
    ("loss", lambda: mlp(loss="logistics"), ValueError, "loss logistics logistic mse"),
    ("scales", lambda: mlp(parameterization="ntks"), ValueError, "parameterization ntks ntk"),
    ("decay", lambda: mlp(weight_decay=-1.0), ValueError, "weight_decay 0 -1"),
    ("precision", lambda: mlp(dtype="float16"), ValueError, "dtype float32 float64 float16"),
    ("device", lambda: mlp(device="gpu"), ValueError, "device cpu gpu"),
    ("option", lambda: mlp(activaton="tanh"), TypeError, "activaton activation"),
    ("data", lambda: tw.MLP([3, 1], data=(X, SIGNS)), TypeError, "data Dataset tuple from_arrays"),
    ("scheme", lambda: LAND.init(3, scheme="him"), ValueError, "scheme him he"),
    ("init_none", lambda: LAND.init(0), ValueError, "replicas 1 0"),
    ("rng", lambda: LAND.init(2, rng="seed"), TypeError, "rng seed Generator"),
    ("rng_sign", lambda: LAND.init(2, rng=-1), ValueError, "rng 0 -1"),
    (
        "random_state",
        lambda: LAND.init(2, rng=np.random.RandomState(0)),
        TypeError,
        "rng Generator",
    ),
]

SURFACES = [
    ("spectrum", lambda: tw.Quadratic(with_entry(np.ones(3), np.inf)), ValueError, "spectrum inf"),
    ("no_dim", lambda: tw.Quadratic(1.0), ValueError, "dim None"),
    ("center", lambda: tw.Quadratic([1.0, 2.0], center=[1.0, 2, 3]), ValueError, "center 2 [3]"),
    ("rotation", lambda: tw.Quadratic([1, 2], rotation=np.ones((2, 2))), ValueError, "rotation"),
    ("dim_0", lambda: tw.Rastrigin(0), ValueError, "dim 1 0"),
    ("amplitude", lambda: tw.CoshWell(2, amplitude=0.0), ValueError, "amplitude > 0 0"),
    ("kappa", lambda: tw.CoshWell(2, kappa=-1.0), ValueError, "kappa > 0 -1"),
    ("lid", lambda: tw.ExponentialWalls(2, lid=np.nan), ValueError, "lid finite nan"),
    ("sum_dim", lambda: tw.CoshWell(2) + tw.CoshWell(3), ValueError, "dim 2 3"),
    (
        "sum_dtype",
        lambda: tw.CoshWell(2) + tw.CoshWell(2, dtype="float32"),
        ValueError,
        "dtype float64 float32",
    ),
    ("sum_number", lambda: tw.CoshWell(2) + 1.0, TypeError, "float"),
]


def user(energy=lambda x: x.sum(axis=1), gradient=np.ones_like, dim=2, **options):
    return tw.UserLandscape(energy, gradient, dim=dim, **options)


POINT = np.zeros((3, 2))
USER = [
    ("not_callable", lambda: user(energy=3.0), TypeError, "energy function 3.0"),
    ("user_dim", lambda: user(dim=0), ValueError, "dim 1 0"),
    ("scalar", lambda: user(lambda x: 1.0).energy(POINT), ValueError, "energy [R] [3] []"),
    ("column", lambda: user(lambda x: x[:, :1]).energy(POINT), ValueError, "energy [R] [3, 1]"),
    (
        "transposed",
        lambda: user(gradient=lambda x: x.T).gradient(POINT),
        ValueError,
        "gradient [3, 2] [2, 3]",
    ),
    (
        "precision_lost",
        lambda: user(gradient=lambda x: x.astype("f4")).gradient(POINT),
        TypeError,
        "gradient float64 float32",
    ),
    ("returns_none", lambda: user(lambda x: None).energy(POINT), TypeError, "energy"),
    (
        "in_a_run",
        lambda: run(langevin(), user(gradient=lambda x: x[:, :1]), POINT),
        ValueError,
        "gradient [3, 2] [3, 1]",
    ),
    ("edits_input", lambda: user(lambda x: x.sort()).energy(POINT), ValueError, "read-only"),
]


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [pytest.param(*row[1:], id=row[0]) for row in [*ARRAYS, *DATA, *SURFACES, *USER]],
)
def test_bad_input_is_named(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    text = str(caught.value)
    for word in words.split():
        assert word in text, f"{word!r} is not in: {text}"


def test_bad_calls_change_nothing():
    before = LAND.energy(THETA)
    for _, call, kind, _ in ARRAYS:
        with pytest.raises(kind):
            call()
    assert_array_equal(LAND.energy(THETA), before)


def test_the_energy_of_a_point_that_is_not_finite_is_nan_for_its_row_only():
    """Not an error: a diverged replica may be looked at together with the rest."""
    theta = THETA.copy()
    theta[3, 1] = np.nan
    energy, gradient = LAND.gradient(theta)
    assert np.isnan(energy[3])
    assert np.isnan(gradient[3]).any()
    rest = np.arange(len(theta)) != 3
    assert_array_equal(energy[rest], LAND.gradient(THETA)[0][rest])
    assert_array_equal(gradient[rest], LAND.gradient(THETA)[1][rest])


def test_the_core_checks_its_arrays_by_itself():
    """Other callers than the Python classes get the same care from the compiled modules."""
    core = LAND._core
    for bad in (THETA.astype("f4"), THETA[0], THETA[:, 1:].copy(), THETA[::2], THETA[:0]):
        with pytest.raises((TypeError, ValueError), match="theta"):
            core.energy(bad)
        with pytest.raises((TypeError, ValueError), match="theta"):
            core.gradient(bad)
