"""Black-hole landscapes: superpotentials whose number of minima string theory knows exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import rng as _rng
from .._checks import known_options, message, show
from .black_hole_fields import Fields
from .black_hole_index import exact_index, four_charges, sum_rule_factor
from .superpotential import Superpotential, complex_array

__all__ = ["BlackHole"]

PAIRS = ((1, 2), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4))  # the order of the couplings
SPECIAL = 1e-3  # relative difference below which a relation between couplings counts


class BlackHole(Superpotential):
    """1/8-BPS black holes of N = 8 string theory as D2-D2-D2-D6 branes with charges (1, 1, 1, N).

    The minima of V = sum |dW/dz|^2 are the ground states; their number, up to the complexified
    gauge group GL(N) x GL(1)^2, is the black hole's index: 12, 56, 208, 684, 2032, 5616, ... for
    N = 1, 2, 3, ... The variables are three N x N matrices X_k (row by row), columns v_k, rows u_k,
    z12, z21, z13, z31, z23, z32 and f12, f13, f23, in this order: n = 3 N^2 + 6 N + 9.

    Parameters
    ----------
    charges : four integers
        (1, 1, 1, N) in any order.
    couplings : complex array [6], optional
        c12, c13, c23, c14, c24, c34 between the branes; generic ones give the full count. Default:
        drawn from `rng`, complex normal with mean square 1.
    rng : None, int, SeedSequence or Generator
        Draws the couplings that were not given.
    dtype : "float64" or "float32"
    device : str
        "cpu" or the name of a target.

    Attributes
    ----------
    charges : tuple of int
    N : int
    couplings : array [6], complex
    index : int
        The exact number of minima for generic couplings.

    Raises
    ------
    TypeError, ValueError
        For charges that are not (1, 1, 1, N) in some order (with their index), or bad couplings.

    References
    ----------
    A. Chowdhury, S. Lal, A. Saha, A. Sen, arXiv:1405.0412; A. Chowdhury, R. Garavuso, S. Mondal,
    A. Sen, arXiv:1511.06978; as a loss landscape: arXiv:2306.14817.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> hole = tw.BlackHole((1, 1, 1, 3), rng=0)
    >>> hole.dim, hole.index
    (108, 208)
    """

    charges: tuple[int, ...]
    N: int
    index: int
    _order: list[int]

    @known_options
    def __init__(
        self,
        charges: Any = (1, 1, 1, 1),
        couplings: Any = None,
        rng: Any = None,
        *,
        dtype: str = "float64",
        device: str = "cpu",
    ) -> None:
        charges, slot = _charges(charges)
        size = charges[slot]
        if couplings is None:
            draws = _rng.normals(rng, stream="data", replicas=1, count=12)
            couplings = draws.view(complex)[0] / np.sqrt(2)
        elif rng is not None:
            raise ValueError(message("rng", "None where couplings are given", show(rng)))
        couplings = complex_array("couplings", couplings, (6,))
        fields = Fields(size)
        order = _relabelling(slot)
        self._set(charges=charges, N=size, index=exact_index(size), _order=order)
        arguments = {"charges": charges, "couplings": couplings, "dtype": dtype, "device": device}
        self._assemble(
            arguments,
            fields.count,
            fields.cubic_terms(),
            fields.sources()[order],
            couplings,
            fields.generators(),
            fields.invariants(),
        )

    def special_couplings(self) -> tuple[str, ...]:
        """Return the relations between couplings at which minima are known to be lost.

        Where c_kl = +-c_mn for branes k, l, m, n all different, some minima lie at infinity: 10 of
        12 are left for N = 1, 40 of 56 for N = 2, 136 of 208 for N = 3 (measured); with all six
        equal 6, 16 and 44.

        Examples
        --------
        >>> import thalweg as tw
        >>> tw.BlackHole((1, 1, 1, 1), couplings=[1, 1j, 2, 3, 1j, -1]).special_couplings()
        ('c12 = -c34', 'c13 = c24')
        """
        found = []
        for one, other in ((0, 5), (1, 4), (2, 3)):
            a, b = self.couplings[one], self.couplings[other]
            for sign, text in ((1, ""), (-1, "-")):
                if abs(a - sign * b) <= SPECIAL * max(abs(a), abs(b)):
                    names = ["c{}{}".format(*PAIRS[which]) for which in (one, other)]
                    found.append(f"{names[0]} = {text}{names[1]}")
        return tuple(found)

    def sum_rule(self) -> complex:
        """Return what the sum of W^2 over all minima must be, for a complete set of minima.

        An empirical identity, exact in every case tested: see docs/protocols/count_minima.md.

        Examples
        --------
        >>> import thalweg as tw
        >>> hole = tw.BlackHole((1, 1, 1, 1), couplings=[1, 1j, 2, 1, 1, 1j])
        >>> hole.sum_rule()
        (-96-192j)
        """
        c12, c13, c23, c14, c24, c34 = (complex(c) for c in self.couplings[self._order])
        cycles = c12 * c14 * c24 - c13 * c14 * c34 + c23 * c24 * c34
        return -sum_rule_factor(self.N) * (c12 * c13 * c23 + self.N * cycles)


def _relabelling(slot: int) -> list[int]:
    """Return, for each coupling, which one it is once brane `slot` and the last changed places."""
    swap = {slot + 1: 4, 4: slot + 1}
    return [PAIRS.index(tuple(sorted(swap.get(k, k) for k in pair))) for pair in PAIRS]


def _charges(charges: Any) -> tuple[tuple[int, ...], int]:
    """Return the charges and which of them is N."""
    charges = four_charges(charges)
    if sorted(charges)[:3] != [1, 1, 1]:
        raise ValueError(
            message(
                "charges",
                "(1, 1, 1, N) in any order",
                show(charges),
                "Only one brane number may exceed 1: with two or more matrix factors the count of "
                "this superpotential has not been checked. The index of these charges, from string "
                f"duality, is {exact_index(charges)}.",
            )
        )
    slot = 3 if charges[3] == max(charges) else charges.index(max(charges))
    return charges, slot
