"""Where each named layer of a network sits in the flat parameter vector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod, sqrt

import numpy as np

from .._checks import closest, message, show

__all__ = ["Entry", "Layout", "initial_widths"]


@dataclass(frozen=True)
class Entry:
    """One named array inside a point: its name, shape and range of parameters.

    Examples
    --------
    >>> from thalweg.landscapes.layout import Entry
    >>> Entry("layers.0.bias", (3,), 6, 9).slice
    slice(6, 9, None)
    """

    name: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def slice(self) -> slice:
        """Range of parameters, to index the last axis of theta [R, P]."""
        return slice(self.start, self.stop)


class Layout(Mapping[str, Entry]):
    """Named layers of a network in order: "layers.0.weight" [n_out, n_in], "layers.0.bias" [n_out].

    A mapping from name to `Entry`. Weights are row-major: one row per output unit.

    Parameters
    ----------
    layer_sizes : sequence of int
        ``[inputs, hidden..., outputs]``.
    bias : bool
        Whether layers have biases.

    Examples
    --------
    >>> from thalweg.landscapes.layout import Layout
    >>> layout = Layout((2, 3, 1), bias=True)
    >>> list(layout)
    ['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
    >>> layout["layers.1.weight"].slice, layout.size
    (slice(9, 12, None), 13)
    """

    def __init__(self, layer_sizes: tuple[int, ...], bias: bool) -> None:
        self._entries: dict[str, Entry] = {}
        self.size = 0
        for layer, (n_in, n_out) in enumerate(pairwise(layer_sizes)):
            self._append(f"layers.{layer}.weight", (n_out, n_in))
            if bias:
                self._append(f"layers.{layer}.bias", (n_out,))

    def _append(self, name: str, shape: tuple[int, ...]) -> None:
        start, self.size = self.size, self.size + prod(shape)
        self._entries[name] = Entry(name, shape, start, self.size)

    def __getitem__(self, name: str) -> Entry:
        if name not in self._entries:
            allowed = list(self._entries)
            raise KeyError(
                message("layer", f"one of {allowed}", repr(name), closest(name, allowed))
            )
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        rows = (f"  {e.name}  {list(e.shape)}  [{e.start}:{e.stop}]" for e in self.values())
        return "\n".join([f"Layout of {self.size} parameters", *rows])

    def unflatten(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return views [..., *shape] of `theta` [..., P], one per name.

        Writing to a view writes to `theta`, unless that is read-only.

        Raises
        ------
        TypeError, ValueError
            If `theta` is not an array whose last axis is P.
        """
        expected = f"an array [..., {self.size}]"
        if not isinstance(theta, np.ndarray):
            raise TypeError(message("theta", expected, show(theta)))
        if theta.ndim == 0 or theta.shape[-1] != self.size:
            raise ValueError(message("theta", expected, f"shape {list(theta.shape)}"))
        return {e.name: self._view(theta, e) for e in self.values()}

    @staticmethod
    def _view(theta: np.ndarray, entry: Entry) -> np.ndarray:
        part = theta[..., entry.slice].view()
        part.shape = (*theta.shape[:-1], *entry.shape)  # unlike reshape, never copies silently
        return part

    def flatten(self, layers: Mapping[str, np.ndarray], dtype: str) -> np.ndarray:
        """Return a new array [..., P] of `dtype` from one array [..., *shape] per name.

        Raises
        ------
        ValueError
            If names are missing or unknown, or shapes do not fit.
        """
        if set(layers) != set(self):
            missing, unknown = sorted(set(self) - set(layers)), sorted(set(layers) - set(self))
            got = f"missing {missing}, unknown {unknown}"
            raise ValueError(message("layers", f"exactly {list(self)}", got))
        parts, lead = [], None
        for entry in self.values():
            array = np.asarray(layers[entry.name])
            split = array.ndim - len(entry.shape)
            lead = array.shape[:split] if lead is None and split >= 0 else lead
            if split < 0 or array.shape != (*(lead or ()), *entry.shape):
                expected = f"shape {[*(lead or ('R',)), *entry.shape]}"
                raise ValueError(message(entry.name, expected, f"shape {list(array.shape)}"))
            parts.append(array.reshape(*(lead or ()), -1))
        return np.ascontiguousarray(np.concatenate(parts, axis=-1), dtype=dtype)


def initial_widths(layout: Layout, scheme: str) -> np.ndarray:
    """Return the standard deviation of each parameter [P] in an initialization scheme.

    "normal": 1 everywhere. "he": sqrt(2/n_in) for weights; "glorot": sqrt(2/(n_in + n_out)); both
    0 for biases.
    """
    widths = np.ones(layout.size)
    if scheme == "normal":
        return widths
    for entry in layout.values():
        if len(entry.shape) == 1:
            widths[entry.slice] = 0.0
            continue
        n_out, n_in = entry.shape
        widths[entry.slice] = sqrt(2 / n_in) if scheme == "he" else sqrt(2 / (n_in + n_out))
    return widths
