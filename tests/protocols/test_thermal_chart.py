"""The thermal chart against closed forms; every tolerance is four of its own error bars."""

import signal
from itertools import pairwise

import numpy as np
import pytest
from charts import short
from scipy.integrate import quad

import thalweg as tw
from thalweg.protocols import ThermalChart, thermal_chart
from thalweg.theory import walls

SPECTRUM = np.geomspace(1e-3, 1.0, 20)
TEMPERATURES = np.array([1e-3, 1e-2, 1e-1])
SIGMA = 1.0


def agrees(pair, exact, at_most):
    """Within four standard errors, and the errors themselves small enough to mean something."""
    value, error = pair
    assert (error < at_most * np.abs(exact)).all(), error / exact
    # Sixteen replicas: Student's t with 15 degrees of freedom exceeds 4 once in 900.
    np.testing.assert_array_less(np.abs(value - exact), 4 * error)


@pytest.fixture(scope="module")
def well_chart():
    # Stiffest natural frequency sqrt(h/T + 1/sigma^2) = 32: a step of 0.02 is safely stable, and
    # BAOAB has no configurational bias on a harmonic well. One box period is 2 pi / 0.02 steps.
    return thermal_chart(
        tw.Quadratic(SPECTRUM),
        TEMPERATURES,
        confinement=SIGMA,
        step_size=0.02,
        steps=20_000,
        replicas=16,
        rng=1,
    )


def test_mean_loss_of_a_quadratic_in_a_box(well_chart):
    stiffness = SPECTRUM / (SPECTRUM + TEMPERATURES[:, None] / SIGMA**2)
    agrees(well_chart.k(), stiffness.sum(1) / 2, at_most=0.03)
    agrees(well_chart.dimension_from_mean(), stiffness.sum(1), at_most=0.03)


def test_variance_of_a_quadratic_in_a_box(well_chart):
    stiffness = SPECTRUM / (SPECTRUM + TEMPERATURES[:, None] / SIGMA**2)
    agrees(well_chart.dimension_from_variance(), (stiffness**2).sum(1), at_most=0.08)


def test_virial_identity_and_no_drift(well_chart):
    agrees(well_chart.virial_ratio(), np.ones(3), at_most=0.03)
    drift, error = well_chart.drift()
    np.testing.assert_array_less(np.abs(drift), 4 * error)


@pytest.mark.parametrize("scheme", ["metropolis", "leimkuhler_matthews"])
def test_other_schemes_find_the_same_well(scheme):
    # One stiffness, so that these overdamped schemes mix: relaxation 2 / (s^2 w^2) = 45 steps.
    # Leimkuhler-Matthews is unbiased on a harmonic well up to O(s^2 w^2 / 4) of one noise lag,
    # physics exact: variance T/k. Metropolis is exact for any step.
    temperature, stiffness = 0.1, 1.0
    chart = thermal_chart(
        tw.Quadratic(stiffness, dim=10),
        [temperature],
        confinement=SIGMA,
        scheme=scheme,
        step_size=0.2 / np.sqrt(stiffness / temperature + 1 / SIGMA**2),
        steps=20_000,
        replicas=16,
        rng=2,
    )
    exact = 10 * stiffness / (stiffness + temperature / SIGMA**2)
    agrees(chart.dimension_from_mean(), exact, at_most=0.03)
    if scheme == "metropolis":
        assert 0.5 < chart.acceptance.min() <= chart.acceptance.max() <= 1
        assert "acceptance per temperature" in chart.summary()
    else:
        assert np.isnan(chart.acceptance).all()


def walls_exact(temperature, count, lid, sigma=np.inf):
    """<V>/T and Var(V)/T^2 of `count` walls e^{-x}, x < lid, times N(0, sigma^2), by quadrature."""

    def moment(power):
        def integrand(x):
            u = np.exp(-x) / temperature
            return u**power * np.exp(-u - x * x / (2 * sigma**2))

        foot = -np.log(temperature)
        edges = [foot - 4, foot, foot + 3, lid]  # below foot - 4 the weight is e^{-e^4}
        return sum(quad(integrand, *pair, limit=200)[0] for pair in pairwise(edges))

    zero, one, two = (moment(power) for power in range(3))
    return count * one / zero, count * (two / zero - (one / zero) ** 2)


