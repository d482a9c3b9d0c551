"""Hessian-vector products as estimators see them: float64, any rows of a batch, counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import batch, flag
from ..landscapes.base import CompiledLandscape, thread_count
from ..landscapes.differences import RELATIVE_ERROR, difference_products
from ..landscapes.user import usable

BLOCK = 2**21  # numbers of vectors at work at once where it can be cut: about a cache
LIMIT = 1e100  # a number beyond cannot be squared and summed: as good as infinite


class Products:
    """The Hessians at the points of a batch, as products with vectors.

    Attributes
    ----------
    replicas, dim : int
        R and P.
    kind : str
        "exact" or "finite difference".
    noise : float
        Error of a product to expect, relative to the largest |eigenvalue|.
    used : int array [R]
        Products made so far; one by differences costs two gradients.
    whole : bool
        Whether the landscape is always given all R points in their order. Only compiled landscapes
        without data per replica are known to take any rows: the functions of others may hold
        something for each row, or be compiled for one shape of batch.
    """

    def __init__(self, landscape: Any, theta: Any, differences: Any, threads: Any) -> None:
        self.landscape = usable(landscape)
        self.dim, dtype = self.landscape.dim, self.landscape.dtype
        self.theta = batch(theta, self.dim, dtype)
        self.replicas = len(theta)
        thread_count(threads)
        self._threads = threads
        exact = getattr(self.landscape, "exact_hvp", True) and not flag("differences", differences)
        self.kind = "exact" if exact else "finite difference"
        # Measured on trained and untrained tanh networks; differences are worst along exponential
        # walls, by ten times their median error.
        self.noise = 32 * float(np.finfo(dtype).eps) if exact else 10 * RELATIVE_ERROR[dtype]
        self.used = np.zeros(self.replicas, dtype=np.int64)
        compiled = isinstance(self.landscape, CompiledLandscape)
        self.whole = not compiled or _has_data_per_replica(self.landscape)

    def __call__(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Return the Hessian at point rows[i] times vectors[i], float64 [A, P], for i < A.

        Rows may repeat. Zero vectors cost nothing. A product that is not finite is nan everywhere,
        which goes through all later arithmetic without a warning.
        """
        needed = vectors.any(axis=1)
        if not needed.all():
            products = np.zeros_like(vectors)
            if needed.any():
                products[needed] = self(rows[needed], vectors[needed])
            return products
        self.used += np.bincount(rows, minlength=self.replicas)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if self.whole:
                products = self._by_turns(rows, vectors)
            else:
                products = self._product(np.ascontiguousarray(self.theta[rows]), vectors)
            products[~(np.abs(products) < LIMIT).all(axis=1)] = np.nan
        return products

    def _by_turns(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        products = np.empty_like(vectors)
        for turn in _turns(rows):
            padded = np.zeros((self.replicas, self.dim))
            padded[rows[turn]] = vectors[turn]
            products[turn] = self._product(self.theta, padded)[rows[turn]]
        return products

    def _product(self, theta: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        v = np.ascontiguousarray(vectors, dtype=theta.dtype)
        land, threads = self.landscape, self._threads
        if self.kind == "exact":
            product = land.hvp(theta, v, threads=threads)
        else:
            product = difference_products(lambda x: land.gradient(x, threads=threads)[1], theta, v)
        return product.astype(np.float64)


def _has_data_per_replica(landscape: Any) -> bool:
    """Whether each row of a batch is a problem of its own, in a term of a sum perhaps."""
    if getattr(landscape, "data_replicas", None) is not None:
        return True
    return any(map(_has_data_per_replica, getattr(landscape, "terms", ())))


def _turns(rows: np.ndarray) -> list[np.ndarray]:
    """Split 0 .. A - 1 into groups within which no row repeats: first occurrences, second ones."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    turn = np.arange(len(rows)) - np.searchsorted(ordered, ordered)
    return [order[turn == i] for i in range(turn.max() + 1)]


def provenance(products: Products, seed: int, **options: Any) -> dict[str, Any]:
    """Return what is needed to measure the same again, points apart."""
    from .. import __version__  # not at import time: the package imports this one

    return {
        "thalweg": __version__,
        "numpy": np.__version__,
        "target": products.landscape.target,
        "seed": seed,
        "dtype": products.landscape.dtype,
        "shape": [products.replicas, products.dim],
        "landscape": products.landscape.describe(),
        **options,
    }
