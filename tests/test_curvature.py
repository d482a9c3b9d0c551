"""Thermometers of Hessians against spectra that are known, and against numpy on small networks.

Tolerances of random estimates are four to five of their exact standard deviations, which are known
in closed form; everything else is linear algebra and must hold to rounding.
"""

import numpy as np
import pytest
from scipy.special import betainc

import thalweg as tw
from thalweg import curvature as cv

EXACT = 1e-10  # rounding of products and projections, relative to |H|


def ramp(dim, **how):
    """Eigenvalues 1/P, 2/P, .. 1 in random directions."""
    return tw.Quadratic(np.arange(1, dim + 1) / dim, rotation=3, **how)


def network(dtype="float64", activation="tanh", replicas=None):
    data = tw.datasets.random_labels(samples=20, features=5, replicas=replicas, rng=0)
    return tw.MLP(
        [5, 12, 1], activation, "logistic", parameterization="ntk", data=data, dtype=dtype
    )


def zeros(land, replicas=3):
    return np.zeros((replicas, land.dim), land.dtype)


def gaussian(dim=500):
    """A matrix of the Gaussian orthogonal ensemble, scaled to a spectrum of radius 2."""
    draws = tw.rng.normals(5, stream="test", replicas=dim, count=dim)
    return (draws + draws.T) / np.sqrt(2 * dim)


def of_matrix(matrix, **how):
    values, vectors = np.linalg.eigh(matrix)
    return tw.Quadratic(values, rotation=vectors, **how)


# --- eigenpairs ---


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("which", ["largest", "smallest", "both", "magnitude"])
def test_eigenpairs_of_a_rotated_spectrum(which, block):
    land = tw.Quadratic(np.linspace(-1.5, 1, 300) ** 3, rotation=2)
    found = cv.eigenpairs(land, zeros(land), 3, which, 1e-8, block=block, rng=4)
    low, high = land.spectrum[:3], land.spectrum[::-1][:3]
    expected = {"largest": high, "smallest": low, "magnitude": low, "both": [*low, *high]}[which]
    # A residual r moves a value by r^2 / gap at most; the nearest neighbour is 0.008 away.
    np.testing.assert_allclose(found.values, np.tile(expected, (3, 1)), rtol=0, atol=1e-12)
    assert found.converged.all()
    assert (found.relative_residuals() <= 1e-8).all()
    for r, (values, vectors) in enumerate(zip(found.values, found.vectors, strict=True)):
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(values)), atol=EXACT)
        images = land.hvp(np.zeros_like(vectors), vectors)
        rest = np.linalg.norm(images - values[:, None] * vectors, axis=1)
        np.testing.assert_allclose(rest, found.residuals[r], atol=1e-14)


@pytest.mark.parametrize("dim", [1, 2, 7, 24])
def test_eigenpairs_where_all_of_space_is_small(dim):
    land = ramp(dim)
    found = cv.eigenpairs(land, zeros(land), dim, "smallest", rng=1)
    np.testing.assert_allclose(found.values, np.tile(land.spectrum, (3, 1)), atol=EXACT)
    assert found.converged.all()


def test_a_degenerate_value_is_found_once_per_starting_vector():
    spectrum = np.append(np.linspace(0, 0.5, 296), [1.9, 2.0, 2.0, 2.0])
    land = tw.Quadratic(spectrum, rotation=6)
    # In ten steps what stands out grows by 14^10 = 3e11: enough for the values, not for rounding to
    # bring in another copy, as it does in longer runs.
    once = cv.eigenpairs(land, zeros(land), 2, rng=1, tolerance=1e-4, subspace=10)
    assert (once.products_used == 12).all()
    np.testing.assert_allclose(once.values, [[2.0, 1.9]] * 3, atol=1e-6)
    thrice = cv.eigenpairs(land, zeros(land), 4, rng=1, block=3)
    np.testing.assert_allclose(thrice.values, [[2.0, 2.0, 2.0, 1.9]] * 3, atol=1e-9)
    whole = tw.Quadratic(spectrum[-20:], rotation=6)  # fits the subspace: copies are found as well
    few = cv.eigenpairs(whole, zeros(whole), 4, rng=1)
    np.testing.assert_allclose(few.values, [[2.0, 2.0, 2.0, 1.9]] * 3, atol=EXACT)


