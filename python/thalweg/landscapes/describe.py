"""What identifies a landscape: printing, pickling, provenance, and being immutable."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
from typing import Any

import numpy as np

from .._checks import show

__all__ = ["Described", "describe_landscape", "summarize"]


def summarize(value: Any) -> Any:
    """Return `value` with arrays replaced by dtype, shape and a hash: enough to tell two apart."""
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"dtype": value.dtype.name, "shape": list(value.shape), "sha256": digest}
    if isinstance(value, dict):
        return {str(key): summarize(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [summarize(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "describe"):
        return value.describe()
    if dataclasses.is_dataclass(value):
        named = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return summarize(named)
    return getattr(value, "__qualname__", type(value).__qualname__)


def describe_landscape(landscape: Any) -> dict[str, Any]:
    """Return what identifies a landscape, in JSON types: class, arguments, hashes of its data."""
    if hasattr(landscape, "describe"):
        return landscape.describe()
    return {"class": type(landscape).__qualname__, "dim": int(landscape.dim)}


class Described:
    """Arguments kept for rebuilding, printing and pickling; attributes cannot be reassigned.

    Immutable because the compiled part is made once: an edited attribute would silently not count.
    """

    arguments: dict[str, Any]
    _description: bytes  # pickled: every run asks for a copy, and copy.deepcopy is slow

    def _set(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"{name}: a {type(self).__name__} cannot be changed once made. Make a new one: "
            f"{type(self).__name__}(**{{**landscape.arguments, {name!r}: ...}})."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.arguments)

    def describe(self) -> dict[str, Any]:
        """Return the class and arguments in JSON types, arrays as dtype, shape and SHA-256.

        The device is left out: it names a machine, not a landscape.
        """
        if not hasattr(self, "_description"):
            kept = {name: value for name, value in self.arguments.items() if name != "device"}
            whole = {"class": type(self).__name__, **summarize(kept)}
            self._set(_description=pickle.dumps(whole))
        return pickle.loads(self._description)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={show(value, 40)}" for name, value in self.arguments.items())
        return f"{type(self).__name__}({shown})"

    def __add__(self, other: Any) -> Any:
        from .sums import add

        return add(self, other)

    def __radd__(self, other: Any) -> Any:
        if isinstance(other, int) and other == 0:  # so that sum([...]) works
            return self
        from .sums import add

        return add(other, self)


def _rebuild(cls: type, arguments: dict[str, Any]) -> Any:
    return cls(**arguments)
