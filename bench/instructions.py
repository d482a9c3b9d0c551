"""Guard against slower code without a clock: ``python -m bench.instructions [--update]``.

Counts the instructions of a replica-step, and of searches for zeros, under ``valgrind
--tool=callgrind`` and compares them with those in instructions.json. Exit status 1: a count grew;
2: nothing could be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

STORED = Path(__file__).with_suffix(".json")
TARGET = "cpu_v3"  # the best that valgrind runs: it has no AVX-512
TOLERANCE = 0.02
# case -> R, steps (or calls): the smallest that fill every lane; the second run is twice as long
WORKLOADS = {
    "A": (16, 2),
    "B": (2, 2),
    "C": (64, 4),
    "D": (1, 1),
    "EA": (16, 1),
    "F": (16, 1),
    "HC": (16, 1),
    "ZS": (4, 1),
    "ZP": (2, 1),
}
SEARCHES = ("ZS", "ZP")  # for zeros, and along paths of zeros: see search()
DTYPES = ("float32", "float64")
RUNS = ("first", "same", "double")  # "same" less "first" is what lies between two forks


def workloads(names: Iterable[str]) -> list[tuple[str, str]]:
    """(case, dtype) of everything that is counted: zeros are searched in complex doubles only."""
    return [(n, d) for n in names for d in DTYPES if n not in SEARCHES or d == "float64"]


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    p.add_argument("--update", action="store_true", help=f"write {STORED.name} anew")
    p.add_argument("--case", default="all", help=f"out of {','.join(WORKLOADS)}; not with --update")
    p.add_argument("--tolerance", type=float, default=TOLERANCE)
    p.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return p


def obstacle() -> str | None:
    """Why nothing can be counted here, and the way out; None if all is there."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    from thalweg import _targets

    if TARGET not in _targets.built():
        return f"target {TARGET} is not built: build with -C cmake.define.THALWEG_TARGETS={TARGET}"
    return None


def compiler() -> str:
    """What built the target, as the compiler signed it."""
    from thalweg import _targets

    binary = Path(_targets.load(TARGET).__file__).read_bytes()
    signed = re.search(rb"GCC: \([^)]*\) ([\d.]+)|clang version ([\d.]+)", binary)
    if signed is None:
        return "unknown"
    return f"GCC {signed[1].decode()}" if signed[1] else f"clang {signed[2].decode()}"


# --- In the process that valgrind runs. ---


def count_here(names: list[str], folder: Path) -> None:
    """Fork a child for each length of each workload, so that what came before cancels.

    Writes which process did what; valgrind writes the count of each process.
    """
    from thalweg.dynamics import engine

    engine.FIRST_CHUNK_WORK = 1e18  # one chunk: their number otherwise depends on the clock
    pids = {}
    for name, dtype in workloads(names):
        short, long = (workload(name, dtype, times) for times in (1, 2))
        for run, (task, calls) in zip(RUNS, (short, short, long), strict=True):
            pids[fork_and_call(task, calls)] = (name, dtype, run)
    (folder / "who.json").write_text(json.dumps(pids))


def workload(name: str, dtype: str, times: int) -> tuple:
    """A task, ready to run, and how often it is called: longer runs, or more evaluations."""
    from .cases import CASES, Problem
    from .peers import installed_engines

    replicas, length = WORKLOADS[name]
    if name in SEARCHES:
        return search(name, replicas), times * length
    case = replace(CASES[name], replicas=replicas)
    moves = case.work in ("langevin", "sgd")
    if moves:
        case = replace(case, steps=times * length)
    problem = Problem(case, dtype)
    task = installed_engines(problem, ["thalweg"])["thalweg"]
    for needed in ("landscape", "theta", "v"):  # made here and not in the child
        getattr(problem, needed)
    return task, 1 if moves else times * length


