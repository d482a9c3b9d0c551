"""What a run of parallel tempering promises: bits, files, threads, errors, Ctrl-C, lost walkers.

Not a row of `dynamics_cases`: walkers of a ladder meet, so that a replica is not what it is alone,
records are sorted by temperature, and the run is a `TemperedRun`.
"""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES
from dynamics_cases import NETWORK, start
from numpy.testing import assert_array_equal
from test_threads_and_interrupt import python, stop_after

import thalweg as tw

LADDER = np.array([0.01, 0.02, 0.05, 0.1])
COPIES = 3
STEPS = 100
CHAINS = {
    "natural_baoab": {"confinement": 2.0},
    "plain_baoab": {"units": "plain", "friction": 1.0, "confinement": 2.0},
    "leimkuhler_matthews": {"units": "plain", "scheme": "leimkuhler_matthews"},
    "euler_maruyama": {"scheme": "euler_maruyama", "swap_every": 1},
    "metropolis": {"scheme": "euler_maruyama", "metropolis": True},
    "guarded": {"confinement": 2.0, "guard": 50.0, "on_divergence": "restore"},
    "cooled": {"confinement": 2.0, "initial_temperature": 0.05, "cooling_steps": 24},
    "per_temperature": {"confinement": 2.0, "step_size": [0.05, 0.06, 0.07, 0.08]},
}
TERRAINS = {"network": NETWORK, "wide": CASES["wide"], "user": CASES["user"]}


def tempering(chain="natural_baoab", **options):
    return tw.ParallelTempering(
        **{"temperatures": LADDER, "step_size": 0.05, "swap_every": 7, **CHAINS[chain], **options}
    )


def run(chain="natural_baoab", terrain=NETWORK, dtype="float64", steps=STEPS, **options):
    spec = options.pop("spec", None) or tempering(chain)
    options = {"record_every": 5, "record_points": True, "rng": 42, "copies": COPIES, **options}
    theta = start(terrain, dtype, replicas=len(LADDER) * COPIES)
    return spec.run(terrain.build(dtype), theta, steps, **options)


def same_bits(mine, other):
    for name in ("energies", "steps", "walkers", "points", "final", "final_energies"):
        assert_array_equal(getattr(mine, name), getattr(other, name), err_msg=name)
    assert set(mine.observables) == set(other.observables)
    for name, values in mine.observables.items():
        assert_array_equal(values, other.observables[name], err_msg=name)
    for name in vars(mine.exchange):
        if name != "rows":
            theirs = getattr(other.exchange, name)
            assert_array_equal(getattr(mine.exchange, name), theirs, err_msg=name)
    for name in ("codes", "steps", "restores"):
        assert_array_equal(getattr(mine.status, name), getattr(other.status, name))
    for name in ("vectors", "scalars"):
        assert_array_equal(getattr(mine.state, name), getattr(other.state, name))


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("pieces", [[50, 50], [7, 7, 14, 72], [1, 6, 1, 92]])
def test_a_run_may_be_cut_anywhere(chain, pieces, dtype, target):
    """Also at a round of swaps, just before it and just after."""
    whole = run(chain, dtype=dtype)
    assert whole.exchange.accepted.sum() >= 5, "without swaps nothing is tested"
    part = run(chain, dtype=dtype, steps=pieces[0])
    for piece in pieces[1:]:
        part = part.resume(piece)
    same_bits(part, whole)


@pytest.mark.parametrize("cut", [49, 50])
def test_a_run_resumes_from_disk(cut, tmp_path):
    path = run(steps=cut).save(tmp_path / "half.npz")
    loaded = tw.TemperedRun.load(path)
    same_bits(loaded, run(steps=cut))
    with pytest.raises(ValueError, match="landscape"):
        loaded.resume(5)
    same_bits(loaded.resume(STEPS - cut, landscape=NETWORK.build()), run())


@pytest.mark.parametrize("place", TERRAINS)
def test_threads_do_not_change_a_bit(place):
    steps = 30 if place == "wide" else STEPS
    one = run(terrain=TERRAINS[place], steps=steps, threads=1)
    for threads in (2, 3):
        same_bits(run(terrain=TERRAINS[place], steps=steps, threads=threads), one)


