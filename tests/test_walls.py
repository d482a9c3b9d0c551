"""Closed forms of walls against independent numerics: quadrature, mpmath, random samples."""

from __future__ import annotations

from itertools import pairwise

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from thalweg.theory import walls

SAMPLES = 40_000


def agrees(sample, exact, at_most=0.01):
    """The mean of independent numbers is `exact` within four standard errors, small themselves."""
    error = sample.std(ddof=1) / np.sqrt(len(sample))
    assert 0 < error < at_most * exact
    assert abs(sample.mean() - exact) < 4 * error


def wall_average(function, temperature, lid, amplitude):
    """<function(u/T)> of one wall u = A e^-x, x < lid, by quadrature over x itself.

    In x, not in u as the closed form, and cut where the weight is below e^-700.
    """
    foot = np.log(amplitude / temperature)  # where u = T

    def integral(f):
        edges = np.minimum([foot - 6.5, foot - 3, foot, foot + 3, lid], lid)
        # e^-u is of order e^-eps everywhere below a low lid: measured from there.
        least = np.exp(foot - lid)

        def weighted(x):
            u = np.exp(foot - x)
            return f(u) * np.exp(least - u)

        return sum(quad(weighted, *pair, limit=200)[0] for pair in pairwise(edges))

    return integral(function) / integral(lambda u: 1.0)


WALLS = [(1e-6, 20.0, 1.0), (1e-3, 20.0, 1.0), (0.5, 3.0, 2.0), (1.0, 0.3, 1.0), (1.0, -2.0, 1.0)]


@pytest.mark.parametrize(("temperature", "lid", "amplitude"), WALLS)
def test_walls_under_a_lid_by_quadrature(temperature, lid, amplitude):
    """From a lid far away (eps = 2e-6) to one pressed into the wall (eps = 7.4)."""
    count, level = 40, 1.1

    def average(function):
        return wall_average(function, temperature, lid, amplitude)

    mean = average(lambda u: u)
    variance = average(lambda u: (u - mean) ** 2)
    where = temperature, count, lid, amplitude
    assert walls.lidded_k(*where) == pytest.approx(count * mean, rel=1e-8)
    assert walls.lidded_variance(*where) == pytest.approx(count * variance, rel=1e-7)
    # A jump in the integrand: split there, by shrinking the lid to x(u = c T).
    height = np.log(amplitude / (temperature * level))
    near = walls.lidded_points_near_boundary(*where, level=level)
    if height >= lid:
        assert near == count  # no wall is below c T
    else:
        inside, outside = (volume(temperature, top, amplitude) for top in (height, lid))
        assert near == pytest.approx(count * inside / outside, rel=1e-8)


def volume(temperature, top, amplitude):
    """Partition function of one wall below x = top."""

    def weight(x):
        return np.exp(-amplitude * np.exp(-x) / temperature)

    foot = np.log(amplitude / temperature)
    edges = np.minimum([foot - 6.5, foot - 3, foot, foot + 3, top], top)
    return sum(quad(weight, *pair, limit=200)[0] for pair in pairwise(edges))


def test_walls_under_a_lid_numbers_of_the_specification():
    where = {"count": 40, "lid": 20.0}
    assert walls.lidded_k(1e-3, **where) == pytest.approx(3.196, abs=5e-4)
    assert walls.lidded_k(1e-6, **where) == pytest.approx(7.116, abs=5e-4)
    assert 2 * walls.lidded_variance(1e-3, **where) == pytest.approx(5.88, abs=5e-3)
    near = walls.lidded_points_near_boundary(1e-3, **where, level=0.2645)
    assert near == pytest.approx(3.198, abs=5e-4)


@pytest.mark.parametrize("log_eps", [-800, -101, -99, -5, 0, 2, 2.3, 2.31, 5, 8, 20])
def test_walls_under_a_lid_keep_full_precision(log_eps):
    """Across every branch, also where the textbook form cancels (eps^2 of it, for low lids)."""
    with mpmath.workdps(40):
        eps = mpmath.exp(log_eps)
        mean = mpmath.exp(-eps) / mpmath.e1(eps)
        variance = (1 + eps) * mean - mean**2
    assert walls.lidded_k(1.0, 1, -log_eps) == pytest.approx(float(mean), rel=1e-14)
    assert walls.lidded_variance(1.0, 1, -log_eps) == pytest.approx(float(variance), rel=1e-12)


