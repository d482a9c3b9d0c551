"""What an estimate of learning coefficients says of its own run, and the rest of its interface."""

import signal

import numpy as np
import pytest
from singular import agrees, crossing, harmonic, localised

import thalweg as tw
from thalweg.protocols import LearningCoefficient, local_learning_coefficient
from thalweg.protocols.estimates import split_r_hat

EQUILIBRIUM = "equilibrium"


# --- What is said of runs that went wrong. ---


def test_a_saddle_is_found_out():
    """h = -0.0008 at T = 1e-3, gamma = 1: -0.8/0.2 / 2 = -2 from that direction alone."""
    spectrum = np.array([1.0, 1.0, -0.0008])
    found = local_learning_coefficient(
        tw.Quadratic(spectrum), np.zeros(3), 0.02, temperature=1e-3, steps=40_000, chains=16, rng=1
    )
    exact, variance, _ = harmonic(spectrum, 1e-3, 1.0)
    assert exact == pytest.approx(-1.001, abs=1e-3)
    value, error = found.coefficient()
    assert abs(value - exact) < 4 * error < 2 * variance
    assert found.negative().all()
    assert "not a minimum" in found.verdict()[0]
    assert "energies below L(w*) - T were met from points [0]" in found.summary()


def test_chains_that_fall_without_end_are_found_out():
    with np.errstate(all="raise"):
        found = short(tw.Quadratic([1.0, -0.1]), np.zeros(2), temperature=0.01)
        assert found.negative().all()
        assert "not a minimum" in found.verdict()[0]
        assert "not a minimum" in found.summary()


def test_a_short_run_is_found_out():
    """The chains diffuse by 0.002 sqrt(1000) = 0.06, where the valleys are of length 1."""
    found = local_learning_coefficient(
        crossing((1, 1)), np.zeros(2), 0.002, temperature=1e-3, steps=1000, chains=64, rng=1,
        scheme="leimkuhler_matthews",
    )  # fmt: skip
    exact, _ = localised((1, 1), 1e-3)
    value, error = found.coefficient()
    assert abs(value - exact) > 4 * error, "the run was to be too short"
    assert found.verdict() != [EQUILIBRIUM]
    assert "run longer" in found.verdict()[0]


def test_diverged_chains_are_listed_and_never_averaged():
    with pytest.warns(tw.DivergenceWarning):
        found = short(tw.Quadratic(1.0, dim=6), np.zeros((2, 6)), step_size=[0.05, 1.0], steps=4000)
    assert found.lost == [(1, k) for k in range(4)]
    value, error = found.coefficient()
    alone = short(tw.Quadratic(1.0, dim=6), np.zeros(6), steps=4000)
    assert value[0] == alone.coefficient()[0][0]
    assert np.isnan([value[1], error[1], found.lowest()[1], found.r_hat()[1]]).all()
    assert "every chain diverged" in found.verdict()[1]
    assert "every chain diverged" in found.summary()


def test_one_diverged_chain_leaves_the_others():
    found = short(chains=8, steps=4000)
    energies, status = found.energies.copy(), found.status.copy()
    energies[5:, 0, 3], status[0, 3] = np.nan, 2
    fields = {name: getattr(found, name) for name in LearningCoefficient.__dataclass_fields__}
    broken = LearningCoefficient(**fields | {"energies": energies, "status": status})
    assert broken.lost == [(0, 3)]
    kept = np.delete(found.excess[:, 0], 3, axis=1)
    assert broken.coefficient()[0][0] == pytest.approx(kept.mean(), rel=1e-12)
    assert "1 of 8 chains diverged" in broken.verdict()[0]


