"""Cost and memory against R and against N: ``python -m bench.scaling --out scaling.png``.

Our own engine, one thread, a fresh pinned process for every point.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from .cases import CASES, Case, Problem, with_steps
from .process import child_rows, pin, words

REPLICAS = (*(2**k for k in range(17)), 100_000)
SAMPLES = (*(2**k for k in range(14)), 10_000)
FEW = 64  # R of the series over N: four or eight full registers
AXES = ("replicas", "samples")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    p.add_argument("--case", default="A,C", help="networks out of bench/cases.py")
    p.add_argument("--dtype", default="float32", help="float32, float64 or both")
    p.add_argument("--axis", default="all", help="replicas, samples or both")
    p.add_argument("--most", type=int, default=100_000, help="largest R or N")
    p.add_argument("--cliff", type=float, default=1.25, help="growth from a point to the next")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--passes", type=int, default=3, help="over a series; the best of each point")
    p.add_argument("--seconds", type=float, default=4.0, help="of rounds at one point, about")
    p.add_argument("--out", type=Path, help="draw the plot into this file")
    p.add_argument("--json", type=Path, help="write all figures to this file")
    p.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    p.add_argument("--size", type=int, help=argparse.SUPPRESS)
    return p


def case_at(name: str, axis: str, size: int) -> Case:
    """The case with its R or N replaced, and steps that fit."""
    case = CASES[name]
    replicas = FEW if axis == "samples" else size
    changed = replace(case, replicas=replicas, **({"samples": size} if axis == "samples" else {}))
    return with_steps(replace(changed, work="langevin", batch=None), longest=60.0)


def peak_bytes() -> int:
    """Most memory this process has held: VmHWM, as getrusage also counts the one it came from."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure_point(options: argparse.Namespace) -> dict:
    """Time and memory of one point, in this process."""
    from .measure import race
    from .peers import installed_engines

    pin(1)
    before = peak_bytes()
    case = case_at(options.case, options.axis, options.size)
    problem = Problem(case, options.dtype)
    timing = race(problem, installed_engines(problem, ["thalweg"]), options.rounds, options.seconds)
    lanes = problem.landscape._module.lanes(options.dtype)
    return {
        "case": options.case, "dtype": options.dtype, "axis": options.axis, "size": options.size,
        "replicas": case.replicas, "samples": case.samples, "steps": case.steps, "lanes": lanes,
        "best_us": timing["thalweg"].per_unit(problem),
        "median_us": timing["thalweg"].per_unit(problem, "median"),
        "points_bytes": problem.theta.nbytes, "peak_bytes": peak_bytes() - before,
    }  # fmt: skip


def cost(point: dict) -> float:
    """What should not grow: microseconds per replica-step, over N per sample."""
    return point["best_us"] / (point["samples"] if point["axis"] == "samples" else 1)


def cliffs(points: list[dict], growth: float) -> list[tuple[dict, dict, float]]:
    """Neighbours between which the cost grows more than `growth` times."""
    steps = ((a, b, cost(b) / cost(a)) for a, b in pairwise(points))
    return [(a, b, grown) for a, b, grown in steps if grown > growth]


def slope(points: list[dict]) -> float:
    """d log(time of a step of all) / d log(size), over the larger half of sizes (in logarithm)."""
    large = [p for p in points if p["size"] ** 2 >= points[0]["size"] * points[-1]["size"]]
    if len(large) < 2:
        return float("nan")
    sizes = np.log([p["size"] for p in large])
    return float(np.polyfit(sizes, np.log([cost(p) for p in large]) + sizes, 1)[0])


def alone(points: list[dict]) -> str | None:
    """What R = 1 costs against W times a replica of the full batch; None without both points."""
    by_size = {p["size"]: p for p in points}
    full = by_size.get(1024) or max(points, key=lambda p: p["size"])
    if 1 not in by_size or full["size"] == 1:
        return None
    lanes, ratio = full["lanes"], cost(by_size[1]) / cost(full)
    verdict = "not more" if ratio <= lanes else "MORE"
    return (
        f"R = 1 costs {ratio:.1f} times a replica of R = {full['size']}: {verdict} than W = {lanes}"
    )


