"""Mode connectivity against saddles that are known: published, in closed form, or from SciPy."""

import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, least_squares, minimize, minimize_scalar
from wells import MULLER_BROWN, VALLEY, VALLEY_MINIMA, user

import thalweg as tw
from thalweg.protocols import mode_connectivity

METHODS = ("string", "neb")


# --- known saddles ---


@pytest.mark.parametrize("images", [9, 17, 33])
@pytest.mark.parametrize("method", METHODS)
def test_muller_brown(method, images):
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, method=method, images=images)
    e, saddle = MULLER_BROWN.minimum_energies, MULLER_BROWN.saddle_energies
    np.testing.assert_array_equal(ways.pairs, [[0, 1], [0, 2], [1, 2]])
    assert ways.exact.all()
    # The path from 0 to 1 goes over both saddles, the others over one each.
    np.testing.assert_array_equal(ways.saddle_pairs, [0, 0, 1, 2])
    np.testing.assert_allclose(ways.saddles, MULLER_BROWN.saddles[[0, 1, 0, 1]], atol=1e-9)
    np.testing.assert_allclose(ways.tops(), saddle[[0, 0, 1]], rtol=0, atol=1e-9)
    np.testing.assert_allclose(ways.tree().levels, saddle[[1, 0]], rtol=0, atol=1e-9)
    heights = np.array([[e[0], saddle[0], saddle[0]], [saddle[0], e[1], saddle[1]],
                        [saddle[0], saddle[1], e[2]]])  # fmt: skip
    for kind in ("path", "minimax"):
        np.testing.assert_allclose(ways.barriers(kind), heights - e[:, None], atol=1e-9)
    assert ways.route(0, 1) == [0, 2, 1]
    assert (ways.saddle_curvatures[:, 0] < 0).all()
    assert (ways.saddle_curvatures[:, 1] > 0).all()
    assert (ways.tops("straight") > ways.tops() + 1e-3).all()
    # The polygon passes close to the saddle, sampled at distances of a 128th or more of the way.
    assert (ways.polygon_tops > ways.tops() - 0.01).all()
    assert (ways.polygon_tops < ways.tops() + 5).all()


