"""Every Langevin scheme, step by step, against its formula in NumPy with the same random numbers.

The statistics of test_dynamics_physics.py cannot see an error that keeps a Gaussian law; this can.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw

SEED, STEPS, SIGMA, STEP, FRICTION = 77, 40, 1.3, 0.15, 0.9
REPLICAS = np.array([5, 0, 1000, 2**32 - 1], dtype=np.uint32)
TEMPERATURE = np.array([0.3, 1.0, 0.05, 2.0])[:, None]
LAND = tw.Rastrigin(7, amplitude=0.1)  # curvatures from -2 to 6: not chaotic at this step
THETA = np.random.default_rng(4).normal(size=(4, 7))


def noise(step, stream="noise"):
    """The normal numbers [R, P] of step 1, 2, ...; momenta start with those of step 0."""
    return tw.rng.normals(SEED, stream=stream, step=step, replicas=REPLICAS, count=LAND.dim)


class Potential:
    """What the chain samples at temperature `bath`: V (plain) or U = L/T + box (natural)."""

    def __init__(self, natural, boxed):
        box = 1 / SIGMA**2 if boxed else 0.0
        self.bath = np.ones_like(TEMPERATURE) if natural else TEMPERATURE
        self.pull = 1 / TEMPERATURE if natural else np.ones_like(TEMPERATURE)
        self.prior = self.bath * box

    def value(self, x):
        box = 0.5 * self.prior[:, 0] * (x**2).sum(axis=1)
        return self.pull[:, 0] * LAND.energy(np.ascontiguousarray(x)) + box

    def slope(self, x):
        return self.pull * LAND.gradient(np.ascontiguousarray(x))[1] + self.prior * x


def overdamped(potential, natural, xi_of):
    """x <- x - eta grad + sqrt(2 eta T) xi, eta = s^2/2 in natural units."""
    x, eta = THETA, STEP**2 / 2 if natural else STEP
    for s in range(1, STEPS + 1):
        x = x - eta * potential.slope(x) + np.sqrt(2 * eta * potential.bath) * xi_of(s)
        yield x


def euler_maruyama(potential, natural):
    return overdamped(potential, natural, noise)


def leimkuhler_matthews(potential, natural):
    return overdamped(potential, natural, lambda s: (noise(s) + noise(s + 1)) / 2)


def baoab(potential, natural):
    x, p = THETA, np.sqrt(potential.bath) * noise(0, "momentum")
    keep = np.exp(-FRICTION * STEP)
    for s in range(1, STEPS + 1):
        p = p - STEP / 2 * potential.slope(x)
        x = x + STEP / 2 * p
        p = keep * p + np.sqrt(potential.bath * (1 - keep**2)) * noise(s)
        x = x + STEP / 2 * p
        p = p - STEP / 2 * potential.slope(x)
        yield x


def metropolis(potential, natural):
    """Euler-Maruyama proposals, accepted with the Metropolis-Hastings probability."""
    x, eta = THETA, STEP**2 / 2 if natural else STEP
    accepted = []

    def log_density(y, x):
        """Of proposing y from x, up to a constant."""
        gap = y - x + eta * potential.slope(x)
        return -(gap**2).sum(axis=1) / (4 * eta * potential.bath[:, 0])

    for s in range(1, STEPS + 1):
        y = x - eta * potential.slope(x) + np.sqrt(2 * eta * potential.bath) * noise(s)
        log_ratio = (potential.value(x) - potential.value(y)) / potential.bath[:, 0]
        log_ratio += log_density(x, y) - log_density(y, x)
        u = tw.rng.uniforms(SEED, stream="metropolis", step=s, replicas=REPLICAS, count=1)
        accepted.append(np.log(u[:, 0]) < log_ratio)
        x = np.where(accepted[-1][:, None], y, x)
        yield x
    fraction = np.mean(accepted)
    assert 0.1 < fraction < 0.95, "the case accepts all or nothing"


SCHEMES = {
    "euler_maruyama": (euler_maruyama, {}),
    "leimkuhler_matthews": (leimkuhler_matthews, {"scheme": "leimkuhler_matthews"}),
    "baoab": (baoab, {"scheme": "baoab", "friction": FRICTION}),
    "metropolis": (metropolis, {"metropolis": True}),
}


@pytest.mark.parametrize("boxed", [False, True], ids=["free", "boxed"])
@pytest.mark.parametrize("units", ["plain", "natural"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_step_is_its_formula(scheme, units, boxed):
    reference, options = SCHEMES[scheme]
    chain = tw.Langevin(
        TEMPERATURE[:, 0], STEP, units=units, confinement=SIGMA if boxed else None, **options
    )
    found = chain.run(LAND, THETA, STEPS, record_points=True, rng=SEED, replicas=REPLICAS)
    natural = units == "natural"
    expected = np.array(list(reference(Potential(natural, boxed), natural)))
    assert np.abs(expected[-1] - THETA).max() > 0.5, "hardly moved"
    # Rounding grows along a trajectory on a rugged surface; an error of formula is of order 0.1.
    assert_allclose(found.points, expected, rtol=0, atol=1e-8)
    assert_allclose(found.points[:5], expected[:5], rtol=0, atol=1e-13)


def test_metropolis_counts_what_it_accepts():
    chain = tw.Langevin(TEMPERATURE[:, 0], STEP, metropolis=True)
    found = chain.run(LAND, THETA, STEPS, record_points=True, observables=("accepted",), rng=SEED)
    before = np.concatenate([THETA[None], found.points[:-1]])
    moved = (found.points != before).any(axis=2)
    assert_array_equal(found.observables["accepted"], moved.cumsum(axis=0))


def test_momenta_start_in_equilibrium():
    """After one step of BAOAB from a minimum p has not forgotten its draw at temperature T."""
    found = tw.Langevin(0.7, 1e-6, scheme="baoab", friction=1.0).run(
        tw.CoshWell(5), np.zeros((20_000, 5)), 1, observables=("kinetic_energy",), rng=1
    )
    kinetic = found.observables["kinetic_energy"][-1]
    error = kinetic.std() / np.sqrt(kinetic.size)
    assert abs(kinetic.mean() - 5 * 0.7 / 2) < 4 * error
