"""Mode connectivity against saddles that are known: published, in closed form, or from SciPy."""

import itertools
import signal

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, least_squares, minimize

import thalweg as tw
from thalweg.protocols import ModeConnectivity, mode_connectivity

MULLER_BROWN = tw.MullerBrown()
METHODS = ("string", "neb")


def user(energy, gradient, dim, **options):
    """A landscape of functions of the columns; its Hessian products are differences."""
    return tw.UserLandscape(
        lambda x: energy(*x.T), lambda x: np.stack(gradient(*x.T), axis=1), dim=dim, **options
    )


# Minima (-1, 1) and (1, 1), saddle (0, 0), barrier 1 along y = x^2; on the straight line 1 + 5.
VALLEY = user(
    lambda x, y: (x**2 - 1) ** 2 + 5 * (y - x**2) ** 2,
    lambda x, y: (4 * x * (x**2 - 1) - 20 * x * (y - x**2), 10 * (y - x**2)),
    dim=2,
)
VALLEY_MINIMA = np.array([[-1.0, 1.0], [1.0, 1.0]])


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


def test_saddles_of_coupled_oscillators():
    """E = -sum cos(theta_(j+1) - theta_j) on a ring: from 0 to 1 turns over -(n-2) cos(pi/(n-2)).

    The common rotation is a zero mode of every point.
    """
    n = 9

    def gradient(x):
        f = np.sin(np.roll(x, -1, axis=1) - x)
        return np.roll(f, 1, axis=1) - f

    ring = tw.UserLandscape(
        lambda x: -np.cos(np.roll(x, -1, axis=1) - x).sum(axis=1), gradient, dim=n
    )
    turns = np.outer([0, 1], 2 * np.pi * np.arange(n) / n)
    ways = mode_connectivity(ring, turns)
    energies = np.array([-n, -n * np.cos(2 * np.pi / n)])
    exact = -(n - 2) * np.cos(np.pi / (n - 2)) - energies
    assert ways.exact.all()
    np.testing.assert_allclose(ways.barriers()[[0, 1], [1, 0]], exact, rtol=1e-9)


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


def test_without_climbing_the_saddle_is_refined_all_the_same():
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, climb=False, threads=1)
    np.testing.assert_allclose(ways.saddles, MULLER_BROWN.saddles[[0, 1, 0, 1]], atol=1e-9)


# --- what goes wrong ---


def test_too_few_steps_give_an_upper_bound_and_say_so():
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, steps=3, rounds=0)
    assert not ways.exact.any()
    assert (ways.status == 0).all()
    assert (ways.tops() >= MULLER_BROWN.saddle_energies[[0, 0, 1]]).all()
    assert (ways.tops() <= ways.tops("straight") + 1e-9).all()
    assert ways.summary().count("unfinished     a bound") == 3


def test_an_unfinished_path_is_cut_at_the_minimum_on_it():
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima[:2], steps=20, tolerance=1e-4)
    assert ways.given_minima == 2
    assert ways.given_pairs == 1
    assert len(ways.given_paths) == 1
    np.testing.assert_allclose(ways.minima[2:], MULLER_BROWN.minima[2:], atol=1e-9)
    np.testing.assert_array_equal(ways.pairs, [[0, 1], [0, 2], [1, 2]])
    assert "1 more minima were found on the way, 2 pieces searched" in ways.summary()


def walled():
    """Two wells and, beyond a wall without finite energies at x = 2, a third."""

    def energy(x, y):
        with np.errstate(invalid="ignore"):
            return np.where(np.abs(x - 2) < 0.5, np.inf, (x**2 - 1) ** 2 * (x - 3) ** 2 + y**2)

    def gradient(x, y):
        slope = 4 * x * (x**2 - 1) * (x - 3) ** 2 + 2 * (x**2 - 1) ** 2 * (x - 3)
        return np.where(np.abs(x - 2) < 0.5, np.nan, slope), 2 * y

    return user(energy, gradient, dim=2)