def test_far_lids_are_felt_logarithmically():
    """E1(eps) = ln(1/eps) - gamma + eps - ...: the relative error of the short form is eps."""
    temperatures, lid = np.array([1e-4, 1e-2, 1.0]), 12.0
    eps = np.exp(-lid) / temperatures
    short = 40 / (np.log(1 / eps) - np.euler_gamma)
    ratio = walls.lidded_k(temperatures, 40, lid) / short
    np.testing.assert_allclose(ratio, 1, atol=2 * eps.max())
    assert abs(ratio[0] - 1) > 0.1 * eps[0]  # and it is not the short form that is computed


def test_boundary_level_solves_its_equation():
    with mpmath.workdps(30):
        exact = mpmath.findroot(lambda c: mpmath.e1(c) - 1, 0.26)
    assert float(exact) == walls.BOUNDARY_LEVEL
    k = np.array([0.5, 3.0, 17.0])
    np.testing.assert_allclose(walls.flat_points_near_boundary(k), k, rtol=1e-14)


# --- Random samples. ---


@pytest.fixture(scope="module", params=[0.8, 6.0])
def flat(request):
    """k, and shares [SAMPLES, sticks] of Poisson-Dirichlet(k): sticks broken off by Beta(1, k)."""
    k, rng = request.param, np.random.default_rng(1)
    broken = rng.beta(1, k, size=(SAMPLES, int(40 * k) + 40))  # what is left: e^-40 of it
    left = np.cumprod(1 - broken, axis=1)
    shares = broken * np.concatenate([np.ones((SAMPLES, 1)), left[:, :-1]], axis=1)
    return k, shares


def test_participation_of_flat_walls(flat):
    k, shares = flat
    assert walls.flat_participation(k) == k
    agrees((shares**2).sum(axis=1), 1 / (1 + walls.flat_participation(k)))


@pytest.mark.parametrize("level", [0.05, walls.BOUNDARY_LEVEL, 1.5])
def test_points_near_the_boundary_of_flat_walls(flat, level):
    """Shares times an independent Gamma(k) are the points u/T of the Poisson process."""
    k, shares = flat
    energies = np.random.default_rng(2).gamma(k, size=SAMPLES)
    near = (shares * energies[:, None] > level).sum(axis=1)
    agrees(near, walls.flat_points_near_boundary(k, level), at_most=0.03)


@pytest.mark.parametrize(("k", "samples"), [(2.0, 10), (18.0, 40), (30.0, 20)])
def test_tilted_walls(k, samples):
    u = np.random.default_rng(3).gamma(k / samples, size=(SAMPLES, samples))
    agrees(u.sum(axis=1), k)
    for level in (walls.BOUNDARY_LEVEL, 1.0):
        near = (u > level).sum(axis=1)
        agrees(near, walls.tilted_points_near_boundary(k, samples, level))
    shares = u / u.sum(axis=1, keepdims=True)
    agrees((shares**2).sum(axis=1), 1 / (1 + walls.tilted_participation(k, samples)))


def test_tilted_walls_become_flat_for_many_samples():
    """At fixed k the difference falls as 1/N."""
    k, counts = 5.0, np.array([1e3, 1e4, 1e5])
    for tilted, flat in (
        (walls.tilted_points_near_boundary(k, counts), walls.flat_points_near_boundary(k)),
        (walls.tilted_participation(k, counts), walls.flat_participation(k)),
    ):
        gaps = tilted - flat
        np.testing.assert_allclose(gaps[:-1] / gaps[1:], 10, rtol=0.05)


