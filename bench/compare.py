"""Compare the engine with its peers: ``python -m bench.compare --case A,C --threads 1,2``.

For each number of threads a fresh, pinned process is started, because the libraries read theirs
once.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from .process import child_rows, pin, words


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
    rows, failed = [], False
    given = sys.argv[1:] if arguments is None else arguments
    for threads in options.threads.split(","):
        found, broken = child_rows("bench.compare", [*given, "--threads", threads], int(threads))
        rows += found
        failed |= broken
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1))
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
