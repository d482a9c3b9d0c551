"""Langevin dynamics against exact laws of the *discretised* chains, from wrong starting points.

Every replica is one independent sample: it starts far from the law, runs until the slowest mode has
forgotten that to below 1e-9, and is looked at once. A dynamics that did nothing, or had the bias of
another scheme, would miss by many standard errors; each test checks that it could tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import thalweg as tw

SAMPLES = 120_000
SPECTRUM = np.array([1.0, 2.25, 3.5])
TEMPERATURE = 0.7
SIGMA = 1.2
PLAIN = SPECTRUM + TEMPERATURE / SIGMA**2  # curvature of L + T |x|^2 / (2 sigma^2)
NATURAL = SPECTRUM / TEMPERATURE + 1 / SIGMA**2  # curvature of U = L/T + |x|^2 / (2 sigma^2)


@dataclass(frozen=True)
class Law:
    """A chain, the exact variance [P] of its positions, and the one that Gibbs' law has."""

    name: str
    arguments: dict
    variance: np.ndarray
    gibbs: np.ndarray
    steps: int = 80
    momentum: np.ndarray | None = None  # exact variance of the momenta


def euler(curvature, eta, temperature):
    """x' = (1 - eta k) x + sqrt(2 eta T) xi: v = (1 - eta k)^2 v + 2 eta T, so

    v = T / (k (1 - eta k / 2)).
    """
    return temperature / (curvature * (1 - eta * curvature / 2))


# Leimkuhler-Matthews: x' = a x + (s/2)(xi + xi'), a = 1 - eta k, s^2 = 2 eta T, and x already
# holds (s/2) xi. So v = a^2 v + s^2/2 + a s^2/2, that is v = s^2 / (2 (1 - a)) = T/k for every
# eta.  BAOAB, unit mass: between its two O the step is A(h/2) B(h) A(h/2), which conserves p^2 (1
# - h^2 k/4) + k q^2. O wants var p = T, so in mid-step var q = (T/k)(1 - h^2 k/4), q and p
# independent. The last A adds (h/2) p: var q = T/k exactly. The last B leaves var p = T (1 - h^2
# k/4).
ETA, H, S = 0.4, 0.8, 0.7
LAWS = [
    Law(
        "euler_maruyama",
        {"step_size": ETA},
        euler(SPECTRUM, ETA, TEMPERATURE),
        TEMPERATURE / SPECTRUM,
    ),
    Law(
        "euler_maruyama_confined",
        {"step_size": ETA, "confinement": SIGMA},
        euler(PLAIN, ETA, TEMPERATURE),
        TEMPERATURE / PLAIN,
    ),
    Law(
        "euler_maruyama_natural",  # eta = s^2/2 at unit temperature
        {"step_size": S, "confinement": SIGMA, "units": "natural"},
        euler(NATURAL, S**2 / 2, 1.0),
        1 / NATURAL,
    ),
    Law(
        "leimkuhler_matthews",
        {"step_size": ETA, "scheme": "leimkuhler_matthews"},
        TEMPERATURE / SPECTRUM,
        TEMPERATURE / SPECTRUM,
    ),
    Law(
        "leimkuhler_matthews_natural",
        {
            "step_size": S,
            "scheme": "leimkuhler_matthews",
            "confinement": SIGMA,
            "units": "natural",
        },
        1 / NATURAL,
        1 / NATURAL,
    ),
    Law(
        "baoab",
        {"step_size": H, "scheme": "baoab", "friction": 1.5},
        TEMPERATURE / SPECTRUM,
        TEMPERATURE / SPECTRUM,
        steps=120,
        momentum=TEMPERATURE * (1 - H**2 * SPECTRUM / 4),
    ),
    Law(
        "baoab_natural",
        {
            "step_size": H,
            "scheme": "baoab",
            "friction": 1.5,
            "confinement": SIGMA,
            "units": "natural",
        },
        1 / NATURAL,
        1 / NATURAL,
        steps=120,
        momentum=1 - H**2 * NATURAL / 4,
    ),
    Law(
        "metropolis",
        {"step_size": 0.3, "metropolis": True},
        TEMPERATURE / SPECTRUM,
        TEMPERATURE / SPECTRUM,
        steps=200,
    ),
    Law(
        "metropolis_confined",
        {"step_size": 0.3, "metropolis": True, "confinement": SIGMA},
        TEMPERATURE / PLAIN,
        TEMPERATURE / PLAIN,
        steps=200,
    ),
]


def final_state(law, dtype, target, observables=()):
    land = tw.Quadratic(SPECTRUM, center=0.0, dtype=dtype, device=target)
    theta = np.full((SAMPLES, 3), 3.0, dtype=dtype)
    chain = tw.Langevin(TEMPERATURE, **law.arguments)
    return chain.run(
        land, theta, law.steps, record_every=law.steps, observables=observables, rng=11
    )


def moments(sample):
    """Mean and variance with their standard errors, from independent samples."""
    n, mean = sample.size, sample.mean()
    centred = sample - mean
    variance = (centred**2).mean() * n / (n - 1)
    fourth = (centred**4).mean()
    return mean, np.sqrt(variance / n), variance, np.sqrt((fourth - variance**2) / n)


