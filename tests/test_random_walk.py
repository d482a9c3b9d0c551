"""Random walks against their exact laws: free, on the sphere, and inside a level set."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import gamma, jv

import thalweg as tw


def deviation(samples, expected):
    """How many standard errors the mean over independent replicas (last axis) is off."""
    error = samples.std(axis=-1, ddof=1) / np.sqrt(samples.shape[-1])
    return np.abs(samples.mean(axis=-1) - expected) / error


def test_free_walk_on_a_quadratic():
    """Isotropic steps of length d: E L(t) = L_0 + t d^2 Tr H / (2 P), E |x_t - x_0|^2 = t d^2."""
    spectrum = np.array([0.2, 1.0, 3.0, -0.5, 2.0])
    land = tw.Quadratic(spectrum, rotation=2)
    theta = np.tile(np.array([1.0, -0.5, 0.3, 2.0, 0.0]), (40_000, 1))
    found = tw.RandomWalk(0.1).run(
        land, theta, 60, record_every=10, observables=("squared_distance",), rng=3
    )
    t = found.steps
    mean = land.energy(theta[:1])[0] + t * 0.1**2 * spectrum.sum() / (2 * 5)
    assert (deviation(found.energies, mean) < 4).all()
    assert (deviation(found.observables["squared_distance"], t * 0.1**2) < 4).all()


def test_free_steps_have_one_length_and_every_direction(dtype):
    theta = np.zeros((5000, 3), dtype=dtype)
    found = tw.RandomWalk(0.25).run(tw.CoshWell(3, dtype=dtype), theta, 1, rng=0)
    step = found.final.astype(float)
    assert_allclose(np.linalg.norm(step, axis=1), 0.25, rtol=20 * np.finfo(dtype).eps)
    cosines = step / 0.25  # uniform on [-1, 1] in three dimensions (Archimedes)
    assert (deviation(cosines.T, 0) < 4).all()
    assert (deviation((cosines**2).T, 1 / 3) < 4).all()
    assert (deviation((cosines**4).T, 1 / 5) < 4).all()


def test_cosine_landscape_forgets_at_the_exact_rate():
    """L = sum cos(k x_j), x uniform: corr(L_t, L_t+s) = phi^s, phi = E cos(k d u_1), |u| = 1.

    phi = Gamma(P/2) (2/z)^(P/2-1) J_(P/2-1)(z), z = k d; for P large it tends to exp(-z^2/(2P)),
    the value for Gaussian steps.
    """
    dim, kappa, length, replicas = 4, 1.5, 1.0, 60_000

    def energy(x):
        return np.cos(kappa * x).sum(axis=1)

    def gradient(x):
        return energy(x), -kappa * np.sin(kappa * x)

    land = tw.UserLandscape(energy, gradient, hvp=lambda x, v: v, dim=dim)
    theta = np.random.default_rng(0).uniform(0, 2 * np.pi / kappa, size=(replicas, dim))
    energies = tw.RandomWalk(length).run(land, theta, 4, rng=1).energies
    z = kappa * length
    phi = gamma(dim / 2) * (2 / z) ** (dim / 2 - 1) * jv(dim / 2 - 1, z)
    assert 0.5 < phi < 0.8
    first = energy(theta)
    for s, later in enumerate(energies, start=1):
        products = first * later / (dim / 2)  # Var L = P/2
        assert deviation(products, phi**s) < 4, f"lag {s}"


def test_sphere_walk_stays_on_its_sphere_and_forgets():
    """Each step turns by a random direction: the overlap decays but the radius does not change."""
    theta = 2.0 * np.random.default_rng(0).normal(size=(2000, 8))
    found = tw.RandomWalk(1.0, mode="sphere").run(
        tw.Quadratic(1.0, dim=8), theta, 800, record_every=40, record_points=True,
        observables=("overlap", "squared_distance"), rng=4,
    )  # fmt: skip
    radius = np.linalg.norm(theta, axis=1)
    assert_allclose(np.linalg.norm(found.points, axis=2), np.tile(radius, (20, 1)), rtol=1e-12)
    overlap = found.observables["overlap"]
    assert 0.2 < overlap[0].mean() < 0.9
    assert deviation(overlap[-1], 0) < 4
    chord = 2 * radius**2 * (1 - overlap)
    assert_allclose(found.observables["squared_distance"], chord, rtol=1e-10, atol=1e-10)
    # At the end uniform: every coordinate has second moment r^2 / P.
    end = (found.final**2).T * 8 / radius**2
    assert (deviation(end, 1) < 4).all()


def test_first_sphere_step_turns_by_the_angle_of_its_length():
    """A full step of length d, then back to the sphere: cos = (r^2 + r d u) / (r |theta'|)."""
    theta = np.array([[3.0, 0.0, 0.0, 0.0]]).repeat(4000, axis=0)
    how = {"steps": 1, "rng": 6}
    land = tw.CoshWell(4)
    free = tw.RandomWalk(0.8).run(land, theta, **how).final
    sphere = tw.RandomWalk(0.8, mode="sphere").run(land, theta, **how).final
    back = 3.0 * free / np.linalg.norm(free, axis=1, keepdims=True)
    assert_allclose(sphere, back, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("adapt_steps", [0, 200])
def test_micro_walk_fills_a_hard_ball(adapt_steps):
    """Uniform in |x| <= R: <r^2> = R^2 P / (P + 2), and r^P is uniform. Starts at the centre."""
    dim, radius, replicas = 10, 1.0, 20_000
    land = tw.Quadratic(2.0, dim=dim)  # L = |x|^2
    walk = tw.RandomWalk(0.35, mode="micro", energy_cap=radius**2, adapt_steps=adapt_steps)
    found = walk.run(
        land, np.zeros((replicas, dim)), 400, record_every=400, observables=("accepted",), rng=2
    )
    squared = found.energies[-1]
    assert squared.max() <= radius**2
    assert deviation(squared, radius**2 * dim / (dim + 2)) < 4
    assert deviation(squared ** (dim / 2), 0.5) < 4
    accepted = found.observables["accepted"][-1] / 400
    assert 0.05 < accepted.mean() < 0.9


@pytest.mark.parametrize("step_size", [0.01, 5.0])
def test_micro_walk_adapts_its_step_during_burn_in_only(step_size):
    """From a step far too small or too large the acceptance comes to 30 - 50 per cent."""
    land, theta = tw.Quadratic(2.0, dim=10), np.zeros((200, 10))
    walk = tw.RandomWalk(step_size, mode="micro", energy_cap=1.0, adapt_steps=1500)
    found = walk.run(land, theta, 4500, record_every=1500, observables=("accepted",), rng=2)
    accepted = found.observables["accepted"]
    rates = np.diff(accepted, axis=0).mean(axis=1) / 1500
    assert (rates > 0.25).all()
    assert (rates < 0.55).all()


def test_micro_walk_never_rises_above_its_cap():
    land = tw.MullerBrown()
    theta = np.tile([-0.558, 1.442], (300, 1))
    walk = tw.RandomWalk(0.1, mode="micro", energy_cap=-100.0)
    found = walk.run(land, theta, 300, record_points=True, rng=1)
    assert found.energies.max() <= -100.0
    moved = (np.diff(found.points, axis=0) != 0).any(axis=2)
    assert 0.1 < moved.mean() < 0.95
    lengths = np.linalg.norm(np.diff(found.points, axis=0), axis=2)[moved[:, :]]
    assert_allclose(lengths, 0.1, rtol=1e-9)


def test_counts_go_on_beyond_the_integers_of_float32():
    steps = 2**24 + 2**12  # float32 cannot add one to 2^24
    walk, theta = tw.RandomWalk(1e-3), np.zeros((1, 1), "float32")
    found = walk.run(
        tw.CoshWell(1, dtype="float32"), theta, steps, record_every=steps,
        observables=("accepted",), rng=0,
    )  # fmt: skip
    assert found.observables["accepted"][-1] == steps
