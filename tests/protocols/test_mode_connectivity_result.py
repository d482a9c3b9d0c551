"""Mode connectivity: what goes wrong is reported, and what a result can say of it."""

import dataclasses
import importlib
import signal

import numpy as np
import pytest
from wells import MULLER_BROWN, VALLEY, VALLEY_MINIMA, user

import thalweg as tw
from thalweg.protocols import ModeConnectivity, mode_connectivity
from thalweg.protocols.path_graph import resampled


def test_too_few_steps_give_an_upper_bound_and_say_so():
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima, steps=3, rounds=0)
    assert (ways.status == 0).all()
    # The line from 1 to 2 is so nearly straight that its polygon confirms the saddle at once.
    np.testing.assert_array_equal(ways.exact, [False, False, True])
    assert (ways.tops() >= MULLER_BROWN.saddle_energies[[0, 0, 1]] - 1e-9).all()
    assert (ways.tops() <= ways.tops("straight") + 1e-9).all()
    assert ways.summary().count("unfinished     a bound") == 2
    assert ways.summary().count("unfinished    a saddle") == 1


def test_a_saddle_above_the_polygon_is_not_on_the_path():
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima)
    below = dataclasses.replace(ways, polygon_tops=ways.polygon_tops - 1)
    assert not below.exact.any()
    np.testing.assert_array_equal(below.tops(), below.polygon_tops)


def test_pieces_end_at_their_minima_whichever_way_they_were_cut():
    for pairs in ([[0, 1]], [[1, 0]]):
        ways = mode_connectivity(
            MULLER_BROWN, MULLER_BROWN.minima[:2], pairs=pairs, steps=20, tolerance=1e-4
        )
        np.testing.assert_allclose(ways.paths[:, [0, -1]], ways.minima[ways.pairs], rtol=1e-12)


def test_an_unfinished_path_is_cut_at_the_minimum_on_it():
    ways = mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima[:2], steps=20, tolerance=1e-4)
    assert ways.given_minima == 2
    assert ways.given_pairs == 1
    assert len(ways.given_paths) == 1
    np.testing.assert_allclose(ways.minima[2:], MULLER_BROWN.minima[2:], atol=1e-9)
    # Each piece is searched as it was cut, and from a straight line.
    np.testing.assert_array_equal(ways.pairs, [[0, 1], [0, 2], [1, 2], [0, 2], [1, 2]])
    assert "1 more minima were found on the way, 4 pieces searched" in ways.summary()
    assert ways.barriers("path")[0, 2] == ways.tops()[[1, 3]].min() - ways.minimum_energies[0]


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


def test_what_cannot_be_squared_has_diverged():
    spike = user(
        lambda x, y: (x**2 - 1) ** 2 + y**2 + 1e250 * np.exp(-100 * (x**2 + y**2)),
        lambda x, y: (
            4 * x * (x**2 - 1) - 200 * x * 1e250 * np.exp(-100 * (x**2 + y**2)),
            2 * y - 200 * y * 1e250 * np.exp(-100 * (x**2 + y**2)),
        ),
        dim=2,
    )
    minima = np.array([[-3.0, 0.0], [3.0, 0.0]])
    with pytest.warns(tw.DivergenceWarning):
        straight = mode_connectivity(spike, minima)
    assert straight.lost == [(0, 1)]
    assert straight.bad_images.tolist() == [4]  # at -1.5; 1e100 is reached at -1.86
    # Round the spike there is a way.
    turn = np.linspace(np.pi, 0, 17)
    start = np.stack([3 * np.cos(turn), 3 * np.sin(turn)], axis=1)
    start[[0, -1]] = minima
    round_it = mode_connectivity(spike, minima, start=start[None])
    assert round_it.lost == []
    assert round_it.tops()[0] < 100


def test_a_path_that_runs_away_is_stopped():
    # No valley: everything beside the line falls for ever, ever faster.
    slide = user(lambda x, y: -(y**4) + x**2, lambda x, y: (2 * x, -4 * y**3), dim=2)
    with pytest.warns(tw.DivergenceWarning, match="1 of 1 paths diverged"):
        ways = mode_connectivity(slide, [[-1.0, 0.3], [1.0, 0.3]], steps=5000)
    assert ways.lost == [(0, 1)]
    assert ways.status_steps[0] > 0
    assert np.isfinite(ways.paths).all()


def test_pieces_are_resampled_at_equal_distances():
    polygon = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]])
    path = resampled(polygon, 9)
    np.testing.assert_allclose(path, [[0.5 * k, 0] for k in range(7)] + [[3, 0.5], [3, 1]])
    np.testing.assert_array_equal(resampled(polygon[:2], 2), polygon[:2])


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


def test_ctrl_c_while_saddles_are_refined(monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("thalweg.protocols.path_search.refine", stopped)
    with pytest.raises(tw.Interrupted) as stop:
        mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima)
    partial = stop.value.result
    assert (partial.status == 1).all()
    assert len(partial.saddles) == 0
    np.testing.assert_allclose(partial.tops(), MULLER_BROWN.saddle_energies[[0, 0, 1]], atol=0.01)


def test_ctrl_c_while_pieces_are_searched(monkeypatch):
    begun = 0
    advance = importlib.import_module("thalweg.protocols.path_search").advance

    def stopped(surface, paths, rule, step, rows):
        nonlocal begun
        begun += step == 1
        if begun == 2 and step == 3:
            raise KeyboardInterrupt
        return advance(surface, paths, rule, step, rows)

    monkeypatch.setattr("thalweg.protocols.path_search.advance", stopped)
    with pytest.raises(tw.Interrupted, match="after 22 steps") as stop:
        mode_connectivity(MULLER_BROWN, MULLER_BROWN.minima[:2], steps=20, tolerance=1e-4)
    partial = stop.value.result
    assert len(partial.pairs) == 5
    assert len(partial.given_paths) == 1
    assert np.isfinite(partial.tops("minimax")).all()


def test_many_pairs_without_a_way():
    walled = tw.UserLandscape(
        lambda x: np.where(np.abs(x[:, 0]) < 0.05, np.inf, 0.0), np.zeros_like, dim=2
    )
    minima = np.array([[side, i] for side in (-1.0, 1.0) for i in range(6)])
    pairs = [(i, j) for i in range(6) for j in range(6, 12)]
    with pytest.warns(tw.DivergenceWarning, match="36 of 36 paths diverged"):
        ways = mode_connectivity(walled, minima, pairs=pairs)
    lines = ways.summary().splitlines()
    assert lines[4].split()[2:] == ["inf", "-", "inf"]
    ways.plot()


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
        (
            {"minima": [[1, 1], [1, 1 + 1e-14]]},
            ValueError,
            "minima: expected points at least 2e-13",
        ),
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
