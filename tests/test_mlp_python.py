"""The Python side of landscapes: layouts, initialization, labels, sums, user functions, pickles."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw
from thalweg.landscapes import PythonSum

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(8, 3))
SIGNS = np.where(DRAWS.normal(size=8) > 0, 1, -1)
CLASSES = np.array([0, 1, 2, 3, 3, 2, 1, 0])


def mlp(sizes=(3, 5, 4, 1), targets=SIGNS, loss="logistic", **options):
    return tw.MLP(list(sizes), loss=loss, data=tw.datasets.from_arrays(X, targets), **options)


# --- layout ---


@pytest.mark.parametrize("bias", [True, False])
def test_parameters_are_weights_row_by_row_then_biases(bias):
    land = mlp(bias=bias)
    shapes = [(5, 3), (5,), (4, 5), (4,), (1, 4), (1,)]
    names = [f"layers.{layer}.{kind}" for layer in range(3) for kind in ("weight", "bias")]
    expected = [(n, s) for n, s in zip(names, shapes, strict=True) if bias or len(s) == 2]
    assert [(e.name, e.shape) for e in land.layout.values()] == expected
    assert land.dim == land.layout.size == sum(int(np.prod(s)) for _, s in expected)
    start = 0
    for entry in land.layout.values():
        assert entry.slice == slice(start, start + int(np.prod(entry.shape)))
        start = entry.stop
    theta = np.arange(2.0 * land.dim).reshape(2, -1)
    weight = land.unflatten(theta)["layers.0.weight"]
    assert_array_equal(weight[1], land.dim + np.arange(15).reshape(5, 3))


def test_a_network_computed_by_hand_from_its_layers():
    land = mlp()
    theta = land.init(6, scheme="normal", rng=1)
    layers = land.unflatten(theta)
    a = np.broadcast_to(X, (6, *X.shape))
    for layer in range(3):
        weight, bias = layers[f"layers.{layer}.weight"], layers[f"layers.{layer}.bias"]
        z = a @ np.swapaxes(weight, 1, 2) + bias[:, None]
        a = np.tanh(z)
    assert_allclose(land.predict(theta), z, rtol=1e-12, atol=1e-13)


def test_unflatten_gives_views_and_flatten_takes_them_back():
    land = mlp()
    theta = land.init(4, rng=1)
    layers = land.unflatten(theta)
    layers["layers.1.bias"][2] = 7.0
    assert (theta[2, land.layout["layers.1.bias"].slice] == 7).all()
    again = land.flatten(layers)
    assert_array_equal(again, theta)
    assert not np.shares_memory(again, theta)
    assert_array_equal(land.flatten(land.unflatten(theta[0])), theta[0])
    assert land.flatten(layers).flags.c_contiguous
    assert mlp(dtype="float32").flatten(layers).dtype == np.float32


def test_layers_that_do_not_fit_are_named():
    land = mlp()
    layers = land.unflatten(land.init(4, rng=1))
    with pytest.raises(ValueError, match=r"missing \['layers.0.bias'\]"):
        land.flatten({n: a for n, a in layers.items() if n != "layers.0.bias"})
    with pytest.raises(
        ValueError, match=r"layers.2.bias: expected shape \[4, 1\], got shape \[3, 1"
    ):
        land.flatten(layers | {"layers.2.bias": np.ones((3, 1))})
    with pytest.raises(ValueError, match=r"theta: expected an array \[..., 49\]"):
        land.unflatten(np.ones((2, 7)))
    with pytest.raises(KeyError, match=r"Did you mean 'layers\.1\.bias'"):
        land.layout["layer.1.bias"]


# --- initialization ---


@pytest.mark.parametrize(
    ("scheme", "weight", "bias"),
    [("he", 2 / 300, 0.0), ("glorot", 2 / 500, 0.0), ("normal", 1.0, 1.0)],
)
def test_initial_weights_have_the_variance_of_their_scheme(scheme, weight, bias):
    data = tw.datasets.random_labels(2, 300, rng=0)
    land = tw.MLP([300, 200, 1], loss="logistic", data=data)
    theta = land.init(20, scheme=scheme, rng=5, scale=3.0)
    layers = land.unflatten(theta)
    first = layers["layers.0.weight"]
    assert_allclose(first.var(), 9 * weight, rtol=4 * np.sqrt(2 / first.size))
    assert abs(first.mean()) < 4 * np.sqrt(9 * weight / first.size)
    spread = layers["layers.0.bias"].var()
    assert_allclose(spread, 9 * bias, rtol=0.1)


def test_a_starting_point_is_the_replicas():
    land = mlp()
    batch = land.init(50, rng=3)
    assert_array_equal(land.init([17, 4], rng=3), batch[[17, 4]])
    assert_array_equal(mlp(dtype="float32").init(50, rng=3), batch.astype(np.float32))
    assert (land.init(50, rng=4) != batch)[:, :15].all()


# --- labels, accuracy ---


def test_accuracy_counts_right_answers():
    land = mlp([3, 1])
    theta = np.array([[2.0, -1.0, 0.5, 0.1], [0.0, 0.0, 0.0, 0.0]])
    right = np.sign(X @ theta[0, :3] + 0.1) == SIGNS
    assert_allclose(land.accuracy(theta), [right.mean(), 0.0])  # f = 0 is no answer
    assert_allclose(land.accuracy(theta, X[:5], SIGNS[:5])[0], right[:5].mean())


def test_accuracy_of_classes_is_of_the_largest_output():
    land = mlp([3, 4], CLASSES, "cross_entropy", dtype="float32")
    theta = land.init(3, rng=2)
    outputs = land.predict(theta)
    expected = (outputs.argmax(axis=2) == CLASSES).mean(axis=1)
    assert_allclose(land.accuracy(theta), expected)
    per_replica = np.stack([CLASSES, CLASSES[::-1], (CLASSES + 1) % 4])
    expected = (outputs.argmax(axis=2) == per_replica).mean(axis=1)
    assert_allclose(land.accuracy(theta, X, per_replica), expected)


def test_a_network_that_is_nan_has_no_accuracy():
    land = mlp([3, 4], CLASSES, "cross_entropy")
    theta = land.init(2, rng=2)
    theta[1] = np.nan
    assert_array_equal(np.isnan(land.accuracy(theta)), [False, True])


def test_accuracy_needs_classes_and_both_arrays():
    theta = np.zeros((1, 4))
    with pytest.raises(ValueError, match="accuracy: expected a loss with labels, got loss='mse'"):
        mlp([3, 1], loss="mse").accuracy(theta)
    with pytest.raises(ValueError, match="targets: expected inputs and targets, or neither"):
        mlp([3, 1]).accuracy(theta, inputs=X)
    with pytest.raises(ValueError, match=r"targets: expected labels -1 or \+1"):
        mlp([3, 1]).accuracy(theta, X, 3 * SIGNS)


@pytest.mark.parametrize(
    ("targets", "fix"),
    [
        ((SIGNS + 1) // 2, r"Use 2 \* y - 1"),
        (np.where(np.arange(8) == 5, 3, SIGNS), r"got 3 at index \[5\] \(1 such\)"),
    ],
)
def test_labels_that_are_no_signs_are_shown(targets, fix):
    with pytest.raises(ValueError, match=fix):
        mlp(targets=targets)


@pytest.mark.parametrize(
    ("targets", "fix"),
    [
        (CLASSES + 1, "Classes count from 0: use y - 1"),
        (CLASSES * 2, r"got 4 at index \[2\] \(4 such\)\. Or give the network 7 outputs"),
        (CLASSES - 1, r"got -1 at index \[0\]"),
        (CLASSES + 0.5, r"got 0.5 at index \[0\]"),
    ],
)
def test_labels_that_are_no_classes_are_shown(targets, fix):
    with pytest.raises(ValueError, match=fix):
        mlp([3, 4], targets, "cross_entropy")


@pytest.mark.parametrize("shape", [(8,), (8, 1), (5, 8), (5, 8, 1)])
def test_targets_of_one_output_may_leave_the_last_axis_out(shape):
    values = np.broadcast_to(
        np.arange(8.0).reshape(8, *[1] * (len(shape) > 1 and shape[-1] == 1)), shape
    )
    land = mlp([3, 1], values, "mse")
    assert land.data_replicas == (5 if shape[0] == 5 else None)
    assert land.n_samples == 8
    assert_allclose(land.sample_losses(np.zeros((5, 4))), np.tile(np.arange(8.0) ** 2, (5, 1)))


def test_data_for_different_numbers_of_replicas_are_refused():
    data = tw.datasets.from_arrays(np.ones((3, 8, 2)), np.ones((4, 8)))
    with pytest.raises(
        ValueError, match=r"one set for each of the 3 replicas of data\.inputs, got 4"
    ):
        tw.MLP([2, 1], data=data)


# --- all landscapes: printing, pickling, immutability ---


def energy(x):
    return 0.25 * (x**4).sum(axis=1)


def gradient(x):
    return x**3


def hvp(x, v):
    return 3 * x**2 * v


LANDSCAPES = {
    "mlp": lambda: mlp(dtype="float32", weight_decay=0.1, parameterization="mean_field"),
    "quadratic": lambda: tw.Quadratic([1.0, 2.0], center=0.5),
    "rotated": lambda: tw.Quadratic(np.geomspace(1, 3, 4), rotation=np.random.default_rng(3)),
    "turned": lambda: tw.Quadratic([1.0, 2.0], rotation=np.array([[0.6, -0.8], [0.8, 0.6]])),
    "muller_brown": tw.MullerBrown,
    "rastrigin": lambda: tw.Rastrigin(3, amplitude=2.0),
    "walls": lambda: tw.ExponentialWalls(3, lid=5.0),
    "cosh": lambda: tw.CoshWell(3, kappa=0.5, dtype="float32"),
    "sum": lambda: tw.CoshWell(3) + tw.Rastrigin(3) + tw.Quadratic(1.0, dim=3),
    "user": lambda: tw.UserLandscape(energy, gradient, hvp, dim=3),
    "mixed": lambda: tw.UserLandscape(energy, gradient, hvp, dim=3) + tw.Quadratic(1.0, dim=3),
}


@pytest.mark.parametrize("name", LANDSCAPES)
def test_landscapes_can_be_pickled_rebuilt_and_printed(name):
    land = LANDSCAPES[name]()
    x = 0.3 * DRAWS.normal(size=(4, land.dim)).astype(land.dtype)
    for again in (
        pickle.loads(pickle.dumps(land)),
        type(land)(**land.arguments),
    ):
        assert again.dtype == land.dtype
        for mine, other in zip(again.gradient(x), land.gradient(x), strict=True):
            assert_array_equal(mine, other)
        assert again.describe() == land.describe()
    assert type(land).__name__ in repr(land) or " + " in repr(land)
    assert "object at 0x" not in repr(land).replace("function", "")
    assert isinstance(land, tw.Landscape)


def test_landscapes_cannot_be_changed_behind_the_compiled_back():
    land = mlp()
    with pytest.raises(AttributeError, match="weight_decay: a MLP cannot be changed once made"):
        land.weight_decay = 1.0
    description = land.describe()
    description["loss"] = "other"
    assert land.describe()["loss"] == "logistic"


def test_descriptions_tell_data_apart():
    assert mlp().describe() == mlp().describe()
    assert mlp(targets=-SIGNS).describe() != mlp().describe()
    assert mlp(weight_decay=0.1).describe() != mlp().describe()


# --- sums and Python functions ---


def test_mixed_sums_add_up_and_run():
    user, spring = tw.UserLandscape(energy, gradient, hvp, dim=3), tw.Quadratic(2.0, dim=3)
    both = user + spring
    assert isinstance(both, PythonSum)
    x, v = DRAWS.normal(size=(2, 4, 3))
    assert_allclose(both.energy(x), energy(x) + (x**2).sum(1), rtol=1e-14)
    assert_allclose(both.gradient(x)[1], x**3 + 2 * x, rtol=1e-14)
    assert_allclose(both.hvp(x, v), (3 * x**2 + 2) * v, rtol=1e-14)
    hessian = np.einsum("ri,ij->rij", 3 * x**2 + 2, np.eye(3))
    assert_allclose(both.hessian(x), hessian, rtol=1e-14)
    assert_allclose((spring + user + spring).energy(x), energy(x) + 2 * (x**2).sum(1), rtol=1e-14)
    assert (both + spring).describe()["terms"] == [*both.describe()["terms"], spring.describe()]
    compiled = tw.Quadratic(2.0, dim=3) + tw.Quadratic(1.0, dim=3)
    assert isinstance(compiled, tw.SumLandscape)
    assert isinstance(sum([spring, spring, user]), PythonSum)
    run = tw.SGD(0.05).run(both, x, steps=400)
    assert_allclose(run.final, 0, atol=1e-12)


class Structural:
    """A landscape that knows nothing of thalweg."""

    dim, dtype = 3, np.float64

    def energy(self, x):
        return energy(x)

    def gradient(self, x):
        return energy(x), gradient(x)


def test_any_object_of_the_right_shape_is_a_landscape():
    x = DRAWS.normal(size=(4, 3))
    assert isinstance(Structural(), tw.Landscape)
    wrapped = tw.UserLandscape(energy, gradient, dim=3)
    how = {"steps": 20, "rng": 1}
    mine, other = (tw.Langevin(0.1, 0.01).run(land, x, **how) for land in (Structural(), wrapped))
    assert_array_equal(mine.energies, other.energies)
    assert_allclose((tw.CoshWell(3) + Structural()).energy(x), np.cosh(x).sum(1) + energy(x))
    assert_allclose((Structural() + tw.CoshWell(3)).energy(x), np.cosh(x).sum(1) + energy(x))


def test_a_missing_hvp_is_said_once_and_differences_are_as_good_as_stated():
    data = tw.datasets.random_labels(40, 10, rng=0)
    for dtype, error in (("float64", 1e-6), ("float32", 1.5e-4)):
        land = tw.MLP([10, 50, 1], "tanh", "logistic", "ntk", data=data, dtype=dtype)
        user = tw.UserLandscape(land.energy, land.gradient, dim=land.dim, dtype=dtype)
        theta = land.init(32, scheme="normal", rng=1)
        v = land.init(32, scheme="normal", rng=2)
        with pytest.warns(UserWarning, match="central differences") as caught:
            product = user.hvp(theta, v)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        exact = land.hvp(theta, v)
        off = np.linalg.norm(product - exact, axis=1) / np.linalg.norm(exact, axis=1)
        assert np.median(off) < error
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            user.hvp(theta, v)  # said once
            assert not user.hvp(theta, np.zeros_like(v)).any()


@pytest.mark.parametrize(
    ("functions", "kind", "text"),
    [
        ({"gradient": lambda x: x[0]}, ValueError, r"gradient\(theta\): .*\[R, P\] = \[2, 3\]"),
        ({"gradient": lambda x: (x, x, x)}, ValueError, "a pair .* got 3 values"),
        ({"gradient": lambda x: (x, x)}, ValueError, r"shape \[R\] = \[2\], got shape \[2, 3\]"),
        ({"energy": lambda x: energy(x).astype("f4")}, TypeError, "got dtype float32. Compute in"),
        ({"energy": lambda x: energy(x) * 1j}, TypeError, "got dtype complex128"),
        ({"hvp": lambda x, v: v[:1]}, ValueError, r"hvp\(theta\): expected"),
    ],
    ids=["one_row", "triple", "pair", "precision", "complex", "hvp"],
)  # fmt: skip
def test_functions_that_return_the_wrong_thing_are_named(functions, kind, text):
    given = {"energy": energy, "gradient": gradient, "hvp": hvp} | functions
    land = tw.UserLandscape(**given, dim=3)
    x = np.ones((2, 3))
    with pytest.raises(kind, match=text):
        land.hvp(x, x) if "hvp" in functions else land.gradient(x)


def test_minibatches_work_on_a_confined_network():
    land = mlp([3, 5, 1])
    confined = land + tw.Quadratic(0.1, dim=land.dim)
    theta = land.init(4, rng=1)
    run = tw.SGD(0.1, batch_size=3).run(confined, theta, steps=20, rng=2)
    decayed = mlp([3, 5, 1], weight_decay=0.1)
    same = tw.SGD(0.1, batch_size=3).run(decayed, theta, steps=20, rng=2)
    assert_allclose(run.final, same.final, rtol=1e-9)
    with pytest.raises(ValueError, match="batch_size: expected an integer >= 1 and <= 8, got 9"):
        tw.SGD(0.1, batch_size=9).run(confined, theta, steps=1)


def test_user_landscapes_are_freed():
    """The handle the core gets must not keep the landscape alive: no collector sees through it."""
    import gc
    import weakref

    land = tw.UserLandscape(energy, gradient, hvp, dim=3)
    tw.SGD(0.1).run(land, np.ones((2, 3)), steps=3)
    alive = weakref.ref(land)
    del land
    gc.collect()
    assert alive() is None


def test_unknown_devices_list_the_known():
    with pytest.raises(ValueError, match=r"device: expected one of \['cpu', .*\], got 'gpu'"):
        tw.CoshWell(2, device="gpu")
    assert tw.CoshWell(2, device=tw.target()).target == tw.target()