def test_straight_lines_against_a_maximiser():
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, steps=1, rounds=0)
    for (i, j), top in zip(ways.pairs, ways.tops("straight"), strict=True):
        first, last = MULLER_BROWN.minima[[i, j]]
        share = np.linspace(0, 1, 1001)[:, None]
        line = MULLER_BROWN.energy(first * (1 - share) + last * share)
        near = share[line.argmax(), 0]
        found = minimize_scalar(
            lambda t, a=first, b=last: -MULLER_BROWN.energy((a + t * (b - a))[None])[0],
            bounds=(near - 0.002, near + 0.002),
            options={"xatol": 1e-12},
        )
        assert top == pytest.approx(-found.fun, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_curved_valley_on_any_scale(method, scale):
    """Nothing to tune: energies and lengths in other units give the same path."""
    land = tw.UserLandscape(
        lambda x: scale * VALLEY.energy(x / scale),
        lambda x: VALLEY.gradient(x / scale)[1],
        dim=2,
    )
    ways = mode_connectivity(land, scale * VALLEY_MINIMA, method=method, tolerance=0.005)
    assert ways.exact.all()
    np.testing.assert_allclose(ways.barriers() / scale, [[0, 1], [1, 0]], atol=1e-9)
    np.testing.assert_allclose(ways.barriers("straight")[0, 1] / scale, 6, rtol=1e-4)
    np.testing.assert_allclose(ways.saddles / scale, 0, atol=1e-6)
    # Downhill from the saddle, as an initial value problem: the path lies on it.
    flow = solve_ivp(lambda _, x: -VALLEY.gradient(x[None])[1][0], (0, 9), [1e-4, 0], rtol=1e-9)
    right = ways.paths[0, 9:-1] / scale
    on_flow = np.interp(right[:, 0], *flow.y)
    np.testing.assert_allclose(right[:, 1], on_flow, atol=0.01)


@pytest.mark.parametrize("images", [3, 4, 17])
def test_double_well_in_one_dimension(images):
    well = user(lambda x: (x**2 - 1) ** 2, lambda x: (4 * x * (x**2 - 1),), dim=1)
    ways = mode_connectivity(well, [[-1.0], [1.0]], images=images)
    np.testing.assert_allclose(ways.barriers(), [[0, 1], [1, 0]], atol=1e-12)
    np.testing.assert_allclose(ways.saddle_curvatures, [[-4, np.inf]], rtol=1e-6)
    assert ways.exact.all()


@pytest.mark.parametrize("n", [9, 83])
def test_saddles_of_coupled_oscillators(n):
    """Ring of E = -sum cos(theta_(j+1) - theta_j), exactly q turns to q + 1.

    The saddle is at -(n-2) cos((2q+1) pi/(n-2)); the common rotation is a zero mode of every point.
    """

    def gradient(x):
        f = np.sin(np.roll(x, -1, axis=1) - x)
        return np.roll(f, 1, axis=1) - f

    ring = tw.UserLandscape(
        lambda x: -np.cos(np.roll(x, -1, axis=1) - x).sum(axis=1), gradient, dim=n
    )
    q = np.arange(3) if n > 9 else np.arange(2)
    turns = np.outer(q, 2 * np.pi * np.arange(n) / n)
    ways = mode_connectivity(ring, turns, pairs=np.stack([q[:-1], q[1:]], axis=1))
    assert ways.exact.all()
    tops = -(n - 2) * np.cos((2 * q[:-1] + 1) * np.pi / (n - 2))
    np.testing.assert_allclose(ways.tops(), tops, rtol=1e-12)
    if n == 83:
        barriers = ways.barriers()[q[:-1], q[1:]]
        np.testing.assert_allclose(barriers, [2.0609158472, 2.3099847811], atol=1e-9)


def test_a_path_on_a_ridge_is_pushed_off_it():
    """A hill between two wells: the straight line goes over it, the way leads round.

    At x = 0: 1 + 2 exp(-2 y^2) + y^2/2, lowest at exp(-2 y^2) = 1/8.
    """
    hill = user(
        lambda x, y: (x**2 - 1) ** 2 + 2 * np.exp(-2 * (x**2 + y**2)) + y**2 / 2,
        lambda x, y: (
            4 * x * (x**2 - 1) - 8 * x * np.exp(-2 * (x**2 + y**2)),
            y - 8 * y * np.exp(-2 * (x**2 + y**2)),
        ),
        dim=2,
    )
    x = brentq(lambda x: 4 * (x**2 - 1) - 8 * np.exp(-2 * x**2), 0.9, 1.5)
    ways = mode_connectivity(hill, [[-x, 0], [x, 0]])
    np.testing.assert_allclose(ways.tops("straight"), 3, rtol=1e-6)
    np.testing.assert_allclose(ways.tops(), 1.25 + np.log(8) / 4, rtol=1e-9)
    np.testing.assert_allclose(np.abs(ways.saddles), [[0, np.sqrt(np.log(8) / 2)]], atol=1e-6)


def test_a_ridge_is_left_though_other_paths_take_all_steps():
    """A ring of minima: the way round is flat and never done, the way across is a ridge."""
    hat = user(
        lambda x, y: (x**2 + y**2 - 1) ** 2,
        lambda x, y: (4 * x * (x**2 + y**2 - 1), 4 * y * (x**2 + y**2 - 1)),
        dim=2,
    )
    ways = mode_connectivity(hat, [[1.0, 0], [-1.0, 0], [0, 1.0]], steps=300)
    assert (ways.tops("straight") > 0.24).all()
    assert (ways.tops() < 0.01).all()
    assert not ways.exact.any()  # there is no saddle, and none is claimed


def test_the_lowest_way_leads_through_another_minimum():
    """Three wells round a hill: from the first to the second the lower way leads over the third."""
    places = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.35]])
    depths = np.array([-2.0, -2.0, -2.0, 2.0])

    def gradient(x):
        away = x[:, None] - places
        parts = depths * np.exp(-3 * (away**2).sum(axis=2))
        energy = parts.sum(axis=1) + 0.1 * (x**2).sum(axis=1)
        return energy, 0.2 * x - 6 * np.einsum("rk,rkp->rp", parts, away)

    land = tw.UserLandscape(lambda x: gradient(x)[0], gradient, dim=2)

    def stationary(start):
        found = least_squares(lambda x: gradient(x[None])[1][0], start, xtol=1e-15, gtol=1e-15)
        assert found.cost < 1e-20
        return found.x

    minima = np.array([stationary(place) for place in places[:3]])
    high = gradient(stationary([0.0, -0.8])[None])[0][0]
    low = gradient(stationary([0.7, 0.7])[None])[0][0]
    assert high > low + 0.3
    ways = mode_connectivity(land, minima)
    np.testing.assert_allclose(ways.tops("path"), [high, low, low], rtol=1e-8)
    np.testing.assert_allclose(ways.tops("minimax"), low, rtol=1e-8)
    assert ways.route(0, 1) == [0, 2, 1]
    assert ways.route(1, 1) == [1]