@pytest.mark.parametrize(("count", "lid", "distance"), [(40, 20.0, 0.016), (200, 100.0, 0.004)])
def test_energy_of_many_walls_is_gamma(count, lid, distance):
    """The specification's distances at T = 1e-3, within the fluctuation of a sample."""
    temperature, rng = 1e-3, np.random.default_rng(4)
    low, high = np.log(1 / temperature) - lid, np.log(40.0)  # of ln(u/T)
    total = np.zeros(SAMPLES)
    for _ in range(count):  # log-uniform, kept with probability e^-u: density u^-1 e^-u
        u = np.exp(rng.uniform(low, high, size=2 * SAMPLES))
        total += u[rng.uniform(size=u.size) < np.exp(-u)][:SAMPLES]
    k = walls.lidded_k(temperature, count, lid)
    agrees(total, k)
    found = kstest(total * temperature, lambda e: walls.energy_distribution(e, k, temperature))
    # Kolmogorov: the largest fluctuation exceeds 1.95 / sqrt(SAMPLES) once in a thousand.
    assert abs(found.statistic - distance) < 1.95 / np.sqrt(SAMPLES)


def test_energy_density_is_the_slope_of_its_distribution():
    k, temperature = np.array([[0.7], [1.0], [18.0]]), 0.2
    energy = np.array([0.05, 1.0, 4.0])
    h = 1e-5 * energy
    upper, lower = (walls.energy_distribution(energy + s * h, k, temperature) for s in (1, -1))
    density = walls.energy_density(energy, k, temperature)
    np.testing.assert_allclose((upper - lower) / (2 * h), density, rtol=1e-6, atol=1e-12)


# --- The cosh well. ---


def bessel_moments(ratio):
    """K1/K0, (<V> - A)/T and Var/T^2 at a = A/T; the last from a derivative in mpmath."""
    with mpmath.workdps(60):
        a = mpmath.mpf(ratio)

        def energy(t):
            return mpmath.besselk(1, a / t) / mpmath.besselk(0, a / t)

        slope = mpmath.diff(lambda t: a * energy(t), 1)  # d<V>/dT in units A = a, T = 1
        return float(energy(1)), float(a * (energy(1) - 1)), float(slope)


@pytest.mark.parametrize("ratio", [1e6, 1000, 10.5, 10, 9.5, 1, 0.1, 1e-3, 1e-30])
def test_cosh_well_against_mpmath(ratio):
    energy, k, variance = bessel_moments(ratio)
    amplitude, temperature = 2.0, 2.0 / ratio
    mean = walls.cosh_mean_energy(temperature, amplitude)
    assert mean == pytest.approx(amplitude * energy, rel=1e-13)
    assert walls.cosh_k(temperature, amplitude) == pytest.approx(k, rel=1e-12)
    assert walls.cosh_variance(temperature, amplitude) == pytest.approx(variance, rel=1e-11)
    assert walls.cosh_curvature(temperature, amplitude, 3.0) == 9 * mean


@pytest.mark.parametrize("ratio", [10, 1, 0.1, 1e-3])
def test_cosh_well_by_quadrature(ratio):
    """V, V^2 and the curvature kappa^2 V as averages over x."""
    kappa, top = 1.7, np.arccosh(1 + 700 / ratio)

    def weight(y):
        return np.exp(-ratio * (np.cosh(y) - 1))

    norm = quad(weight, 0, top, limit=200)[0]

    def average(f):
        return quad(lambda y: f(y) * weight(y), 0, top, limit=200)[0] / norm

    mean = average(np.cosh)
    variance = average(lambda y: (np.cosh(y) - mean) ** 2) * ratio**2
    assert walls.cosh_mean_energy(1 / ratio) == pytest.approx(mean, rel=1e-7)
    assert walls.cosh_variance(1 / ratio) == pytest.approx(variance, rel=1e-6)
    curvature = average(lambda y: kappa**2 * np.cosh(y))  # second derivative of cosh(kappa x)
    assert walls.cosh_curvature(1 / ratio, kappa=kappa) == pytest.approx(curvature, rel=1e-7)


def test_cosh_well_is_harmonic_when_cold_and_a_wall_when_hot():
    cold = np.array([1e-3, 1e-2])  # K1/K0 - 1 = 1/2a - 1/8a^2 + ...
    np.testing.assert_allclose(walls.cosh_k(cold), 0.5 - cold / 8, rtol=1e-4)
    hot = np.array([1e3, 1e6])  # K1/K0 = 1/(a (ln(2/a) - gamma)) up to a^2 ln a
    wall = 1 / (np.log(2 * hot) - np.euler_gamma)
    np.testing.assert_allclose(walls.cosh_mean_energy(hot) / hot, wall, rtol=1e-5)
    slope = np.diff(np.log(walls.cosh_curvature([1e-3, 1.1e-3, 1e5, 1.1e5]))) / np.log(1.1)
    assert slope[0] < 1e-3  # a quadratic's curvature knows no temperature
    assert slope[2] > 0.9  # a wall's is the energy


