"""What all estimators of curvature promise: rows apart to the bit, any landscape, clear errors."""

import warnings

import numpy as np
import pytest

import thalweg as tw
from thalweg import curvature as cv
from thalweg.curvature import products as products_module
from thalweg.curvature.krylov import Krylov

STEPS = {"trace": {}, "diagonal": {}, "eigenpairs": {"count": 2}, "spectral_density": {"steps": 15}}


@pytest.fixture(params=STEPS)
def estimate(request):
    """An estimator as a function of landscape and points that returns arrays, replicas first."""

    def measure(land, theta, **options):
        found = getattr(cv, request.param)(land, theta, **STEPS[request.param], **options)
        if isinstance(found, tuple):
            return found
        names = ("values", "vectors") if request.param == "eigenpairs" else ("nodes", "weights")
        return tuple(getattr(found, name) for name in names)

    measure.name = request.param
    return measure


def network(dtype="float64", activation="tanh", replicas=None):
    data = tw.datasets.random_labels(samples=20, features=5, replicas=replicas, rng=0)
    return tw.MLP(
        [5, 12, 1], activation, "logistic", parameterization="ntk", data=data, dtype=dtype
    )


class Bare:
    """The four things a landscape needs, and nothing else."""

    def __init__(self, land):
        self.land, self.dim, self.dtype = land, land.dim, land.dtype

    def energy(self, theta):
        return self.land.energy(theta)

    def gradient(self, theta):
        return self.land.gradient(theta)


def by_functions(land, products=True):
    hvp = land.hvp if products else None
    return tw.UserLandscape(land.energy, land.gradient, hvp, dim=land.dim, dtype=land.dtype)


def equal(left, right, rows=slice(None)):
    return all((a == b[rows]).all() for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_row_does_not_depend_on_its_batch(estimate, dtype, monkeypatch):
    land = network(dtype)
    theta = land.init(9, scheme="normal", rng=1)
    theta[::2] *= 0.3  # some converge sooner than others
    together = estimate(land, theta, rng=1)
    for rows in ([4], [8, 2, 5]):
        part = np.ascontiguousarray(theta[rows])
        assert equal(estimate(land, part, rng=1, replicas=rows), together, rows)
    assert equal(estimate(land, theta, rng=1, threads=1), estimate(land, theta, rng=1, threads=3))
    for module in (cv.probes, cv.density):  # fewer at a time
        monkeypatch.setattr(module, "BLOCK", 2000)
    assert equal(estimate(land, theta, rng=1), together)
    other = estimate(land, theta, rng=2)
    assert not equal(other, together)


def test_data_per_replica(estimate):
    """Row r belongs to data set r: the batch stays whole, and r is as in a landscape of its own."""
    land = network(replicas=3)
    theta = land.init(3, scheme="normal", rng=1)
    theta[1] *= 0.1
    confined = land + tw.Quadratic(0.5, dim=land.dim)
    for whole in (land, confined, by_functions(land)):
        together = estimate(whole, theta, rng=1)
        for r in range(3):
            data = tw.datasets.from_arrays(land.data.inputs[r], land.data.targets[r])
            alone = tw.MLP(**{**land.arguments, "data": data})
            if whole is confined:
                alone = alone + tw.Quadratic(0.5, dim=land.dim)
            assert equal(estimate(alone, theta[r : r + 1], rng=1, replicas=[r]), together, [r])


def test_functions_see_all_rows_or_none(estimate):
    land, seen = network(), []

    def hvp(theta, v):
        seen.append(theta.copy())
        return land.hvp(theta, v)

    theta = land.init(4, scheme="normal", rng=1)
    theta[0] *= 0.1
    counted = tw.UserLandscape(land.energy, land.gradient, hvp, dim=land.dim)
    together = estimate(counted, theta, rng=1)
    assert seen
    assert all((batch == theta).all() for batch in seen)
    assert equal(together, estimate(land, theta, rng=1))


@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-5), ("float32", 1e-3)])
def test_differences_stand_in_for_products(estimate, dtype, error):
    """Errors of products are what docs/curvature.md says; these estimates do not amplify them."""
    land = network(dtype)
    theta = land.init(2, scheme="normal", rng=1)
    exact = estimate(land, theta, rng=1)[0]
    asked = estimate(land, theta, rng=1, differences=True)[0]
    assert (asked != exact).any()
    bare = estimate(Bare(land), theta, rng=1)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the kind of products is in the result: nothing to warn of
        user = estimate(by_functions(land, products=False), theta, rng=1)[0]
    np.testing.assert_array_equal(bare, asked)
    np.testing.assert_array_equal(user, asked)
    size = np.abs(exact).max()
    if estimate.name == "spectral_density":  # single nodes inside a spectrum are fragile
        exact, asked = exact[..., -1], asked[..., -1]
    np.testing.assert_allclose(asked, exact, atol=error * size)


