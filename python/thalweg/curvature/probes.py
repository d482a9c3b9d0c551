"""Trace and diagonal of Hessians from random signs (Hutchinson)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import rng as _rng
from .._checks import integer, known_options
from .._memory import require_memory
from .products import BLOCK, Products


@known_options
def trace(
    landscape: Any,
    theta: np.ndarray,
    probes: int = 10,
    rng: Any = None,
    *,
    replicas: Any = None,
    differences: bool = False,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the trace of the Hessian at each point: mean of v^T H v over random signs v.

    Unbiased, with variance ``2 (|H|_F^2 - sum_i h_ii^2) / probes``: exact for a diagonal Hessian.

    Parameters
    ----------
    landscape : Landscape
    theta : array [R, P] of the landscape's dtype, C-contiguous
    probes : int
        At least 2; each costs one Hessian-vector product per replica.
    rng : see `thalweg.rng.seed_from`
        Probe i of a replica is a function of seed, i and the replica's id alone.
    replicas : int array [R], optional
        Ids of the replicas in the random numbers, by default 0 .. R - 1.
    differences : bool
        Whether products are central differences of the gradient even where there is a formula:
        at the kinks of ReLU networks these see curvature that the formula does not.
    threads : int, optional
        As in ``landscape.hvp``.

    Returns
    -------
    (trace, error) : arrays [R], float64
        The estimate and its standard error, from the scatter of the probes. nan where a product is
        not finite; other replicas do not notice.

    Raises
    ------
    TypeError, ValueError
        For bad arguments, before anything is computed.

    References
    ----------
    M. F. Hutchinson, Comm. Stat. Simul. 18, 1059 (1989), doi:10.1080/03610918908812806.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic([1.0, 2.0, 3.0])
    >>> value, error = tw.curvature.trace(well, np.zeros((2, 3)), rng=1)
    >>> value, error
    (array([6., 6.]), array([0., 0.]))
    """
    products = Products(landscape, theta, differences, threads)
    count = integer("probes", probes, least=2)
    seed, ids = _rng.seed_from(rng), _rng.batch_ids(replicas, products.replicas)
    samples = np.empty((products.replicas, count))  # replicas first: the sums keep their order
    done = 0
    for signs, images in _pairs(products, count, seed, ids):
        samples[:, done : done + len(signs)] = (signs * images).sum(axis=2).T
        done += len(signs)
    return samples.mean(axis=1), samples.std(axis=1, ddof=1) / np.sqrt(count)


@known_options
def diagonal(
    landscape: Any,
    theta: np.ndarray,
    probes: int = 10,
    rng: Any = None,
    *,
    replicas: Any = None,
    differences: bool = False,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the diagonal of the Hessian at each point: mean of v_i (H v)_i over random signs v.

    Unbiased, with variance ``sum_{j != i} h_ij^2 / probes`` of entry i.

    Parameters and errors as in `trace`.

    Returns
    -------
    (diagonal, error) : arrays [R, P], float64
        The estimate and its standard error. All of a replica is nan where a product is not finite.

    Raises
    ------
    TypeError, ValueError
        For bad arguments, before anything is computed.
    MemoryError
        If the arrays do not fit in the memory that is available.

    References
    ----------
    C. Bekas, E. Kokiopoulou, Y. Saad, Appl. Numer. Math. 57, 1214 (2007),
    doi:10.1016/j.apnum.2007.01.003.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic([1.0, 2.0, 3.0])
    >>> tw.curvature.diagonal(well, np.zeros((1, 3)), rng=1)[0]
    array([[1., 2., 3.]])
    """
    products = Products(landscape, theta, differences, threads)
    count = integer("probes", probes, least=2)
    seed, ids = _rng.seed_from(rng), _rng.batch_ids(replicas, products.replicas)
    shape = (products.replicas, products.dim)
    require_memory({f"diagonal {list(shape)}": 4 * 8 * shape[0] * shape[1]})
    mean, scatter, done = np.zeros(shape), np.zeros(shape), 0
    for signs, images in _pairs(products, count, seed, ids):
        for sample in signs * images:  # one after another, so that cuts change no bit
            done += 1
            shift = sample - mean
            mean += shift / done
            scatter += shift * (sample - mean)
    return mean, np.sqrt(scatter / (count * (count - 1)))


def _pairs(
    products: Products, count: int, seed: int, ids: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield random signs v [n, R, P] and H v [n, R, P], n of the probes at a time."""
    shape = (products.replicas, products.dim)
    at_once = max(1, BLOCK // (shape[0] * shape[1]))
    for first in range(0, count, at_once):
        signs = np.array([
            _rng.rademacher(seed, stream="probe", step=i, replicas=ids, count=shape[1])
            for i in range(first, min(first + at_once, count))
        ])  # fmt: skip
        rows = np.tile(np.arange(shape[0]), len(signs))
        yield signs, products(rows, signs.reshape(-1, shape[1])).reshape(signs.shape)