def test_minimax_barriers_of_a_lattice_of_minima():
    """Rastrigin: neighbours are joined over the hill of one coordinate, in closed form."""

    def one(x):
        return x**2 + 10 * (1 - np.cos(2 * np.pi * x))

    def flat(x):
        return 2 * x + 20 * np.pi * np.sin(2 * np.pi * x)

    low = brentq(flat, 0.9, 1.05)
    side = np.array([-low, 0.0, low])
    hill = one(brentq(flat, 0.45, 0.55))
    grid = list(itertools.product(range(3), repeat=2))
    minima = np.array([[side[i], side[j]] for i, j in grid])
    exact = np.full((9, 9), np.inf)
    for (a, (i, j)), (b, (k, m)) in itertools.product(enumerate(grid), repeat=2):
        if abs(i - k) + abs(j - m) == 1:  # the other coordinate rests in its well
            exact[a, b] = hill + one(side[j] if i != k else side[i])
    for c in range(9):  # Floyd and Warshall's minimax
        exact = np.minimum(exact, np.maximum(exact[:, c, None], exact[None, c]))
    np.fill_diagonal(exact, one(minima).sum(axis=1))
    ways = mode_connectivity(tw.Rastrigin(2), minima)
    np.testing.assert_allclose(ways.tree().heights, exact, rtol=1e-9)
    text = ways.summary()
    assert "9 minima, 36 pairs x 17 images" in text
    assert [line.split()[0] for line in text.splitlines()[4:7]] == ["lowest", "median", "highest"]


# --- networks ---


def permuted(land, theta, order):
    layers = {name: array.copy() for name, array in land.unflatten(theta).items()}
    layers["layers.0.weight"] = layers["layers.0.weight"][:, order]
    layers["layers.0.bias"] = layers["layers.0.bias"][:, order]
    layers["layers.1.weight"] = layers["layers.1.weight"][:, :, order]
    return land.flatten(layers)


def test_two_hidden_units_change_places():
    data = tw.datasets.random_labels(samples=30, features=4, rng=0)
    land = tw.MLP([4, 5, 1], "tanh", "logistic", data=data, weight_decay=1e-2)

    def energy(x):
        e, g = land.gradient(np.ascontiguousarray(x[None]))
        return e[0], g[0]

    start = land.init(1, rng=3)[0]
    best = minimize(energy, start, jac=True, method="BFGS", options={"gtol": 1e-9}).x[None]
    pair = np.concatenate([best, permuted(land, best, [1, 0, 2, 3, 4])])
    ways = mode_connectivity(land, pair, images=9)
    back = mode_connectivity(land, pair[::-1], images=9)
    barrier = ways.barriers()[0, 1]
    assert 0 < barrier < ways.barriers("path")[0, 1] < ways.barriers("straight")[0, 1] < np.inf
    assert ways.barriers()[1, 0] == pytest.approx(barrier, rel=1e-6)
    assert back.barriers()[0, 1] == pytest.approx(barrier, rel=1e-6)
    assert ways.barriers("straight")[0, 1] == pytest.approx(back.barriers("straight")[0, 1])
    # The height is that of a saddle: no slope, one falling direction among all 31.
    row = ways.tree().passes[0, 1]
    top = np.flatnonzero(ways.saddle_pairs == row)
    top = top[ways.saddle_energies[top].argmax()]
    point = ways.saddles[top][None]
    assert ways.exact[row]
    assert np.abs(land.gradient(point)[1]).max() < 1e-9
    curvatures = np.linalg.eigvalsh(land.hessian(point)[0])
    assert curvatures[0] < -1e-4
    assert curvatures[1] > 1e-4
    np.testing.assert_allclose(ways.saddle_curvatures[top, 0], curvatures[0], rtol=1e-3)
    # Minima found on the way are minima.
    assert len(ways.minima) > 2
    assert ways.gradient_norms.max() < 1e-6
    assert (np.linalg.eigvalsh(land.hessian(ways.minima)) > 0).all()


