"""Searches for zeros of dW/dz: linear algebra, Newton, Levenberg-Marquardt and path following."""

from __future__ import annotations

import numpy as np
import pytest
from cases import COUPLINGS, generator
from conftest import TARGETS
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw

# W^2 of one minimum of each pair, at the couplings of the cases: found by an independent prototype.
SPECIFIED = np.array([1 + 0.3j, 0.7 - 0.6j, -0.4 + 0.9j, 0.5 + 1.1j, -1.2 + 0.2j, 0.3 - 0.8j])
SQUARES = {
    1: [40.46184053 + 0.55697452j, 6.71098752 + 14.49796192j, -0.74853862 - 10.92795187j,
        -6.74273357 + 4.88462328j, 3.33861797 + 3.5656083j, 4.30782615 - 2.04121616j],
    2: [142.2723403 + 64.23890785j, 123.56809049 - 10.14579701j, 63.12260016 + 76.77420122j,
        65.98868924 + 17.52636637j, -2.38819945 + 55.26175202j, 53.32866658 - 10.46061467j],
}  # fmt: skip


def real(z):
    return np.ascontiguousarray(z, dtype=complex).view(float)


def starts(land, count, scale=3.0, salt=0):
    """Complex normal points with mean square scale^2 in each variable."""
    return scale * generator("starts", salt).normal(size=(count, land.dim)) / np.sqrt(2)


def quadratic(matrix, vector, device="cpu"):
    """W = z^T M z / 2 + b . z, so that dW/dz = M z + b."""
    n = len(vector)
    terms = [((i, j), matrix[i, j] * (0.5 if i == j else 1)) for i in range(n) for j in range(i, n)]
    terms += [((i,), vector[i]) for i in range(n)]
    return tw.Superpotential(n, terms, device=device)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 16, 17, 33, 54])
@pytest.mark.parametrize("target", TARGETS)
def test_linear_equations(n, target):
    """One Newton step solves them: this is the LU factorisation, against NumPy's."""
    draws = generator("lu", n)
    matrix = draws.normal(size=(n, n)) + 1j * draws.normal(size=(n, n))
    matrix = matrix + matrix.T
    vector = draws.normal(size=n) + 1j * draws.normal(size=n)
    found = quadratic(matrix, vector, target).polish(np.zeros((1, 2 * n)))
    expected = np.linalg.solve(matrix, -vector)
    error = np.finfo(float).eps * np.linalg.cond(matrix) * np.linalg.norm(expected)
    assert found.found.all()
    assert np.linalg.norm(found.points.view(complex)[0] - expected) < 10 * error
    smallest = np.linalg.svd(matrix, compute_uv=False)[-1]
    # Power iteration comes from above, and six rounds leave little of other directions.
    assert smallest * (1 - 1e-9) < found.gaps[0] < 1.5 * smallest


def test_a_matrix_that_needs_pivots():
    matrix, vector = np.array([[0, 1.0], [1.0, 0]]), np.array([1.0, 2.0])
    assert_allclose(quadratic(matrix, vector).polish(np.zeros((1, 4))).points, [[-2, 0, -1, 0]])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_equations_linearized(n):
    """F is quadratic, so a central difference of it is exact but for rounding."""
    hole = tw.BlackHole((1, 1, 1, n), couplings=COUPLINGS)
    z = starts(hole, 2, scale=1).view(complex)
    f, h = hole.linearized(real(z))
    assert_allclose((np.abs(f) ** 2).sum(1), hole.energy(real(z)), rtol=1e-13)
    assert_array_equal(h, h.transpose(0, 2, 1))
    for j in range(z.shape[1]):
        e = np.zeros(z.shape[1])
        e[j] = 0.5
        ahead, behind = (hole.linearized(real(z + s * e))[0] for s in (1, -1))
        assert_allclose(ahead - behind, h[:, :, j], atol=1e-13)