def made_up(lift=0.0, drift=0.0, virial=0.0):
    """Records of 16 chains without a run: white noise of L around 3, T = P = gamma = 1.

    Moved by so many errors: chain 0 (in units of the noise), the second half, the virial.
    """
    noise = np.random.default_rng(3).normal(size=(400, 1, 16))
    noise -= noise.mean()
    halves = np.array([noise[:200].mean(axis=0).std(ddof=1), noise[200:].mean(axis=0).std(ddof=1)])
    energies = 3 + noise
    energies[:, 0, 0] += lift
    late = noise[200:].mean() - noise[:200].mean()
    energies[200:] += drift * np.hypot(*halves) / 4 - late
    error = noise.mean(axis=0).std(ddof=1) / 4
    zeros, nan = np.zeros((1, 16), dtype=int), np.full((1, 16), np.nan)
    return LearningCoefficient(
        energies=energies, virials=1 + noise + virial * error, squared_distances=0 * noise,
        centers=np.zeros((1, 1)), reference=np.zeros(1), status=zeros, acceptance=nan,
        temperature=1.0, localization=1.0, scheme="baoab", step_size=np.ones(1), steps=400,
        burn_in=0.0, seconds=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("moves", "verdict"),
    [
        ({}, EQUILIBRIUM),
        ({"drift": 3.5, "virial": -3.5}, EQUILIBRIUM),
        ({"virial": 4.5}, "virial"),
        ({"virial": -4.5}, "virial"),
        ({"drift": 4.5}, "drift +"),
        ({"drift": -4.5}, "drift -"),
        ({"lift": 1.0}, EQUILIBRIUM),  # variance 1/16 of the means: R-hat 1.03
        ({"lift": 1.6}, "R-hat"),  # 1.6^2/16: R-hat 1.08
    ],
)
def test_each_test_fails_at_its_own_level(moves, verdict):
    (found,) = made_up(**moves).verdict()
    assert found.startswith(verdict)
    assert ";" not in found


def test_split_r_hat():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(1000, 8))
    assert abs(split_r_hat(noise) - 1) < 0.01
    apart = noise + np.arange(8)  # variance of the means 6: sqrt(1 + 6)
    assert split_r_hat(apart) == pytest.approx(np.sqrt(7), rel=0.1)
    drifting = noise + 3 * (np.arange(1000) >= 500)[:, None]  # halves 3 apart: variance 9/4
    assert split_r_hat(drifting) == pytest.approx(np.sqrt(1 + 9 / 4), rel=0.05)
    assert split_r_hat(np.zeros((10, 2))) == 1.0
    assert split_r_hat(np.repeat([[0.0, 1.0]], 10, axis=0)) == np.inf
    assert np.isnan(split_r_hat(noise[:, :0]))


# --- The rest of the interface. ---


def short(landscape=None, theta=None, **changes):
    """A quick estimate whose numbers do not matter, only what becomes of them."""
    quick = {"step_size": 0.05, "steps": 400, "record_every": 5, "chains": 4, "rng": 5}
    if "samples" not in changes:
        quick["temperature"] = 0.1
    landscape = landscape or tw.Quadratic(1.0, dim=6)
    theta = np.zeros(landscape.dim) if theta is None else theta
    return local_learning_coefficient(landscape, theta, **(quick | changes))


def test_the_temperature_is_that_of_the_samples():
    data = tw.datasets.random_labels(samples=30, features=4, rng=0)
    land = tw.MLP([4, 3, 1], loss="logistic", data=data)
    theta = land.init(replicas=2, rng=0)
    found = local_learning_coefficient(land, theta, 0.02, steps=400, chains=4, rng=0)
    assert found.temperature == pytest.approx(np.log(30) / 30)
    assert short(samples=200).temperature == pytest.approx(np.log(200) / 200)
    np.testing.assert_array_equal(found.centers, theta)
    assert found.provenance["landscape"] == land.describe()


