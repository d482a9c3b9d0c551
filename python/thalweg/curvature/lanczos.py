"""Thick-restart (block) Lanczos: the outermost eigenpairs of many Hessians, in step.

Letters: A spaces, R replicas, n vectors in a basis, k pairs wanted, P parameters.
"""

from __future__ import annotations

import numpy as np

from .krylov import Krylov
from .products import Products

WHICH = ("largest", "smallest", "both", "magnitude")


def outermost(
    krylov: Krylov, wanted: int, which: str, tolerance: float, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grow spaces, one for each replica, until what is wanted has converged.

    Returns values [R, k] and vectors [R, k, P], most wanted first, and the largest |H v| seen [R];
    nan where a product was not finite.

    Parameters
    ----------
    krylov : Krylov, not grown yet.
    wanted : k.
    which : one of `WHICH`.
    tolerance : see `goal`.
    most : products to spend on a replica.
    """
    products, block = krylov.products, krylov.block
    size = krylov.basis.shape[1] - block
    keep = min(wanted + (size - wanted) // 3, size - block)
    values = np.full((products.replicas, wanted), np.nan)
    vectors = np.full((products.replicas, wanted, products.dim), np.nan)
    scale, spent = np.zeros(products.replicas), 0
    while len(krylov.rows):
        while krylov.size + block <= size and spent + block <= most:
            krylov.grow()
            spent += block
        ritz, coordinates, residuals = krylov.ritz()
        order = _by_wish(ritz, which)
        ritz, residuals = (np.take_along_axis(x, order, axis=1) for x in (ritz, residuals))
        coordinates = np.take_along_axis(coordinates, order[:, None], axis=2)
        enough = goal(products, ritz[:, :wanted], krylov.scale, tolerance)
        ready = (residuals[:, :wanted] <= enough).all(axis=1) | np.isnan(ritz).any(axis=1)
        done = np.flatnonzero(ready | (spent + block > most))
        rows = krylov.rows[done]
        values[rows], scale[rows] = ritz[done, :wanted], krylov.scale[done]
        vectors[rows] = krylov.vectors(done, coordinates[done, :, :wanted])
        left = np.setdiff1d(np.arange(len(krylov.rows)), done)
        krylov.restart(left, ritz[left, :keep], coordinates[left, :, :keep])
    return values, vectors, scale


def _by_wish(ritz: np.ndarray, which: str) -> np.ndarray:
    """Return the order [A, n] of ascending values [A, n] in which they are wanted."""
    up = np.arange(ritz.shape[1])
    if which == "magnitude":
        return np.argsort(-np.abs(ritz), axis=1, kind="stable")
    if which == "largest":
        up = up[::-1]
    elif which == "both":  # lowest, highest, second lowest, ...
        up = np.stack([up, up[::-1]], axis=1).ravel()[: len(up)]
    return np.broadcast_to(up, ritz.shape)


def ends_apart(which: str, found: np.ndarray) -> np.ndarray:
    """For "both", put the low end before the high end; until here they alternate."""
    return np.concatenate([found[:, 0::2], found[:, 1::2]], axis=1) if which == "both" else found


def goal(products: Products, values: np.ndarray, scale: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the residuals [A, k] at which values [A, k] are good enough."""
    return np.maximum(tolerance * np.abs(values), products.noise * scale[:, None])
