"""Proof, in floating point, that a zero lies beside a point: Krawczyk's test with balls.

For G(z) = F(z) + conj(S) S^dagger (z - z0), S the tangents of the symmetries at z0, and Y any
approximate inverse of G', the operator K(X) = z0 - Y G(z0) + (1 - Y G'(X)) (X - z0) maps the ball X
of radius r (largest modulus of a component) into itself if

    eps + rho r + kappa r^2 < r,
    eps = |Y F(z0)|,   rho = |1 - Y G'(z0)|,   kappa = | |Y| D |,

with D_ij the sum of the moduli of all third derivatives of W: H is linear, so it changes by r D at
most. Then G has exactly one zero in X, and it is one of F as long as T(z)^T conj(S) is regular
there, since T^T F = 0. Every quantity is an upper bound: rounding of a sum of k products is at most
4 (k + 4) u times the sum of moduli (u = 2^-53), whatever the order of summation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from ..landscapes import Superpotential

UNIT = 2.0**-53
OUTWARD = 1 + 1e-10  # on bounds themselves, far more than their own rounding
AT_ONCE = 2**24  # complex numbers in one batch of matrices


def rounding(count: int) -> float:
    """Bound the error of a computed sum of `count` complex products over the sum of moduli."""
    return 4 * (count + 4) * UNIT * OUTWARD


@dataclass(frozen=True)
class Balls:
    """For each point [R]: whether a zero is proven, and how far from the point it is at most."""

    proven: np.ndarray
    radii: np.ndarray


class Krawczyk:
    """The test for one landscape: its tables of moduli, made once."""

    def __init__(self, landscape: Superpotential) -> None:
        self.landscape = landscape
        n = self.n = landscape.variables
        rows, first, second, values = [], [], [], []
        for key, coefficient in landscape._terms:
            if len(key) > 3:
                raise ValueError("certification: expected W of degree 3 at most")
            for place, i in enumerate(key):
                others = [*key[:place], *key[place + 1 :], n, n][:2]  # n: the constant 1
                rows.append(i)
                first.append(others[0])
                second.append(others[1])
                values.append(abs(coefficient))
        self.first, self.second = np.array(first), np.array(second)
        self.values = np.array(values)
        terms = np.arange(len(rows))
        self.into_f = sparse.csr_matrix((np.ones(len(rows)), (rows, terms)), shape=(n, len(rows)))
        self.most_terms = int(self.into_f.sum(axis=1).max())
        one, other = self.first < n, self.second < n
        spots = np.array(rows) * n
        place = np.concatenate([spots[one] + self.first[one], spots[other] + self.second[other]])
        factor = np.concatenate([self.second[one], self.first[other]])
        weight = np.concatenate([self.values[one], self.values[other]])
        self.into_h = sparse.csr_matrix((weight, (place, factor)), shape=(n * n, n + 1))
        self.third = np.asarray(self.into_h[:, :n].sum(axis=1)).reshape(n, n)

    def tangents(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """T [R, n, g] at points [R, n], and upper bounds of the moduli summed in each entry."""
        g = len(self.landscape.symmetries)
        t, size = np.zeros((len(z), self.n, g), dtype=complex), np.zeros((len(z), self.n, g))
        for number, generator in enumerate(self.landscape.symmetries):
            for row, column, value in generator:
                t[:, row, number] += value * z[:, column]
                size[:, row, number] += abs(value) * np.abs(z[:, column])
        return t, size

    def __call__(self, theta: np.ndarray) -> Balls:
        """Test points [R, 2 n]."""
        batch = max(1, AT_ONCE // (6 * self.n**2))
        parts = [self._test(theta[k : k + batch]) for k in range(0, len(theta), batch)]
        return Balls(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("proven", "radii")))

    def _test(self, theta: np.ndarray) -> Balls:
        n, z = self.n, self.landscape.complex_points(theta)
        padded = np.abs(np.concatenate([z, np.ones((len(z), 1))], axis=1))
        f, h = self.landscape.linearized(theta)
        products = self.values * padded[:, self.first] * padded[:, self.second]
        f_error = rounding(2 * self.most_terms) * (self.into_f @ products.T).T
        h_size = (self.into_h @ padded.T).T.reshape(-1, n, n)
        slices, _ = self.tangents(z)  # exact by definition: any matrix S would do
        a = h + slices.conj() @ slices.conj().swapaxes(1, 2)
        a_size = h_size + np.abs(slices) @ np.abs(slices).swapaxes(1, 2)
        a_error = rounding(2 * self.most_terms + slices.shape[2]) * a_size
        try:
            inverse = np.linalg.inv(a)
        except np.linalg.LinAlgError:
            return Balls(np.zeros(len(z), bool), np.full(len(z), np.inf))
        y = np.abs(inverse)
        residual = np.abs(np.eye(n) - inverse @ a) + rounding(n) * (y @ np.abs(a)) + y @ a_error
        newton = np.abs(inverse @ f[:, :, None]) + rounding(n) * (y @ np.abs(f)[:, :, None])
        epsilon = (newton[:, :, 0] + (y @ f_error[:, :, None])[:, :, 0]).max(axis=1) * OUTWARD
        rho = residual.sum(axis=2).max(axis=1) * OUTWARD
        kappa = (y @ self.third).sum(axis=2).max(axis=1) * OUTWARD
        with np.errstate(invalid="ignore", divide="ignore"):
            radii = 2 * epsilon / (1 - rho)
            maps_inside = (rho < 1) & (epsilon + rho * radii + kappa * radii**2 < radii)
        radii = np.where(maps_inside, radii, np.inf)
        return Balls(maps_inside & self._transversal(z, slices, radii), radii)

    def _transversal(self, z: np.ndarray, slices: np.ndarray, radii: np.ndarray) -> np.ndarray:
        """Whether T(x)^T conj(S) is regular for all x in each ball."""
        g = slices.shape[2]
        if g == 0:
            return np.ones(len(z), bool)
        t, size = self.tangents(z)
        small = np.where(np.isfinite(radii), radii, 0.0)
        ones = self.tangents(np.ones((1, self.n)))[1]  # |T(x) - T(z)| is at most r times this
        matrix = t.swapaxes(1, 2) @ slices.conj()
        spread = small[:, None, None] * ones + rounding(self.n) * size
        error = spread.swapaxes(1, 2) @ np.abs(slices)
        error += rounding(self.n) * (size.swapaxes(1, 2) @ np.abs(slices))
        inverse = np.linalg.pinv(matrix)
        left = np.abs(np.eye(g) - inverse @ matrix) + np.abs(inverse) @ error
        left += rounding(g) * (np.abs(inverse) @ np.abs(matrix))
        return left.sum(axis=2).max(axis=1) * OUTWARD < 1

    def fingerprint_radii(self, theta: np.ndarray, radii: np.ndarray) -> np.ndarray:
        """How far each invariant [R, K] of the true zero may be from that of the point."""
        table: Any = self.landscape._invariants
        z = np.abs(self.landscape.complex_points(theta))
        absolute = type(table)(
            table.variables, table.factors, np.abs(table.coefficients), table.starts
        )
        here = absolute(z).real
        terms = int(np.diff([*table.starts, len(table.coefficients)]).max())
        far = absolute(z + radii[:, None]).real
        return (far - here + rounding(4 * terms) * far) * OUTWARD


def certify(landscape: Superpotential, points: np.ndarray, others: int) -> np.ndarray:
    """Return which of the points [R, 2 n] are proven to be zeros, all on different orbits.

    With `others` = 2 each point stands for itself and its negative, and both are compared.
    """
    test = Krawczyk(landscape)
    balls = test(points)
    spread = test.fingerprint_radii(points, np.where(balls.proven, balls.radii, 0.0))
    prints = landscape.fingerprint(points)
    every = [prints]
    if others == 2:
        every.append(prints * np.where(landscape.odd_invariants, -1.0, 1.0))
    flat = np.ascontiguousarray(np.concatenate(every)).view(float)
    if len(flat) == 1:
        return balls.proven
    nearest = cKDTree(flat).query(flat, k=2, p=np.inf)[0][: len(points), 1]
    # The real or imaginary part of some invariant differs by `nearest`; two radii must not bridge.
    return balls.proven & (nearest > 2 * spread.max(axis=1).max())