def print_series(points: list[dict], growth: float) -> None:
    """The table of one series, and what is to be said about it."""
    first = points[0]
    per_sample = first["axis"] == "samples"
    size, unit = ("N", "ns per sample") if per_sample else ("R", "")
    print(f"\ncase {first['case']}, {first['dtype']}, 1 thread" + f", R = {FEW}" * per_sample)
    print(f"{size:>7} {'steps':>5} {'us/replica-step':>16} {unit:>14} {'points':>11} {'peak':>11}")
    for p in points:
        each = f"{1e3 * cost(p):.3f}" if per_sample else ""
        print(
            f"{p['size']:>7} {p['steps']:>5} {p['best_us']:>16.4g} {each:>14} "
            f"{p['points_bytes'] / 2**20:>7.1f} MiB {p['peak_bytes'] / 2**20:>7.1f} MiB"
        )
    print(f"slope of log time against log {size}, larger half: {slope(points):.3f} (1 is linear)")
    if not per_sample and alone(points) is not None:
        print(alone(points))
    found = cliffs(points, growth)
    for a, b, grown in found:
        print(f"CLIFF: from {size} = {a['size']} to {b['size']} the cost grows {grown:.2f} times")
    if not found:
        print(f"no cliffs: no cost grows more than {growth:.2f} times from a point to the next")


def draw(series: Iterable[list[dict]], out: Path) -> None:
    """Cost against R, cost per sample against N, and peak memory against R."""
    from thalweg.plotting import figure, tidy

    canvas, (left, middle, right) = figure(columns=3)
    tidy(left, xlabel="replicas R", ylabel="µs per replica-step")
    tidy(middle, xlabel="samples N", ylabel="ns per replica-step and sample")
    tidy(right, xlabel="replicas R", ylabel="peak memory, MiB")
    for points in series:
        sizes, label = [p["size"] for p in points], f"{points[0]['case']}, {points[0]['dtype']}"
        if points[0]["axis"] == "samples":
            middle.loglog(sizes, [1e3 * cost(p) for p in points], "o-", label=label)
        else:
            left.loglog(sizes, [cost(p) for p in points], "o-", label=label)
            right.loglog(
                sizes, [max(p["peak_bytes"], 1) / 2**20 for p in points], "o-", label=label
            )
    for ax in (left, middle, right):
        if ax.lines:
            ax.legend(frameon=False)
    canvas.savefig(out)


def measure_pass(given: list[str], name: str, dtype: str, axis: str, most: int) -> list[dict]:
    """All points of one series, each in its own process."""
    sizes = [n for n in (REPLICAS if axis == "replicas" else SAMPLES) if n <= most]
    points = []
    for size in sizes:
        one = ["--case", name, "--dtype", dtype, "--axis", axis, "--size", str(size)]
        found, failed = child_rows("bench.scaling", [*given, *one], 1)
        if failed:
            raise SystemExit(f"case {name}, {axis} = {size}: the measurement failed")
        points += found
    return points


def best_of(passes: list[list[dict]]) -> list[dict]:
    """The quickest of each point: a slow minute of the machine covers many points of a pass."""
    return [min(same, key=cost) for same in zip(*passes, strict=True)]


def main(arguments: list[str] | None = None) -> int:
    """Measure and print all series; cliffs are reported, not failures."""
    options = parser().parse_args(arguments)
    if options.child is not None:
        options.child.write_text(json.dumps([measure_point(options)]))
        return 0
    if options.passes < 1:
        raise SystemExit(f"--passes: expected at least 1, got {options.passes}")
    given = sys.argv[1:] if arguments is None else arguments
    series = []
    for name in words(options.case, CASES, "--case"):
        for dtype in words(options.dtype, ("float32", "float64"), "--dtype"):
            for axis in words(options.axis, AXES, "--axis"):
                one = (given, name, dtype, axis, options.most)
                series.append(best_of([measure_pass(*one) for _ in range(options.passes)]))
                print_series(series[-1], options.cliff)
    if options.out is not None:
        draw(series, options.out)
    if options.json is not None:
        options.json.write_text(json.dumps(series, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