def test_save_load_and_repeat(tmp_path):
    found = short()
    again = LearningCoefficient.load(found.save(tmp_path / "llc.npz"))
    repeated = short(threads=2)
    for name in ("energies", "virials", "squared_distances", "centers", "reference", "status"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
        np.testing.assert_array_equal(getattr(repeated, name), getattr(found, name))
    assert again.summary() == found.summary()


def test_float32_runs_are_averaged_in_float64():
    found = short(tw.Quadratic(1.0, dim=6, dtype="float32"), np.zeros(6, "float32"), steps=8000,
                  chains=16)  # fmt: skip
    assert found.energies.dtype == found.virials.dtype == np.float64
    assert found.centers.dtype == np.float32
    agrees(found.coefficient(), harmonic(np.ones(6), 0.1, 1.0)[0], at_most=0.05)


def test_summary_and_plot_say_what_was_measured():
    found = short(theta=np.zeros((3, 6)))
    text = found.summary()
    assert "P = 6, T = 0.1, localization 1, 3 points x 4 chains, baoab, 400 steps" in text
    assert "lambda = P/2 = 3" in text
    assert len(text.splitlines()) == 2 + 2 + 3 + 1
    ax = found.plot()
    assert found.plot(ax) is ax


def test_ctrl_c_keeps_what_was_recorded(monkeypatch):
    monkeypatch.setattr("thalweg.dynamics.engine.CHUNK_SECONDS", 1e-3)  # lose little
    calls = 0

    def gradient(theta):
        nonlocal calls
        calls += 1
        if calls == 3800:
            signal.raise_signal(signal.SIGINT)
        return 0.5 * (theta**2).sum(1), theta.copy()

    land = tw.UserLandscape(lambda theta: gradient(theta)[0], gradient, dim=6)
    with pytest.raises(tw.Interrupted, match="records after burn-in") as stop:
        short(land, steps=4000)
    found = stop.value.result
    assert isinstance(found, LearningCoefficient)
    assert 20 <= len(found.energies) < 600
    assert np.isfinite(found.coefficient()).all()


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"samples": 1}, ValueError, "samples: expected an integer >= 2"),
        ({"samples": 9, "temperature": 1.0}, ValueError, "samples: expected None where"),
        ({"samples": None}, ValueError, "samples: expected the number of samples"),
        ({"temperature": 0.0}, ValueError, "temperature: expected a finite number > 0"),
        ({"localization": 0.0}, ValueError, "localization: expected a finite number > 0"),
        ({"scheme": "hmc"}, ValueError, "scheme: expected one of"),
        ({"step_size": -1.0}, ValueError, "step_size: expected"),
        ({"step_size": [0.1, 0.1]}, ValueError, r"step_size: .*\[1\], got 2 numbers"),
        ({"burn_in": 1.0}, ValueError, "burn_in: expected"),
        ({"steps": 50}, ValueError, "steps: expected at least 20 records after burn-in, got 8"),
        ({"chains": 0}, ValueError, "chains: expected an integer >= 1"),
        ({"theta": np.zeros(5)}, ValueError, r"theta: expected a C-contiguous float64 array"),
        ({"theta": np.full(6, np.nan)}, ValueError, "theta: expected finite numbers"),
        ({"theta": np.zeros(6, "float32")}, TypeError, "theta: expected"),
        ({"step": 0.1}, TypeError, "unknown option 'step'"),
    ],
)
def test_bad_arguments_are_named(changes, error, text):
    with pytest.raises(error, match=text):
        short(**changes)


def test_one_chain_and_any_object_will_do():
    """Blocks of the one chain carry the error; a landscape needs no more than four attributes."""

    class Bowl:
        dim, dtype = 6, "float64"

        def energy(self, theta):
            return 0.5 * (theta**2).sum(axis=1)

        def gradient(self, theta):
            return self.energy(theta), theta.copy()

    found = short(Bowl(), chains=1, steps=40_000)
    agrees(found.coefficient(), harmonic(np.ones(6), 0.1, 1.0)[0], at_most=0.05)
    assert found.provenance["landscape"]["class"].endswith("Bowl")


def test_data_of_its_own_for_every_point_is_refused():
    inputs = np.random.default_rng(0).normal(size=(2, 9, 3))
    data = tw.datasets.from_arrays(inputs, np.zeros((2, 9, 1)))
    land = tw.MLP([3, 2, 1], data=data)
    with pytest.raises(ValueError, match="landscape: expected one data set for all points, got 2"):
        local_learning_coefficient(land, land.init(replicas=2, rng=0), 0.1)


def test_a_point_of_infinite_energy_is_refused():
    with pytest.raises(ValueError, match="theta: expected points of finite energy, got L = inf"):
        short(tw.ExponentialWalls(2, lid=1.0), np.full(2, 5.0))
