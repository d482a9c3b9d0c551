"""Landscapes given by Python functions: NumPy, JAX, PyTorch or anything else that takes arrays."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from .._checks import batch, dtype_name, integer, known_options, message, show
from .base import CompiledLandscape, load_target, require_hessian_memory
from .describe import Described
from .differences import RELATIVE_ERROR, STEP, difference_products

__all__ = ["CallbackLandscape", "UserLandscape", "usable"]

Function = Callable[[np.ndarray], Any]


class CallbackLandscape(Described, ABC):
    """Base of landscapes evaluated in Python; compiled dynamics call them once per batch step."""

    dim: int
    dtype: str
    device: str
    _module: ModuleType

    def _prepare(self, dim: int, dtype: str, device: str, arguments: dict[str, Any]) -> None:
        module = load_target(device)
        self._set(dim=dim, dtype=dtype, device=device, arguments=arguments, _module=module)

    @property
    def _core(self) -> Any:
        """A fresh handle: kept here, it would hold `self` in a cycle no collector can see."""
        return self._module.callback(self.dim, self.dtype, self.gradient, self.energy)

    @abstractmethod
    def energy(self, theta: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return energies [R] of the points `theta` [R, P]."""

    @abstractmethod
    def gradient(
        self, theta: np.ndarray, *, threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return energies [R] and gradients [R, P] at the points `theta` [R, P]."""

    @abstractmethod
    def hvp(self, theta: np.ndarray, v: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return the Hessian at each point times a direction, [R, P]."""

    @property
    def target(self) -> str:
        """Name of the compiled target whose dynamics run on this landscape."""
        return str(self._module.name())

    def hessian(self, theta: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return the Hessian [R, P, P] at each point, column by column from `hvp`.

        Parameters
        ----------
        theta : array [R, P] of the landscape's dtype, C-contiguous

        Raises
        ------
        TypeError, ValueError
            If `theta` has another dtype, rank, size or order.
        MemoryError
            If R x P x P numbers do not fit in the memory that is available.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> bowl = tw.UserLandscape(
        ...     lambda x: (x**2).sum(1), lambda x: 2 * x, lambda x, v: 2 * v, dim=2
        ... )
        >>> bowl.hessian(np.zeros((1, 2)))
        array([[[2., 0.],
                [0., 2.]]])
        """
        batch(theta, self.dim, self.dtype)
        require_hessian_memory(theta, self.dim, self.dtype)
        columns = np.empty((self.dim, *theta.shape), dtype=self.dtype)
        for column, direction in enumerate(np.eye(self.dim, dtype=self.dtype)):
            repeated = np.tile(direction, (len(theta), 1))
            columns[column] = self.hvp(theta, repeated)
        hessian = np.ascontiguousarray(columns.transpose(1, 2, 0))
        return 0.5 * (hessian + hessian.transpose(0, 2, 1))  # differences break the symmetry


class UserLandscape(CallbackLandscape):
    """A landscape made of Python functions, usable by every dynamics and protocol.

    Parameters
    ----------
    energy : callable
        ``energy(theta [R, P]) -> [R]``: one number per row.
    gradient : callable
        ``gradient(theta [R, P]) -> [R, P]``, or a pair ``(energy [R], gradient [R, P])`` where the
        energy comes for free.
    hvp : callable, optional
        ``hvp(theta [R, P], v [R, P]) -> [R, P]``. If missing, central differences of the gradient
        are used: ``(g(theta + e v) - g(theta - e v)) / 2e`` with
        ``e = step (1 + |theta|) / |v|`` for each row, step = 1e-4 in float64 and 1e-3 in float32.
        On tanh networks that is good to about 1e-6 (float64) or 1e-4 (float32) relative; at kinks
        (ReLU) it sees curvature that an exact product does not. The first use warns.
    dim : int
        P, the number of parameters of a point.
    dtype : "float64" or "float32"
        What the functions are given, and at least the precision of what they return.
    device : str
        "cpu" or the name of a compiled target, which runs the dynamics.

    Raises
    ------
    TypeError, ValueError
        At once for bad arguments, and at the first call for functions that return something of the
        wrong shape or precision. What the functions raise themselves comes through unchanged.

    Notes
    -----
    The functions get read-only arrays. A value of nan or inf is not an error: in a run it makes
    that replica, and no other, diverge.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> bowl = tw.UserLandscape(lambda x: 0.5 * (x**2).sum(1), lambda x: x, dim=3)
    >>> run = tw.GradientFlow().run(bowl, np.ones((2, 3)), steps=200)
    >>> bool((run.energies[-1] < 1e-9).all())
    True
    """

    _energy: Function
    _gradient: Function
    _hvp: Callable[[np.ndarray, np.ndarray], Any] | None
    _warned: bool

    @known_options
    def __init__(
        self,
        energy: Function,
        gradient: Function,
        hvp: Callable[[np.ndarray, np.ndarray], Any] | None = None,
        *,
        dim: int,
        dtype: str = "float64",
        device: str = "cpu",
    ) -> None:
        for name, function in (("energy", energy), ("gradient", gradient), ("hvp", hvp)):
            if not callable(function) and not (name == "hvp" and function is None):
                raise TypeError(message(name, "a function of theta [R, P]", show(function)))
        dim, dtype = integer("dim", dim), dtype_name(dtype)
        self._set(_energy=energy, _gradient=gradient, _hvp=hvp, _warned=False)
        arguments = {"energy": energy, "gradient": gradient, "hvp": hvp, "dim": dim,
                     "dtype": dtype, "device": device}  # fmt: skip
        self._prepare(dim, dtype, device, arguments)

    @classmethod
    def wrap(cls, landscape: Any, device: str = "cpu") -> UserLandscape:
        """Return a `UserLandscape` of any object with energy, gradient, dim and dtype.

        Examples
        --------
        >>> import thalweg as tw
        >>> tw.UserLandscape.wrap(tw.MullerBrown()).dim
        2
        """
        return cls(landscape.energy, landscape.gradient, getattr(landscape, "hvp", None),
                   dim=landscape.dim, dtype=dtype_name(landscape.dtype), device=device)  # fmt: skip

    @property
    def exact_hvp(self) -> bool:
        """Whether an hvp function was given; False means central differences."""
        return self._hvp is not None

    def energy(self, theta: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return energies [R] of the points `theta` [R, P].

        Parameters
        ----------
        theta : array [R, P] of the landscape's dtype, C-contiguous
        threads : int, optional
            Accepted so that all landscapes are called alike; the function decides by itself.

        Raises
        ------
        TypeError, ValueError
            If `theta` does not fit, or the function returns the wrong shape or precision.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> tw.UserLandscape(lambda x: x.sum(1), np.ones_like, dim=3).energy(np.ones((1, 3)))
        array([3.])
        """
        theta = self._checked("theta", theta)
        return self._returned("energy", self._energy(theta), theta.shape[:1])

    def gradient(
        self, theta: np.ndarray, *, threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return energies [R] and gradients [R, P] at the points `theta` [R, P].

        Parameters and errors as in `energy`.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> tw.UserLandscape(lambda x: x.sum(1), np.ones_like, dim=2).gradient(np.zeros((1, 2)))
        (array([0.]), array([[1., 1.]]))
        """
        theta = self._checked("theta", theta)
        found = self._gradient(theta)
        if isinstance(found, tuple):
            if len(found) != 2:
                expected = "gradient [R, P] or a pair (energy [R], gradient [R, P])"
                raise ValueError(message("gradient(theta)", expected, f"{len(found)} values"))
            energy, found = found
            energy = self._returned("gradient", energy, theta.shape[:1])
        else:
            energy = self._returned("energy", self._energy(theta), theta.shape[:1])
        return energy, self._returned("gradient", found, theta.shape)

    def hvp(self, theta: np.ndarray, v: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return the Hessian at each point times a direction, [R, P].

        From the function given, or by central differences (see the class). Parameters and errors
        as in `energy`.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> x = np.ones((1, 2))
        >>> tw.UserLandscape(
        ...     lambda x: (x**2).sum(1), lambda x: 2 * x, lambda x, v: 2 * v, dim=2
        ... ).hvp(x, x)
        array([[2., 2.]])
        """
        theta, v = self._checked("theta", theta), self._checked("v", v)
        if v.shape != theta.shape:
            raise ValueError(message("v", f"shape {list(theta.shape)}", f"shape {list(v.shape)}"))
        if self._hvp is not None:
            return self._returned("hvp", self._hvp(theta, v), theta.shape)
        if not self._warned:
            self._set(_warned=True)
            warnings.warn(
                f"hvp: no function was given, so central differences of the gradient are used, "
                f"with step {STEP[self.dtype]:g} (1 + |theta|) / |v|; expect relative errors of "
                f"{RELATIVE_ERROR[self.dtype]:g} for smooth functions. Pass hvp= for exact ones.",
                UserWarning,
                stacklevel=2,
            )
        return difference_products(lambda x: self.gradient(x)[1], theta, v)

    def _checked(self, argument: str, theta: np.ndarray) -> np.ndarray:
        view = batch(theta, self.dim, self.dtype, argument).view()
        view.flags.writeable = False  # a function that edits its input would corrupt the run
        return view

    def _returned(self, function: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Return what the user's function returned in our dtype, or say what is wrong with it."""
        array = np.asarray(value)
        names = "[R]" if len(shape) == 1 else "[R, P]"
        expected = f"{self.dtype} values of shape {names} = {list(shape)}"
        label = f"{function}(theta)"
        if array.dtype.kind not in "fiu":
            raise TypeError(message(label, expected, f"dtype {array.dtype}"))
        if array.dtype.kind == "f" and array.dtype.itemsize < np.dtype(self.dtype).itemsize:
            fix = (
                f"Compute in {self.dtype} (JAX: jax.config.update('jax_enable_x64', True)), or "
                f"build the landscape with dtype='{array.dtype}'."
            )
            raise TypeError(message(label, expected, f"dtype {array.dtype}", fix))
        if array.shape != shape:
            fix = "theta is a batch: every row is one point."
            raise ValueError(message(label, expected, f"shape {list(array.shape)}", fix))
        return np.ascontiguousarray(array, dtype=self.dtype)


def usable(landscape: Any) -> CompiledLandscape | CallbackLandscape:
    """Return `landscape` if it is one of ours, else wrapped; raise if it is no landscape."""
    if isinstance(landscape, CompiledLandscape | CallbackLandscape):
        return landscape
    missing = [n for n in ("dim", "dtype", "energy", "gradient") if not hasattr(landscape, n)]
    if missing:
        fix = f"It lacks {', '.join(missing)}; tw.UserLandscape makes one from functions."
        raise TypeError(message("landscape", "a landscape", show(landscape), fix))
    return UserLandscape.wrap(landscape)