def test_exponential_walls_under_a_lid_closed_form():
    count, lid, temperatures = 40, 12.0, np.array([1e-4, 1e-3, 1e-2])
    k = walls.lidded_k(temperatures, count, lid)
    variance = walls.lidded_variance(temperatures, count, lid)
    for m, temperature in enumerate(temperatures):
        np.testing.assert_allclose(
            walls_exact(temperature, count, lid), (k[m], variance[m]), rtol=1e-6
        )
    with pytest.warns(UserWarning, match="ageing, no equilibrium"):
        chart = thermal_chart(
            tw.ExponentialWalls(count, lid=lid),
            temperatures,
            measure="free",
            step_size=0.1,
            steps=30_000,
            replicas=16,
            start=np.full(count, 8.0),
            rng=3,
        )
    agrees(chart.k(), k, at_most=0.03)
    agrees(chart.dimension_from_variance(), 2 * variance, at_most=0.1)
    assert np.isnan(chart.virial_ratio()).all()  # no box, no identity
    assert "ageing, no equilibrium" in chart.summary()
    assert "ageing" in chart.plot()[0].get_title()


def test_exponential_walls_in_a_box():
    count, temperatures = 40, np.array([1e-5, 1e-3])
    chart = thermal_chart(
        tw.ExponentialWalls(count, lid=30.0),
        temperatures,
        confinement=5.0,
        step_size=0.1,
        steps=20_000,
        replicas=16,
        start=np.full(count, 12.0),
        rng=4,
    )
    exact = np.array([walls_exact(t, count, 30.0, sigma=5.0) for t in temperatures])
    agrees(chart.k(), exact[:, 0], at_most=0.03)
    agrees(chart.dimension_from_variance(), 2 * exact[:, 1], at_most=0.1)
    agrees(chart.virial_ratio(), np.ones(2), at_most=0.03)  # the lid, at 6 sigma, is not felt


def test_a_diverged_replica_is_listed_and_never_averaged():
    # w h = sqrt(1/0.01 + 1) h must stay below 2: at T = 0.01 a step of 0.5 cannot be stable.
    with pytest.warns(tw.DivergenceWarning):
        broken = short(step_size=[0.5, 0.05], steps=4000, guard=0)
    assert broken.lost == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert np.isnan([pair[0] for pair in broken.mean_loss()]).all()
    whole = short(steps=4000, guard=0)
    np.testing.assert_array_equal(broken.energies[:, 1], whole.energies[:, 1])  # bit for bit
    assert broken.k()[0][1] == whole.k()[0][1]
    assert "left out because they diverged: T=0.01 replica 0" in broken.summary()


def test_one_lost_replica_leaves_the_others():
    start = np.full((8, 6), 0.1)
    start[2] = 50  # far up a wall cosh(x): the first kick throws it to where exp overflows
    with pytest.warns(tw.DivergenceWarning):
        chart = short(tw.CoshWell(6), start=start, guard=0)
    assert chart.lost == [(0, 2)]
    assert np.isfinite(chart.k()).all()


def test_the_guard_restores_and_counts():
    with pytest.warns(tw.DivergenceWarning):
        chart = short(step_size=[0.5, 0.05], steps=4000, guard=50.0)
    assert (chart.restores[0] > 0).all()
    assert (chart.restores[1] == 0).all()
    assert (chart.first_restore[0] > 0).all()
    assert "blow-ups were undone at T=0.01 replica 0" in chart.summary()
    assert "use a smaller step_size" in chart.summary()
    assert "blow-ups undone while sampling" in str(chart.verdicts()[0])


def test_save_load_and_repeat(tmp_path):
    chart = short()
    again = ThermalChart.load(chart.save(tmp_path / "chart.npz"))
    repeated = short()
    for name in ("energies", "virials", "squared_norms", "final", "temperatures", "restores"):
        np.testing.assert_array_equal(getattr(again, name), getattr(chart, name))
        np.testing.assert_array_equal(getattr(repeated, name), getattr(chart, name))
    assert again.summary() == chart.summary()
    np.testing.assert_equal(again.provenance, chart.provenance)
    asked = {"replicas": 4, "snapshots": 40, "guard": 50.0, "start": "both", "curvature": 8}
    assert again.provenance["chart"] == asked


def test_float32_runs_are_averaged_in_float64():
    chart = short(tw.Quadratic(1.0, dim=6, dtype="float32"), replicas=8, steps=4000)
    assert chart.final.dtype == np.float32
    assert chart.energies.dtype == chart.virials.dtype == chart.squared_norms.dtype == np.float64
    exact = 6 / (1 + chart.temperatures)  # sum of h / (h + T / sigma^2)
    agrees(chart.dimension_from_mean(), exact, at_most=0.1)