@pytest.mark.parametrize("differences", [False, True])
def test_results_name_their_products(differences):
    land = network()
    theta = land.init(2, scheme="normal", rng=1)
    kind = "finite difference" if differences else "exact"
    for found in (
        cv.eigenpairs(land, theta, differences=differences, rng=1),
        cv.spectral_density(land, theta, 2, 3, differences=differences, rng=1),
        cv.eigenpairs(land if not differences else Bare(land), theta, rng=1),
    ):
        assert found.products == kind
        assert kind in found.summary()


def test_kinks_are_seen_by_differences_only():
    """|x| has no curvature but at 0, where a difference of step e sees 1/e."""

    def gradient(x):
        return np.sign(x)

    land = tw.UserLandscape(
        lambda x: np.abs(x).sum(1), gradient, lambda x, v: np.zeros_like(v), dim=1
    )
    theta = np.array([[0.0], [5.0]])
    exact = cv.trace(land, theta, 2, rng=1)[0]
    seen = cv.trace(land, theta, 2, rng=1, differences=True)[0]
    np.testing.assert_array_equal(exact, [0, 0])
    np.testing.assert_allclose(seen, [1e4, 0])  # e = 1e-4 (1 + 0)


@pytest.mark.parametrize("differences", [False, True])
@pytest.mark.parametrize("wrap", [lambda land: land, by_functions])
def test_points_that_are_not_finite_are_lost_alone(estimate, wrap, differences):
    land = tw.CoshWell(40)
    theta = tw.rng.normals(1, stream="test", replicas=5, count=40)
    good = estimate(wrap(land), theta, rng=1, differences=differences)
    theta[1, 3], theta[2, 7], theta[4, 0] = np.nan, np.inf, 800.0  # cosh(800) overflows
    found = estimate(wrap(land), theta, rng=1, differences=differences)
    for array, other in zip(found, good, strict=True):
        assert np.isnan(array[[1, 2, 4]]).all()
        np.testing.assert_array_equal(array[[0, 3]], other[[0, 3]])


def test_lost_replicas_are_listed():
    land = tw.CoshWell(40)
    theta = np.zeros((3, 40))
    theta[1] = np.nan
    for found in (cv.eigenpairs(land, theta, rng=1), cv.spectral_density(land, theta, rng=1)):
        assert found.lost == [1]
        assert "replicas [1]" in found.summary()
    assert np.isnan(found.density([1.0])[1]).all()
    assert np.isnan(found.cumulative([1.0])[1]).all()
    assert np.isnan(found.trace()[0][1])
    assert len(found.plot().lines) == 2
    nowhere = cv.eigenpairs(land, np.full((2, 40), np.nan), rng=1)
    assert nowhere.lost == [0, 1]
    assert nowhere.summary()


