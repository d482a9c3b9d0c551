"""Landscapes against closed forms and published stationary points."""

from __future__ import annotations

import numpy as np
import pytest
from cases import NETWORKS, generator
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw

ROTATED = tw.Quadratic(np.geomspace(0.1, 10, 12), center=0.5, rotation=7)


def test_quadratic_diagonal_is_its_formula(dtype):
    spectrum, center = np.array([0.5, 1.0, 4.0]), np.array([1.0, -2.0, 0.25])
    land = tw.Quadratic(spectrum, center=center, dtype=dtype)
    x = generator("q").normal(size=(9, 3)).astype(dtype)
    d = x.astype(float) - center
    rtol = 20 * np.finfo(dtype).eps
    assert_allclose(land.energy(x), 0.5 * (spectrum * d**2).sum(axis=1), rtol=rtol)
    assert_allclose(land.gradient(x)[1], spectrum * d, rtol=rtol, atol=rtol)
    hessian = land.hessian(x[:1])[0]
    assert_array_equal(hessian, np.diag(spectrum).astype(dtype))


def test_quadratic_from_one_number():
    x = np.array([[1.0, 2.0, -2.0, 0.0]])
    assert_allclose(tw.Quadratic(3.0, dim=4).energy(x), [13.5], rtol=1e-15)


def test_rotation_keeps_the_spectrum_and_the_center():
    hessian = ROTATED.hessian(np.full((1, 12), 0.3))[0]
    assert_allclose(np.linalg.eigvalsh(hessian), np.geomspace(0.1, 10, 12), rtol=1e-12)
    off_diagonal = hessian - np.diag(np.diag(hessian))
    assert np.linalg.norm(off_diagonal) > 1, "a random rotation mixes coordinates"
    energy, gradient = ROTATED.gradient(np.full((1, 12), 0.5))
    assert_allclose(energy, 0, atol=1e-28)
    assert_allclose(gradient, 0, atol=1e-14)


def test_rotation_follows_its_seed():
    x = np.ones((1, 12))
    again = tw.Quadratic(np.geomspace(0.1, 10, 12), center=0.5, rotation=7)
    other = tw.Quadratic(np.geomspace(0.1, 10, 12), center=0.5, rotation=8)
    assert_array_equal(again.energy(x), ROTATED.energy(x))
    assert other.energy(x) != ROTATED.energy(x)


MINIMA = [
    (-0.558223634633, 1.441725841805, -146.699517209954),
    (0.623499404931, 0.028037758529, -108.166724116852),
    (-0.050010822998, 0.466694104872, -80.767818129659),
]
SADDLES = [
    (-0.822001558733, 0.624312802815, -40.664843508657),
    (0.212486582001, 0.292988325107, -72.248940112325),
]


@pytest.mark.parametrize(("point", "index"), [(p, 0) for p in MINIMA] + [(p, 1) for p in SADDLES])
def test_muller_brown_stationary_points(point, index):
    """Müller & Brown, Theor. Chim. Acta 53, 75 (1979), doi:10.1007/BF00547608."""
    x, land = np.array([point[:2]]), tw.MullerBrown()
    energy, gradient = land.gradient(x)
    assert_allclose(energy, point[2], rtol=1e-12)
    eigenvalues = np.linalg.eigvalsh(land.hessian(x)[0])
    assert (eigenvalues < 0).sum() == index
    # Coordinates are known to 1e-12, so the gradient is below curvature times that.
    assert np.abs(gradient).max() < 1e-11 * np.abs(eigenvalues).max()


def test_rastrigin_minima():
    """E = amplitude P + sum(x^2 - amplitude cos 2 pi x), amplitude 10: tabulated 1-D minima."""
    land = tw.Rastrigin(2)
    x = np.array([[0.0, 0.0], [0.9949586377, 0.0], [1.9899122337, 3.9797838603]])
    energy, gradient = land.gradient(x)
    expected = [0.0, 0.9949590571, 3.9798311906 + 15.9192437925]
    assert_allclose(energy, expected, rtol=1e-9, atol=1e-13)
    assert np.abs(gradient).max() < 1e-6
    top = np.array([[0.5025460366, 0.0]])
    assert land.hessian(top)[0, 0, 0] < -300
    assert np.abs(land.gradient(top)[1]).max() < 1e-6