def test_threads_do_not_change_a_bit():
    np.testing.assert_array_equal(short(threads=1).energies, short(threads=2).energies)


def test_summary_and_plot_say_what_was_measured():
    chart = short()
    text = chart.summary()
    assert "box of width 1, 2 temperatures x 4 replicas, baoab, 400 steps" in text
    rows = [line.split()[0] for line in text.splitlines() if line[:4].strip()[:1] == "0"]
    assert rows == ["0.01", "0.1"] * 3  # dimensions, tests, curvature; there are no samples
    axes = chart.plot()
    assert len(axes) == 4
    assert chart.plot(axes)[0] is axes[0]
    assert axes[0].get_xscale() == axes[0].get_yscale() == "log"


def test_any_landscape_and_any_start():
    def gradient(theta):
        return 0.5 * (theta**2).sum(1), theta.copy()

    land = tw.UserLandscape(lambda theta: gradient(theta)[0], gradient, dim=6)
    one = short(land, start=np.full(6, 0.1))
    each = short(land, start=np.full((4, 6), 0.1))
    every = short(land, start=np.full((8, 6), 0.1))
    np.testing.assert_array_equal(one.energies, each.energies)
    np.testing.assert_array_equal(one.energies, every.energies)
    np.testing.assert_allclose(
        one.energies, short(start=np.full(6, 0.1)).energies, rtol=1e-9
    )  # the compiled formula of the same well


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
    with pytest.raises(tw.Interrupted, match="records made after burn-in") as stop:
        short(land, steps=4000)
    chart = stop.value.result
    assert isinstance(chart, ThermalChart)
    assert 20 <= len(chart.energies) < 400
    assert np.isfinite(chart.k()).all()


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"measure": "ridgy"}, ValueError, "measure: expected one of .* Did you mean 'ridge'"),
        ({"measure": "ridge"}, ValueError, "ridge: expected a number > 0 for measure='ridge'"),
        ({"ridge": 1.0}, ValueError, "ridge: expected None for measure='box', got 1.0"),
        ({"units": "metric"}, ValueError, "units: expected one of"),
        ({"snapshots": 0}, ValueError, "snapshots: expected an integer >= 1"),
        ({"curvature": 50}, ValueError, "curvature: expected an integer >= 0 and <= 40"),
        (
            {"ridge": 1e3, "measure": "ridge"},
            ValueError,
            r"step_size: expected steps shorter than twice the box, 0.00632, at T = 0.01, got 0.05",
        ),
        ({"ground": np.nan}, ValueError, "ground: expected a finite number"),
        ({"start": "cold"}, ValueError, r"start: expected one of \['both', 'hot', 'trained'\]"),
        ({"scheme": "hmc"}, ValueError, "scheme: expected one of"),
        ({"confinement": 0.0}, ValueError, "confinement: expected a finite number > 0"),
        ({"step_size": 0.0}, ValueError, "step_size: expected"),
        ({"step_size": [0.1, 0.1, 0.1]}, ValueError, r"step_size: .*\[2\], got 3 numbers"),
        ({"burn_in": 1.0}, ValueError, "burn_in: expected"),
        ({"cooling": 0.7}, ValueError, "cooling: expected a finite number >= 0 and <= 0.5"),
        ({"steps": 50}, ValueError, "steps: expected at least 20 records after burn-in, got 5"),
        ({"replicas": 0}, ValueError, "replicas: expected an integer >= 1"),
        ({"record_every": 0}, ValueError, "record_every: expected an integer >= 1"),
        ({"guard": -1.0}, ValueError, "guard: expected"),
        ({"initial_temperature": -1.0}, ValueError, "initial_temperature: expected"),
        ({"start": np.zeros((3, 6))}, ValueError, r"or shape \[6\], \[4, 6\] or"),
        ({"start": np.full(6, np.nan)}, ValueError, "start: expected finite numbers"),
        ({"temprature": 1.0}, TypeError, "unknown option 'temprature'"),
    ],
)
def test_bad_arguments_are_named(changes, error, text):
    with pytest.raises(error, match=text):
        short(**changes)


@pytest.mark.parametrize(
    "temperatures", [[], [0.1, 0.2, 0.1], [0.0], [-1.0], [np.nan], [[0.1]], ["hot"]]
)
def test_bad_temperatures_are_named(temperatures):
    with pytest.raises((ValueError, TypeError), match="temperatures: expected"):
        thermal_chart(tw.Quadratic(1.0, dim=6), temperatures)