def test_bad_arguments(estimate):
    land = tw.CoshWell(6)
    theta = np.ones((2, 6))
    for bad, error, text in (
        ({"theta": theta[0]}, ValueError, "theta"),
        ({"theta": theta[:, :3]}, ValueError, "theta"),
        ({"theta": theta.astype("f4")}, TypeError, "theta"),
        ({"landscape": "well"}, TypeError, "landscape"),
        ({"rng": -1}, ValueError, "rng"),
        ({"replicas": [1]}, ValueError, "replicas"),
        ({"threads": 0}, ValueError, "threads"),
        ({"differences": 1}, TypeError, "differences"),
        ({"probe": 3}, TypeError, "unknown option 'probe'"),
    ):
        arguments = {"landscape": land, "theta": theta, **bad}
        with pytest.raises(error, match=text):
            getattr(cv, estimate.name)(**arguments)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("trace", {"probes": 1}, "probes"),
        ("diagonal", {"probes": 0}, "probes"),
        ("spectral_density", {"probes": 1}, "probes"),
        ("spectral_density", {"steps": 0}, "steps"),
        ("eigenpairs", {"count": 0}, "count"),
        ("eigenpairs", {"count": 7}, "count"),
        ("eigenpairs", {"count": 4, "which": "both"}, "count"),
        ("eigenpairs", {"which": "top"}, "which"),
        ("eigenpairs", {"tolerance": 0}, "tolerance"),
        ("eigenpairs", {"block": 0}, "block"),
        ("eigenpairs", {"subspace": 2}, "subspace"),
        ("eigenpairs", {"subspace": 7}, "subspace"),
        ("eigenpairs", {"most_products": 1}, "most_products"),
    ],
)
def test_bad_numbers(name, options, text):
    with pytest.raises(ValueError, match=text):
        getattr(cv, name)(tw.CoshWell(6), np.ones((2, 6)), **options)


def test_bad_arguments_of_a_density():
    found = cv.spectral_density(tw.CoshWell(6), np.ones((2, 6)), rng=1)
    for grid in (np.ones((2, 2)), [], [np.nan]):
        with pytest.raises(ValueError, match="grid"):
            found.density(grid)
    with pytest.raises(ValueError, match="width"):
        found.density([1.0], width=0)
    with pytest.raises(ValueError, match="order"):
        found.moments(-1)


@pytest.mark.parametrize("name", ["eigenpairs", "spectral_density", "diagonal"])
def test_what_does_not_fit_is_refused(name, monkeypatch):
    monkeypatch.setattr("thalweg._memory.available_memory", lambda: 2**20)
    land = tw.CoshWell(300_000)
    with pytest.raises(MemoryError, match=r"bases|diagonal"):
        getattr(cv, name)(land, np.zeros((2, land.dim)))


def test_rows_that_repeat_are_taken_in_turns():
    turns = products_module._turns(np.array([2, 0, 2, 1, 2, 0]))
    assert [turn.tolist() for turn in turns] == [[1, 3, 0], [5, 2], [4]]


def test_bases_are_orthogonal_however_close_what_they_are_made_of():
    """Two starts that differ by 1e-9: one projection would leave them 1e-7 from orthogonal."""
    land = network()
    theta = land.init(2, scheme="normal", rng=1)
    start = tw.rng.normals(1, stream="test", replicas=4, count=land.dim).reshape(2, 2, -1)
    start[:, 1] = start[:, 0] + 1e-9 * start[:, 1]
    products = products_module.Products(land, theta, False, 1)
    space = Krylov(products, np.arange(2), start, 60)
    while space.size < 60:
        space.grow()
    basis = space.basis[:, :62]
    np.testing.assert_allclose(basis @ basis.transpose(0, 2, 1), [np.eye(62)] * 2, atol=1e-13)
    projected = basis[:, :60] @ land.hessian(theta) @ basis[:, :60].transpose(0, 2, 1)
    np.testing.assert_allclose(np.triu(space.matrix[:, :60, :60]), np.triu(projected), atol=1e-13)