# --- Logistic walls. ---


@pytest.mark.parametrize(
    ("temperature", "samples", "width"),
    [(1e-6, 40, 5.0), (1e-3, 40, 5.0), (1e-3, 40, 0.2), (10.0, 3, 2.0), (1e-9, 20, 30.0)],
)
def test_logistic_walls_by_quadrature(temperature, samples, width):
    cost = samples * temperature

    def average(f):
        def weight(m):
            return np.exp(top - np.logaddexp(0, -m) / cost - (m / width) ** 2 / 2)

        grid = np.linspace(-10 * width, 10 * width + 30, 20_001)
        exponents = -np.logaddexp(0, -grid) / cost - (grid / width) ** 2 / 2
        centre, top = grid[exponents.argmax()], -exponents.max()
        edges = centre + width * np.array([-9, -3, -1, -0.3, 0, 0.3, 1, 3, 9])
        value, norm = (
            sum(quad(lambda m, g=g: g(m) * weight(m), *p, limit=200)[0] for p in pairwise(edges))
            for g in (f, lambda m: 1.0)
        )
        return value / norm

    exact = average(lambda m: np.logaddexp(0, -m)) / temperature
    assert walls.logistic_k(temperature, samples, width) == pytest.approx(exact, rel=1e-7)


def test_hot_logistic_walls_lose_their_loss_to_the_prior():
    """T -> infinity: <log(1 + e^-m)> over the prior alone; log 2 for a narrow one."""
    assert 1e6 * walls.logistic_k(1e6, 40, 1e-3) == pytest.approx(np.log(2), rel=1e-6)


def test_cold_logistic_walls_are_sharp():
    """k s/N -> h(z) at fixed z; the correction is 0.5772 (h - z) / s to leading order."""
    for z in (0.5, 1.5):
        errors = []
        for width in (50.0, 400.0):
            temperature = np.exp(-z * width) / 40
            cold = walls.logistic_k_cold(temperature, 40, width)
            hazard = cold * width / 40
            error = cold / walls.logistic_k(temperature, 40, width) - 1
            errors.append(error * width / (-np.euler_gamma * (hazard - z)))
        assert abs(errors[1] - 1) < 0.02
        assert abs(errors[1] - 1) < abs(errors[0] - 1)


# --- Arguments. ---


def test_arrays_broadcast():
    temperatures = np.geomspace(1e-6, 1, 5)
    for function, arguments in (
        (walls.lidded_k, (temperatures[:, None], 40, np.array([10.0, 20.0]))),
        (walls.cosh_k, (temperatures[:, None], np.array([1.0, 2.0]))),
        (walls.cosh_variance, (temperatures[:, None], np.array([1.0, 2.0]))),
        (walls.logistic_k, (temperatures[:, None], 40, np.array([1.0, 2.0]))),
        (walls.logistic_k_cold, (temperatures[:, None], 40, np.array([1.0, 2.0]))),
        (walls.tilted_participation, (temperatures[:, None], np.array([10, 20]))),
    ):
        found = function(*arguments)
        assert found.shape == (5, 2)
        one = function(*(np.asarray(a)[-1, 0] if np.ndim(a) == 2 else np.asarray(a).flat[0]
                         for a in arguments))  # fmt: skip
        assert found[-1, 0] == one


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: walls.lidded_k(0.0, 40, 20.0), "temperature: expected numbers > 0, got 0"),
        (lambda: walls.lidded_k(1.0, -1, 20.0), "count: expected numbers > 0, got -1"),
        (lambda: walls.lidded_k(1.0, 40, np.nan), "lid: expected finite numbers only"),
        (lambda: walls.tilted_participation([1.0, -2.0], 40), "k: expected numbers > 0, got -2"),
        (lambda: walls.cosh_k(1.0, 0.0), "amplitude: expected numbers > 0"),
        (lambda: walls.logistic_k(1.0, 40, 0.0), "width: expected numbers > 0"),
    ],
)
def test_bad_arguments_are_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
