"""Fresh processes for measurements: libraries read their threads once, and keep their memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def environment(threads: int) -> dict[str, str]:
    """What makes every library use `threads` threads; must be set before they are imported."""
    flags = (
        "" if threads > 1 else "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )
    counts = ("OMP", "OPENBLAS", "MKL", "THALWEG")
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in counts},
        "XLA_FLAGS": flags,
    }


def pin(threads: int) -> list[int] | None:
    """Keep this process on its first `threads` CPUs; returns them, None where impossible."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    cpus = sorted(os.sched_getaffinity(0))[:threads]
    if len(cpus) < threads:
        raise ValueError(f"--threads {threads}: only {len(cpus)} CPUs may be used here")
    os.sched_setaffinity(0, cpus)
    return cpus


def child_rows(module: str, arguments: list[str], threads: int) -> tuple[list[dict], bool]:
    """Run ``python -m module arguments --child FILE``; the rows in FILE, and whether it failed."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        command = [sys.executable, "-m", module, *arguments, "--child", str(out)]
        failed = subprocess.run(command, env=environment(threads)).returncode != 0
        return json.loads(out.read_text()) if out.exists() else [], failed


def words(text: str, allowed, option: str) -> list[str]:
    chosen = list(allowed) if text == "all" else text.split(",")
    for word in chosen:
        if word not in allowed:
            raise SystemExit(f"{option}: expected some of {','.join(allowed)}, got {word!r}")
    return chosen
