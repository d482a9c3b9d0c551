"""From a point near a saddle (or minimum) to it: Newton steps, uphill in one direction (or none).

Letters: C candidates, P parameters. Only gradients and Hessian-vector products are needed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .. import rng
from .surface import Surface

BLOCK = 2**24  # numbers of a basis that are in memory at once
SMALL = 64  # up to so many parameters the subspace is everything: Newton's step
DIRECTIONS = 32  # of the subspace beyond


@dataclass(frozen=True)
class Stationary:
    """Where C candidates ended; those not ``found`` are somewhere on their way."""

    points: np.ndarray  # [C, P]
    energies: np.ndarray  # [C]
    gradient_norms: np.ndarray  # [C]
    curvatures: np.ndarray  # [C, 2], the two lowest: at a saddle the first is negative
    sideways: np.ndarray  # [C, P], the direction of the second
    found: np.ndarray  # [C]
    on_ridge: np.ndarray  # [C], curved down in two directions: there is a lower way beside


def refine(
    surface: Surface,
    starts: np.ndarray,
    directions: np.ndarray,
    reach: np.ndarray,
    uphill: bool = True,
    steps: int = 50,
) -> Stationary:
    """Follow the lowest curvature uphill and all others downhill until steps vanish.

    In a subspace spanned by `directions`, the gradient, a probe, and Hessian products of these,
    the Hessian is diagonalised and a step ``s_1 = +c_1/|w_1|``, ``s_i = -c_i/|w_i|`` is taken:
    Newton's step where exactly one curvature w is negative. A saddle is found when a step is
    shorter than sqrt(eps) `reach` (or, in part of all directions, changes the energy by less than
    10 eps^(2/3) reach^2 times the largest curvature), at most two reaches from the start, with one
    negative curvature.

    Parameters
    ----------
    surface : Surface
    starts, directions : [C, P] points near saddles and unit vectors, roughly the way over.
    reach : [C] the longest step, about the distance of neighbouring images.
    uphill : False looks for minima instead: all directions downhill, no curvature zero or negative.
    steps : the most steps.

    References
    ----------
    C. J. Cerjan, W. H. Miller, J. Chem. Phys. 75, 2800 (1981), doi:10.1063/1.442352.
    L. J. Munro, D. J. Wales, Phys. Rev. B 59, 3969 (1999), doi:10.1103/PhysRevB.59.3969.
    """
    size = max(1, BLOCK // (_size(surface.dim) * surface.dim))
    blocks = [slice(at, at + size) for at in range(0, max(len(starts), 1), size)]
    with np.errstate(over="ignore", invalid="ignore"):  # who overflows is not found
        done = [
            _refine_block(surface, starts[b], directions[b], reach[b], uphill, steps)
            for b in blocks
        ]
    names = [field.name for field in fields(Stationary)]
    return Stationary(*(np.concatenate([getattr(each, name) for each in done]) for name in names))


def _refine_block(
    surface: Surface,
    starts: np.ndarray,
    directions: np.ndarray,
    reach: np.ndarray,
    uphill: bool,
    steps: int,
) -> Stationary:
    """`refine` for a few candidates."""
    x, way, sideways = starts.copy(), directions.copy(), np.zeros_like(starts)
    count = len(x)
    curvatures, noise = np.full((count, 2), np.nan), np.full(count, np.nan)
    quiet, alive = np.zeros(count, dtype=bool), np.ones(count, dtype=bool)
    for _ in range(steps):
        on = np.flatnonzero(alive & ~quiet)
        if not on.size:
            break
        _, gradients = surface.gradient(x[on])
        step, curvatures[on], noise[on], modes = _newton_step(
            surface, x[on], way[on], gradients, reach[on], uphill
        )
        way[on], sideways[on] = modes
        length = np.linalg.norm(step, axis=1)
        x[on] += step * np.minimum(1, reach[on] / np.maximum(length, 1e-300))[:, None]
        # In a part of all directions steps shrink slowly; but what they can still gain is known.
        gain = np.abs((step * gradients).sum(axis=1)) if surface.dim > SMALL else np.inf
        quiet[on] = (length <= np.sqrt(surface.epsilon) * reach[on]) | (
            gain <= noise[on] * reach[on] ** 2
        )
        alive[on] = np.linalg.norm(x[on] - starts[on], axis=1) <= 2 * reach[on]  # not for nan
    energies, gradients = surface.gradient(x)
    down = curvatures < -noise[:, None]
    right = down[:, 0] & ~down[:, 1] if uphill else (curvatures > noise[:, None]).all(axis=1)
    found = quiet & alive & right & np.isfinite(energies)
    norms = np.linalg.norm(gradients, axis=1)
    return Stationary(x, energies, norms, curvatures, sideways, found, down[:, 1] & ~found)


def _size(dim: int) -> int:
    """Return the dimension of the subspace for `dim` parameters."""
    return dim if dim <= SMALL else DIRECTIONS


def _newton_step(
    surface: Surface,
    x: np.ndarray,
    way: np.ndarray,
    gradients: np.ndarray,
    reach: np.ndarray,
    uphill: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Step [C, P], two lowest curvatures [C, 2], what is zero to them [C], and their directions.

    All are nan where the gradient or a product is not finite. Along directions of zero curvature
    no step is taken.
    """
    basis, products = _subspace(surface, x, way, gradients, reach)
    matrix = np.einsum("cip,cjp->cij", basis, products)
    matrix = (matrix + matrix.transpose(0, 2, 1)) / 2
    fine = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(gradients).all(axis=1)
    matrix[~fine] = 0  # eigh refuses nan
    # Where the subspace closed early a basis vector is zero; it must not look like a zero mode.
    size = np.abs(matrix).max(axis=(1, 2))
    unused = (basis**2).sum(axis=2) < 0.5
    matrix += np.einsum("ci,ij->cij", unused * (10 * size + 1)[:, None], np.eye(basis.shape[1]))
    w, modes = np.linalg.eigh(matrix)
    vectors = np.einsum("cik,cip->ckp", modes, basis)
    slopes = np.einsum("ckp,cp->ck", vectors, gradients)
    noise = 10 * surface.epsilon ** (2 / 3) * size  # of differences; products have less
    curved = np.abs(w) > noise[:, None]
    parts = np.where(curved, -slopes / np.where(curved, np.abs(w), 1), 0)
    if uphill:
        parts[:, 0] *= -1
    parts[~fine] = np.nan
    one = w.shape[1] == 1
    second = np.full(len(w), np.inf) if one else w[:, 1]  # in one dimension there is no second
    lowest = np.where(fine[:, None], np.stack([w[:, 0], second], axis=1), np.nan)
    step = np.einsum("ck,ckp->cp", parts, vectors)
    return step, lowest, noise, (vectors[:, 0], vectors[:, 0 if one else 1])