def test_exponential_walls_and_lid(dtype):
    land = tw.ExponentialWalls(3, amplitude=2.0, lid=20.0, dtype=dtype)
    x = np.array([[0.0, 1.0, 19.5], [0.0, 20.5, 0.0]], dtype=dtype)
    energy = land.energy(x)
    assert_allclose(energy[0], 2 * np.exp([0, -1, -19.5]).sum(), rtol=8 * np.finfo(dtype).eps)
    assert energy[1] == np.inf, "beyond the lid the energy is infinite"
    inside = x[:1].astype(float)
    slope = land.gradient(x[:1])[1]
    assert_allclose(slope, -2 * np.exp(-inside), rtol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    "dynamics",
    [
        tw.SGD(0.5, momentum=0.5),
        tw.Adam(0.3),
        tw.GradientFlow(0.5, adaptive=False),
        tw.GradientFlow(0.5),
        tw.RandomWalk(0.5),
        tw.Langevin(0.1, 0.3),
        tw.Langevin(0.1, 0.5, scheme="baoab", friction=0.5),
        tw.Langevin(0.1, 0.3, metropolis=True),
    ],
    ids=repr,
)
def test_no_dynamics_passes_the_lid(dynamics):
    """The walls push towards the lid, and every dynamics comes back from it."""
    theta = np.full((50, 2), 0.6)
    land = tw.ExponentialWalls(2, lid=1.0)
    found = dynamics.run(land, theta, 100, record_points=True, rng=0)
    assert found.status.ok.all()
    assert np.isfinite(found.energies).all()
    assert found.points.max() <= 1.0
    assert found.points.max() > 0.85, "the lid was never near"


def test_cosh_well_curvature_is_proportional_to_energy():
    """V'' = kappa^2 V for every coordinate, so Tr H = kappa^2 V (physics of the cosh well)."""
    land = tw.CoshWell(4, amplitude=0.3, kappa=1.7)
    x = generator("cosh").normal(size=(6, 4))
    energy = land.energy(x)
    assert_allclose(energy, 0.3 * np.cosh(1.7 * x).sum(axis=1), rtol=1e-13)
    trace = np.trace(land.hessian(x), axis1=1, axis2=2)
    assert_allclose(trace, 1.7**2 * energy, rtol=1e-12)


def test_a_sum_is_the_sum(dtype):
    a, b = tw.Rastrigin(3, dtype=dtype), tw.CoshWell(3, dtype=dtype)
    both = a + b + tw.Quadratic(0.5, dim=3, dtype=dtype)
    x, v = (generator("sum", s).normal(size=(4, 3)).astype(dtype) for s in (0, 1))
    spring = tw.Quadratic(0.5, dim=3, dtype=dtype)
    parts = (a, b, spring)
    tolerance = 100 * np.finfo(dtype).eps
    assert_allclose(both.energy(x), sum(p.energy(x) for p in parts), rtol=tolerance)
    gradient = sum(p.gradient(x)[1] for p in parts)
    assert_allclose(both.gradient(x)[1], gradient, rtol=tolerance, atol=100 * tolerance)
    assert_allclose(both.hvp(x, v), sum(p.hvp(x, v) for p in parts), rtol=tolerance, atol=1e-3)


def test_a_network_plus_a_spring_is_a_network_with_weight_decay():
    plain, decayed = (
        tw.MLP([3, 5, 1], weight_decay=decay, data=_regression()) for decay in (0.0, 0.2)
    )
    confined = plain + tw.Quadratic(0.2, dim=plain.dim)
    x = generator("spring").normal(size=(7, plain.dim))
    for mine, theirs in zip(confined.gradient(x), decayed.gradient(x), strict=True):
        assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


def _regression():
    draws = generator("regression")
    return tw.datasets.from_arrays(draws.normal(size=(8, 3)), draws.normal(size=(8, 1)))


@pytest.mark.parametrize("case", NETWORKS, ids=lambda case: case.name)
def test_networks_follow_the_written_conventions(case):
    """Layout, scales, losses and the mean over samples, against plain NumPy."""
    rows = np.arange(4)
    land, x = case.build(rows=rows), case.points(4)
    energy, gradient = land.gradient(x)
    reference = case.reference
    assert land.dim == reference.dim
    for r in rows:
        data = case.data_of(r)
        assert_allclose(energy[r], reference.energy(x[r], *data), rtol=1e-12)
        expected = reference.gradient(x[r], *data)
        assert np.linalg.norm(gradient[r] - expected) < 1e-12 * np.linalg.norm(expected)
        assert_allclose(land.sample_losses(x)[r], reference.sample_losses(x[r], *data), atol=1e-12)
        assert_allclose(land.predict(x)[r], reference.predict(x[r], data[0]), atol=1e-12)


def test_model_m1_is_reachable():
    """f = K^-1/2 sum a_k tanh(w_k . x / sqrt(d) + b_k) + c, P = K (d + 2) + 1 = 601."""
    case = next(c for c in NETWORKS if c.name == "m1")
    land, theta = case.build(), case.points(1)[0]
    assert land.dim == 601
    w, b = theta[:500].reshape(50, 10), theta[500:550]
    a, c = theta[550:600], theta[600]
    x = case.pool()[0]
    f = np.tanh(x @ w.T / np.sqrt(10) + b) @ a / np.sqrt(50) + c
    assert_allclose(land.predict(theta[None])[0, :, 0], f, rtol=1e-12, atol=1e-13)