# --- what must not change anything ---


def test_float32():
    ways = mode_connectivity(tw.MullerBrown(dtype="float32"), MULLER_BROWN.minima)
    assert ways.paths.dtype == ways.saddle_energies.dtype == np.float64
    assert ways.exact.all()
    # Energies up to 147 in float32 are good to 1e-5, points to sqrt(1e-5/500) on a flat top.
    np.testing.assert_allclose(ways.tops(), MULLER_BROWN.saddle_energies[[0, 0, 1]], atol=1e-4)
    np.testing.assert_allclose(ways.saddles, MULLER_BROWN.saddles[[0, 1, 0, 1]], atol=3e-4)


def test_a_pair_does_not_know_the_others():
    every = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima)
    alone = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, pairs=[[1, 2]])
    back = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, pairs=[[2, 1]])
    np.testing.assert_allclose(alone.paths[0], every.paths[2], rtol=1e-12)
    np.testing.assert_allclose(back.paths[0, ::-1], every.paths[2], rtol=1e-9)
    assert np.isnan(alone.barriers("path")[0, 1])
    assert np.isinf(alone.barriers()[0, 1])
    assert alone.route(0, 1) == []
    assert alone.newick().count(";") == 2


def test_exact_products_and_differences_agree():
    wrapped = tw.UserLandscape(MULLER_BROWN.energy, MULLER_BROWN.gradient, dim=2)
    ways = mode_connectivity(wrapped, MULLER_BROWN.minima)  # and warns of nothing
    np.testing.assert_allclose(ways.saddles, MULLER_BROWN.saddles[[0, 1, 0, 1]], atol=1e-9)


def test_anything_with_energy_and_gradient_will_do():
    class Bare:
        dim, dtype = 2, "float64"

        def energy(self, theta):
            return VALLEY.energy(theta)

        def gradient(self, theta):
            return VALLEY.gradient(theta)

    ways = mode_connectivity(Bare(), VALLEY_MINIMA.tolist())
    assert ways.tops() == pytest.approx(1)


@pytest.mark.parametrize("spring", [1e-3, 1e2])
@pytest.mark.parametrize("images", [3, 12])
def test_soft_and_stiff_bands(spring, images):
    ways = mode_connectivity(
        MULLER_BROWN, MULLER_BROWN.minima[1:], method="neb", spring=spring, images=images
    )
    np.testing.assert_allclose(ways.tops("minimax"), MULLER_BROWN.saddle_energies[1:], atol=1e-9)


def test_blocks_change_nothing(monkeypatch):
    whole = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima)
    monkeypatch.setattr("thalweg.protocols.saddles.BLOCK", 1)
    np.testing.assert_allclose(
        mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima).saddles, whole.saddles, atol=1e-12
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_climbing_image_reaches_the_top(method):
    """The image itself, before any refining; without climbing it stays where it happens to be."""
    tops = MULLER_BROWN.saddle_energies[[0, 0, 1]]
    options = {"method": method, "images": 8, "tolerance": 1e-3}
    climbed = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, **options)
    np.testing.assert_allclose(climbed.path_energies.max(axis=1), tops, atol=1e-3)
    rested = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, climb=False, **options)
    assert (rested.path_energies.max(axis=1) < tops - 0.1).any()


def test_images_keep_their_distances():
    for method, allowed in (("string", 0.01), ("neb", 0.25)):
        ways = mode_connectivity(
            MULLER_BROWN, MULLER_BROWN.minima, method=method, climb=False, tolerance=1e-3
        )
        distances = np.linalg.norm(np.diff(ways.paths, axis=1), axis=2)
        mean = distances.mean(axis=1, keepdims=True)
        assert np.abs(distances / mean - 1).max() < allowed
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, tolerance=1e-3)
    for path, energies in zip(ways.paths, ways.path_energies, strict=True):
        d = np.linalg.norm(np.diff(path, axis=0), axis=1)
        top = energies.argmax()  # either side of the climbing image for itself
        for side in (d[:top], d[top:]):
            np.testing.assert_allclose(side, side.mean(), rtol=0.01)


def test_without_climbing_the_saddle_is_refined_all_the_same():
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, climb=False, threads=1)
    np.testing.assert_allclose(ways.saddles, MULLER_BROWN.saddles[[0, 1, 0, 1]], atol=1e-9)
