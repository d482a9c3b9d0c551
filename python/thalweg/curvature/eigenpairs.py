"""Extreme eigenpairs of Hessians, of many replicas at once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import rng as _rng
from .._checks import choice, integer, known_options, message, real
from .._memory import require_memory
from ..results import Result
from .krylov import Krylov
from .lanczos import WHICH, ends_apart, goal, outermost
from .products import Products, provenance


@dataclass(frozen=True, eq=False)
class Eigenpairs(Result):
    """Eigenpairs of the Hessian at each of R points, the most wanted first.

    Attributes
    ----------
    values : [R, k]
        "largest" descends, "smallest" ascends, "magnitude" descends in size; "both" has the lowest
        ones ascending, then as many of the highest descending. nan where a product was not finite.
    vectors : [R, k, P]
        Of length 1.
    residuals : [R, k]
        ``|H v - value v|``, measured with a product for each pair. Some eigenvalue of H is no
        further from the value than this (up to the error of the products themselves).
    converged : bool [R, k]
        Whether the residual is below tolerance times |value|, or below what products cannot tell
        from zero, whichever is more.
    products : str
        "exact" or "finite difference".
    products_used : int [R]
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    converged: np.ndarray
    products: str
    products_used: np.ndarray
    which: str
    tolerance: float

    @property
    def lost(self) -> list[int]:
        """The replicas where a product was not finite."""
        return np.flatnonzero(np.isnan(self.values).any(axis=1)).tolist()

    def relative_residuals(self) -> np.ndarray:
        """Residuals [R, k] in units of |value|."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.residuals / np.abs(self.values)

    def summary(self) -> str:
        """A table, one line for each eigenvalue, of its range over the replicas."""
        count, k = self.values.shape
        lines = [
            f"{k} eigenpairs ({self.which}) of {count} Hessians, P = {self.vectors.shape[2]}, "
            f"{self.products} products, {self.products_used.max()} at most for one replica"
        ]
        fine = self.values[~np.isnan(self.values).any(axis=1)]
        for i in range(k if len(fine) else 0):
            low, middle, high = np.quantile(fine[:, i], [0, 0.5, 1])
            open_ = int((~self.converged[:, i]).sum()) - len(self.lost)
            lines.append(
                f"  {i:3d}  median {middle:.6g}, from {low:.6g} to {high:.6g}"
                + (f", {open_} not converged" if open_ else "")
            )
        if self.lost:
            lines.append(f"  left out because a product was not finite: replicas {self.lost}")
        return "\n".join(lines)


@known_options
def eigenpairs(
    landscape: Any,
    theta: np.ndarray,
    count: int = 1,
    which: str = "largest",
    tolerance: float = 1e-6,
    most_products: int | None = None,
    rng: Any = None,
    *,
    block: int = 1,
    subspace: int | None = None,
    replicas: Any = None,
    differences: bool = False,
    threads: int | None = None,
) -> Eigenpairs:
    """Find the outermost eigenvalues of the Hessian at each point, with their vectors.

    All replicas advance together, one batched product a step; those that have converged drop out.

    Parameters
    ----------
    landscape : Landscape
    theta : array [R, P] of the landscape's dtype, C-contiguous
    count : int
        Pairs wanted at an end of the spectrum; "both" gives k = 2 count, the others k = count.
    which : str
        "largest", "smallest" (by sign, not size), "both", or "magnitude" (largest |value|).
    tolerance : float
        > 0; wanted residual in units of |value|.
    most_products : int, optional
        Where to give up, per replica; default 50 times `subspace`. The k products that measure
        residuals come on top.
    rng : see `thalweg.rng.seed_from`
        For the starting vectors.
    block : int
        Starting vectors. From b of them at most b copies of a degenerate eigenvalue are found for
        sure; see Notes.
    subspace : int, optional
        Vectors kept per replica; default the larger of 3 k and k + 20 block, at most P.
    replicas, differences, threads : as in `thalweg.curvature.trace`

    Returns
    -------
    Eigenpairs

    Raises
    ------
    TypeError, ValueError
        For bad arguments, before anything is computed.
    MemoryError
        If the bases [R, subspace + block, P] do not fit in the memory that is available.

    Warns
    -----
    UserWarning
        If pairs have not converged within `most_products`.

    Notes
    -----
    A space grown from one vector holds one direction of each eigenspace: a degenerate eigenvalue is
    found once, and the next one listed is a different one, unless rounding has brought in another
    copy, which it does some time after the first has converged. With ``block=b`` up to b copies are
    found for sure. Where P is no more than the subspace everything is found, copies too.

    A replica's result depends on its point, its id and the seed, not on the rest of the batch.

    References
    ----------
    K. Wu, H. Simon, SIAM J. Matrix Anal. Appl. 22, 602 (2000), doi:10.1137/S0895479898334605.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic(np.arange(1.0, 101.0), rotation=7)
    >>> top = tw.curvature.eigenpairs(well, np.zeros((3, 100)), count=2, rng=1)
    >>> top.values.round(6).tolist()
    [[100.0, 99.0], [100.0, 99.0], [100.0, 99.0]]
    """
    products = Products(landscape, theta, differences, threads)
    shape = (products.replicas, products.dim)
    which = choice("which", which, WHICH)
    wanted = integer("count", count, most=shape[1]) * (2 if which == "both" else 1)
    if wanted > shape[1]:
        raise ValueError(
            message("count", f"at most P / 2 for both ends, P = {shape[1]}", f"{count}")
        )
    tolerance = real("tolerance", tolerance, above=0)
    block, size = _sizes(wanted, block, subspace, shape[1])
    most = 50 * size
    if most_products is not None:
        most = integer("most_products", most_products, least=wanted + block)
    seed, ids = _rng.seed_from(rng), _rng.batch_ids(replicas, shape[0])
    point = 8 * shape[0] * shape[1]
    require_memory(
        {  # bases are copied when spaces are dropped
            f"Lanczos bases {[shape[0], size + block, shape[1]]}": 2 * point * (size + block),
            f"eigenvectors {[shape[0], wanted, shape[1]]}": 3 * point * wanted,
        },
        "Use fewer replicas at a time, a smaller count or a smaller subspace.",
    )

    def fresh(rows: np.ndarray, when: int) -> np.ndarray:
        drawn = ids[rows]
        return _rng.normals(seed, stream="probe", step=when, replicas=drawn, count=shape[1])

    everyone = np.arange(shape[0])
    start = np.stack([fresh(everyone, i) for i in range(block)], axis=1)
    search = Krylov(products, everyone, start, size, fresh)
    values, vectors, scale = outermost(search, wanted, which, tolerance, most)
    residuals = _residuals(products, values, vectors)
    converged = residuals <= goal(products, values, scale, tolerance)
    _warn_if_open(products, converged[~np.isnan(values).any(axis=1)], tolerance)
    options = {"count": count, "which": which, "tolerance": tolerance, "block": block,
               "most_products": most_products, "subspace": subspace,
               "differences": differences}  # fmt: skip
    return Eigenpairs(
        *(ends_apart(which, found) for found in (values, vectors, residuals, converged)),
        products=products.kind,
        products_used=products.used,
        which=which,
        tolerance=tolerance,
        provenance=provenance(products, seed, **options),
    )


def _sizes(wanted: int, block: Any, subspace: Any, dim: int) -> tuple[int, int]:
    """Return the block and the number of vectors to keep, checked."""
    block = integer("block", block, most=dim)
    size = min(dim, max(3 * wanted, wanted + 20 * block))
    if subspace is not None:
        size = integer("subspace", subspace, least=min(dim, wanted + 2 * block), most=dim)
    return (1 if size == dim else block), size  # all of space: one vector reaches everything


def _residuals(products: Products, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return |H v - value v| [R, k], nan where a replica was lost."""
    residuals = np.full(values.shape, np.nan)
    for i in range(values.shape[1]):
        fine = np.flatnonzero(~np.isnan(values).any(axis=1))
        if fine.size:
            rest = products(fine, vectors[fine, i]) - values[fine, i, None] * vectors[fine, i]
            residuals[fine, i] = np.linalg.norm(rest, axis=1)
    return residuals


def _warn_if_open(products: Products, converged: np.ndarray, tolerance: float) -> None:
    if converged.all():
        return
    rough = " Differences of gradients may be too rough for it (kinks, walls)."
    warnings.warn(
        f"eigenpairs: {(~converged).sum()} of {converged.size} pairs have not converged to "
        f"tolerance={tolerance:g} after {products.used.max()} products; see .converged and "
        f".residuals. Raise most_products, subspace or tolerance."
        + (rough if products.kind != "exact" else ""),
        UserWarning,
        stacklevel=4,
    )
