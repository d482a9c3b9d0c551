"""What a landscape is, and what all compiled landscapes share.

Letters: R replicas, P parameters. A batch is a C-contiguous array [R, P] of the landscape's dtype.
Energies and temperatures share one unit (k_B = 1).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .. import _targets
from .._checks import closest, integer, message, show
from .._memory import require_memory
from .describe import Described

__all__ = ["CompiledLandscape", "Landscape"]


@runtime_checkable
class Landscape(Protocol):
    """Anything with these four is a landscape; no base class is needed.

    Optional: ``hvp(theta, v) -> [R, P]``, the Hessian at each point times a direction. Dynamics and
    protocols that need it say so; `UserLandscape` adds it to functions that lack it.

    Attributes
    ----------
    dim : int
        P, the number of parameters of a point.
    dtype : str
        "float32" or "float64".

    Examples
    --------
    >>> import thalweg as tw
    >>> isinstance(tw.MullerBrown(), tw.Landscape)
    True
    """

    @property
    def dim(self) -> int: ...  # noqa: D102
    @property
    def dtype(self) -> str: ...  # noqa: D102
    def energy(self, theta: np.ndarray, /) -> np.ndarray:
        """Return energies [R] of the points `theta` [R, P]."""
        ...

    def gradient(self, theta: np.ndarray, /) -> tuple[np.ndarray, np.ndarray]:
        """Return energies [R] and gradients [R, P] at the points `theta` [R, P]."""
        ...


def load_target(device: str) -> ModuleType:
    """Return the compiled module for "cpu" (the best target here) or for a target by name.

    For "cuda" and "cuda:1" the landscape made next is on that device.
    """
    if not isinstance(device, str):
        raise TypeError(message("device", "a text such as 'cpu' or 'cuda'", show(device)))
    if device == "cpu":
        return _targets.load_device(_targets.default())
    name = device.partition(":")[0]
    if name in _targets.DEVICES and name in _targets.built():
        return _targets.load_device(device)
    if device not in _targets.available():
        allowed = ["cpu", *_targets.available()]
        way_out = closest(device, allowed)
        if name in _targets.DEVICES:
            way_out = f"{name!r} was not built into this installation; docs/gpu.md says how to."
        raise ValueError(message("device", f"one of {allowed}", repr(device), way_out))
    return _targets.load(device)


def thread_count(threads: int | None) -> int:
    """Return what the core expects: 0 stands for its default (THALWEG_NUM_THREADS, else all)."""
    return 0 if threads is None else integer("threads", threads, least=1)


def on_device(array: Any) -> bool:
    """Whether an array is on a GPU: of CuPy, of PyTorch there, or a result that stayed there."""
    return not isinstance(array, np.ndarray) and hasattr(array, "__cuda_array_interface__")


class CompiledLandscape(Described):
    """A landscape whose formula is compiled; subclasses make the core handle and nothing else.

    Attributes
    ----------
    dim : int
        P, the number of parameters of a point.
    dtype : str
        "float32" or "float64"; every batch must have it.
    device : str
        As asked for: "cpu" or the name of a target.
    target : str
        Name of the compiled target in use.
    arguments : dict
        ``type(landscape)(**landscape.arguments)`` makes the same landscape again.
    """

    _core: Any
    _module: ModuleType
    device: str

    def _attach(
        self, module: ModuleType, core: Any, device: str, arguments: dict[str, Any]
    ) -> None:
        """Keep the handle and everything `__init__` was given, under the names it has there."""
        self._set(_module=module, _core=core, device=device, arguments=arguments)

    def _there(self, work: str, *arrays: Any) -> Any:
        """Evaluate arrays that are on the landscape's device; the result stays there."""
        if not hasattr(self._module, "evaluate_there"):
            where = f"an array of the host, as this landscape is on {self.target}"
            raise TypeError(
                message("theta", where, "one on a GPU", "Copy it, or use device='cuda'.")
            )
        for name, array in zip(("theta", "v"), arrays, strict=False):
            if not on_device(array):
                raise TypeError(message(name, "an array on the device, as theta", show(array)))
        return self._module.evaluate_there(self._core, work, list(arrays))

    @property
    def dim(self) -> int:
        """P, the number of parameters of a point."""
        return int(self._core.dim)

    @property
    def dtype(self) -> str:
        """The number type of every batch, "float32" or "float64"."""
        return str(self._core.dtype)

    @property
    def target(self) -> str:
        """Name of the compiled target in use."""
        return str(self._module.name())

    @property
    def n_samples(self) -> int:
        """N, the number of samples that minibatches may choose from; 0 where there are none."""
        return 0

    @property
    def work(self) -> int:
        """Rough operations of one gradient of one replica; only sizes the chunks of a run."""
        return self.dim

    def energy(self, theta: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return energies [R] of the points `theta` [R, P].

        Parameters
        ----------
        theta : array [R, P] of the landscape's dtype, C-contiguous
        threads : int, optional
            Default: the environment variable THALWEG_NUM_THREADS, else every CPU allowed. The
            result does not depend on it.

        Raises
        ------
        TypeError, ValueError
            If `theta` has another dtype, rank, size or order.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> tw.Quadratic(2.0, dim=3).energy(np.ones((1, 3)))
        array([3.])
        """
        if on_device(theta):
            return self._there("energy", theta)
        return self._core.energy(theta, thread_count(threads))

    def gradient(
        self, theta: np.ndarray, *, threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return energies [R] and gradients [R, P] at the points `theta` [R, P].

        Parameters and errors as in `energy`.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> energy, gradient = tw.Quadratic(2.0, dim=3).gradient(np.ones((1, 3)))
        >>> gradient
        array([[2., 2., 2.]])
        """
        if on_device(theta):
            return self._there("gradient", theta)
        return self._core.gradient(theta, thread_count(threads))

    def hvp(self, theta: np.ndarray, v: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return the Hessian at each point times a direction, [R, P]; exact, by dual numbers.

        Parameters
        ----------
        theta, v : arrays [R, P] of the landscape's dtype, C-contiguous
        threads : as in `energy`

        Raises
        ------
        TypeError, ValueError
            If an array has another dtype, rank, size or order.

        References
        ----------
        B. Pearlmutter, Neural Computation 6, 147 (1994), doi:10.1162/neco.1994.6.1.147.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> tw.Quadratic(2.0, dim=3).hvp(np.zeros((1, 3)), np.ones((1, 3)))
        array([[2., 2., 2.]])
        """
        if on_device(theta):
            return self._there("hvp", theta, v)
        return self._core.hvp(theta, v, thread_count(threads))

    def hessian(self, theta: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return the exact Hessian [R, P, P] at each point; meant for small P.

        Parameters and errors as in `energy`, and:

        Raises
        ------
        MemoryError
            If R x P x P numbers do not fit in the memory that is available.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> tw.Quadratic(2.0, dim=2).hessian(np.zeros((1, 2)))
        array([[[2., 0.],
                [0., 2.]]])
        """
        require_hessian_memory(theta, self.dim, self.dtype)
        return self._core.hessian(theta, thread_count(threads))


def require_hessian_memory(theta: np.ndarray, dim: int, dtype: str) -> None:
    """Raise ``MemoryError`` if the Hessians [R, P, P] of a batch do not fit."""
    replicas = len(theta) if np.ndim(theta) == 2 else 1  # another rank is refused by the core
    require_memory(
        {f"hessian [{replicas}, {dim}, {dim}]": replicas * dim * dim * np.dtype(dtype).itemsize},
        "Use fewer replicas at a time, or tw.curvature, which makes no matrix.",
    )