def search(name: str, replicas: int):
    """Searches from starts, or zeros followed around a triangle of couplings, for N = 3.

    Each counts whole: more steps are more instructions, as slower ones are.
    """
    from .searches import different_zeros, hole_and_starts, triangle

    hole, starts = hole_and_starts(3, 4)
    if name == "ZS":
        hole.polish(starts[:1])  # the equations are compiled here and not in the child
        return lambda noise: hole.find_zeros(starts[:replicas], threads=1)
    zeros, corners = different_zeros(hole, starts)[:replicas], triangle(hole)
    assert len(zeros) == replicas, f"{len(zeros)} zeros to follow instead of {replicas}"
    return lambda noise: hole.follow(zeros, corners, threads=1)


def fork_and_call(task, calls: int) -> int:
    """Call `task` in a child; its process id."""
    pid = os.fork()
    if pid == 0:
        for _ in range(calls):
            task(True)
        os._exit(0)
    if os.waitpid(pid, 0)[1] != 0:
        raise SystemExit("a workload failed under valgrind")
    return pid


# --- In the process that asks. ---


def count(names: list[str]) -> dict[str, float]:
    """Workload -> instructions of one replica-step (one replica's evaluation, search or path)."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        command = [
            "valgrind", "--tool=callgrind", "--log-file=/dev/null",
            f"--callgrind-out-file={folder}/out.%p",
            sys.executable, "-m", "bench.instructions",
            "--case", ",".join(names), "--child", str(folder),
        ]  # fmt: skip
        settings = {"THALWEG_TARGET": TARGET, "THALWEG_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        subprocess.run(command, env=os.environ | settings, check=True)
        totals = {}
        for pid, who in json.loads((folder / "who.json").read_text()).items():
            text = (folder / f"out.{pid}").read_text()
            totals[tuple(who)] = int(re.search(r"^(?:totals|summary): (\d+)", text, re.M)[1])
    return {
        f"{name} {dtype}": round(
            per_unit(*(totals[name, dtype, run] for run in RUNS))
            / (WORKLOADS[name][0] * WORKLOADS[name][1])
        )
        for name, dtype in workloads(names)
    }


def per_unit(first: int, same: int, double: int) -> int:
    """What the second half of the double run took, from totals since the start of the parent."""
    return (double - same) - (same - first)


def grown(stored: dict[str, float], now: dict[str, float], tolerance: float) -> list[str]:
    """The workloads whose count is above the stored one by more than `tolerance`, or unknown."""
    return [k for k, n in now.items() if k not in stored or n > stored[k] * (1 + tolerance)]


def print_counts(stored: dict[str, float], now: dict[str, float], tolerance: float) -> None:
    print(f"{'workload':<12} {'stored':>12} {'now':>12} {'change':>8}")
    for key, n in now.items():
        if key not in stored:
            print(f"{key:<12} {'none':>12} {n:>12}")
            continue
        change = n / stored[key] - 1
        word = "MORE" if change > tolerance else "fewer: --update" if change < -tolerance else ""
        print(f"{key:<12} {stored[key]:>12} {n:>12} {100 * change:>+7.2f}% {word}")


def compare(found: dict, names: list[str], tolerance: float) -> int:
    """Compare counts with the stored ones and say so; the exit status."""
    stored = json.loads(STORED.read_text())
    for key in ("target", "compiler"):
        if stored[key] != found[key]:
            other = f"the stored counts belong to {stored[key]}, this is {found[key]}"
            print(f"{other}: store your own, with --update on an older commit", file=sys.stderr)
            return 2
    now = found["instructions"] or count(names)
    print_counts(stored["instructions"], now, tolerance)
    return int(bool(grown(stored["instructions"], now, tolerance)))


def main(arguments: list[str] | None = None) -> int:
    """Count and compare, or count and store."""
    from .process import words

    options = parser().parse_args(arguments)
    names = words(options.case, WORKLOADS, "--case")
    if options.child is not None:
        count_here(names, options.child)
        return 0
    reason = obstacle()
    if reason is not None:
        print(f"skipped: {reason}", file=sys.stderr)
        return 2
    found = {"target": TARGET, "compiler": compiler(), "instructions": {}}
    if not options.update:
        return compare(found, names, options.tolerance)
    found["instructions"] = count(list(WORKLOADS))
    STORED.write_text(json.dumps(found, indent=1) + "\n")
    print_counts({}, found["instructions"], options.tolerance)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
