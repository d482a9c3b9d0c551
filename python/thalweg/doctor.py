"""What runs here, with how many threads, what is missing and how to get it; a short self test."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata

import numpy as np

from . import __version__, _targets

__all__ = ["report"]

# What each optional extra is for; the packages in it are read from the installed metadata.
_PURPOSES = {
    "plot": "figures",
    "cli": "the thalweg command",
    "data": "real data sets",
    "io": "labelled and chunked arrays",
    "cluster": "many machines",
    "torch": "PyTorch landscapes",
}


def report() -> str:
    """Return a readable account of this installation, for people and for bug reports.

    Returns
    -------
    str
        Versions, the compiled targets (in use, usable, and why others are not), SIMD lanes,
        threads, optional extras, and the outcome of a self test (a gradient against finite
        differences, under 0.1 s). The last line starts with ``"self test: passed"`` if all is well.

    Examples
    --------
    >>> from thalweg import doctor
    >>> print(doctor.report().splitlines()[-1])  # doctest: +ELLIPSIS
    self test: passed ...
    """
    lines = [*_versions(), "", *_compiled(), "", *_threads(), "", *_extras(), "", _self_test()]
    return "\n".join(lines)


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _row(name: str, value: object) -> str:
    return f"{name + ':':<14} {value}"


def _versions() -> list[str]:
    return [
        _row("thalweg", __version__),
        _row("python", f"{platform.python_version()} on {platform.platform()}"),
        _row("numpy", np.__version__),
        _row("scipy", _installed("scipy") or "missing: pip install scipy"),
    ]


def _compiled() -> list[str]:
    used = _targets.default()
    module = _targets.load(used)
    chosen = "THALWEG_TARGET" if os.environ.get("THALWEG_TARGET") else "the best one here"
    lanes = ", ".join(f"{module.lanes(dtype)} x {dtype}" for dtype in ("float32", "float64"))
    lines = [_row("target", f"{used} ({chosen}), {lanes} in a register")]
    reasons = _targets.why_not()
    for name in _targets.KNOWN:
        lines.append(_row(f"  {name}", reasons.get(name, "usable")))
        if name in _targets.DEVICES and name not in reasons:
            lines += [_row(f"    {device}", _device(device)) for device in _targets.devices(name)]
    return lines


def _device(device: str) -> str:
    info = _targets.device_info(device)
    major, minor = info["compute_capability"]
    free, memory = (info[key] / 2**30 for key in ("free_memory", "memory"))
    return (
        f"{info['name']}, compute capability {major}.{minor}, "
        f"{info['processors']} multiprocessors, {free:.1f} of {memory:.1f} GiB free"
    )


def _threads() -> list[str]:
    module = _targets.load(_targets.default())
    wanted = os.environ.get("THALWEG_NUM_THREADS")
    return [
        _row("threads", f"{module.default_threads()} unless a call says threads=..."),
        _row("  processors", f"{len(os.sched_getaffinity(0))} usable of {os.cpu_count()}"),
        _row("  limit", f"THALWEG_NUM_THREADS={wanted}" if wanted else "THALWEG_NUM_THREADS unset"),
    ]


def _packages_of(extra: str) -> list[str]:
    marked = re.compile(rf"([\w.-]+).*;\s*extra == [\"']{extra}[\"']$")
    try:
        requirements = metadata.requires("thalweg") or []
    except metadata.PackageNotFoundError:
        return []
    return [found[1] for text in requirements if (found := marked.match(text))]


def _extras() -> list[str]:
    lines = ["optional extras:"]
    for extra, purpose in _PURPOSES.items():
        versions = {package: _installed(package) for package in _packages_of(extra)}
        if versions and all(versions.values()):
            state = ", ".join(f"{package} {version}" for package, version in versions.items())
        else:
            missing = [package for package, version in versions.items() if not version]
            state = f"not installed: pip install {' '.join(missing) or f'thalweg[{extra}]'}"
        lines.append(f"{_row('  ' + extra, state)}  ({purpose})")
    return lines


def _self_test() -> str:
    """Compare the gradient of a small network with central differences of its energy."""
    module = _targets.load(_targets.default())
    random = np.random.default_rng(0)
    inputs = random.normal(size=(16, 4))
    labels = np.sign(random.normal(size=(16, 1)))
    scales = [0.5, 1 / np.sqrt(6)]
    net = module.mlp([4, 6, 1], "tanh", "logistic", scales, True, 1e-2, inputs, labels, "float64")
    theta, direction = random.normal(size=(2, 5, net.dim))
    step = 1e-5
    _, gradient = net.gradient(theta)
    ahead, behind = net.energy(theta + step * direction), net.energy(theta - step * direction)
    slope = (ahead - behind) / (2 * step)
    error = np.abs((gradient * direction).sum(1) - slope).max() / np.abs(slope).max()
    if not error < 1e-8:  # nan fails too
        return f"self test: FAILED, gradient and energy of {module.name()} disagree by {error:.1e}"
    return f"self test: passed (gradient and energy agree to {error:.0e})"