def test_all_roots_of_independent_equations():
    """W = sum z^3/3 - a^2 z has the 2^n zeros z_i = +-a_i."""
    a = np.array([1.0, 2j, 0.5 - 1j])
    terms = [term for i in range(3) for term in (((i,) * 3, 1 / 3), ((i,), -(a[i] ** 2)))]
    land = tw.Superpotential(3, terms)
    found = land.find_zeros(starts(land, 200))
    roots = found.points[found.found].view(complex)
    assert found.found.mean() > 0.95
    assert_allclose(np.abs(roots / a), 1, rtol=1e-13)
    assert len(np.unique((roots / a).real.round(), axis=0)) == 8


@pytest.mark.parametrize(
    ("terms", "start", "outcome"),
    [
        ([((0, 0, 1), 1.0), ((1,), 1.0)], [0, 0, 0, 0], 1),  # |z^2 + 1|^2 + |2 z y|^2 at 0
        ([((0, 0, 1), 1.0), ((0,), 1.0)], [1, 0, 1, 0], 2),  # 2 z y = -1 and z^2 = 0
        ([((0, 0, 0), 1.0)], [1, 1], 4),  # z^2 = 0 twice
    ],
    ids=["stationary", "runaway", "degenerate"],
)
def test_searches_that_find_no_isolated_zero_say_so(terms, start, outcome):
    land = tw.Superpotential(len(start) // 2, terms)
    found = land.find_zeros(np.array([start], dtype=float), steps=2000)
    assert tw.landscapes.OUTCOMES[found.outcomes[0]] == tw.landscapes.OUTCOMES[outcome]
    assert not found.found.any()


@pytest.mark.parametrize("n", [1, 2])
def test_black_holes_of_the_specification(n):
    """All 12 and 56 minima, their W^2, and the sum rule to rounding."""
    hole = tw.BlackHole((1, 1, 1, n), couplings=SPECIFIED)
    found = hole.find_zeros(starts(hole, {1: 200, 2: 800}[n]))
    assert found.residuals[found.found].max() < 1e-12
    squares = hole.fingerprint(found.points[found.found])[:, 0] ** 2
    distinct = squares[np.unique(squares.round(7), return_index=True)[1]]
    assert 2 * len(distinct) == hole.index
    largest = distinct[np.argsort(-np.abs(distinct))][:6]
    assert_allclose(np.sort_complex(largest), np.sort_complex(SQUARES[n]), atol=1e-8)
    assert_allclose(2 * distinct.sum(), hole.sum_rule(), rtol=1e-13)


def test_fragmented_vacua_are_spurious_minima():
    """With no string to brane 4, V is at least the sum of |c_k4|^2, and the search ends there."""
    hole = tw.BlackHole((1, 1, 1, 1), couplings=SPECIFIED)
    x = starts(hole, 20)
    x.view(complex)[:, 3:9] = 0  # v_k and u_k; their derivatives vanish, so they stay zero
    found = hole.find_zeros(x)
    energy, gradient = hole.gradient(found.points)
    bottom = np.abs(energy - (np.abs(SPECIFIED[3:]) ** 2).sum()) < 1e-9
    assert bottom.mean() > 0.5
    assert (found.outcomes[bottom] == 1).all()
    assert np.abs(gradient[bottom]).max() < 1e-5
    assert not found.found.any()


def test_newton_steps_do_not_move_along_the_gauge_orbit():
    """T^dagger d = 0 for every step d: to first order a polished point is where it was."""
    hole = tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS)
    found = hole.find_zeros(starts(hole, 20))
    z = found.points[found.found].view(complex)
    noise = 1e-4 * generator("nudge").normal(size=(2, *z.shape))
    polished = hole.polish(real(z + noise[0] + 1j * noise[1]))
    assert polished.found.all()
    moved = polished.points.view(complex) - (z + noise[0] + 1j * noise[1])
    for generator_entries in hole.symmetries:
        tangent = np.zeros_like(z)
        for row, column, value in generator_entries:
            tangent[:, row] += value * z[:, column]
        along = np.abs((tangent.conj() * moved).sum(1)) / np.linalg.norm(tangent, axis=1)
        assert along.max() < 1e-5, "second order in the nudge, against 1e-4 without the projection"


