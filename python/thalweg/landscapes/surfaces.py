"""Landscapes given by one formula, with known answers: what everything else is tested against."""

from __future__ import annotations

import numpy as np

from .._checks import integer, known_options, real
from .formula import FormulaLandscape

__all__ = ["CoshWell", "ExponentialWalls", "MullerBrown", "Rastrigin"]


class MullerBrown(FormulaLandscape):
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


class Rastrigin(FormulaLandscape):
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


class ExponentialWalls(FormulaLandscape):
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


class CoshWell(FormulaLandscape):
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
