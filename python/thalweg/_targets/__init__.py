"""Which compiled target runs: one extension module per instruction-set level, one picked at import.

A target is a module with the whole core in it (``cpu_v4``, ``cpu_v3``, ``cpu_v2`` on x86-64,
``cpu_aarch64`` on aarch64). All have the same bindings, so two may be loaded side by side. The best
target of this processor is used unless the environment variable ``THALWEG_TARGET`` names another.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from types import ModuleType

from . import _probe

__all__ = ["KNOWN", "available", "built", "default", "load", "why_not"]

KNOWN = ("cpu_v4", "cpu_v3", "cpu_v2", "cpu_aarch64")
"""Every target there is, best first within an architecture."""


@functools.cache
def built() -> tuple[str, ...]:
    """Return the names of the targets that this installation holds, best first."""
    return tuple(name for name in KNOWN if importlib.util.find_spec(f"{__name__}.{name}"))


@functools.cache
def available() -> tuple[str, ...]:
    """Return the names of the targets that are built and that this processor runs, best first."""
    reasons = why_not()
    return tuple(name for name in built() if name not in reasons)


@functools.cache
def why_not() -> dict[str, str]:
    """Return, for each known target that cannot be used here, the reason in words."""
    missing = dict(_probe.missing_features())
    reasons = {}
    for name in KNOWN:
        if name not in missing:
            reasons[name] = "it is for another processor architecture"
        elif missing[name]:
            reasons[name] = f"this processor lacks {', '.join(missing[name])}"
        elif name not in built():
            reasons[name] = "it was not built into this installation"
    return reasons


def default() -> str:
    """Return the name of the target that landscapes use unless told otherwise.

    The best available one, or the one named in the environment variable ``THALWEG_TARGET`` when
    thalweg was imported.

    Returns
    -------
    str
        A target name, such as ``"cpu_v3"``.

    Examples
    --------
    >>> import thalweg as tw
    >>> tw.target() in ("cpu_v2", "cpu_v3", "cpu_v4", "cpu_aarch64")
    True
    """
    return _DEFAULT


@functools.cache
def load(name: str) -> ModuleType:
    """Return the compiled module of a target.

    Parameters
    ----------
    name : str
        A name out of ``available()``.

    Raises
    ------
    ValueError
        If there is no such target, or it cannot be used here; says why, and what can.
    """
    _check(name, "target")
    return importlib.import_module(f"{__name__}.{name}")


def _check(name: str, argument: str) -> None:
    if name in available():
        return
    reason = why_not().get(name, f"there are only {', '.join(KNOWN)}")
    raise ValueError(f"{argument}: expected one of {list(available())}, got {name!r}; {reason}.")


def _pick() -> str:
    wanted = os.environ.get("THALWEG_TARGET")
    if wanted:
        _check(wanted, "THALWEG_TARGET")
        return wanted
    if not available():
        reasons = "; ".join(f"{name}: {reason}" for name, reason in why_not().items())
        raise ImportError(f"no compiled target of thalweg runs on this machine ({reasons})")
    return available()[0]


_DEFAULT = _pick()
