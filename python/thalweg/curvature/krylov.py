"""Krylov spaces of many Hessians that grow together: block Lanczos, all vectors kept orthogonal.

Letters: A spaces, b vectors in a block, n vectors in a basis, P parameters. Everything is batched
over A; what happens in one space depends on no other, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .products import Products

NOTHING = 1e-13  # part of |H v| that is rounding: the space holds all that its start can reach
CANCELLED = 0.7  # norm left by a projection below which rounding calls for another one

Fresh = Callable[[np.ndarray, int], np.ndarray]  # (rows, when) -> vectors [len(rows), P]


class Krylov:
    """Orthonormal bases of A spaces, and the Hessians projected on them.

    Parameters
    ----------
    products : Products
    rows : int array [A], the replica whose Hessian each space belongs to.
    start : float64 [A, b, P], independent vectors.
    most : the largest n.
    fresh : gives new vectors where a space is exhausted, so that it grows on elsewhere. Without,
        it ends there: later vectors are zero.

    Attributes
    ----------
    basis : [A, most + b, P], of which n vectors have been multiplied by H and b are next.
    matrix : [A, most + b, most + b], V^T H V in the upper triangle of the first n rows and columns;
        in rows n .. n + b - 1 what couples the last block to the next.
    size : n.
    """

    def __init__(
        self,
        products: Products,
        rows: np.ndarray,
        start: np.ndarray,
        most: int,
        fresh: Fresh | None = None,
    ) -> None:
        self.products, self.rows, self.fresh = products, rows, fresh
        count, self.block, dim = start.shape
        self.basis = np.zeros((count, most + self.block, dim))
        self.matrix = np.zeros((count, most + self.block, most + self.block))
        self.size, self.clock = 0, self.block
        self.scale = np.zeros(count)  # largest |H v| seen
        for i in range(self.block):
            self._append(start[:, i], i)

    def grow(self) -> None:
        """Multiply the next block by H and append what is new of the products."""
        old, b = self.size, self.block
        n = old + b
        newest = self.basis[:, old:n]
        flat = newest.reshape(-1, newest.shape[2])
        images = self.products(np.repeat(self.rows, b), flat).reshape(newest.shape)
        self.scale = np.maximum(self.scale, np.linalg.norm(images, axis=2).max(axis=1))
        # H is symmetric: parts along all but two blocks are rounding (except just after a restart).
        # With these two gone first, the second projection sees little and leaves no more than that.
        first = max(0, old - b)
        nearby = self.basis[:, first:n]
        parts = nearby @ images.transpose(0, 2, 1)
        self.matrix[:, first:n, old:n] = parts
        images -= parts.transpose(0, 2, 1) @ nearby
        self.size = n
        for i in range(b):
            self._append(images[:, i], n + i, column=old + i)

    def _append(self, vectors: np.ndarray, n: int, column: int | None = None) -> None:
        """Make the part of vectors [A, P] outside the first n vectors the next one."""
        self.clock += 1
        parts, vectors, length = self._outside(vectors, slice(None), n)
        ended = length <= NOTHING * self.scale
        if column is not None:
            self.matrix[:, :n, column] += parts
            self.matrix[:, n, column] = np.where(ended, 0, length)
        unit = vectors / np.where(ended, 1, length)[:, None]
        unit[ended] = 0
        where = np.flatnonzero(ended)
        if where.size and self.fresh is not None and n < self.products.dim:
            new = self.fresh(self.rows[where], self.clock)
            _, new, length = self._outside(new, where, n)
            unit[where] = new / length[:, None]
        self.basis[:, n] = unit

    def _outside(
        self, vectors: np.ndarray, where: slice | np.ndarray, n: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Split vectors into parts [., n] along the basis and a rest [., P]; also its norm [.]."""
        basis = self.basis[where, :n]
        before = np.linalg.norm(vectors, axis=1)
        parts = (basis @ vectors[:, :, None])[:, :, 0]
        vectors = vectors - (parts[:, None] @ basis)[:, 0]
        length = np.linalg.norm(vectors, axis=1)
        again = np.flatnonzero(length < CANCELLED * before)
        if again.size and n:
            basis = basis[again]
            more = (basis @ vectors[again, :, None])[:, :, 0]
            vectors[again] -= (more[:, None] @ basis)[:, 0]
            parts[again] += more
            length[again] = np.linalg.norm(vectors[again], axis=1)
        return parts, vectors, length

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Eigenvalues [A, n] of the projected H, ascending; coordinates [A, n, n]; residuals.

        The residual [A, n] of pair i is |H x - value x|, x = sum_j coordinates[j, i] basis[j].
        Spaces that are not finite are nan.
        """
        n, b = self.size, self.block
        matrix = self.matrix[:, :n, :n].copy()
        coupling = self.matrix[:, n : n + b, n - b : n].copy()
        bad = ~(np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(coupling).all(axis=(1, 2)))
        matrix[bad] = 0  # eigh refuses nan, for all
        values, coordinates = np.linalg.eigh(matrix, UPLO="U")
        residuals = np.linalg.norm(coupling @ coordinates[:, n - b :], axis=1)
        for found in (values, coordinates, residuals):
            found[bad] = np.nan
        return values, coordinates, residuals

    def vectors(self, spaces: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
        """Return the vectors [a, k, P] of coordinates [a, n, k] in the bases of some spaces [a]."""
        return coordinates.transpose(0, 2, 1) @ self.basis[spaces, : self.size]

    def restart(self, spaces: np.ndarray, values: np.ndarray, coordinates: np.ndarray) -> None:
        """Go on in some spaces [a] only, from eigenvalues [a, k] and coordinates [a, n, k] there.

        References
        ----------
        K. Wu, H. Simon, SIAM J. Matrix Anal. Appl. 22, 602 (2000), doi:10.1137/S0895479898334605.
        """
        n, b, keep = self.size, self.block, values.shape[1]
        if len(spaces) < len(self.rows):
            self.rows, self.scale = self.rows[spaces], self.scale[spaces]
            self.basis, self.matrix = self.basis[spaces], self.matrix[spaces]
        kept = coordinates.transpose(0, 2, 1) @ self.basis[:, :n]
        self.basis[:, keep : keep + b] = self.basis[:, n : n + b].copy()
        self.basis[:, :keep] = kept
        self.matrix[:] = 0
        self.matrix[:, np.arange(keep), np.arange(keep)] = values
        self.size = keep
