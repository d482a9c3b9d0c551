"""What landscapes whose parameters are named layers share: starting points and layer views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import rng as _rng
from .._checks import choice, known_options, real
from .._memory import require_memory
from .layout import Layout, initial_widths

__all__ = ["Layered"]

SCHEMES = ("he", "glorot", "normal")


class Layered:
    """Mixin of landscapes with a `layout`.

    Attributes
    ----------
    layout : Layout
        Names, shapes and ranges of the layers.
    """

    layout: Layout
    dtype: Any

    @known_options
    def init(
        self, replicas: Any, scheme: str = "he", rng: Any = None, scale: float = 1.0
    ) -> np.ndarray:
        """Return random starting points [R, P].

        Parameters
        ----------
        replicas : int or int array [R]
            How many, or which ones: a replica's point depends on its number, not on the batch.
        scheme : "he", "glorot" or "normal"
            Normal weights of variance 2/n_in (he) or 2/(n_in + n_out) (glorot) and zero biases; or
            all parameters standard normal (normal), a draw from the Gaussian prior. With ntk or
            mean_field scales use "normal".
        rng : see `thalweg.rng.seed_from`
        scale : float
            Factor of the result, > 0: the width sigma of the prior.

        Raises
        ------
        TypeError, ValueError
            For an argument outside its set.
        MemoryError
            If R x P numbers do not fit.

        References
        ----------
        he: arXiv:1502.01852. glorot: X. Glorot, Y. Bengio, AISTATS 2010.

        Examples
        --------
        >>> import thalweg as tw
        >>> data = tw.datasets.random_labels(samples=8, features=2, rng=0)
        >>> land = tw.MLP([2, 3, 1], loss="logistic", data=data)
        >>> land.init(replicas=5, rng=7).shape
        (5, 13)
        """
        choice("scheme", scheme, SCHEMES)
        scale = real("scale", scale, above=0)
        if isinstance(replicas, int | np.integer):  # before the list of ids itself fills the memory
            self._require_memory(int(replicas))
        ids = _rng.replica_ids(replicas)
        self._require_memory(len(ids))
        theta = _rng.normals(rng, stream="initialization", replicas=ids, count=self.layout.size)
        return (theta * (scale * initial_widths(self.layout, scheme))).astype(
            self.dtype, copy=False
        )

    def unflatten(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return views [R, *shape] of `theta`, one per layer name; see `Layout.unflatten`.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> land = tw.MLP([2, 1], data=tw.datasets.from_arrays(np.ones((2, 2)), np.zeros(2)))
        >>> land.unflatten(np.array([[1.0, 2.0, 3.0]]))["layers.0.weight"]
        array([[[1., 2.]]])
        """
        return self.layout.unflatten(theta)

    def flatten(self, layers: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return a new array [R, P] of the landscape's dtype from one array per layer name.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> land = tw.MLP([2, 1], data=tw.datasets.from_arrays(np.ones((2, 2)), np.zeros(2)))
        >>> theta = land.init(3, rng=1)
        >>> bool((land.flatten(land.unflatten(theta)) == theta).all())
        True
        """
        return self.layout.flatten(layers, self.dtype)

    def _require_memory(self, replicas: int) -> None:
        require_memory(
            {f"theta [{replicas}, {self.layout.size}]": 2 * 8 * replicas * self.layout.size}
        )
