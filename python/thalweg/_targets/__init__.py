"""Which compiled target runs: one extension module per instruction-set level, one picked at import.

A target is a module with the whole core in it (``cpu_v4``, ``cpu_v3``, ``cpu_v2`` on x86-64,
``cpu_aarch64`` on aarch64, ``cuda`` for NVIDIA GPUs). All have the same bindings, so two may be
loaded side by side. The best target of this processor is used unless the environment variable
``THALWEG_TARGET`` names another; a target with devices is used where it is asked for.
``cuda_emulated`` runs the kernels of ``cuda`` on this processor, to test them.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from types import ModuleType
from typing import Any

from . import _probe

__all__ = [
    "DEVICES",
    "KNOWN",
    "available",
    "built",
    "default",
    "device_info",
    "devices",
    "load",
    "load_device",
    "why_not",
]

PROCESSORS = ("cpu_v4", "cpu_v3", "cpu_v2", "cpu_aarch64")
DEVICES = ("cuda", "cuda_emulated")
"""Targets that have devices, numbered from 0."""
KNOWN = (*PROCESSORS, *DEVICES)
"""Every target there is, best first within an architecture."""


@functools.cache
def built() -> tuple[str, ...]:
    """Return the names of the targets that this installation holds, best first."""
    return tuple(name for name in KNOWN if importlib.util.find_spec(f"{__name__}.{name}"))


@functools.cache
def available() -> tuple[str, ...]:
    """Return the names of the targets that are built and that this machine runs, best first.

    Asks the driver of the devices, if there is a target for them: the first call may take a while.
    """
    reasons = why_not()
    return tuple(name for name in built() if name not in reasons)


@functools.cache
def why_not() -> dict[str, str]:
    """Return, for each known target that cannot be used here, the reason in words."""
    return _processor_reasons() | _device_reasons()


@functools.cache
def _processor_reasons() -> dict[str, str]:
    missing = dict(_probe.missing_features())
    reasons = {}
    for name in PROCESSORS:
        if name not in missing:
            reasons[name] = "it is for another processor architecture"
        elif missing[name]:
            reasons[name] = f"this processor lacks {', '.join(missing[name])}"
        elif name not in built():
            reasons[name] = NOT_BUILT
    return reasons


@functools.cache
def _device_reasons() -> dict[str, str]:
    reasons = {}
    for name in DEVICES:
        if name not in built():
            reasons[name] = NOT_BUILT
        elif reason := _module(name).why_no_device():
            reasons[name] = reason
    return reasons


NOT_BUILT = "it was not built into this installation"


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
    return _module(name)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def devices(name: str) -> tuple[str, ...]:
    """Return how a target's devices are asked for, ``("cuda:0", "cuda:1")``, or its name."""
    if name not in DEVICES:
        return (name,)
    return tuple(f"{name}:{number}" for number in range(_module(name).count_devices()))


def device_info(device: str) -> dict[str, Any]:
    """Return what there is to say of a device such as "cuda:0": its name, memory and so on."""
    name, _, number = device.partition(":")
    return _module(name).device_info(int(number or 0))


def load_device(device: str) -> ModuleType:
    """Return the module of a target, or of "cuda" or "cuda:1", and choose that device.

    The choice holds for landscapes that this thread makes until it is made again.

    Raises
    ------
    ValueError
        If there is no such target or device.
    RuntimeError
        If the target is built and has no device that can be used here; says why.
    """
    name, colon, number = device.partition(":")
    if name not in DEVICES:
        return load(device)
    reason = _device_reasons().get(name)
    if reason is not None and reason is not NOT_BUILT:
        raise RuntimeError(f"device: {name!r} cannot be used here: {reason}.")
    module = load(name)
    if colon and not number.isdecimal():
        raise ValueError(f"device: expected {name}:NUMBER, such as '{name}:0', got {device!r}.")
    module.use_device(int(number) if colon else 0)
    return module


def _check(name: str, argument: str) -> None:
    usable = name not in _processor_reasons() if name in PROCESSORS else name in available()
    if usable:
        return
    reason = why_not().get(name, f"there are only {', '.join(KNOWN)}")
    raise ValueError(f"{argument}: expected one of {list(available())}, got {name!r}; {reason}.")


def _pick() -> str:
    wanted = os.environ.get("THALWEG_TARGET")
    if wanted:
        _check(wanted, "THALWEG_TARGET")
        return wanted
    reasons = _processor_reasons()  # without asking for devices: that would slow the import down
    usable = [name for name in PROCESSORS if name not in reasons]
    if not usable:
        text = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise ImportError(f"no compiled target of thalweg runs on this machine ({text})")
    return usable[0]


_DEFAULT = _pick()
