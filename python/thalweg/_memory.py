"""Ask before allocating: a run that cannot fit says so at once, with the sizes.

Linux grants allocations it cannot back and kills the process later, hours into a run perhaps. So
the sizes of records and Hessians are computed first and compared with what can still be had.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["available_memory", "format_bytes", "require_memory"]

SMALL = 2**24  # below, asking costs more than it can save
_CGROUP = Path("/sys/fs/cgroup")


def format_bytes(count: float) -> str:
    """Return a size with a binary unit: 1536 -> "1.5 KiB"."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} PiB"


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text().strip())
    except (OSError, ValueError):  # absent on this system, or the word "max"
        return None


def _reclaimable(path: Path) -> int:
    """Return the file cache of a control group, which the kernel drops under pressure."""
    try:
        rows = dict(line.split() for line in path.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(rows.get("inactive_file", rows.get("total_inactive_file", 0)))


def _cgroup_available() -> int | None:
    """Return what the control group (container, batch job) still allows, if there is a limit."""
    for limit, used, stat in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        most, now = _number(_CGROUP / limit), _number(_CGROUP / used)
        if most is not None and now is not None:
            return max(0, most - now + _reclaimable(_CGROUP / stat))
    return None


def _machine_available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def available_memory() -> int | None:
    """Return the bytes this process may still take, or None where the system does not say."""
    known = [size for size in (_machine_available(), _cgroup_available()) if size is not None]
    return min(known) if known else None


def require_memory(sizes: dict[str, int], fix: str = "") -> None:
    """Raise ``MemoryError`` naming the largest item if the sizes [bytes] do not fit.

    Parameters
    ----------
    sizes : dict
        What is about to be allocated -> bytes, in words a user knows ("recorded points").
    fix : str
        How to need less.
    """
    needed = sum(sizes.values())
    if needed < SMALL:
        return
    available = available_memory()
    if available is None or needed <= available:
        return
    largest = max(sizes, key=lambda name: sizes[name])
    raise MemoryError(
        f"{largest}: this needs {format_bytes(needed)} ({needed} bytes; {largest} alone "
        f"{format_bytes(sizes[largest])}), but {format_bytes(available)} ({available} bytes) are "
        f"available." + (f" {fix}" if fix else "")
    )
