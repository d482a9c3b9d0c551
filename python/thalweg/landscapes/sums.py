"""Sums of landscapes: compiled where all terms are, in Python otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import dtype_name, message, show
from .base import CompiledLandscape
from .describe import Described
from .user import CallbackLandscape, UserLandscape

__all__ = ["PythonSum", "SumLandscape", "add"]


class SumLandscape(CompiledLandscape):
    """The sum of compiled landscapes of one dim, dtype and target: V = V_1 + V_2 + ...

    ``land_a + land_b`` makes one. Terms that cannot be compiled together (user functions, different
    targets) are summed in Python by `PythonSum` instead.

    Parameters
    ----------
    terms : sequence of compiled landscapes
        At least one; sums inside are flattened.

    Raises
    ------
    TypeError, ValueError
        If a term is not compiled, or the terms differ in dim, dtype or target.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> confined = tw.CoshWell(2) + tw.Quadratic(1.0, dim=2)
    >>> confined.energy(np.zeros((1, 2)))
    array([2.])
    """

    terms: tuple[CompiledLandscape, ...]

    def __init__(self, terms: Any) -> None:
        flat: list[CompiledLandscape] = []
        for term in terms:
            flat += term.terms if isinstance(term, SumLandscape) else [term]
        for term in flat:
            if not isinstance(term, CompiledLandscape):
                raise TypeError(
                    message("terms", "compiled landscapes", show(term), "Use a + b instead.")
                )
        check_terms(flat)
        if len({term.target for term in flat}) > 1:
            got = str([term.target for term in flat])
            raise ValueError(message("terms", "one compiled target", got, "Use a + b instead."))
        first = flat[0]
        core = first._module.sum([term._core for term in flat])
        self._set(terms=tuple(flat))
        self._attach(first._module, core, first.device, {"terms": tuple(flat)})

    @property
    def n_samples(self) -> int:
        """N, the number of samples of the terms that have any."""
        return max(term.n_samples for term in self.terms)

    @property
    def work(self) -> int:
        """Rough operations of one gradient of one replica; only sizes the chunks of a run."""
        return sum(term.work for term in self.terms)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.terms))


class PythonSum(CallbackLandscape):
    """The sum of landscapes of which at least one is not compiled for the same target.

    Same interface as `UserLandscape`; ``land_a + land_b`` makes one where it is needed.

    Parameters
    ----------
    terms : sequence of landscapes
        At least one, all of one dim and dtype.
    device : str
        Target whose dynamics run on the sum.

    Raises
    ------
    ValueError
        If the terms differ in dim or dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> line = tw.UserLandscape(lambda x: x.sum(1), lambda x: np.ones_like(x), dim=2)
    >>> (line + tw.Quadratic(1.0, dim=2)).energy(np.ones((1, 2)))
    array([3.])
    """

    terms: tuple[Any, ...]

    def __init__(self, terms: Any, device: str = "cpu") -> None:
        flat: list[Any] = []
        for term in terms:
            flat += term.terms if isinstance(term, SumLandscape | PythonSum) else [term]
        check_terms(flat)
        ours = [t if isinstance(t, Described) else UserLandscape.wrap(t, device) for t in flat]
        self._set(terms=tuple(ours))
        self._prepare(
            flat[0].dim, dtype_name(flat[0].dtype), device, {"terms": tuple(flat), "device": device}
        )

    @property
    def exact_hvp(self) -> bool:
        """Whether every term has an exact Hessian-vector product."""
        return all(getattr(term, "exact_hvp", True) for term in self.terms)

    def energy(self, theta: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return energies [R] of the points `theta` [R, P]; see `UserLandscape.energy`."""
        return sum(term.energy(theta, threads=threads) for term in self.terms)

    def gradient(
        self, theta: np.ndarray, *, threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return energies [R] and gradients [R, P]; see `UserLandscape.gradient`."""
        pairs = [term.gradient(theta, threads=threads) for term in self.terms]
        return sum(energy for energy, _ in pairs), sum(gradient for _, gradient in pairs)

    def hvp(self, theta: np.ndarray, v: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return the Hessian at each point times a direction; see `UserLandscape.hvp`."""
        return sum(term.hvp(theta, v, threads=threads) for term in self.terms)


def check_terms(terms: list[Any]) -> None:
    """Raise unless the terms of a sum agree in dim and dtype and there is at least one."""
    if not terms:
        raise ValueError(message("terms", "at least one landscape", "none"))
    for what, read in (("dim", int), ("dtype", dtype_name)):
        values = [read(getattr(term, what)) for term in terms]
        if len(set(values)) > 1:
            raise ValueError(
                message(
                    "terms of a sum",
                    f"one {what} for all",
                    str(values),
                    f"Build them with the same {what}.",
                )
            )


def add(left: Any, right: Any) -> Any:
    """Return ``left + right``: a `SumLandscape` where both compile together, else a `PythonSum`."""
    for term in (left, right):
        missing = [
            name for name in ("dim", "dtype", "energy", "gradient") if not hasattr(term, name)
        ]
        if missing:
            fix = f"It lacks {', '.join(missing)}."
            got = f"{type(term).__name__} {show(term)}"
            raise TypeError(message("terms of a sum", "landscapes", got, fix))
    check_terms([left, right])
    pair = (left, right)
    if all(isinstance(term, CompiledLandscape) for term in pair) and left.target == right.target:
        return SumLandscape(pair)
    return PythonSum(pair, device=next(t.device for t in pair if hasattr(t, "device")))