def test_without_swaps_it_is_langevin_bit_for_bit():
    for chain in ("natural_baoab", "plain_baoab", "euler_maruyama", "metropolis", "guarded"):
        spec = tempering(chain, swap_every=STEPS)
        found = run(spec=spec)
        plain = spec.langevin(COPIES).run(
            NETWORK.build(),
            start(NETWORK, replicas=len(LADDER) * COPIES),
            STEPS,
            record_every=5,
            record_points=True,
            rng=42,
        )
        assert_array_equal(found.energies.reshape(plain.energies.shape), plain.energies)
        assert_array_equal(found.points.reshape(plain.points.shape), plain.points)
        assert_array_equal(found.walkers[-1], np.arange(4)[:, None].repeat(COPIES, axis=1))


def test_swaps_begin_when_cooling_is_over():
    """Steps 1 to 24 are those of Langevin that cools; rounds are due after 28, 35, ..., 98."""
    spec = tempering("cooled")
    found = run(spec=spec)
    theta = start(NETWORK, replicas=len(LADDER) * COPIES)
    plain = spec.langevin(COPIES).run(NETWORK.build(), theta, 28, record_every=5, rng=42)
    assert_array_equal(plain.dynamics.initial_temperature, np.repeat([0.05, 0.05, 0.05, 0.1], 3))
    assert_array_equal(found.energies[:5].reshape(5, -1), plain.energies)
    assert found.exchange.attempts.sum() == COPIES * sum(
        2 if number % 2 else 1 for number in range(4, 15)
    )


def test_a_copy_does_not_know_the_others():
    """Copies share nothing: other starts in copies 1 and 2 leave copy 0 as it was."""
    theta = start(NETWORK, replicas=len(LADDER) * COPIES).reshape(len(LADDER), COPIES, -1)
    other = theta.copy()
    other[:, 1:] *= 0.5
    mine, theirs = (
        tempering().run(NETWORK.build(), x, STEPS, copies=COPIES, rng=1) for x in (theta, other)
    )
    assert_array_equal(mine.energies[:, :, 0], theirs.energies[:, :, 0])
    assert (mine.energies[-1, :, 1:] != theirs.energies[-1, :, 1:]).all()


def test_records_are_sorted_by_temperature():
    found = run("natural_baoab", observables=["squared_norm", "kinetic_energy"])
    land = NETWORK.build()
    for points, energies in zip(found.points, found.energies, strict=True):
        flat = np.ascontiguousarray(points.reshape(-1, land.dim))
        np.testing.assert_allclose(energies.ravel(), land.energy(flat), rtol=1e-13)
    np.testing.assert_allclose(
        (found.points**2).sum(axis=-1), found.observables["squared_norm"], rtol=1e-13
    )
    assert_array_equal(found.final, found.points[-1])
    assert_array_equal(found.final_energies, found.energies[-1])
    assert_array_equal(np.sort(found.walkers, axis=1)[:, :, 0], np.tile(np.arange(4), (20, 1)))
    assert_array_equal(
        np.take_along_axis(found.levels(), found.walkers.astype(int), axis=1)[..., 0],
        np.tile(np.arange(4), (20, 1)),
    )


def test_starts_may_be_one_point_or_one_per_copy():
    land, theta = NETWORK.build(), start(NETWORK, replicas=COPIES)
    whole = np.tile(theta, (len(LADDER), 1))
    how = {"copies": COPIES, "rng": 1}
    assert_array_equal(
        tempering().run(land, theta, 20, **how).final, tempering().run(land, whole, 20, **how).final
    )
    one = tempering().run(land, theta[0], 20, **how)
    assert_array_equal(
        one.final, tempering().run(land, np.tile(theta[0], (12, 1)), 20, **how).final
    )
    again = tempering().run(land, one.final, 20, **how)
    assert again.final.shape == (4, 3, land.dim)


def test_accepted_moves_count_at_a_temperature():
    """Cold walkers accept fewer moves: counts that went with walkers would not know."""
    spec = tempering("metropolis", step_size=[0.1, 0.3, 1.0, 3.0])
    found = run(spec=spec, steps=400, record_every=1, observables=["accepted"])
    counts = found.observables["accepted"]
    steps = np.diff(counts, axis=0)
    assert ((steps == 0) | (steps == 1)).all(), "a swap must not make counts jump"
    assert (np.diff(counts[-1].mean(axis=1)) < 0).all(), "longer steps are refused more often"


