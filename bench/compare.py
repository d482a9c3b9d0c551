"""Compare the engine with its peers: ``python -m bench.compare --case A,C --threads 1,2``.

For each number of threads a fresh, pinned process is started, because the libraries read theirs
once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    p.add_argument("--case", default="A,C", help="names out of bench/cases.py, or 'all'")
    p.add_argument("--threads", default="1", help="numbers of threads, e.g. 1,2")
    p.add_argument("--dtype", default="float32,float64")
    p.add_argument("--rounds", type=int, default=7, help="at least 7 for figures to be quoted")
    p.add_argument("--engines", default="all", help="libraries that take part, e.g. thalweg,jax")
    p.add_argument("--replicas", type=int, help="R instead of the table's, for a quick look")
    p.add_argument("--json", type=Path, help="write all figures to this file")
    p.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return p


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


def words(text: str, allowed, option: str) -> list[str]:
    chosen = list(allowed) if text == "all" else text.split(",")
    for word in chosen:
        if word not in allowed:
            raise SystemExit(f"{option}: expected some of {','.join(allowed)}, got {word!r}")
    return chosen


def compare_here(options: argparse.Namespace, threads: int) -> list[dict]:
    """All cases and precisions in this process, which is pinned and has its environment set."""
    cpus = pin(threads)
    from .cases import CASES, Problem
    from .measure import assert_agreement, fma_peak, race
    from .peers import PEERS, installed_engines
    from .report import print_table, rows_of

    rows = []
    for name in words(options.case, CASES, "--case"):
        for dtype in words(options.dtype, ("float32", "float64"), "--dtype"):
            case = CASES[name]
            if options.replicas is not None:
                case = replace(case, replicas=options.replicas)
            problem = Problem(case, dtype, threads)
            tasks = installed_engines(problem, words(options.engines, PEERS, "--engines"))
            errors = assert_agreement(problem, tasks)
            timings = race(problem, tasks, options.rounds)
            peak = fma_peak(dtype, threads)
            found = rows_of(problem, timings, errors, peak, cpus)
            print_table(problem, found)
            rows += found
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; 0 if all engines agreed."""
    options = parser().parse_args(arguments)
    if options.rounds < 1:
        raise SystemExit(f"--rounds: expected at least 1, got {options.rounds}")
    if options.child is not None:
        options.child.write_text(json.dumps(compare_here(options, int(options.threads))))
        return 0
    rows, failed = [], 0
    given = sys.argv[1:] if arguments is None else arguments
    for threads in options.threads.split(","):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "rows.json"
            command = [sys.executable, "-m", "bench.compare", *given]
            command += ["--threads", threads, "--child", str(out)]
            failed |= subprocess.run(command, env=environment(int(threads))).returncode
            rows += json.loads(out.read_text()) if out.exists() else []
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1))
    return int(failed != 0)


if __name__ == "__main__":
    raise SystemExit(main())
