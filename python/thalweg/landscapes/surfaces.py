"""Landscapes given by one formula, with known answers: what everything else is tested against."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import rng as _rng
from .._checks import dtype_name, finite_array, integer, known_options, message, real, show
from .._memory import require_memory
from .base import CompiledLandscape, load_target

__all__ = ["CoshWell", "ExponentialWalls", "MullerBrown", "Quadratic", "Rastrigin"]


class _Formula(CompiledLandscape):
    """A compiled formula with named parameters."""

    def _build(self, formula: str, parameters: dict[str, Any], arguments: dict[str, Any]) -> None:
        arguments["dtype"] = dtype_name(arguments["dtype"])
        module = load_target(arguments["device"])
        values = {
            name: np.ascontiguousarray(np.atleast_1d(value), dtype=np.float64)
            for name, value in parameters.items()
        }
        core = module.formula(formula, arguments.get("dim", 2), values, arguments["dtype"])
        self._attach(module, core, arguments["device"], arguments)


class Quadratic(_Formula):
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


class MullerBrown(_Formula):
    """The Mueller-Brown surface in two dimensions: three minima, two saddles.

    ``V(x, y) = sum_k A_k exp(a_k (x - x_k)^2 + b_k (x - x_k)(y - y_k) + c_k (y - y_k)^2)`` with

    ====  ====  ====  ====  =====  ====
    A_k   a_k   b_k   c_k   x_k    y_k
    ====  ====  ====  ====  =====  ====
    -200  -1    0     -10   1      0
    -100  -1    0     -10   0      0.5
    -170  -6.5  11    -6.5  -0.5   1.5
    15    0.7   0.6   0.7   -1     1
    ====  ====  ====  ====  =====  ====

    Parameters
    ----------
    dtype : "float64" or "float32"
    device : str
        "cpu" or the name of a target.

    Attributes
    ----------
    minima : array [3, 2]
        From the deepest up.
    minimum_energies : array [3]
    saddles : array [2, 2]
        The first joins minima 0 and 2, the second minima 1 and 2.
    saddle_energies : array [2]

    References
    ----------
    K. Mueller, L. D. Brown, Theor. Chim. Acta 53, 75 (1979), doi:10.1007/BF00547608.

    Examples
    --------
    >>> import thalweg as tw
    >>> surface = tw.MullerBrown()
    >>> surface.energy(surface.minima).round(6)
    array([-146.699517, -108.166724,  -80.767818])
    """

    minima = np.array([[-0.558223634633, 1.441725841805], [0.623499404931, 0.028037758529],
                       [-0.050010822998, 0.466694104872]])  # fmt: skip
    minimum_energies = np.array([-146.699517209954, -108.166724116852, -80.767818129659])
    saddles = np.array([[-0.822001558733, 0.624312802815], [0.212486582001, 0.292988325107]])
    saddle_energies = np.array([-40.664843508657, -72.248940112325])
    for _array in (minima, minimum_energies, saddles, saddle_energies):
        _array.flags.writeable = False
    del _array

    @known_options
    def __init__(self, *, dtype: str = "float64", device: str = "cpu") -> None:
        self._build("muller_brown", {}, {"dtype": dtype, "device": device})


class Rastrigin(_Formula):
    """A quadratic bowl with a lattice of minima: ``V = sum_i x_i^2 + A (1 - cos 2 pi x_i)``.

    Parameters
    ----------
    dim : int
        P.
    amplitude : float
        A >= 0. With the usual A = 10 there are 11^P minima in [-5.12, 5.12]^P, near the integer
        points, and 11^(P-k) 10^k P!/(k! (P-k)!) saddles of index k.
    dtype : "float64" or "float32"
    device : str
        "cpu" or the name of a target.

    Raises
    ------
    TypeError, ValueError
        For an argument out of range.

    References
    ----------
    In this form: H. Muehlenbein, M. Schomisch, J. Born, Parallel Computing 17, 619 (1991),
    doi:10.1016/S0167-8191(05)80052-3.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> tw.Rastrigin(3).energy(np.ones((1, 3)))
    array([3.])
    """

    @known_options
    def __init__(
        self, dim: int, amplitude: float = 10.0, *, dtype: str = "float64", device: str = "cpu"
    ) -> None:
        dim, amplitude = integer("dim", dim), real("amplitude", amplitude, least=0)
        self._set(amplitude=amplitude)
        arguments = {"dim": dim, "amplitude": amplitude, "dtype": dtype, "device": device}
        self._build("rastrigin", {"amplitude": amplitude}, arguments)


class ExponentialWalls(_Formula):
    """Independent exponential walls under a hard lid: ``V = sum_i A exp(-x_i)``, all ``x_i < lid``.

    Beyond the lid the energy is infinite; dynamics reflect there. With ``e = (A/T) exp(-lid)`` and
    the exponential integral E1, at temperature T exactly ``<V>/T = k = P exp(-e) / E1(e)`` and
    ``Var(V)/T^2 = k (1 + e) - k^2/P``; the trace of the Hessian is V itself. For many coordinates
    at fixed k the energy is Gamma distributed, like that of a harmonic well of 2 k dimensions.

    Parameters
    ----------
    dim : int
        P.
    amplitude : float
        A > 0.
    lid : float
    dtype : "float64" or "float32"
    device : str
        "cpu" or the name of a target.

    Raises
    ------
    TypeError, ValueError
        For an argument out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> tw.ExponentialWalls(2).energy(np.array([[0.0, 0.0], [0.0, 21.0]]))
    array([ 2., inf])
    """

    @known_options
    def __init__(
        self,
        dim: int,
        amplitude: float = 1.0,
        lid: float = 20.0,
        *,
        dtype: str = "float64",
        device: str = "cpu",
    ) -> None:
        dim, lid = integer("dim", dim), real("lid", lid)
        amplitude = real("amplitude", amplitude, above=0)
        self._set(amplitude=amplitude, lid=lid)
        arguments = {"dim": dim, "amplitude": amplitude, "lid": lid, "dtype": dtype,
                     "device": device}  # fmt: skip
        self._build("exponential_walls", {"amplitude": amplitude, "lid": lid}, arguments)


class CoshWell(_Formula):
    """A well that is harmonic when cold and wall-like when hot: ``V = sum_i A cosh(kappa x_i)``.

    Its curvature follows its energy, ``V'' = kappa^2 V`` for each coordinate. With a = A/T and the
    Bessel functions K, at temperature T exactly ``<V> = P A K_1(a) / K_0(a)`` and
    ``Var(V) = T^2 d<V>/dT``.

    Parameters
    ----------
    dim : int
        P.
    amplitude, kappa : float
        A > 0 and kappa > 0.
    dtype : "float64" or "float32"
    device : str
        "cpu" or the name of a target.

    Raises
    ------
    TypeError, ValueError
        For an argument out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> tw.CoshWell(3).energy(np.zeros((1, 3)))
    array([3.])
    """

    @known_options
    def __init__(
        self,
        dim: int,
        amplitude: float = 1.0,
        kappa: float = 1.0,
        *,
        dtype: str = "float64",
        device: str = "cpu",
    ) -> None:
        dim, kappa = integer("dim", dim), real("kappa", kappa, above=0)
        amplitude = real("amplitude", amplitude, above=0)
        self._set(amplitude=amplitude, kappa=kappa)
        arguments = {"dim": dim, "amplitude": amplitude, "kappa": kappa, "dtype": dtype,
                     "device": device}  # fmt: skip
        self._build("cosh_well", {"amplitude": amplitude, "kappa": kappa}, arguments)