def test_a_flat_hessian_has_any_vectors():
    land = tw.Quadratic(0.0, dim=50)
    found = cv.eigenpairs(land, zeros(land), 2, "both", rng=0)
    assert (found.values == 0).all()
    assert found.converged.all()
    gram = found.vectors @ found.vectors.transpose(0, 2, 1)
    np.testing.assert_allclose(gram, np.tile(np.eye(4), (3, 1, 1)), atol=EXACT)


@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-9), ("float32", 4e-6)])
def test_eigenpairs_of_a_network(dtype, error):
    land = network(dtype)
    theta = land.init(6, scheme="normal", rng=1)
    exact = np.linalg.eigvalsh(network().hessian(theta.astype("float64")))
    size = np.abs(exact).max()
    found = cv.eigenpairs(land, theta, 3, "both", rng=2)
    expected = np.concatenate([exact[:, :3], exact[:, :-4:-1]], axis=1)
    np.testing.assert_allclose(found.values, expected, atol=error * size)
    assert found.products == "exact"
    assert found.converged.all()


def test_replicas_that_have_converged_cost_nothing_more():
    """Far out on one wall a value stands apart and converges at once; else neighbours are near."""
    land = tw.CoshWell(200)
    theta = tw.rng.uniforms(1, stream="test", replicas=4, count=200)
    theta[:2, 0] = 12
    found = cv.eigenpairs(land, theta, rng=1)
    np.testing.assert_allclose(found.values[:, 0], np.cosh(theta).max(axis=1), rtol=1e-9)
    assert found.products_used[:2].max() < found.products_used[2:].min()


def test_giving_up_is_said_aloud():
    land = ramp(400)
    with pytest.warns(UserWarning, match="have not converged"):
        found = cv.eigenpairs(land, zeros(land), rng=1, most_products=10)
    assert (found.products_used == 11).all()  # and one for the residual
    assert not found.converged.any()
    assert (found.residuals > 1e-6 * found.values).all()
    assert "not converged" in found.summary()


# --- spectral density ---


def test_density_of_a_rotated_ramp():
    dim, probes, steps = 600, 10, 80
    land = ramp(dim)
    found = cv.spectral_density(land, zeros(land), probes, steps, rng=1)
    grid = np.linspace(-0.1, 1.1, 3001)
    exact = np.searchsorted(land.spectrum, grid, side="right") / dim
    off = np.abs(found.cumulative(grid) - exact).max(axis=1)
    assert (off < 3 / np.sqrt(probes * dim) + 1 / steps).all()
    density = found.density(grid)
    np.testing.assert_allclose(np.trapezoid(density, grid, axis=1), 1, atol=1e-6)
    inside = (grid > 0.1) & (grid < 0.9)
    np.testing.assert_allclose(found.density(grid, width=0.05)[:, inside], 1, atol=0.15)


def test_moments_are_exact_for_every_probe():
    """Gauss quadrature: sum_j w_j node_j^k P = v^T H^k v up to k = 2 m - 1, and not beyond."""
    land, steps = network(), 4
    theta = land.init(2, scheme="normal", rng=1)
    hessian = land.hessian(theta)
    found = cv.spectral_density(land, theta, 3, steps, rng=5)
    size = np.abs(np.linalg.eigvalsh(hessian)).max()
    for probe in range(3):
        v = tw.rng.rademacher(5, stream="probe", step=probe, replicas=2, count=land.dim)
        power = v
        for k in range(2 * steps + 1):
            exact = (v * power).sum(axis=1) / land.dim
            ours = (found.weights[:, probe] * found.nodes[:, probe] ** k).sum(axis=1)
            if k < 2 * steps:
                np.testing.assert_allclose(ours, exact, atol=1e-13 * size**k)
            else:
                assert (np.abs(ours - exact) > 1e-9 * size**k).all()
            power = np.einsum("rij,rj->ri", hessian, power)
    np.testing.assert_allclose(found.trace()[0], cv.trace(land, theta, 3, rng=5)[0], rtol=1e-12)
    np.testing.assert_allclose(found.trace()[1], cv.trace(land, theta, 3, rng=5)[1], rtol=1e-9)