def assert_law(energies, weights):
    """Energies are sum of weights_j xi_j^2 / 2: mean sum w/2, variance sum w^2/2, to 4 errors."""
    mean, mean_error, variance, variance_error = moments(energies.astype(float))
    assert abs(mean - weights.sum() / 2) < 4 * mean_error
    assert abs(variance - (weights**2).sum() / 2) < 4 * variance_error
    return mean_error, variance_error


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_stationary_energy_has_the_exact_mean_and_variance(law, dtype, target):
    found = final_state(law, dtype, target)
    assert found.energies.shape == (1, SAMPLES)
    weights = SPECTRUM * law.variance
    mean_error, _ = assert_law(found.energies[-1], weights)
    bias = abs((weights - SPECTRUM * law.gibbs).sum() / 2)
    assert bias == 0 or bias > 20 * mean_error, "the test could not tell this law from Gibbs'"
    for j, variance in enumerate(law.variance):
        x = found.final[:, j].astype(float)
        assert abs(x.mean()) < 4 * np.sqrt(variance / SAMPLES)
        assert abs(x.var() / variance - 1) < 4 * np.sqrt(2 / SAMPLES)


@pytest.mark.parametrize("law", [a for a in LAWS if a.momentum is not None], ids=lambda a: a.name)
def test_kinetic_energy_has_the_bias_of_the_scheme(law, dtype):
    found = final_state(law, dtype, "cpu", observables=("kinetic_energy",))
    assert_law(found.observables["kinetic_energy"][-1], law.momentum)
    unbiased = TEMPERATURE if "natural" not in law.name else 1.0
    _, error, *_ = moments(found.observables["kinetic_energy"][-1].astype(float))
    assert abs((law.momentum - unbiased).sum() / 2) > 20 * error


def test_metropolis_accepts_some_and_rejects_some():
    law = next(a for a in LAWS if a.name == "metropolis")
    accepted = final_state(law, "float64", "cpu", observables=("accepted",)).observables["accepted"]
    rate = accepted[-1] / law.steps
    assert 0.5 < rate.mean() < 0.99
    assert rate.min() > 0.2


def test_temperature_of_each_replica_is_its_own():
    """A ladder in one batch: the energy of each rung is exact at that rung's temperature."""
    temperatures = np.repeat([0.05, 0.7, 4.0], SAMPLES // 3)
    land = tw.Quadratic(SPECTRUM)
    chain = tw.Langevin(temperatures, ETA, scheme="leimkuhler_matthews")
    final = chain.run(land, np.zeros((temperatures.size, 3)), 80, record_every=80, rng=5)
    for temperature in np.unique(temperatures):
        assert_law(final.energies[-1][temperatures == temperature], np.full(3, temperature))


@pytest.mark.parametrize("scheme", ["euler_maruyama", "leimkuhler_matthews"])
def test_zero_temperature_descends(scheme):
    land = tw.Quadratic(np.geomspace(0.1, 10, 8), rotation=1)
    theta = np.random.default_rng(0).normal(size=(50, 8))
    found = tw.Langevin(0.0, 0.1, scheme=scheme).run(land, theta, 200, rng=0)
    energies = np.vstack([land.energy(theta), found.energies])
    assert (np.diff(energies, axis=0) <= 0).all()
    assert (found.energies[-1] < 0.01 * energies[0]).all()


def test_zero_temperature_is_gradient_descent():
    """Without noise Euler-Maruyama is x - eta grad L, term by term."""
    land = tw.Rastrigin(4)
    x = np.random.default_rng(0).normal(size=(6, 4))
    found = tw.Langevin(0.0, 1e-3).run(land, x, 25, record_points=True, rng=0)
    for point in found.points:
        x = x - 1e-3 * land.gradient(x)[1]
        np.testing.assert_allclose(point, x, rtol=1e-12, atol=1e-13)


def test_cooling_is_geometric():
    """On flat ground step s = 1, 2, ... is sqrt(2 eta T_s) xi.

    So its square, divided by that of an uncooled run, is T_s / T, which is
    (T_initial / T)^(1 - s / cooling_steps), and 1 from cooling_steps on.
    """
    flat, theta = tw.Quadratic(np.zeros(5)), np.zeros((4, 5))
    how = {"steps": 60, "record_points": True, "rng": 9}
    plain = tw.Langevin(1e-4, 0.1).run(flat, theta, **how)
    cooled = tw.Langevin(1e-4, 0.1, initial_temperature=1e-1, cooling_steps=40).run(
        flat, theta, **how
    )
    moves = [np.diff(run.points, axis=0, prepend=0) for run in (cooled, plain)]
    expected = 1000.0 ** np.clip(1 - np.arange(1, 61) / 40, 0, 1)
    ratio = (moves[0] / moves[1]) ** 2
    # A move is the difference of two sums, so its rounding is that of the sums.
    np.testing.assert_allclose(np.median(ratio, axis=(1, 2)), expected, rtol=1e-9)