def test_a_diverged_path_is_listed_and_the_others_go_on():
    minima = np.array([[-1.0, 0], [1.0, 0], [3.0, 0]])
    with pytest.warns(tw.DivergenceWarning, match=r"2 of 3 paths diverged .*\(0, 2\), \(1, 2\)"):
        ways = mode_connectivity(walled(), minima)
    alone = mode_connectivity(walled(), minima[:2])
    assert ways.lost == [(0, 2), (1, 2)]
    np.testing.assert_allclose(ways.paths[0], alone.paths[0], rtol=1e-12)
    assert ways.tops()[0] == pytest.approx(alone.tops()[0])
    assert np.isnan(ways.tops()[1:]).all()
    assert np.isinf(ways.tops("minimax")[1:]).all()
    assert ways.bad_images.tolist() == [-1, 11, 5]  # the first image of each line with x > 1.5
    assert "left out because image 5 diverged on the initial path: pair 1 - 2" in ways.summary()
    assert ways.route(0, 2) == []
    ways.plot()
    ways.plot_paths()


def test_a_path_that_runs_away_is_stopped():
    # No valley: everything beside the line falls for ever, ever faster.
    slide = user(lambda x, y: -(y**4) + x**2, lambda x, y: (2 * x, -4 * y**3), dim=2)
    with pytest.warns(tw.DivergenceWarning, match="1 of 1 paths diverged"):
        ways = mode_connectivity(slide, [[-1.0, 0.3], [1.0, 0.3]], steps=5000)
    assert ways.lost == [(0, 1)]
    assert ways.status_steps[0] > 0
    assert np.isfinite(ways.paths).all()


def test_ctrl_c_keeps_the_paths_and_start_goes_on():
    calls = 0

    def gradient(theta):
        nonlocal calls
        calls += 1
        if calls == 20:
            signal.raise_signal(signal.SIGINT)
        return MULLER_BROWN.gradient(theta)

    land = tw.UserLandscape(MULLER_BROWN.energy, gradient, dim=2)
    with pytest.raises(tw.Interrupted, match=r"interrupted after 1\d steps") as stop:
        mode_connectivity(land, MULLER_BROWN.minima, tolerance=0.01)
    partial = stop.value.result
    assert isinstance(partial, ModeConnectivity)
    assert 0 < partial.steps < 20
    assert not partial.exact.any()
    assert (partial.tops() >= MULLER_BROWN.saddle_energies[[0, 0, 1]] - 0.01).all()
    assert "a bound" in partial.summary()
    whole = mode_connectivity(land, MULLER_BROWN.minima, tolerance=0.01)
    rest = mode_connectivity(land, MULLER_BROWN.minima, tolerance=0.01, start=partial.given_paths)
    assert rest.steps < whole.steps
    np.testing.assert_allclose(rest.tops(), whole.tops(), atol=1e-9)


def test_points_that_are_no_minima_are_joined_too():
    """A slope has no saddle: the top is an end, and is called a bound."""
    bowl = tw.Quadratic(1.0, dim=3)
    ways = mode_connectivity(bowl, [[1.0, 0, 0], [2.0, 0, 0]])
    assert ways.tops() == pytest.approx(2)
    assert not ways.exact.any()
    assert ways.gradient_norms.tolist() == pytest.approx([1, 2])


def test_a_flat_landscape():
    flat = tw.UserLandscape(lambda x: np.zeros(len(x)), np.zeros_like, dim=4)
    ways = mode_connectivity(flat, np.eye(4))
    np.testing.assert_array_equal(ways.barriers(), np.zeros((4, 4)))
    assert (ways.status == 1).all()


def test_degenerate_minima():
    """Quartic wells, flat at their bottoms."""
    quartic = user(
        lambda x, y: (x**2 - 1) ** 4 + y**4, lambda x, y: (8 * x * (x**2 - 1) ** 3, 4 * y**3), dim=2
    )
    ways = mode_connectivity(quartic, VALLEY_MINIMA * [1, 0])
    assert ways.barriers()[0, 1] == pytest.approx(1)


# --- result ---


def test_save_load_and_repeat(tmp_path):
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima)
    again = ModeConnectivity.load(ways.save(tmp_path / "ways.npz"))
    repeated = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima)
    for name in ("paths", "path_energies", "saddles", "saddle_found", "minima", "pairs"):
        np.testing.assert_array_equal(getattr(again, name), getattr(ways, name))
        np.testing.assert_array_equal(getattr(repeated, name), getattr(ways, name))
    assert again.summary() == ways.summary()
    np.testing.assert_equal(again.provenance, ways.provenance)
    assert ways.provenance["landscape"] == MULLER_BROWN.describe()


