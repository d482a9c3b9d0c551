"""Shapes nobody tuned for, against JAX: ``python -m bench.shapes``; README.md says what it runs.

One fresh, pinned process for every shape, one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .cases import Case, Problem, slow_seconds, with_steps
from .process import child_rows, pin, words

# layer sizes, activation, loss
SHAPES = {
    "3-5-1": ((3, 5, 1), "tanh", "mse"),
    "7-13-11-2": ((7, 13, 11, 2), "relu", "mse"),
    "30-100-1": ((30, 100, 1), "tanh", "logistic"),
    "16x5-4": ((16, 16, 16, 16, 16, 4), "tanh", "cross_entropy"),
    "784-30-10": ((784, 30, 10), "relu", "cross_entropy"),
}
SAMPLES, REPLICAS, BATCHES = (1, 17, 1000), (1, 3, 17, 1000, 100_000), (1, 7, 33)
WORKS = ("langevin", "gradient", "sgd")
COPIES = 12  # of the points [R, P] that engines, their states and the checks hold at once
QUIET_ROWS, QUIET_STEPS = 100, 20  # at most, where only agreement in float64 is looked at


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m bench.shapes", description=__doc__)
    p.add_argument("--shape", default="all", help=f"out of {','.join(SHAPES)}")
    p.add_argument("--work", default="all", help=f"out of {','.join(WORKS)}")
    p.add_argument("--dtype", default="float32", help="float32, float64 or both")
    p.add_argument("--samples", default=",".join(map(str, SAMPLES)), help="N, e.g. 1,17")
    p.add_argument("--replicas", default=",".join(map(str, REPLICAS)), help="R, e.g. 1,1000")
    p.add_argument("--batches", default=",".join(map(str, BATCHES)), help="of SGD")
    p.add_argument("--quick", action="store_true", help="N = 17 and R = 3, 1000 only")
    p.add_argument("--engines", default="thalweg,jax", help="ours first, then its peers")
    p.add_argument(
        "--time-budget", type=float, default=8.0, help="seconds of one cell's longest call"
    )
    p.add_argument("--memory", type=float, help="GiB of a cell; default: half of what is free")
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--json", type=Path, help="write all figures to this file")
    p.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return p


def grid(options: argparse.Namespace, shape: str) -> Iterator[list[Case]]:
    """Every cell of one shape, in lists over R; minibatches only at the largest N."""
    counts = {name: [int(n) for n in getattr(options, name).split(",")]
              for name in ("samples", "replicas", "batches")}  # fmt: skip
    if options.quick:
        counts["samples"], counts["replicas"] = [17], [3, 1000]
    most, scale = max(counts["samples"]), SHAPES[shape][0][0] ** -0.5
    middle = [r for r in counts["replicas"] if 1 < r < 100_000] or counts["replicas"]
    for work in words(options.work, WORKS, "--work"):
        batched = work == "sgd"
        for n in [most] if batched else counts["samples"]:
            for b in [b for b in counts["batches"] if b < most] if batched else [None]:
                case = Case(shape, *SHAPES[shape], n, 1, work, batch=b, input_scale=scale)
                yield [
                    with_steps(replace(case, replicas=r), options.time_budget)
                    for r in (middle if batched else counts["replicas"])
                ]


def reason_to_skip(case: Case, dtype: str, memory: float, seconds: float) -> str | None:
    """Why a cell is left out: memory first, then time; None if it runs."""
    needed = COPIES * case.replicas * case.dim * (4 if dtype == "float32" else 8) / 2**30
    if needed > memory:
        return f"{COPIES} copies of the points take {needed:.0f} GiB of {memory:.0f} GiB"
    longest = case.replicas * case.steps * slow_seconds(case)
    if longest > seconds:
        return f"one call takes about {longest:.0f} s, more than --time-budget {seconds:.0f}"
    return None


def assert_agreement_in_float64(cases: list[Case], libraries: list[str]) -> None:
    """All `cases` (which differ in R and steps) without noise: 1e-10 for QUIET_ROWS replicas.

    Fewer replicas must be bit for bit the first of them, so one compilation serves every R.
    """
    from .measure import assert_agreement
    from .peers import installed_engines, reference

    def quiet(replicas: int) -> Problem:
        few = replace(cases[0], replicas=replicas, steps=min(cases[0].steps, QUIET_STEPS))
        return Problem(few, "float64")

    def ours(problem: Problem) -> dict:
        return installed_engines(problem, ["thalweg"])

    most = quiet(QUIET_ROWS)
    assert_agreement(most, ours(most) | reference(most, libraries))
    full = ours(most)["thalweg"](False)
    for replicas in {case.replicas for case in cases if case.replicas < QUIET_ROWS}:
        few = ours(quiet(replicas))["thalweg"](False)
        assert (few == full[:replicas]).all(), f"{cases[0].name}: rows depend on R = {replicas}"


def measure(case: Case, dtype: str, options: argparse.Namespace, cpus) -> list[dict]:
    """Agreement in `dtype`, then the race; what we lose is raced twice, the best counts."""
    from .measure import assert_agreement, race
    from .peers import installed_engines
    from .report import rows_of

    problem = Problem(case, dtype)
    tasks = installed_engines(problem, options.engines.split(","), best_only=True)
    errors = assert_agreement(problem, tasks)
    timings = race(problem, tasks, options.rounds, options.time_budget / 4)
    rows = rows_of(problem, timings, errors, None, cpus)
    if ratio_of(rows, handed=True) < 1:
        for name, again in race(problem, tasks, options.rounds, options.time_budget / 4).items():
            timings[name].seconds += again.seconds
        rows = rows_of(problem, timings, errors, None, cpus)
    sizes = {"samples": case.samples, "replicas": case.replicas, "steps": case.steps}
    return [row | sizes | {"work": case.work, "batch": case.batch} for row in rows]


def ratio_of(rows: list[dict], handed: bool = False) -> float:
    """Best time of the best peer divided by ours; above 1, we are quicker.

    Of peers that draw their minibatches, as we do, if there are such; `handed` counts all.
    """
    peers = [row for row in rows if row["engine"] != "thalweg"]
    drawing = [row for row in peers if row["engine"].endswith("_draws")]
    counted = peers if handed or not drawing else drawing
    return min((row["ratio_best"] for row in counted), default=1.0)


SIZES = f"{'N':>5} {'R':>7} {'steps':>5}"
HEAD = f"{'shape':<10} {'work':<10} {SIZES} {'dtype':<8} {'ratio':>6} {'handed':>9}"


def print_cell(case: Case, dtype: str, rows: list[dict]) -> None:
    """One line: microseconds per replica-step of ours and of every peer, and the ratio."""
    times = "  ".join(f"{row['engine']} {row['best_us']:.4g}" for row in rows)
    ratios = [ratio_of(rows), ratio_of(rows, handed=True)]
    marks = " ".join(f"{ratio:>6.2f} {'<1' if ratio < 1 else '  '}" for ratio in ratios)
    print(f"{cell_name(case, dtype)} {marks}  {times}", flush=True)


def cell_name(case: Case, dtype: str) -> str:
    work = f"sgd/{case.batch}" if case.work == "sgd" else case.work
    sizes = f"{case.samples:>5} {case.replicas:>7} {case.steps:>5}"
    return f"{case.name:<10} {work:<10} {sizes} {dtype:<8}"


def measure_here(options: argparse.Namespace) -> list[dict]:
    """All cells of one shape in this process, whose environment is set."""
    cpus = pin(1)
    from thalweg._memory import available_memory

    memory = options.memory or (available_memory() or 2**33) / 2**31
    rows = []
    for cases in grid(options, options.shape):
        assert_agreement_in_float64(cases, options.engines.split(","))
        for dtype in words(options.dtype, ("float32", "float64"), "--dtype"):
            for case in cases:
                reason = reason_to_skip(case, dtype, memory, options.time_budget)
                if reason is not None:
                    print(f"{cell_name(case, dtype)} skipped: {reason}", flush=True)
                    continue
                found = measure(case, dtype, options, cpus)
                print_cell(case, dtype, found)
                rows += found
        forget_compiled()
    return rows


def forget_compiled() -> None:
    """Free what JAX keeps of a cell, if JAX takes part."""
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def summary(rows: list[dict]) -> str:
    """How many cells there were, and how many of them somebody else won."""
    cells: dict[tuple, list[dict]] = {}
    for row in rows:
        cells.setdefault(cell_key(row), []).append(row)
    parts = [f"{len(cells)} cells"]
    for handed, who in ((False, "the best peer"), (True, "the best, those handed minibatches too")):
        ratios = [ratio_of(some, handed) for some in cells.values()]
        lost = sum(ratio < 1 for ratio in ratios)
        worst = min(ratios, default=float("nan"))
        parts.append(f"{lost} slower than {who} (smallest ratio {worst:.2f})")
    return ", ".join(parts)


def cell_key(row: dict) -> tuple:
    return tuple(row[k] for k in ("case", "work", "batch", "samples", "replicas", "dtype"))


def main(arguments: list[str] | None = None) -> int:
    """Run the grid; 0 if all engines agreed in every cell."""
    options = parser().parse_args(arguments)
    if options.child is not None:
        options.child.write_text(json.dumps(measure_here(options)))
        return 0
    print(f"microseconds per replica-step (per gradient), one thread\n{HEAD}")
    rows, failed = [], False
    given = sys.argv[1:] if arguments is None else arguments
    for shape in words(options.shape, SHAPES, "--shape"):
        found, broken = child_rows("bench.shapes", [*given, "--shape", shape], 1)
        rows += found
        failed |= broken
    print(summary(rows))
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1))
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
