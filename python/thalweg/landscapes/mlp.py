"""Loss landscapes of fully connected networks."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from .._checks import (
    choice,
    converted,
    dtype_name,
    finite_array,
    flag,
    known_options,
    message,
    real,
    show,
)
from .base import CompiledLandscape, load_target, thread_count
from .layered import Layered
from .layout import Layout
from .network_data import network_sizes, network_targets, require_same_replicas

__all__ = ["MLP"]

ACTIVATIONS = ("tanh", "relu", "logistic", "softplus", "identity", "sin")
LOSSES = ("mse", "logistic", "cross_entropy", "hinge_squared")
PARAMETERIZATIONS = ("standard", "ntk", "mean_field")


class MLP(Layered, CompiledLandscape):
    r"""Mean loss of a fully connected network on a data set, as a function of its parameters.

    Layer l computes ``z = s_l W a + b`` and ``a = activation(z)``; the last layer has no
    activation, its z is the output f. The energy is

        L(theta) = (1/N) sum_i loss(f(x_i), y_i) + weight_decay / 2 |theta|^2

    with the losses (m = y f is the margin)

    * ``mse``: mean over outputs of (f - y)^2,
    * ``logistic``: log(1 + exp(-y f)), labels y = +-1, one output,
    * ``hinge_squared``: max(0, 1 - y f)^2, labels y = +-1, one output,
    * ``cross_entropy``: log sum_c exp(f_c) - f_y, class numbers y = 0 .. C - 1.

    The scale s_l is 1 (``standard``); 1/sqrt(n_in) (``ntk``); or 1/sqrt(n_in) in hidden layers and
    1/n_in in the last (``mean_field``). Biases are never scaled.

    Parameters
    ----------
    layer_sizes : sequence of int
        ``[inputs, hidden..., outputs]``: 1 to 8 layers of weights.
    activation : "tanh", "relu", "logistic", "softplus", "identity" or "sin"
        At the kink of relu the slope 0 is used, and its second derivative is 0 everywhere.
    loss : "mse", "logistic", "cross_entropy" or "hinge_squared"
    parameterization : "standard", "ntk" or "mean_field"
    bias : bool
        Whether layers have biases.
    weight_decay : float
        >= 0, on all parameters.
    data : Dataset
        Inputs [N, d] or [R, N, d]; targets [N] or [R, N] (mse: also [N, outputs] or
        [R, N, outputs]). Copied and converted to `dtype`. Where data are per replica, batches must
        have exactly R rows.
    dtype : "float64" or "float32"
    device : str
        "cpu" (the best target of this machine) or the name of a target.

    Attributes
    ----------
    dim : int
        P. Parameters are ordered layer by layer: weights [n_out, n_in] row by row, then biases.
    layout : Layout
        Names, shapes and ranges of the layers.

    Raises
    ------
    TypeError, ValueError
        For unknown options, sizes that do not fit the data, non-finite data, and labels outside
        their set; the message says which.

    References
    ----------
    ntk: A. Jacot et al., arXiv:1806.07572. mean_field: S. Mei et al., doi:10.1073/pnas.1806579115.

    Examples
    --------
    >>> import thalweg as tw
    >>> data = tw.datasets.random_labels(samples=40, features=10, rng=0)
    >>> land = tw.MLP([10, 50, 1], "tanh", "logistic", parameterization="ntk", data=data)
    >>> land.dim
    601
    >>> theta = land.init(replicas=3, scheme="normal", rng=7)
    >>> land.energy(theta).shape
    (3,)
    """

    layer_sizes: tuple[int, ...]
    activation: str
    loss: str
    parameterization: str
    bias: bool
    weight_decay: float
    data: Any
    _inputs_kept: np.ndarray
    _targets_kept: np.ndarray

    @known_options
    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str = "tanh",
        loss: str = "mse",
        parameterization: str = "standard",
        bias: bool = True,
        weight_decay: float = 0.0,
        *,
        data: Any,
        dtype: str = "float64",
        device: str = "cpu",
    ) -> None:
        arguments = {
            "layer_sizes": network_sizes(layer_sizes),
            "activation": choice("activation", activation, ACTIVATIONS),
            "loss": choice("loss", loss, LOSSES),
            "parameterization": choice("parameterization", parameterization, PARAMETERIZATIONS),
            "bias": flag("bias", bias),
            "weight_decay": real("weight_decay", weight_decay, least=0),
            "data": data,
        }
        self._set(**arguments, layout=Layout(arguments["layer_sizes"], bias))
        dtype, module = dtype_name(dtype), load_target(device)
        for name in ("inputs", "targets"):
            if not hasattr(data, name):
                fix = "Use tw.datasets.from_arrays(inputs, targets)."
                raise TypeError(message("data", "a Dataset", show(data), fix))
        inputs = self._inputs("data.inputs", data.inputs, dtype)
        targets = network_targets(data.targets, loss, self.layer_sizes[-1], inputs.shape[-2])
        require_same_replicas(inputs, targets)
        self._set(_inputs_kept=inputs, _targets_kept=converted("data.targets", targets, dtype))
        core = module.mlp(
            list(self.layer_sizes), activation, loss, self.scales, self.bias, self.weight_decay,
            inputs, self._targets_kept, dtype,
        )  # fmt: skip
        self._attach(module, core, device, {**arguments, "dtype": dtype, "device": device})

    @property
    def scales(self) -> list[float]:
        """Factors s_l of the weights, one per layer; see the class."""
        widths = self.layer_sizes[:-1]
        if self.parameterization == "standard":
            return [1.0] * len(widths)
        scales = [1 / sqrt(n) for n in widths]
        if self.parameterization == "mean_field":
            scales[-1] = 1 / widths[-1]
        return scales

    @property
    def n_samples(self) -> int:
        """N, the number of samples (of each replica)."""
        return self._inputs_kept.shape[-2]

    @property
    def data_replicas(self) -> int | None:
        """R where inputs or targets are one set per replica, None where all is shared."""
        for array in (self._inputs_kept, self._targets_kept):
            if array.ndim == 3:
                return array.shape[0]
        return None

    @property
    def work(self) -> int:
        """Rough operations of one gradient of one replica; only sizes the chunks of a run."""
        return self.dim * self.n_samples

    def predict(
        self, theta: np.ndarray, inputs: Any = None, *, threads: int | None = None
    ) -> np.ndarray:
        """Return the outputs f [R, N, outputs] of each network.

        Parameters
        ----------
        theta : array [R, P] of the landscape's dtype, C-contiguous
        inputs : array [N, d] or [R, N, d], optional
            Converted to the landscape's dtype. Default: the training inputs.
        threads : as in `energy`

        Raises
        ------
        TypeError, ValueError
            If an array does not fit or is not finite.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> data = tw.datasets.from_arrays(np.zeros((4, 2)), np.zeros(4))
        >>> land = tw.MLP([2, 3, 1], data=data)
        >>> land.predict(land.init(5, rng=7)).shape
        (5, 4, 1)
        """
        kept = self._inputs_kept if inputs is None else self._inputs("inputs", inputs, self.dtype)
        return self._core.predict(theta, kept, thread_count(threads))

    def sample_losses(self, theta: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return the loss of each sample [R, N], without weight decay; their mean is L.

        Parameters and errors as in `energy`.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> land = tw.MLP([1, 1], data=tw.datasets.from_arrays(np.ones((2, 1)), np.zeros(2)))
        >>> land.sample_losses(np.array([[3.0, 0.0]]))
        array([[9., 9.]])
        """
        return self._core.sample_losses(theta, thread_count(threads))

    def margins(self, theta: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Return the margin of each sample [R, N]: y f, or f_y - log sum_{c != y} exp(f_c).

        With these, both logistic and cross-entropy losses are log(1 + exp(-m)). Parameters as in
        `energy`.

        Raises
        ------
        ValueError
            For the loss "mse", which has no margins.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> data = tw.datasets.from_arrays(np.ones((2, 1)), np.array([1, -1]))
        >>> tw.MLP([1, 1], loss="logistic", data=data).margins(np.array([[3.0, 0.0]]))
        array([[ 3., -3.]])
        """
        self._require_labels("margins")
        return self._core.margins(theta, thread_count(threads))

    def accuracy(
        self,
        theta: np.ndarray,
        inputs: Any = None,
        targets: Any = None,
        *,
        threads: int | None = None,
    ) -> np.ndarray:
        """Return the fraction of samples each network classifies correctly [R]; nan if diverged.

        Parameters
        ----------
        theta : array [R, P] of the landscape's dtype, C-contiguous
        inputs, targets : arrays, optional
            Both or neither; default: the training data. Kinds as in the class.
        threads : as in `energy`

        Raises
        ------
        TypeError, ValueError
            If an array does not fit, or the loss is "mse", which has no classes.

        Examples
        --------
        >>> import numpy as np
        >>> import thalweg as tw
        >>> data = tw.datasets.from_arrays(np.ones((2, 1)), np.array([1, -1]))
        >>> tw.MLP([1, 1], loss="logistic", data=data).accuracy(np.array([[3.0, 0.0]]))
        array([0.5])
        """
        self._require_labels("accuracy")
        if (inputs is None) != (targets is None):
            missing = "inputs" if inputs is None else "targets"
            raise ValueError(message(missing, "inputs and targets, or neither", "None"))
        outputs = self.predict(theta, inputs, threads=threads)
        if targets is None:
            labels = self._targets_kept
        else:
            labels = network_targets(
                targets, self.loss, self.layer_sizes[-1], outputs.shape[1], "targets"
            )
        labels = labels[..., 0]
        if self.loss == "cross_entropy":
            right = outputs.argmax(axis=2) == labels
        else:
            right = outputs[..., 0] * labels > 0
        fractions = right.mean(axis=1)
        fractions[~np.isfinite(outputs).all(axis=(1, 2))] = np.nan  # diverged networks: no answer
        return fractions

    def _inputs(self, argument: str, inputs: Any, dtype: str) -> np.ndarray:
        inputs = finite_array(argument, inputs)
        expected = f"shape [N, {self.layer_sizes[0]}] or [R, N, {self.layer_sizes[0]}]"
        if inputs.ndim not in (2, 3) or inputs.shape[-1] != self.layer_sizes[0] or not inputs.size:
            fix = f"layer_sizes[0] = {self.layer_sizes[0]} is the number of features."
            raise ValueError(message(argument, expected, f"shape {list(inputs.shape)}", fix))
        return converted(argument, inputs, dtype)

    def _require_labels(self, what: str) -> None:
        if self.loss == "mse":
            raise ValueError(
                message(what, "a loss with labels", "loss='mse'", f"{LOSSES[1:]} have.")
            )
