"""Local learning coefficients against closed forms and quadrature, to four of their errors."""

import signal

import numpy as np
import pytest
from singular import (
    crossing,
    linear_network,
    localised,
    localised_two_by_two,
    reduced_rank_coefficient,
)

import thalweg as tw
from thalweg.protocols import LearningCoefficient, local_learning_coefficient
from thalweg.protocols.estimates import split_r_hat

EQUILIBRIUM = "equilibrium"
LOG_1000 = np.log(1000) / 1000  # T of a thousand samples


def agrees(pair, exact, at_most):
    """Within four standard errors, and the errors themselves small enough to mean something."""
    value, error = pair
    assert (error < at_most * np.abs(exact)).all(), error / exact
    # Sixteen chains: Student's t with 15 degrees of freedom exceeds 4 once in 900.
    np.testing.assert_array_less(np.abs(value - exact), 4 * error)


# --- Regular minima: P/2, less what the localisation takes. ---

SPECTRUM = np.geomspace(1e-3, 1.0, 12)
WELL = {"temperature": 1e-2, "localization": 2.0, "chains": 16, "rng": 1}


def harmonic(spectrum, temperature, gamma):
    """<L>/T and Var(L)/T^2 of a quadratic: each direction has variance 1/(h/T + gamma)."""
    share = spectrum / (spectrum + gamma * temperature)
    return share.sum() / 2, (share**2).sum() / 2, (1 - share).mean()


@pytest.mark.parametrize(
    ("scheme", "step_size", "steps"),
    [
        ("baoab", 0.04, 20_000),
        ("leimkuhler_matthews", 0.06, 40_000),
        ("metropolis", 0.06, 40_000),
    ],
)
def test_regular_minimum(scheme, step_size, steps):
    """w* away from zero: the localisation must be around it, whatever the box of the dynamics."""
    center = np.linspace(-3, 5, 12)
    land = tw.Quadratic(SPECTRUM, center=center)
    found = local_learning_coefficient(land, center, step_size, steps=steps, scheme=scheme, **WELL)
    mean, variance, held = harmonic(SPECTRUM, 1e-2, 2.0)
    agrees(found.coefficient(), mean, at_most=0.02)
    agrees(found.coefficient_from_variance(), variance, at_most=0.06)
    agrees(found.held_by_localization(), held, at_most=0.03)
    agrees(found.virial_ratio(), 1.0, at_most=0.02)
    assert found.verdict() == [EQUILIBRIUM]
    assert np.isfinite(found.acceptance).all() == (scheme == "metropolis")


def test_euler_maruyama_has_its_known_bias():
    """The reference's scheme: variance 1/(w^2 (1 - s^2 w^2/4)), w^2 = h/T + gamma."""
    stiffness, step_size = 1.0 / 1e-2 + 2.0, 0.1
    found = local_learning_coefficient(
        tw.Quadratic(1.0, dim=12), np.zeros(12), step_size, scheme="euler_maruyama", **WELL
    )
    exact = 12 / 2 * (1 / 1e-2) / stiffness / (1 - step_size**2 * stiffness / 4)
    agrees(found.coefficient(), exact, at_most=0.01)
    assert "virial 1.3" in found.verdict()[0]
    assert "smaller step_size" in found.verdict()[0]


def test_points_in_one_batch_are_as_good_as_alone():
    """Three minima of one surface, each with its own center, curvature and localisation."""
    surface = tw.MullerBrown()
    how = {"step_size": 0.002, "temperature": 0.05, "localization": 100.0, "chains": 16, "rng": 3}
    found = local_learning_coefficient(surface, surface.minima, steps=40_000, **how)
    spectra = np.linalg.eigvalsh(surface.hessian(surface.minima))
    exact = np.array([harmonic(spectrum, 0.05, 100.0)[0] for spectrum in spectra])
    # Anharmonic corrections are of order T/barrier, below 1 %; the tolerance is 5 %.
    value, error = found.coefficient()
    np.testing.assert_array_less(np.abs(value - exact), 4 * error + 0.01)
    assert (error < 0.02).all()
    assert found.verdict() == [EQUILIBRIUM] * 3
    np.testing.assert_allclose(found.reference, surface.minimum_energies, rtol=1e-12)
    alone = local_learning_coefficient(surface, surface.minima[0], steps=40_000, **how)
    np.testing.assert_array_equal(alone.energies[:, 0], found.energies[:, 0])  # bit for bit


def test_a_thermal_chart_measures_the_same():
    """lambda_hat is the k of a chart whose box is the localisation."""
    land, gamma, temperature = tw.Quadratic(SPECTRUM), 2.0, 1e-2
    found = local_learning_coefficient(land, np.zeros(12), 0.04, steps=20_000, **WELL)
    chart = tw.protocols.thermal_chart(
        land, [temperature], confinement=gamma**-0.5, step_size=0.04, steps=30_000, replicas=16,
        start=np.zeros(12), rng=4,
    )  # fmt: skip
    (ours, error), (theirs, their_error) = found.coefficient(), chart.k()
    assert abs(ours - theirs) < 4 * np.hypot(error, their_error)
    assert error < 0.02 * ours


# --- Singular minima. ---


