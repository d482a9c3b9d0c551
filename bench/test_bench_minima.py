"""pytest-benchmark of counting minima: one search, one path, whole counts, and SciPy beside them.

    pytest bench/test_bench_minima.py

Times of counts are on all threads allowed (THALWEG_NUM_THREADS), of the others on one.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

import thalweg as tw

from .searches import different_zeros, hole_and_starts, squares, triangle

STARTS = 32
SIZES = [1, 2, 3, 4, 5]  # N


def by_scipy(hole, starts):
    """Levenberg-Marquardt of MINPACK with the exact Jacobian, start by start."""

    def residual(x):
        return hole.linearized(x[None])[0][0].view(float)

    def jacobian(x):
        h = hole.linearized(x[None])[1][0]
        columns = np.stack([h, 1j * h], axis=2).reshape(len(h), -1)  # d/d Re z_j, d/d Im z_j
        return np.stack([columns.real, columns.imag], axis=1).reshape(2 * len(h), -1)

    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": 400}
    ends = [least_squares(residual, x, jacobian, method="lm", **tight) for x in starts]
    good = np.array([np.abs(end.fun).max() < 1e-8 for end in ends])
    return np.array([end.x for end in ends])[good]


@pytest.mark.parametrize("engine", ["thalweg", "scipy"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_search(benchmark, n, engine):
    """The same starts; both must end at minima that are known from a complete count."""
    hole, starts = hole_and_starts(n, STARTS)
    benchmark.group = f"{STARTS} searches N={n}"
    if engine == "scipy":
        points = benchmark.pedantic(by_scipy, (hole, starts), rounds=3)
    else:
        ends = benchmark(hole.find_zeros, starts, threads=1)
        points = ends.points[ends.found]
    benchmark.extra_info["ms_per_start"] = 1e3 * benchmark.stats.stats.min / STARTS
    benchmark.extra_info["success"] = len(points) / STARTS
    assert len(points) > STARTS / 2
    known = tw.protocols.count_minima(hole, rng=0).fingerprints[:, 0] ** 2
    distance = np.abs(squares(hole, points)[:, None] - known).min(axis=1)
    assert (distance < 1e-5 * (1 + np.abs(known).max())).all()


@pytest.mark.parametrize("n", SIZES)
def test_path(benchmark, n):
    """One triangle in the couplings per path; the ends are zeros again, all different."""
    hole, starts = hole_and_starts(n, STARTS)
    points = different_zeros(hole, starts)
    benchmark.group = "paths"
    paths = benchmark.pedantic(hole.follow, (points, triangle(hole)), {"threads": 1}, rounds=3)
    benchmark.extra_info["ms_per_path"] = 1e3 * benchmark.stats.stats.min / len(points)
    benchmark.extra_info["matrices_per_path"] = float(paths.steps.mean())
    assert paths.found.mean() > 0.9
    reached = squares(hole, paths.points[paths.found]).round(6)
    assert len(np.unique(reached)) == len(reached)


@pytest.mark.parametrize("n", SIZES)
def test_count(benchmark, n):
    """From a cold start to the certificate, for three couplings (N = 5: one)."""
    holes = [tw.BlackHole((1, 1, 1, n), rng=seed) for seed in range(3 if n < 5 else 1)]
    benchmark.group = "counts"

    def count():
        return [tw.protocols.count_minima(hole, rng=seed) for seed, hole in enumerate(holes)]

    found = benchmark.pedantic(count, rounds=1)
    benchmark.extra_info["median_seconds"] = float(np.median([each.seconds for each in found]))
    for each in found:
        assert each.complete
        assert each.count == tw.exact_index(n)
