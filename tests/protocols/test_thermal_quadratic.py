"""Everything a thermal chart measures, on a landscape where all of it is known: a quadratic."""

import numpy as np
import pytest

import thalweg as tw
from thalweg.protocols import thermal_chart

SPECTRUM = np.geomspace(1e-2, 1.0, 12)
TEMPERATURES = np.geomspace(1e-2, 1e-1, 4)
SIGMA = 1.0
REPLICAS = 16
# Sixteen replicas: Student's t with 15 degrees of freedom exceeds 4 once in 900.


def within(value, error, exact, sigmas=4):
    np.testing.assert_array_less(np.abs(value - exact), sigmas * error)


@pytest.fixture(scope="module")
def boxed():
    # Stiffest natural frequency sqrt(1 / 0.01 + 1) = 10: a step of 0.05 is far from unstable.
    return thermal_chart(
        tw.Quadratic(SPECTRUM, rotation=3),
        TEMPERATURES,
        confinement=SIGMA,
        step_size=0.05,
        steps=20_000,
        replicas=REPLICAS,
        rng=11,
    )


@pytest.fixture(scope="module")
def ridged():
    return thermal_chart(
        tw.Quadratic(SPECTRUM, rotation=3),
        TEMPERATURES,
        measure="ridge",
        ridge=0.1,
        step_size=0.05 * np.sqrt(TEMPERATURES),
        steps=20_000,
        replicas=REPLICAS,
        curvature=0,
        rng=12,
    )


def stiffness(temperatures=TEMPERATURES):
    """h / (h + T / sigma^2) [M, P]: 1 where the well holds a direction, 0 where the box does."""
    return SPECTRUM / (SPECTRUM + temperatures[:, None] / SIGMA**2)


def test_dimension_without_a_thermometer(boxed):
    s = stiffness()
    exact = s.sum(1) ** 2 / (s**2).sum(1)
    within(*boxed.dimension_without_thermometer(), exact)


def test_heat_capacity_by_fluctuation_and_by_difference(boxed):
    exact = (stiffness() ** 2).sum(1) / 2  # d/dT of sum_j T h / (2 (h + T / sigma^2))
    within(*boxed.heat_capacity_from_fluctuations(), exact)
    value, error = boxed.heat_capacity_from_difference()
    # On top of its error bar: the second-order rule itself, applied to the exact means.
    means = (TEMPERATURES[:, None] * stiffness()).sum(1) / 2
    rule = np.gradient(means, TEMPERATURES, edge_order=2)
    within(value, error, rule)
    np.testing.assert_allclose(rule[1:-1], exact[1:-1], rtol=0.05)


def test_configurational_temperature_and_virial(boxed):
    value, error = boxed.configurational_temperature()
    within(value, error, 1)
    assert (error < 0.05).all()
    within(*boxed.virial_ratio(), 1)


def test_curvature_is_exact(boxed):
    assert boxed.curvature.products == "exact"
    assert not boxed.curvature.kinks
    # Hutchinson on a rotated spectrum: sd of one trace = sqrt(2 (|H|^2 - sum h_ii^2) / probes).
    within(*boxed.curvature.trace(), SPECTRUM.sum())
    np.testing.assert_allclose(boxed.curvature.largest()[0], 1.0, rtol=1e-3)
    np.testing.assert_allclose(
        boxed.curvature.stiff_curvatures, SPECTRUM[::-1][:4] + np.zeros((4, REPLICAS, 4)), rtol=0.02
    )
    trace, largest, newton = boxed.curvature.exponents(TEMPERATURES)
    assert abs(trace[0]) < 4 * trace[1] + 1e-3  # a quadratic landscape does not stiffen
    assert abs(largest[0]) < 1e-3
    assert np.isnan(newton[0])  # there are no margins


def test_the_quadratic_picture_holds_on_a_quadratic(boxed):
    # Lanczos of P = 12 steps is exact; two random probes leave sd = sqrt(2 off-diagonals / 2).
    within(*boxed.curvature.quadratic_dimension(), stiffness().sum(1))
    ratio, error = boxed.curvature.stiff_variance_ratio()
    within(ratio, error, 1)
    assert (error < 0.1).all()
    mean, mean_error = boxed.loss_at_mean()
    assert (mean < 0.5 * boxed.k()[0]).all()  # convex: the mean point lies low
    assert (mean_error > 0).all()