def test_zeros_stay_near_the_smallest_norm_of_their_orbit():
    """A point stretched along its orbit comes back as the same minimum, balanced again."""
    hole = tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS)
    found = hole.find_zeros(starts(hole, 20))
    z = found.points[found.found].view(complex)
    stretched = z.copy()
    g, t = np.array([[3.0, 1.0], [0.5j, 0.2]]), 6.0
    inverse = np.linalg.inv(g)
    for k in range(3):
        x = stretched[:, 4 * k : 4 * k + 4].reshape(-1, 2, 2)
        stretched[:, 4 * k : 4 * k + 4] = (g @ x @ inverse).reshape(-1, 4)
        v, u = (slice(first + 2 * k, first + 2 * k + 2) for first in (12, 18))
        stretched[:, v], stretched[:, u] = stretched[:, v] @ g.T, stretched[:, u] @ inverse
    stretched[:, 12:14] /= t  # v1, u1 and the strings of brane 1
    stretched[:, 18:20] *= t
    stretched[:, [24, 26]] *= t
    stretched[:, [25, 27]] /= t
    before, after = hole.fingerprint(real(z)), hole.fingerprint(real(stretched))
    assert_allclose(after, before, rtol=1e-9, atol=1e-9)
    assert np.abs(stretched).max() > 5 * np.abs(z).max()
    back = hole.polish(real(stretched))
    assert back.found.all()
    assert_allclose(hole.fingerprint(back.points), before, rtol=1e-8, atol=1e-8)
    size = np.linalg.norm(back.points, axis=1) / np.linalg.norm(z, axis=1)
    assert_allclose(size, 1, atol=1e-3)


def test_a_closed_path_permutes_the_zeros():
    hole = tw.BlackHole((1, 1, 1, 1), couplings=SPECIFIED)
    found = hole.find_zeros(starts(hole, 200))
    points = found.points[found.found]
    squares = hole.fingerprint(points)[:, 0] ** 2
    points = points[np.unique(squares.round(7), return_index=True)[1]]
    corners = generator("loop").normal(size=(2, 2, 6))
    corners = corners[0] + 1j * corners[1]
    loop = np.array([SPECIFIED, *corners, SPECIFIED])
    ends = hole.follow(points, loop)
    assert ends.found.all()
    before, after = (np.sort_complex(hole.fingerprint(p)[:, 0] ** 2) for p in (points, ends.points))
    assert_allclose(after, before, rtol=1e-10)
    back = hole.follow(ends.points, loop[::-1])
    assert_allclose(hole.fingerprint(back.points), hole.fingerprint(points), rtol=1e-9)
    # At the corners they are zeros of the landscape that has those couplings.
    half = hole.follow(points, loop[:2])
    assert hole.with_couplings(loop[1]).energy(half.points).max() < 1e-20


def test_results_know_neither_batch_nor_threads():
    hole = tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS)
    x = starts(hole, 24)
    whole, again = hole.find_zeros(x, threads=1), hole.find_zeros(x, threads=3)
    assert_array_equal(whole.points, again.points)
    assert_array_equal(hole.find_zeros(x[5:6]).points, whole.points[5:6])
    loop = np.array([COUPLINGS, 1j * COUPLINGS[::-1], COUPLINGS])
    ends = hole.follow(whole.points[whole.found], loop, threads=3)
    alone = hole.follow(whole.points[whole.found][3:4], loop, threads=1)
    assert_array_equal(alone.points, ends.points[3:4])


def test_bad_arguments_are_refused():
    hole = tw.BlackHole((1, 1, 1, 1), couplings=COUPLINGS)
    with pytest.raises(ValueError, match="theta: expected an array"):
        hole.polish(np.zeros((1, 5)))
    with pytest.raises(ValueError, match="couplings: expected an array"):
        hole.follow(np.zeros((1, 36)), np.zeros((2, 5)))
    with pytest.raises(ValueError, match="vertices"):
        hole.follow(np.zeros((1, 36)), COUPLINGS[None])
    quartic = tw.Superpotential(1, [((0, 0, 0, 0), 1.0)])
    with pytest.raises(ValueError, match="degrees up to 3"):
        quartic.find_zeros(np.zeros((1, 2)))
