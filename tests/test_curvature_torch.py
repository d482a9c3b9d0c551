"""The same network in PyTorch: Hessian, ends and spectrum by curvlinops, which shares no code.

Runs where both are installed: pip install torch curvlinops-for-pytorch.
"""

import warnings
from itertools import pairwise

import numpy as np
import pytest

import thalweg as tw

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of torch about itself, while it is imported
    torch = pytest.importorskip("torch")
    curvlinops = pytest.importorskip("curvlinops")

pytestmark = pytest.mark.filterwarnings("ignore")  # what others warn of is not ours
SIZES = [6, 16, 8, 1]
SAMPLES = 50


@pytest.fixture(scope="module")
def both():
    """Landscape and point [1, P], and the operator of the same loss in PyTorch."""
    torch.set_num_threads(1)  # a network this small gains nothing from more, and waits for them
    data = tw.datasets.random_labels(samples=SAMPLES, features=SIZES[0], rng=0)
    land = tw.MLP(SIZES, "tanh", "mse", data=data)
    start = land.init(1, scheme="glorot", rng=3)
    theta = np.ascontiguousarray(
        tw.Adam(0.01).run(land, start, steps=200, record_every=200, rng=1).final
    )
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(SIZES)]
    steps = [step for layer in layers for step in (layer, torch.nn.Tanh())][:-1]
    model = torch.nn.Sequential(*steps).double()
    torch.nn.utils.vector_to_parameters(torch.tensor(theta[0]), model.parameters())
    batch = [(torch.tensor(data.inputs), torch.tensor(data.targets, dtype=torch.float64)[:, None])]
    operator = curvlinops.HessianLinearOperator(
        model, torch.nn.MSELoss(), [p for p in model.parameters() if p.requires_grad], batch
    )
    return land, theta, operator


def test_products_agree(both):
    land, theta, operator = both
    v = tw.rng.normals(1, stream="test", replicas=1, count=land.dim)
    theirs = (operator @ torch.tensor(v[0])).detach().numpy()
    np.testing.assert_allclose(land.hvp(theta, v)[0], theirs, atol=1e-12 * np.abs(theirs).max())


def test_ends_agree(both):
    land, theta, operator = both
    theirs = (operator @ torch.eye(land.dim, dtype=torch.float64)).detach().numpy()
    values, vectors = np.linalg.eigh(0.5 * (theirs + theirs.T))
    size = np.abs(values).max()
    np.testing.assert_allclose(land.hessian(theta)[0], theirs, atol=1e-13 * size)
    for which, order in (("largest", [-1, -2, -3, -4]), ("smallest", [0, 1, 2, 3])):
        ours = tw.curvature.eigenpairs(land, theta, 4, which, tolerance=1e-9, rng=1)
        np.testing.assert_allclose(ours.values[0], values[order], atol=1e-10 * size)
        overlap = np.abs((ours.vectors[0] * vectors.T[order]).sum(axis=1))
        np.testing.assert_allclose(overlap, 1, atol=1e-9)


def test_spectra_agree(both):
    """Both densities scatter about the exact one, smoothed alike, as n probes must.

    A probe puts weight w_i on eigenvalue i with mean 1/P and variance at most 2/P^2 (theirs are
    Gaussian, normalised; ours signs), so a line shape g(x) scatters by sqrt(2 sum g_i^2)/P.
    """
    land, theta, operator = both
    exact = np.linalg.eigvalsh(land.hessian(theta)[0])
    steps, probes, kappa, margin = 80, 8, 3.0, 0.05
    torch.manual_seed(0)
    grid, theirs = curvlinops.lanczos_approximate_spectrum(
        operator, steps, 400, probes, kappa, boundaries=(exact[0], exact[-1]), margin=margin
    )
    grid, theirs = grid.numpy(), theirs.detach().numpy()
    half = 0.5 * (exact[-1] - exact[0]) * (1 + margin)  # what they map to the interval [-1, 1]
    width = half * 2 / (steps - 1) / np.sqrt(8 * np.log(kappa))
    ours = tw.curvature.spectral_density(land, theta, probes, steps, rng=1).density(grid, width)[0]
    lines = np.exp(-0.5 * ((grid[:, None] - exact) / width) ** 2) / (np.sqrt(2 * np.pi) * width)
    mean, sd = lines.mean(axis=1), np.sqrt(2 * (lines**2).sum(axis=1) / probes) / land.dim
    floor = 0.02 * mean.max()  # nodes stand for groups of eigenvalues where these are dense
    theirs = theirs * np.trapezoid(mean, grid) / np.trapezoid(theirs, grid)
    assert (np.abs(ours - mean) < 5 * sd + floor).all()
    assert (np.abs(theirs - mean) < 5 * sd + floor).all()


def test_traces_agree(both):
    land, theta, operator = both
    hessian = land.hessian(theta)[0]
    probes = 200
    off = (hessian**2).sum() - (np.diag(hessian) ** 2).sum()
    sd = np.sqrt(2 * off / probes)
    torch.manual_seed(0)
    theirs = float(curvlinops.hutchinson_trace(operator, probes))
    ours = float(tw.curvature.trace(land, theta, probes, rng=1)[0][0])
    assert abs(ours - np.trace(hessian)) < 4 * sd
    assert abs(ours - theirs) < 4 * np.sqrt(2) * sd