def test_energies_of_many_equal_directions_are_gamma():
    # Overdamped, so that the energy forgets itself in 2 / (s w)^2 = 22 steps: 7000 draws.
    chart = thermal_chart(
        tw.Quadratic(1.0, dim=20), [1e-3], confinement=1.0, scheme="leimkuhler_matthews",
        step_size=0.3 / np.sqrt(1001), steps=20_000, replicas=REPLICAS, curvature=0, rng=13,
    )  # fmt: skip
    distance, scale = chart.gamma_distance()
    assert distance[0] < 3 * scale[0] < 0.06  # P(KS > 3 x its mean) = 1e-4
    value, error = chart.skewness()
    within(value, error, 2 / np.sqrt(10))
    assert error[0] < 0.1


def test_ridge_is_a_box_that_shrinks(ridged):
    s = SPECTRUM / (SPECTRUM + 0.1)  # of V = L + 0.1 |theta|^2 / 2: the same at every T
    within(*ridged.k(), s.sum() / 2)
    within(*ridged.heat_capacity_from_fluctuations(), len(SPECTRUM) / 2)
    within(*ridged.heat_capacity_from_difference(), len(SPECTRUM) / 2)
    within(*ridged.virial_ratio(), 1)
    slope, error = ridged.exponent()
    assert abs(slope - 1) < 4 * error
    assert "ridge 0.1 |theta|^2/2" in ridged.summary()
    np.testing.assert_allclose(ridged.widths, np.sqrt(TEMPERATURES / 0.1))


def test_equilibrium_has_no_reasons_against_it(boxed, ridged):
    for chart in (boxed, ridged):
        assert all(verdict.equilibrated for verdict in chart.verdicts()), chart.summary()
        assert (chart.r_hat() < 1.05).all()
        assert (chart.correlation_time() > 10).all()
    assert boxed.trained.sum() == boxed.trained.size // 2


def test_figures_draw_what_they_say(boxed):
    axes = boxed.plot()
    assert [ax.get_xscale() for ax in axes] == ["log", "linear", "log", "log"]  # no samples here
    assert "random walk" in str(boxed.directions.plot().get_legend_handles_labels()[1])
    assert boxed.curvature.plot().get_ylabel().startswith("variance")


def test_plain_units_sample_the_same_measure():
    chart = thermal_chart(
        tw.Quadratic(SPECTRUM), TEMPERATURES, confinement=SIGMA, units="plain",
        scheme="leimkuhler_matthews", step_size=0.2, steps=60_000, replicas=REPLICAS, curvature=0,
        record_every=20, rng=14,
    )  # fmt: skip
    within(*chart.k(), stiffness().sum(1) / 2)


def test_principal_components_of_a_random_walk():
    from thalweg.protocols.thermal_snapshots import measure_directions

    steps, dim = 250, 500
    noise = tw.rng.normals(15, stream="user", replicas=4 * steps, count=dim).reshape(4, steps, dim)
    walks = noise.cumsum(axis=1).transpose(1, 0, 2)
    flat = tw.UserLandscape(lambda x: 0 * x.sum(1), lambda x: 0 * x, dim=dim)
    found = measure_directions(flat, list(np.ascontiguousarray(walks)), 1, None)
    fractions, error = found.principal_fractions()
    # A component's variance is a mean of P independent squares: relative sd sqrt(2 / P) = 6 %.
    np.testing.assert_allclose(found.random_walk()[:3], [0.6079, 0.1520, 0.0675], atol=1e-4)
    np.testing.assert_allclose(fractions[0, :3], found.random_walk()[:3], atol=0.02)
    assert (error > 0).all()
    # Component j is j half-waves, of which a quarter is remembered: 2 S / (pi j) > S / 10.
    assert found.equilibrated()[0] == pytest.approx(4, abs=1)
    white = measure_directions(flat, list(np.ascontiguousarray(noise.transpose(1, 0, 2))), 1, None)
    assert white.equilibrated()[0] == 10


def test_boundary_of_tilted_walls_is_exact():
    from scipy.special import gammaincc

    from thalweg.protocols.thermal_snapshots import Boundary

    # Tilted walls: shares are independent Gamma(a), so k = N a, n_b = N Q(a, c) and the squared
    # fractions, of a Dirichlet law, have the mean (1 + a) / (1 + N a) (docs/theory/walls.md).
    samples, k, shape = 40, np.array([4.0, 18.0]), (50, 2, 8)
    rng = np.random.default_rng(16)
    shares = rng.gamma((k / samples)[:, None, None], size=(*shape, samples))
    shares[:, 1, 3] = np.nan  # a lost replica
    found = Boundary(shares.astype(np.float32))
    for level in (0.1, 1.0):
        near, error = found.points_near_boundary(level)
        within(near, error, samples * gammaincc(k / samples, level), sigmas=5)
        assert (error < 0.05 * near).all()
    value, error = found.participation()
    within(value, error, (1 + k) / (1 + k / samples) - 1, sigmas=5)
    assert (error < 0.05 * value).all()
