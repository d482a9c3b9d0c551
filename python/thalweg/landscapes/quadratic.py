"""Harmonic wells and saddles of any spectrum, in any orientation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import rng as _rng
from .._checks import finite_array, integer, known_options, message, show
from .._memory import require_memory
from .formula import FormulaLandscape

__all__ = ["Quadratic"]


class Quadratic(FormulaLandscape):
    """A harmonic well or saddle: ``V = 1/2 (x - c)^T A (x - c)`` with ``A = Q diag(spectrum) Q^T``.

    Parameters
    ----------
    spectrum : float or array [P]
        Eigenvalues of A, of any sign. One number with `dim` is a harmonic confinement.
    dim : int, optional
        P; needed where `spectrum` is a number.
    center : float or array [P]
        The stationary point c.
    rotation : None, rng or array [P, P]
        None: Q = 1. An rng (int, Generator, ...; see `thalweg.rng.seed_from`): Q uniform over the
        orthogonal group. An array: Q itself, orthogonal, eigenvectors in its columns.
    dtype : "float64" or "float32"
    device : str
        "cpu" or the name of a target.

    Attributes
    ----------
    spectrum, center : arrays [P]
    rotation : array [P, P] or None
        Q.

    Raises
    ------
    TypeError, ValueError
        If a number is not finite, sizes do not fit, or `rotation` is not orthogonal to 1e-10.
    MemoryError
        If a rotation [P, P] does not fit.

    References
    ----------
    Uniform rotations: F. Mezzadri, Notices AMS 54, 592 (2007), arXiv:math-ph/0609050.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> well = tw.Quadratic([1.0, 10.0], rotation=7)
    >>> np.linalg.eigvalsh(well.hessian(np.zeros((1, 2)))[0]).round(12)
    array([ 1., 10.])
    """

    spectrum: np.ndarray
    center: np.ndarray
    rotation: np.ndarray | None

    @known_options
    def __init__(
        self,
        spectrum: Any,
        dim: int | None = None,
        center: Any = 0.0,
        rotation: Any = None,
        *,
        dtype: str = "float64",
        device: str = "cpu",
    ) -> None:
        spectrum = finite_array("spectrum", spectrum).astype(np.float64)
        if spectrum.ndim == 0:
            if dim is None:
                raise ValueError(message("dim", "the number P of parameters", "None",
                                         "Give dim=, or one eigenvalue each."))  # fmt: skip
            spectrum = np.full(integer("dim", dim), float(spectrum))
        expected = "a number, or eigenvalues [P]" + (f" with P = dim = {dim}" if dim else "")
        if spectrum.ndim != 1 or spectrum.size == 0 or dim not in (None, spectrum.size):
            raise ValueError(message("spectrum", expected, f"shape {list(spectrum.shape)}"))
        dim = spectrum.size
        center = finite_array("center", center).astype(np.float64)
        if center.ndim > 1 or center.size not in (1, dim):
            expected = f"a number or an array [{dim}]"
            raise ValueError(message("center", expected, f"shape {list(center.shape)}"))
        center = np.broadcast_to(center, dim).copy()
        rotation, kept = _rotation(rotation, dim)
        parameters = {"center": center}
        if rotation is None:
            parameters["spectrum"] = spectrum
        else:
            matrix = (rotation * spectrum) @ rotation.T
            parameters["matrix"] = 0.5 * (matrix + matrix.T)
            rotation.flags.writeable = False
        spectrum.flags.writeable = center.flags.writeable = False
        self._set(spectrum=spectrum, center=center, rotation=rotation)
        self._build(
            "quadratic",
            parameters,
            {"spectrum": spectrum, "dim": dim, "center": center, "rotation": kept, "dtype": dtype,
             "device": device},
        )  # fmt: skip

    @property
    def work(self) -> int:
        """Rough operations of one gradient of one replica; only sizes the chunks of a run."""
        return self.dim if self.rotation is None else self.dim**2


def _rotation(rotation: Any, dim: int) -> tuple[np.ndarray | None, Any]:
    """Return Q [P, P] or None, and what to keep so that the same Q can be made again."""
    if rotation is None:
        return None, None
    require_memory({f"rotation [{dim}, {dim}]": 4 * 8 * dim * dim})
    if isinstance(rotation, np.ndarray) and rotation.ndim == 2:
        q = np.array(finite_array("rotation", rotation), dtype=np.float64)
        expected = f"an orthogonal array [{dim}, {dim}], or an rng"
        if q.shape != (dim, dim):
            raise ValueError(message("rotation", expected, f"shape {list(q.shape)}"))
        error = float(np.abs(q.T @ q - np.eye(dim)).max())
        if error > 1e-10:
            got = f"Q^T Q different from 1 by {error:.1e}"
            raise ValueError(message("rotation", expected, got, "Use numpy.linalg.qr(Q)[0]."))
        return q, q
    if isinstance(rotation, bool):
        raise TypeError(message("rotation", "None, an rng or an array", show(rotation)))
    seed = _rng.seed_from(rotation)
    normal = _rng.normals(seed, stream="initialization", replicas=1, count=dim * dim)
    q, r = np.linalg.qr(normal.reshape(dim, dim))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0), seed  # signs: without them Q is not uniform