def test_results_are_frozen_and_say_what_happened():
    found = run(steps=700)
    with pytest.raises(ValueError, match="read-only"):
        found.energies[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        found.exchange.accepted[0] = 0
    text = found.summary()
    assert "none yet" in run(steps=1).summary()
    for word in ("4 temperatures x 3 copies", "swaps every 7", "round trips", "0.05"):
        assert word in text
    assert "TemperedRun(M=4, K=3" in repr(found)


def test_the_plot_has_a_line_per_walker():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    ax = run().plot()
    assert len(ax.lines) == len(LADDER)
    assert ax.get_yscale() == "log"
    matplotlib.pyplot.close(ax.figure)


def test_a_bar_moves(capsys):
    run(progress=True)
    assert "ParallelTempering: 100%" in capsys.readouterr().err


# --- Lost walkers. ---


def cliff(fall):
    """A harmonic well without a floor beyond |x_0| > fall: whoever gets there is lost."""

    def energy(x):
        return np.where(np.abs(x[:, 0]) > fall, np.nan, (x**2).sum(axis=1) / 2)

    return tw.UserLandscape(energy, lambda x: x, dim=2)


def test_a_lost_walker_is_left_out_and_poisons_nobody():
    spec = tw.ParallelTempering([0.1, 0.2, 0.4, 0.8], 0.1, confinement=10.0, swap_every=5)
    with pytest.warns(tw.DivergenceWarning, match="diverged"):
        found = spec.run(cliff(2.8), np.zeros(2), 4000, copies=8, record_every=10, rng=3)
    assert 0 < len(found.lost) < 32
    assert_array_equal(found.status.ok.reshape(4, 8).sum(), 32 - len(found.lost))
    for w, k in found.lost:
        since = found.status.steps[w * 8 + k]
        late = found.steps > since + 5  # where it fell it stays: nobody swaps with it
        level = found.levels()[late, w, k]
        assert (level == level[:1]).all()
        places = found.energies[np.flatnonzero(late), level, k]
        assert np.isnan(places).all()
        assert f"{w} of copy {k}" in found.summary()
    others = np.isfinite(found.energies[-1]).sum()
    assert others == 32 - len(found.lost)
    whole = [k for k in range(8) if k not in {k for _, k in found.lost}]
    assert whole
    safe = spec.run(cliff(np.inf), np.zeros(2), 4000, copies=8, record_every=10, rng=3)
    assert_array_equal(found.energies[:, :, whole], safe.energies[:, :, whole])
    tried = found.exchange.attempts.sum(axis=0)
    assert (tried[whole] == 1199).all()
    assert (np.delete(tried, whole) < 1199).all(), "a lost neighbour is no attempt"
    assert np.isfinite(found.acceptance()[0]).all()


def test_divergence_can_be_an_error():
    spec = tw.ParallelTempering(
        [0.1, 0.8], 0.1, confinement=10.0, swap_every=50, on_divergence="raise"
    )
    with pytest.raises(tw.DivergenceError, match="diverged at step") as caught:
        spec.run(cliff(1.5), np.zeros(2), 4000, copies=8, rng=3)
    part = caught.value.result
    assert len(part.lost) == 1
    assert part.status.steps.max() == part.state.total_steps == part.steps[-1]


def test_a_guard_restores_and_swaps_go_on():
    """Steps of h^2 k/(2 T) = 2.1 at the lowest temperature are unstable, the others are not."""
    land = tw.Quadratic(1.0, dim=3)
    spec = tw.ParallelTempering(
        [0.01, 0.03, 0.1], 0.205, scheme="euler_maruyama", guard=50.0, on_divergence="restore"
    )
    with pytest.warns(tw.DivergenceWarning, match="undone"):
        found = spec.run(land, np.zeros(3), 3000, copies=8, record_every=10, rng=1)
    assert not found.lost
    assert found.status.restores.sum() > 0
    assert np.isfinite(found.energies).all()
    assert found.exchange.accepted.sum() > 100


# --- Bad input. ---

OWN = tw.MLP([2, 1], data=tw.datasets.from_arrays(np.ones((4, 5, 2)), np.ones((4, 5))))


def go(spec=None, land=None, theta=None, **options):
    land = land or NETWORK.build()
    theta = start(NETWORK, replicas=4) if theta is None else theta
    return (spec or tempering()).run(land, theta, **{"steps": 3, **options})


BAD = {
    "one": (lambda: tempering(temperatures=0.1), ValueError, "temperatures two rising"),
    "single": (lambda: tempering(temperatures=[0.1]), ValueError, "temperatures two"),
    "falling": (lambda: tempering(temperatures=[1, 2, 0.5]), ValueError, "temperatures 2 0.5 Sort"),
    "twice": (lambda: tempering(temperatures=[1.0, 1.0]), ValueError, "temperatures rising"),
    "zero": (lambda: tempering(temperatures=[0.0, 1.0]), ValueError, "temperatures > 0 0"),
    "text": (lambda: tempering(temperatures="warm"), TypeError, "temperatures number"),
    "steps": (lambda: tempering(step_size=[0.1, 0.2]), ValueError, "step_size M = 4 2 numbers"),
    "step": (lambda: tempering(step_size=-0.1), ValueError, "step_size > 0 -0.1"),
    "every": (lambda: tempering(swap_every=0), ValueError, "swap_every 1 0"),
    "every_half": (lambda: tempering(swap_every=2.5), TypeError, "swap_every integer 2.5"),
    "boxes": (lambda: tempering(confinement=[1, 2, 3, 4]), ValueError, "confinement number"),
    "scheme": (lambda: tempering(scheme="baobab"), ValueError, "scheme baobab baoab"),
    "friction": (lambda: tempering(confinement=None), ValueError, "friction baoab"),
    "metropolis": (lambda: tempering(metropolis=True), ValueError, "scheme euler_maruyama"),
    "lm_friction": (
        lambda: tempering(scheme="leimkuhler_matthews", friction=1.0),
        ValueError,
        "friction leimkuhler_matthews",
    ),
    "option": (lambda: tempering(swap_evry=3), TypeError, "swap_evry swap_every"),
    "cooling": (lambda: tempering(cooling_steps=9), ValueError, "initial_temperature cooling 9"),
    "hot": (lambda: tempering(initial_temperature=[1, 2]), ValueError, "initial_temperature"),
    "copies": (lambda: go(copies=0), ValueError, "copies 1 0"),
    "theta": (lambda: go(copies=5), ValueError, "theta [20, [5, copies = 5"),
    "dtype": (lambda: go(theta=start(NETWORK, "float32", 4)), TypeError, "theta float64 float32"),
    "nan": (lambda: go(theta=np.full((4, NETWORK.build().dim), np.nan)), ValueError, "theta nan"),
    "own": (lambda: go(land=OWN, theta=np.ones((4, 3))), ValueError, "landscape one MLP"),
    "landscape": (lambda: go(land=np.sum), TypeError, "landscape energy gradient"),
    "observable": (lambda: go(observables=["spin"]), ValueError, "observables spin"),
    "no_steps": (lambda: go(steps=0), ValueError, "steps 1 0"),
    "run_option": (lambda: go(replicas=3), TypeError, "replicas copies"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, words = BAD[name]
    with pytest.raises(kind) as caught:
        call()
    for word in words.split():
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


def test_another_landscape_cannot_resume():
    with pytest.raises(ValueError, match="landscape"):
        run(steps=10).resume(5, landscape=tw.Quadratic(1.0, dim=3))


# --- Ctrl-C. ---

SETUP = """
import signal, sys, numpy as np, thalweg as tw
signal.signal(signal.SIGINT, signal.default_int_handler)
data = tw.datasets.random_labels(samples=10, features=3, rng=0)
land = tw.MLP([3, 5, 1], loss="logistic", data=data)
rule = tw.ParallelTempering([0.01, 0.02, 0.05], 0.05, confinement=2.0)
theta, how = land.init(48, rng=7), dict(copies=16, record_every=1000, rng=5)
"""
INTERRUPTED = """
print("ready", flush=True)
try:
    rule.run(land, theta, 50_000_000, **how)
except tw.Interrupted as stop:
    print("stopped", str(stop).replace(chr(10), " "), flush=True)
    stop.result.save(sys.argv[1])
"""


def test_interrupting_keeps_what_was_done_and_resumes_bit_for_bit(tmp_path):
    process = python(SETUP + INTERRUPTED, tmp_path / "part.npz")
    waited, line = stop_after(process, 0.8)
    _, err = process.communicate(timeout=30)
    assert line.startswith("stopped"), err
    assert "resume" in line
    assert waited < 1.0
    scope: dict = {}
    exec(SETUP, scope)
    part = tw.TemperedRun.load(tmp_path / "part.npz")
    assert len(part.energies) > 0, "0.8 s of work were thrown away"
    more = part.resume(1500, landscape=scope["land"])
    steps = more.state.total_steps
    whole = scope["rule"].run(scope["land"], scope["theta"], steps, **scope["how"])
    assert_array_equal(more.energies, whole.energies)
    assert_array_equal(more.final, whole.final)
    assert_array_equal(more.exchange.accepted, whole.exchange.accepted)
