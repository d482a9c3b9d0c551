"""Local learning coefficients against closed forms and quadrature, to four of their errors."""

import numpy as np
import pytest
from singular import (
    agrees,
    crossing,
    harmonic,
    linear_network,
    localised,
    localised_two_by_two,
    reduced_rank_coefficient,
)

import thalweg as tw
from thalweg.protocols import local_learning_coefficient

EQUILIBRIUM = "equilibrium"
LOG_1000 = np.log(1000) / 1000  # T of a thousand samples


# --- Regular minima: P/2, less what the localisation takes. ---

SPECTRUM = np.geomspace(1e-3, 1.0, 12)
WELL = {"temperature": 1e-2, "localization": 2.0, "chains": 16, "rng": 1}


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