def _subspace(
    surface: Surface, x: np.ndarray, way: np.ndarray, gradients: np.ndarray, reach: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal basis [C, k, P] grown from `way`, gradient and a probe, and H times it.

    The probe is a fixed random direction: on a symmetric ridge neither the way nor the gradient
    would ever see the downhill direction beside it. It also takes the place of a product that
    brings nothing new.
    """
    size = _size(surface.dim)
    probes = rng.normals(0, stream="probe", replicas=size, count=surface.dim)
    basis = np.zeros((len(x), size, surface.dim))
    products = np.zeros_like(basis)

    def grow(i: int, vectors: np.ndarray) -> None:
        new = _orthogonal(vectors, basis[:, :i])
        none = ~new.any(axis=1)
        new[none] = _orthogonal(np.tile(probes[i], (none.sum(), 1)), basis[none, :i])
        basis[:, i] = new

    basis[:, 0] = way / np.linalg.norm(way, axis=1, keepdims=True)
    for i, vectors in ((1, gradients), (2, np.tile(probes[0], (len(x), 1)))):
        if i < size:
            grow(i, vectors)
    for i in range(size):
        products[:, i] = surface.hvp(x, basis[:, i], reach)
        if i + 3 < size:
            grow(i + 3, products[:, i])
    return basis, products


def _orthogonal(vectors: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return the unit part of vectors [C, P] outside a basis [C, k, P]; zero if there is none."""
    before = np.linalg.norm(vectors, axis=1)
    for _ in range(2):  # once more for the rounding of the first time
        vectors = vectors - np.einsum("ck,ckp->cp", np.einsum("ckp,cp->ck", basis, vectors), basis)
    after = np.linalg.norm(vectors, axis=1)
    new = after > 1e-10 * before
    return np.where(new[:, None], vectors / np.where(new, after, 1)[:, None], 0)
