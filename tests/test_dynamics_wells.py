"""Langevin dynamics in wells that are not harmonic: exact means, to two per cent."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg.theory import walls

TWO_PER_CENT = 0.02


def mean_and_error(per_replica):
    """Mean over independent replicas of their time averages, and its standard error."""
    return per_replica.mean(), per_replica.std(ddof=1) / np.sqrt(per_replica.size)


SCHEMES = {
    "euler_maruyama": {"step_size": 0.15},
    "leimkuhler_matthews": {"step_size": 0.15, "scheme": "leimkuhler_matthews"},
    "baoab": {"step_size": 0.3, "scheme": "baoab", "friction": 0.4},
    "metropolis": {"step_size": 0.25, "metropolis": True},
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("temperature", [1e-3, 1e-6])
def test_exponential_walls_have_the_exact_mean_energy(scheme, temperature):
    """V = sum A e^-x for x < M: <V>/T = 3.196 and 7.116 for n = 40, M = 20.

    Half of the walkers start a quarter and half three quarters of the way from wall to lid, where
    the energy is next to nothing; without the reflecting lid they would leave and the mean would
    fall.
    """
    land = tw.ExponentialWalls(40, amplitude=1.0, lid=20.0)
    exact = walls.lidded_k(temperature, 40, 20.0)
    wall = np.log(1 / temperature)
    replicas = 384 if temperature < 1e-4 else 720
    places = wall + np.array([0.25, 0.75]) * (20.0 - wall)
    theta = np.tile(places, (replicas, 20))
    chain = tw.Langevin(temperature, units="natural", **SCHEMES[scheme])
    found = chain.run(land, theta, 12_000, record_every=20, rng=4, record_points=False)
    assert found.status.ok.all()
    assert (found.final < 20.0).all(), "the lid reflects"
    mean, error = mean_and_error(found.energies[200:].mean(axis=0) / temperature)
    assert error < 0.006 * exact, "too noisy to notice two per cent"
    assert abs(mean / exact - 1) < TWO_PER_CENT


@pytest.mark.parametrize("scheme", ["leimkuhler_matthews", "baoab"])
def test_cosh_well_has_the_exact_mean_energy(scheme):
    """V = A cosh kx, from harmonic (a = A/T = 10) to wall-like (a = 1e-3).

    The thermal part <V> - A is compared, which at a = 10 is a twentieth of the whole.
    """
    ratios = np.array([10.0, 1.0, 0.1, 1e-3])
    dim = 10
    a = np.repeat(ratios, [600, 600, 600, 1500])  # the hottest fluctuates most
    land = tw.CoshWell(dim, amplitude=1.0, kappa=1.0)
    theta = np.random.default_rng(1).uniform(-1, 1, size=(a.size, dim))
    # The stiffest curvature that matters, of U = V/T, is about max(a, 6).
    step = 0.5 / np.sqrt(np.maximum(a, 6.0))
    options = SCHEMES[scheme] | {"step_size": step if scheme == "baoab" else 0.7 * step}
    found = tw.Langevin(1 / a, units="natural", **options).run(
        land, theta, 9000, record_every=20, rng=8
    )
    assert found.status.ok.all()
    energies = found.energies[150:].mean(axis=0) / dim
    for ratio in ratios:
        exact = walls.cosh_mean_energy(1 / ratio) - 1
        mean, error = mean_and_error(energies[a == ratio] - 1)
        assert error < 0.006 * exact, f"too noisy to notice two per cent at a = {ratio}"
        assert abs(mean / exact - 1) < TWO_PER_CENT, f"a = {ratio}"


def test_tilted_walls_have_the_exact_energies_and_counts():
    """L = sum e^-x under a prior e^{-a x}: Gamma(n a, T), and Dirichlet shares."""
    temperature, tilt, count, replicas = 1e-4, 0.4, 40, 400

    def gradient(x):
        losses = np.exp(-x)
        energy = (losses + tilt * temperature * x).sum(axis=1)
        return energy, tilt * temperature - losses

    land = tw.UserLandscape(lambda x: gradient(x)[0], gradient, dim=count)
    chain = tw.Langevin(temperature, units="natural", **SCHEMES["metropolis"])
    theta = np.full((replicas, count), np.log(1 / temperature))
    found = chain.run(land, theta, 6000, record_every=40, record_points=True, rng=2)
    assert found.status.ok.all()
    u = np.exp(-found.points[25:]) / temperature  # [S, R, n]
    totals = u.sum(axis=2)
    k = count * tilt
    shares = ((u / totals[:, :, None]) ** 2).sum(axis=2)
    for sample, exact in (
        (totals, k),
        ((u > walls.BOUNDARY_LEVEL).sum(axis=2), walls.tilted_points_near_boundary(k, count)),
        (shares, 1 / (1 + walls.tilted_participation(k, count))),
        (walls.energy_distribution(totals * temperature, k, temperature), 0.5),
    ):
        mean, error = mean_and_error(sample.mean(axis=0))
        assert error < 0.006 * exact, "too noisy to notice two per cent"
        assert abs(mean / exact - 1) < TWO_PER_CENT
    variance, error = mean_and_error(((totals - k) ** 2).mean(axis=0))
    assert error < 0.02 * k
    assert abs(variance - k) < 4 * error


def test_virial_identity_of_a_network_in_a_box():
    """<theta . grad L>/T + <|theta|^2>/sigma^2 = P at equilibrium, for any L: by parts."""
    data = tw.datasets.random_labels(samples=20, features=6, rng=0)
    land = tw.MLP([6, 12, 1], loss="logistic", parameterization="ntk", data=data)
    temperature, sigma = 1e-2, 2.0
    theta = sigma * np.random.default_rng(0).normal(size=(64, land.dim))
    chain = tw.Langevin(
        temperature,
        0.1,
        scheme="baoab",
        friction=1 / sigma,
        confinement=sigma,
        units="natural",
        initial_temperature=0.1,
        cooling_steps=800,
    )
    names = ("virial", "squared_norm")
    found = chain.run(land, theta, 4000, record_every=10, observables=names, rng=1)
    assert found.status.ok.all()
    virial, norms = (found.observables[name][150:].mean(axis=0) for name in names)
    parts = virial / temperature, norms / sigma**2
    mean, error = mean_and_error(parts[0] + parts[1])
    assert abs(parts[0].mean()) > 5, "the loss must take part, or the identity tests the box alone"
    assert error < 0.01 * land.dim
    assert abs(mean / land.dim - 1) < TWO_PER_CENT
