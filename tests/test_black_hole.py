"""The black-hole superpotential against its trace formula, its symmetries and its exact index."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from cases import COUPLINGS, generator
from numpy.testing import assert_allclose

import thalweg as tw

INDEX = [12, 56, 208, 684, 2032, 5616, 14592, 36088, 85500, 195312]  # N = 1 .. 10


def split(z, n):
    """X_k, v_k, u_k, z12 z21 z13 z31 z23 z32, f12 f13 f23 of one complex point."""
    x = z[: 3 * n * n].reshape(3, n, n)
    v, u = z[3 * n * n : 3 * n * n + 6 * n].reshape(2, 3, n)
    return x, v, u, z[-9:-3], z[-3:]


def superpotential(z, n, c):
    """W as written in the specification, in matrices."""
    (x1, x2, x3), v, u, (z12, z21, z13, z31, z23, z32), (f12, f13, f23) = split(z, n)
    c12, c13, c23, c14, c24, c34 = c
    w = f12 * z12 * z21 - f13 * z13 * z31 + f23 * z23 * z32
    w -= sum(u[k] @ x @ v[k] for k, x in enumerate((x1, x2, x3)))
    w += z12 * z23 * z31 + z13 * z32 * z21
    w += z12 * u[1] @ v[0] + z21 * u[0] @ v[1] - z13 * u[2] @ v[0]
    w += z31 * u[0] @ v[2] + z23 * u[2] @ v[1] + z32 * u[1] @ v[2]
    w += c12 * f12 - c13 * f13 + c23 * f23
    w -= c14 * np.trace(x1) + c24 * np.trace(x2) + c34 * np.trace(x3)
    return w - np.trace(x1 @ (x2 @ x3 - x3 @ x2))


def points(n, count=3):
    noise = generator("black_hole", n).normal(size=(count, 2, 3 * n * n + 6 * n + 9))
    return noise[:, 0] + 1j * noise[:, 1]


def real(z):
    return np.ascontiguousarray(z).view(float)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_energy_is_the_sum_of_squared_derivatives_of_w(n):
    """W is cubic, so the five-point formula is exact but for rounding: about 1e-16 / step."""
    hole, z, step = tw.BlackHole((1, 1, 1, n), couplings=COUPLINGS), points(n), 0.5
    energy = np.zeros(len(z))
    for i in range(z.shape[1]):
        e = np.zeros(z.shape[1])
        e[i] = step
        w = [[superpotential(p + k * e, n, COUPLINGS) for p in z] for k in (-2, -1, 1, 2)]
        slope = (8 * np.subtract(w[2], w[1]) - np.subtract(w[3], w[0])) / (12 * step)
        energy += np.abs(slope) ** 2
    assert_allclose(hole.energy(real(z)), energy, rtol=1e-12)
    assert_allclose(hole.fingerprint(real(z))[:, 0],
                    [superpotential(p, n, COUPLINGS) for p in z], rtol=1e-12)  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_gauge_group_changes_no_fingerprint(n):
    """X -> g X / g, v_k -> g v_k / t_k, u_k -> t_k u_k / g, z_kl -> t_k / t_l z_kl."""
    hole, (z,) = tw.BlackHole((1, 1, 1, n), couplings=COUPLINGS), points(n, 1)
    draws = generator("gauge", n)
    g = draws.normal(size=(n, n)) + 1j * draws.normal(size=(n, n)) + 2 * np.eye(n)
    t = np.exp(draws.normal(size=3) + 1j * draws.normal(size=3))
    x, v, u, links, f = split(z, n)
    inverse = np.linalg.inv(g)
    ratios = [t[a] / t[b] for a, b in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1))]
    parts = (g @ x @ inverse, (g @ v.T).T / t[:, None], t[:, None] * (u @ inverse), links * ratios)
    moved = np.concatenate([*(part.ravel() for part in parts), f])
    here, there = (hole.fingerprint(real(point[None])) for point in (z, moved))
    assert_allclose(there, here, rtol=1e-10)
    assert np.abs(moved - z).max() > 0.5, "the transformation moved nothing"


def test_the_sign_of_a_point_is_the_sign_of_its_odd_invariants():
    hole, z = tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS), points(2)
    signs = np.where(hole.odd_invariants, -1, 1)
    assert_allclose(hole.fingerprint(real(-z)), signs * hole.fingerprint(real(z)), rtol=1e-14)
    assert hole.paired
    assert not tw.Superpotential(1, [((0, 0), 1.0), ((0,), 1.0)]).paired


def test_index():
    assert [tw.exact_index(n) for n in range(1, 11)] == INDEX
    assert tw.exact_index(100) == 11005521819579448727580  # beyond 64 bits
    assert tw.exact_index((1, 1, 2, 2)) == tw.exact_index(4), "the index knows only the product"


@pytest.mark.parametrize("slot", range(4))
def test_n_may_sit_in_any_slot(slot):
    """Exchanging branes is exchanging couplings: c_kl goes where the labels go."""
    charges = [1, 1, 1, 1]
    charges[slot] = 2
    pairs = [(1, 2), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4)]
    swap = {slot + 1: 4, 4: slot + 1}
    moved = [pairs.index(tuple(sorted(swap.get(k, k) for k in p))) for p in pairs]
    here = tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS[moved])
    there = tw.BlackHole(charges, couplings=COUPLINGS)
    theta = real(points(2))
    assert (here.energy(theta) == there.energy(theta)).all()
    assert there.index == 56
    assert_allclose(here.sum_rule(), there.sum_rule(), rtol=1e-15)


def test_couplings_follow_their_seed():
    first, again, other = (tw.BlackHole((1, 1, 1, 1), rng=seed).couplings for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).all()


def test_other_charges_are_refused_with_their_index():
    with pytest.raises(ValueError, match=r"charges: expected \(1, 1, 1, N\).*684"):
        tw.BlackHole((1, 2, 1, 2))
    for bad in ((1, 1, 1), (1, 1, 1, 0), "1113", 4):
        with pytest.raises(ValueError, match="charges"):
            tw.BlackHole(bad)
    with pytest.raises(ValueError, match=r"couplings: expected a complex array \[6\]"):
        tw.BlackHole((1, 1, 1, 1), couplings=[1, 2])


def test_bad_superpotentials_are_refused():
    with pytest.raises(ValueError, match="index"):
        tw.Superpotential(2, [((0, 2), 1.0)])
    with pytest.raises(ValueError, match="degree"):
        tw.Superpotential(1, [((0,) * 7, 1.0)])
    with pytest.raises(ValueError, match=r"symmetries.*generator 0"):
        tw.Superpotential(2, [((0, 0, 1), 1.0)], symmetries=[[(0, 0, 1.0), (1, 1, -1.0)]])
    tw.Superpotential(2, [((0, 0, 1), 1.0)], symmetries=[[(0, 0, 1.0), (1, 1, -2.0)]])
    with pytest.raises(ValueError, match="couplings"):
        tw.Superpotential(2, [((0, 1), 1.0)], sources=np.eye(2))


def test_landscapes_are_rebuilt_from_their_arguments():
    hole = tw.BlackHole((1, 1, 1, 2), rng=5)
    w = tw.Superpotential(1, [((0, 0, 0), 1 / 3)], sources=[[1.0]], couplings=[-1j])
    for land in (hole, w):
        theta = generator("pickle").normal(size=(2, land.dim))
        again = pickle.loads(pickle.dumps(land))
        assert (again.energy(theta) == land.energy(theta)).all()
        assert again.describe() == land.describe()
    assert w.energy(np.array([[0.0, 0.0]])) == 1
    assert w.with_couplings([2.0]).energy(np.array([[0.0, 0.0]])) == 4