def test_a_gaussian_matrix_has_a_semicircle_of_radius_two():
    """Rigidity: eigenvalues of one matrix are within about 1/P of the law, far below the bound."""
    land = of_matrix(gaussian())
    found = cv.spectral_density(land, zeros(land, 1), 10, 80, rng=2)
    grid = np.linspace(-2.3, 2.3, 1001)
    law = betainc(1.5, 1.5, np.clip((grid + 2) / 4, 0, 1))
    assert np.abs(found.cumulative(grid) - law).max() < 3 / np.sqrt(10 * land.dim) + 1 / 80
    low, high = (float(end[0]) for end in found.range())
    # The edge scatters by P^(-2/3) = 0.016, and the outermost nodes of 80 reach it.
    assert abs(low + 2) < 0.08
    assert abs(high - 2) < 0.08
    second, fourth = (found.moments(order)[0][0] for order in (2, 4))
    assert abs(second - 1) < 0.05
    assert abs(fourth - 2) < 0.2


def test_a_space_that_ends_early_keeps_its_moments():
    """Three different values: three nodes carry everything, the others weigh nothing."""
    land = tw.Quadratic(np.repeat([-1.0, 0.0, 2.0], 30), rotation=1)
    found = cv.spectral_density(land, zeros(land, 2), 4, 20, rng=1)
    heavy = found.weights > 1e-10
    np.testing.assert_allclose(found.weights.sum(axis=2), 1, atol=EXACT)
    assert np.abs(found.nodes[heavy][:, None] - [-1, 0, 2]).min(axis=1).max() < EXACT
    flat = cv.spectral_density(tw.Quadratic(0.0, dim=5), np.zeros((1, 5)), 2, 3, rng=1)
    assert (flat.moments(1)[0] == 0).all()
    assert np.isfinite(flat.density([0.0])).all()


def test_results_are_drawn_saved_and_summarised(tmp_path):
    land = ramp(60)
    density = cv.spectral_density(land, zeros(land), 3, 10, rng=1)
    pairs = cv.eigenpairs(land, zeros(land), 2, rng=1)
    for result in (density, pairs):
        again = type(result).load(result.save(tmp_path / "result.npz"))
        assert again.summary() == result.summary()
        assert again.provenance["seed"] == 1
    assert len(density.plot().lines) == 3
    assert "3 probes x 10 nodes" in density.summary()


# --- trace and diagonal ---


def test_trace_scatters_as_hutchinson_says():
    """Var = 2 (|H|_F^2 - sum h_ii^2) / n; 2000 replicas with 10 probes each."""
    replicas, probes = 2000, 10
    land = of_matrix(gaussian(40))
    hessian = land.hessian(zeros(land, 1))[0]
    variance = 2 * ((hessian**2).sum() - (np.diag(hessian) ** 2).sum()) / probes
    value, error = cv.trace(land, zeros(land, replicas), probes, rng=1)
    assert abs(value.mean() - np.trace(hessian)) < 4 * np.sqrt(variance / replicas)
    # Nearly normal: the relative error of a variance of n numbers is sqrt(2 / n).
    assert abs(value.var() / variance - 1) < 5 * np.sqrt(2 / replicas)
    assert abs((error**2).mean() / variance - 1) < 5 * np.sqrt(2 / (replicas * (probes - 1)))


def test_diagonal_of_a_network():
    land = network()
    theta = land.init(2, scheme="normal", rng=1)
    hessian = land.hessian(theta)
    exact = np.einsum("rii->ri", hessian)
    probes = 400
    sd = np.sqrt(((hessian**2).sum(axis=2) - exact**2) / probes)
    value, error = cv.diagonal(land, theta, probes, rng=1)
    z = (value - exact) / sd
    assert np.abs(z).max() < 5
    assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / land.dim)  # entries of a probe are correlated
    np.testing.assert_allclose(error, sd, rtol=0.5)
    assert abs(np.mean(error**2 / sd**2) - 1) < 0.1


def test_a_diagonal_hessian_has_no_error():
    land = tw.Quadratic([1.0, -2.0, 5.0])
    for found, exact in ((cv.trace, 4), (cv.diagonal, [1, -2, 5])):
        value, error = found(land, zeros(land), 3, rng=1)
        np.testing.assert_array_equal(value, np.broadcast_to(exact, value.shape))
        assert (error == 0).all()