@pytest.mark.parametrize(
    ("powers", "scheme", "step_size"),
    [
        ((1, 1), "baoab", 0.02),
        ((2,), "baoab", 0.02),
        ((1, 2), "metropolis", 0.03),
    ],
)
def test_normal_crossings_at_finite_temperature(powers, scheme, step_size):
    found = local_learning_coefficient(
        crossing(powers),
        np.zeros(len(powers)),
        step_size,
        samples=1000,
        scheme=scheme,
        steps=20_000,
        chains=200,
        rng=1,
    )
    assert found.temperature == LOG_1000
    mean, variance = localised(powers, LOG_1000)
    agrees(found.coefficient(), mean, at_most=0.015)
    agrees(found.coefficient_from_variance(), variance, at_most=0.03)
    agrees(found.virial_ratio(), 1.0, at_most=0.02)
    assert found.verdict() == [EQUILIBRIUM]


@pytest.mark.parametrize(
    ("powers", "coefficient", "multiplicity"),
    [((1, 1), 1 / 2, 2), ((2,), 1 / 4, 1), ((1, 2), 1 / 4, 1), ((2, 2), 1 / 4, 2)],
)
def test_finite_temperature_tends_to_the_known_coefficient(powers, coefficient, multiplicity):
    """lambda_hat = lambda - (m - 1)/(ln(1/T) + const) + smaller, as T goes to zero."""
    temperatures = np.array([1e-8, 1e-12, 1e-16])
    gaps = np.array([coefficient - localised(powers, t)[0] for t in temperatures])
    if multiplicity == 1:
        assert (np.abs(gaps[1:]) < 0.2 * np.abs(gaps[:-1])).all()  # a power of T
        assert abs(gaps[-1]) < 1e-3
    else:
        slopes = np.diff(1 / gaps) / np.diff(np.log(1 / temperatures))
        np.testing.assert_allclose(slopes, 1 / (multiplicity - 1), rtol=0.02)


def test_reduced_rank_regression_at_rank_zero():
    """y = B A x with nothing to learn: L = |A|^2 |B|^2 / 2, lambda = 1, multiplicity 2."""
    assert reduced_rank_coefficient(2, 1, 2, 0) == (1.0, 2)
    exact = localised((1, 1), LOG_1000, volume=(2, 2), scale=0.5)
    colder = [localised((1, 1), t, volume=(2, 2), scale=0.5)[0] for t in (1e-8, 1e-12)]
    assert np.diff(1 / (1 - np.array(colder)))[0] == pytest.approx(np.log(1e4), rel=0.02)
    found = local_learning_coefficient(
        linear_network(1, 0),
        np.zeros(4),
        0.02,
        temperature=LOG_1000,
        steps=20_000,
        chains=64,
        rng=2,
    )
    agrees(found.coefficient(), exact[0], at_most=0.015)
    agrees(found.coefficient_from_variance(), exact[1], at_most=0.04)
    assert found.verdict() == [EQUILIBRIUM]


def test_reduced_rank_regression_with_two_hidden_units():
    """Eight parameters, lambda = 3/2 where a regular minimum would have 4, and no logarithm."""
    assert reduced_rank_coefficient(2, 2, 2, 0) == (1.5, 1)
    colder = [localised_two_by_two(t) for t in (1e-6, 1e-8)]
    assert abs(colder[1] - 1.5) < 0.2 * abs(colder[0] - 1.5) < 1e-3
    found = local_learning_coefficient(
        linear_network(2, 0), np.zeros(8), 0.015, samples=1000, steps=20_000, chains=64, rng=6
    )
    agrees(found.coefficient(), localised_two_by_two(LOG_1000), at_most=0.01)
    assert found.verdict() == [EQUILIBRIUM]


def test_reduced_rank_regression_at_full_rank():
    """A true map of rank 1: three stiff directions and the gauge B -> B/a, A -> a A."""
    assert reduced_rank_coefficient(2, 1, 2, 1) == (1.5, 1)
    land, center, temperature = linear_network(1, 1), np.array([1.0, 0.0, 1.0, 0.0]), 1e-4
    assert land.energy(center[None])[0] == 0
    spectrum = np.linalg.eigvalsh(land.hessian(center[None])[0])
    exact, *_ = harmonic(spectrum, temperature, 10.0)
    assert exact == pytest.approx(1.5, abs=0.005)
    found = local_learning_coefficient(
        land, center, 0.004, temperature=temperature, localization=10.0,
        scheme="leimkuhler_matthews", steps=40_000, chains=64, rng=5,
    )  # fmt: skip
    value, error = found.coefficient()
    assert error < 0.01
    # Off the point the curvature changes with the gauge: corrections of order T and T gamma.
    assert abs(value - exact) < 4 * error + 0.005


def test_known_coefficients_of_reduced_rank_regression():
    """Regular where nothing is hidden away: r (M + N - r) / 2; the last two cases by hand."""
    assert reduced_rank_coefficient(3, 2, 4, 2) == (2 * (3 + 4 - 2) / 2, 1)
    assert reduced_rank_coefficient(1, 1, 1, 0) == (0.5, 2)  # (a b)^2
    assert reduced_rank_coefficient(2, 4, 2, 0) == (2.0, 1)  # enough hidden units: MN/2


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