def test_summary_and_plots():
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima)
    text = ways.summary()
    assert "P = 2, 3 minima, 3 pairs x 17 images, string" in text
    assert "0 - 1   1.84255   120.843  67.5019  67.5019  converged    a saddle" in text
    assert "merge at -72.2489: [1] and [2]" in text
    assert "merge at -40.6648: [0] and [1, 2]" in text
    ax = ways.plot()
    assert ways.plot(ax) is ax
    assert ax.get_ylabel() == "energy"
    assert len(ways.plot_paths().lines) == 6


def test_progress(capsys):
    mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, progress=True)
    assert "3 of 3 paths converged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"minima": [[0.0, 0.0]]}, ValueError, r"minima: expected at least two .* shape \[1, 2\]"),
        ({"minima": [0.0, 1.0]}, ValueError, r"minima: expected at least two .* shape \[2\]"),
        ({"minima": np.eye(3)}, ValueError, r"minima: expected .*, 2\] .* shape \[3, 3\]"),
        ({"minima": [[0, np.nan], [1, 1]]}, ValueError, "minima: expected finite numbers"),
        ({"minima": [["a", "b"]]}, TypeError, "minima: expected an array of real"),
        ({"minima": np.ones((3, 2))}, ValueError, "minima: .* got 0 and 1, the same point. Remove"),
        ({"minima": [[0.0, 0.0], [1e200, 0.0]]}, ValueError, "minima: expected points of finite"),
        ({"pairs": [[0, 3]]}, ValueError, "pairs: expected .* from 0 to 2, got 0 to 3"),
        ({"pairs": [[-1, 0]]}, ValueError, "pairs: expected .* from 0 to 2, got -1 to 0"),
        ({"pairs": [[1, 1]]}, ValueError, "minima: .* got 1 and 1, the same point"),
        ({"pairs": [0, 1]}, ValueError, r"pairs: expected .* got shape \[2\]"),
        ({"pairs": []}, ValueError, r"pairs: expected .* got shape \[0\]"),
        ({"pairs": [[0.0, 1.0]]}, TypeError, "pairs: expected pairs of different minima"),
        ({"method": "neB"}, ValueError, r"method: expected .*'string', 'neb'.* Did you mean 'neb'"),
        ({"images": 2}, ValueError, "images: expected an integer >= 3, got 2"),
        ({"steps": 0}, ValueError, "steps: expected an integer >= 1"),
        ({"rounds": -1}, ValueError, "rounds: expected an integer >= 0"),
        ({"tolerance": 0}, ValueError, "tolerance: expected a finite number > 0"),
        ({"spring": -1}, ValueError, "spring: expected a finite number > 0"),
        ({"climb": 1}, TypeError, "climb: expected True or False"),
        ({"progress": None}, TypeError, "progress: expected True or False"),
        ({"threads": 0}, ValueError, "threads: expected an integer >= 1"),
        ({"start": np.zeros((3, 17, 3))}, ValueError, r"start: expected shape \[3, 17, 2\]"),
        ({"start": np.zeros((3, 17, 2))}, ValueError, "start: expected paths that end at the"),
        ({"image": 9}, TypeError, "unknown option 'image'. Did you mean 'images'"),
        (
            {"landscape": np.zeros(3)},
            TypeError,
            "landscape: expected a landscape, .* It lacks dim, energy",
        ),
    ],
)
def test_bad_arguments_are_named(changes, error, text):
    arguments = {"landscape": MULLER_BROWN, "minima": MULLER_BROWN.minima} | changes
    with pytest.raises(error, match=text):
        mode_connectivity(**arguments)


@pytest.mark.parametrize("call", ["tops", "barriers"])
def test_unknown_kinds_are_named(call):
    ways = mode_connectivity(VALLEY, VALLEY_MINIMA)
    with pytest.raises(ValueError, match=r"kind: expected one of .* Did you mean 'minimax'"):
        getattr(ways, call)("minmax")
    with pytest.raises(ValueError, match="last: expected an integer >= 0 and <= 1, got 2"):
        ways.route(0, 2)


def test_what_does_not_fit_is_refused():
    wide = tw.UserLandscape(lambda x: (x**2).sum(1), lambda x: 2 * x, dim=10**6)
    minima = np.zeros((2, 10**6))
    minima[1] = 1
    with pytest.raises(MemoryError, match=r"paths \[1, 100000, 1000000\]: .* Give fewer pairs="):
        mode_connectivity(wide, minima, images=100_000)
