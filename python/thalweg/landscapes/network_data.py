"""What a network is given: sizes, and targets in one shape with labels inside their set."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import finite_array, integer, message, show

__all__ = ["network_sizes", "network_targets", "require_same_replicas"]

MAXIMUM_LAYERS = 8
SIGNS = ("logistic", "hinge_squared")


def network_targets(
    targets: Any, loss: str, outputs: int, n: int, argument: str = "data.targets"
) -> np.ndarray:
    """Return targets [N, o] or [R, N, o]; o = 1 for labels, the outputs of the network for mse.

    Raises
    ------
    TypeError, ValueError
        If the shape does not fit the network and N, or a label is outside its set.
    """
    targets = finite_array(argument, targets)
    if loss in SIGNS and outputs != 1:
        fix = "For several classes use loss='cross_entropy'."
        raise ValueError(message("layer_sizes", f"one output for loss={loss!r}", str(outputs), fix))
    if loss == "cross_entropy" and outputs < 2:
        fix = "For two classes either use 2 outputs, or labels +-1 and loss='logistic'."
        raise ValueError(message("layer_sizes", "at least 2 outputs (classes)", str(outputs), fix))
    shaped = _shaped(argument, targets, outputs if loss == "mse" else 1, n)
    if loss in SIGNS:
        _check_signs(argument, targets, loss)
    elif loss == "cross_entropy":
        _check_classes(argument, targets, outputs)
    return shaped


def _shaped(argument: str, targets: np.ndarray, width: int, n: int) -> np.ndarray:
    """Return `targets` with its last axis, which may be left out where it is 1."""
    shape = targets.shape
    full = len(shape) in (2, 3) and shape[-1] == width and shape[-2] == n
    if full and 0 not in shape:
        return targets
    if width == 1 and len(shape) in (1, 2) and shape[-1] == n and 0 not in shape:
        return targets[..., None]
    allowed = [f"[{n}, {width}]", f"[R, {n}, {width}]"]
    if width == 1:
        allowed = [f"[{n}]", f"[R, {n}]", *allowed]
    expected = "shape " + " or ".join(allowed)
    raise ValueError(message(argument, expected, f"shape {list(shape)}"))


def _check_signs(argument: str, targets: np.ndarray, loss: str) -> None:
    wrong = np.abs(targets) != 1
    if wrong.any():
        fix = "Use 2 * y - 1." if np.isin(targets, (0, 1)).all() else ""
        _refuse(argument, f"labels -1 or +1 for loss={loss!r}", targets, wrong, fix)


def _check_classes(argument: str, targets: np.ndarray, outputs: int) -> None:
    wrong = (targets != np.floor(targets)) | (targets < 0) | (targets >= outputs)
    if wrong.any():
        expected = f"class numbers 0 .. {outputs - 1}, one for each output"
        fix = ""
        if targets.min() == 1 and targets.max() == outputs:
            fix = "Classes count from 0: use y - 1."
        elif targets.max() >= outputs:
            fix = f"Or give the network {int(targets.max()) + 1} outputs."
        _refuse(argument, expected, targets, wrong, fix)


def _refuse(argument: str, expected: str, targets: np.ndarray, wrong: np.ndarray, fix: str) -> None:
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    got = f"{targets[at]} at index {list(at)} ({int(wrong.sum())} such)"
    raise ValueError(message(argument, expected, got, fix))


def network_sizes(layer_sizes: Any) -> tuple[int, ...]:
    """Return the sizes as a tuple if there are 1 to 8 layers of positive width."""
    expected = f"a list [inputs, hidden..., outputs] of 2 to {MAXIMUM_LAYERS + 1} positive integers"
    if not isinstance(layer_sizes, list | tuple | np.ndarray):
        raise TypeError(message("layer_sizes", expected, show(layer_sizes)))
    if not 2 <= len(layer_sizes) <= MAXIMUM_LAYERS + 1:
        raise ValueError(message("layer_sizes", expected, f"{len(layer_sizes)} entries"))
    return tuple(integer(f"layer_sizes[{i}]", size) for i, size in enumerate(layer_sizes))


def require_same_replicas(inputs: np.ndarray, targets: np.ndarray) -> None:
    """Raise if inputs [R, N, d] and targets [R', N, o] are for different numbers of replicas."""
    if inputs.ndim == targets.ndim == 3 and len(inputs) != len(targets):
        expected = f"one set for each of the {len(inputs)} replicas of data.inputs"
        raise ValueError(message("data.targets", expected, f"{len(targets)} sets"))
