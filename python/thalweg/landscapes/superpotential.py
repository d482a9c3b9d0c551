"""The energy of a superpotential: a system of polynomial equations as a landscape."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import rng as _rng
from .._checks import dtype_name, frozen, integer, known_options, message, show
from .base import load_target
from .polynomials import Monomials, Polynomials, monomials, packed
from .zeros import ZeroSearch

__all__ = ["Superpotential"]

Generator = tuple[tuple[int, int, complex], ...]  # dz_row = sum value z_column

INVARIANCE = 1e-9  # relative, of W under a symmetry, at a random point


class Superpotential(ZeroSearch):
    """V = sum_i |dW/dz_i|^2 for a polynomial W of n complex variables; its zeros are the minima.

    A point is [2 n] real numbers, Re z_0, Im z_0, Re z_1, ...: ``theta.view(complex)`` is z.

    Parameters
    ----------
    variables : int
        n.
    monomials : sequence of (indices, coefficient)
        W: ``((0, 0, 1), 2)`` is 2 z_0^2 z_1. Degrees 1 to 6.
    sources, couplings : arrays [m, n] and [m], optional
        Adds sum_a couplings_a sum_i sources_ai z_i to W: the parameters that monodromy varies.
    symmetries : sequence of generators, optional
        Linear maps that leave W unchanged for all couplings, each a sequence of
        (row, column, value): dz_row = sum of value z_column. Solvers step across their orbits.
    invariants : sequence of polynomials, optional
        Polynomials (like `monomials`) that tell orbits of the symmetries apart, together with W.
        Default: the variables where there are no symmetries, W alone where there are.
    dtype : "float64" or "float32"
    device : str
        "cpu" or the name of a target.

    Attributes
    ----------
    variables : int
    couplings : array [m], complex
    paired : bool
        Whether W is odd, so that zeros come in pairs z, -z.

    Raises
    ------
    TypeError, ValueError
        For an index or degree out of range, arrays that do not fit, or a symmetry that is none.

    References
    ----------
    J. Wess, J. Bagger, Supersymmetry and Supergravity, ch. V (F-term potentials).

    Examples
    --------
    W = z^3 - 3 z gives V = |3 z^2 - 3|^2, with minima at z = 1 and z = -1:

    >>> import numpy as np
    >>> import thalweg as tw
    >>> land = tw.Superpotential(1, [((0, 0, 0), 1.0), ((0,), -3.0)])
    >>> land.energy(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]))
    array([0., 0., 9.])
    """

    variables: int
    couplings: np.ndarray
    sources: np.ndarray
    symmetries: tuple[Generator, ...]
    paired: bool
    _fixed_terms: Monomials  # without the couplings
    _terms: Monomials
    _invariants: Polynomials

    @known_options
    def __init__(
        self,
        variables: int,
        monomials: Any,
        sources: Any = None,
        couplings: Any = None,
        symmetries: Any = (),
        invariants: Any = None,
        *,
        dtype: str = "float64",
        device: str = "cpu",
    ) -> None:
        arguments = {"variables": variables, "monomials": monomials, "sources": sources,
                     "couplings": couplings, "symmetries": symmetries, "invariants": invariants,
                     "dtype": dtype, "device": device}  # fmt: skip
        self._assemble(arguments, variables, monomials, sources, couplings, symmetries, invariants)

    def _assemble(
        self, arguments, variables, terms, sources, couplings, symmetries, invariants
    ) -> None:
        variables = integer("variables", variables)
        fixed = monomials("monomials", terms, variables)
        sources, couplings = _sources(variables, sources, couplings)
        linear = couplings @ sources
        terms = monomials(
            "monomials", [*fixed, *(((i,), linear[i]) for i in np.flatnonzero(linear))], variables
        )
        if not terms:
            raise ValueError(message("monomials", "at least one monomial", "none"))
        symmetries = _symmetries(variables, symmetries)
        if invariants is None:
            invariants = [] if symmetries else [[((i,), 1.0)] for i in range(variables)]
        tables = [terms, *(monomials("invariants", each, variables) for each in invariants)]
        self._set(
            variables=variables,
            sources=sources,
            couplings=couplings,
            symmetries=symmetries,
            paired=all(len(key) % 2 == 1 for key, _ in terms),
            _fixed_terms=fixed,
            _terms=terms,
            _invariants=Polynomials.of(variables, tables),
        )
        arguments["dtype"] = dtype_name(arguments["dtype"])
        module = load_target(arguments["device"])
        core = module.superpotential(variables, *packed(terms), arguments["dtype"])
        self._attach(module, core, arguments["device"], arguments)
        self._check_symmetries()

    def _check_symmetries(self) -> None:
        """Refuse a generator T that changes W: dW . T z must vanish at a random point."""
        if not self.symmetries:
            return
        z = _rng.normals(0, stream="test", replicas=1, count=2 * self.variables).view(complex)[0]
        derivative = np.zeros(self.variables, dtype=complex)
        scale = np.zeros(self.variables)
        for key, coefficient in self._terms:
            for place, i in enumerate(key):
                term = coefficient * np.prod(z[[*key[:place], *key[place + 1 :]]])
                derivative[i] += term
                scale[i] += abs(term)
        for number, generator in enumerate(self.symmetries):
            change = sum(derivative[row] * value * z[column] for row, column, value in generator)
            size = sum(abs(scale[row] * value * z[column]) for row, column, value in generator)
            if abs(change) > INVARIANCE * size:
                got = f"generator {number}, which changes it by {abs(change) / size:.1e} relative"
                raise ValueError(message("symmetries", "maps that leave W unchanged", got))

    @property
    def work(self) -> int:
        """Rough operations of one gradient of one replica; only sizes the chunks of a run."""
        return 40 * len(self._terms)

    def complex_points(self, theta: np.ndarray) -> np.ndarray:
        """Return points [R, 2 n] as complex [R, n], in double precision.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> tw.BlackHole((1, 1, 1, 1), rng=0).complex_points(np.ones((2, 36))).shape
        (2, 18)
        """
        theta = np.ascontiguousarray(theta, dtype=np.float64)
        if theta.ndim != 2 or theta.shape[1] != self.dim:
            expected = f"an array [R, {self.dim}]"
            raise ValueError(message("theta", expected, f"shape {list(theta.shape)}"))
        return theta.view(np.complex128)

    def fingerprint(self, theta: np.ndarray) -> np.ndarray:
        """Return W and the invariants, complex [R, 1 + K], of the points `theta` [R, 2 n].

        Two minima lie on one orbit of the symmetries if their fingerprints agree.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> land = tw.Superpotential(1, [((0, 0, 0), 1.0), ((0,), -3.0)])
        >>> land.fingerprint(np.array([[1.0, 0.0]]))
        array([[-2.+0.j,  1.+0.j]])
        """
        return self._invariants(self.complex_points(theta))

    @property
    def odd_invariants(self) -> np.ndarray:
        """Which entries [1 + K] of the fingerprint change sign with z."""
        return self._invariants.is_odd()

    def with_couplings(self, couplings: Any) -> Superpotential:
        """Return the same landscape at other couplings [m].

        Examples
        --------
        >>> import thalweg as tw
        >>> hole = tw.BlackHole((1, 1, 1, 1), rng=0)
        >>> bool(hole.with_couplings(2 * hole.couplings).couplings[0] == 2 * hole.couplings[0])
        True
        """
        return type(self)(**{**self.arguments, "couplings": couplings})


def complex_array(argument: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a read-only complex array of this shape (-1: any size) with finite entries."""
    expected = f"a complex array {list(shape)}".replace("-1", "m")
    try:
        array = np.array(value, dtype=np.complex128)
    except (TypeError, ValueError):
        raise TypeError(message(argument, expected, show(value))) from None
    fits = array.ndim == len(shape) and all(
        want in (-1, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(message(argument, expected, f"shape {list(array.shape)}"))
    if not np.isfinite(array).all():
        raise ValueError(message(argument, "finite numbers only", show(value)))
    return frozen(array)


def _sources(variables: int, sources: Any, couplings: Any) -> tuple[np.ndarray, np.ndarray]:
    if sources is None and couplings is None:
        return complex_array("sources", np.zeros((0, variables)), (0, variables)), complex_array(
            "couplings", [], (0,)
        )
    if sources is None or couplings is None:
        name = "sources" if sources is None else "couplings"
        raise ValueError(message(name, "both sources and couplings, or neither", "None"))
    sources = complex_array("sources", sources, (-1, variables))
    return sources, complex_array("couplings", couplings, (len(sources),))


def _symmetries(variables: int, symmetries: Any) -> tuple[Generator, ...]:
    checked = []
    for generator in symmetries:
        entries = []
        for entry in generator:
            if len(entry) != 3:
                raise ValueError(message("symmetries", "(row, column, value)", show(entry)))
            row, column = (
                integer("symmetries index", i, least=0, most=variables - 1) for i in entry[:2]
            )
            entries.append((row, column, complex(entry[2])))
        checked.append(tuple(entries))
    return tuple(checked)
