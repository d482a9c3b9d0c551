"""From timings to a table and to JSON."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import thalweg as tw

from .cases import Problem
from .measure import Timing


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()


def rows_of(
    problem: Problem,
    timings: dict[str, Timing],
    errors: dict[str, float],
    peak: float | None,
    cpus: list[int] | None,
) -> list[dict]:
    """One dictionary per engine: times, rates, and how many times slower it is than ours."""
    case, ours = problem.case, timings.get("thalweg")
    rows = []
    for name, timing in timings.items():
        best, median = (timing.per_unit(problem, kind) for kind in ("best", "median"))
        rate = case.flops / best / 1e3
        rows.append(
            {
                "case": case.name,
                "dtype": problem.dtype,
                "threads": problem.threads,
                "engine": name,
                "best_us": best,
                "median_us": median,
                "gflops": rate,
                "peak_fraction": None if peak is None else rate / peak,
                "ratio_best": None if ours is None else best / ours.per_unit(problem),
                "ratio_median": (
                    None if ours is None else median / ours.per_unit(problem, "median")
                ),
                "difference": errors[name],
                "seconds": timing.seconds,
                "machine": _processor(),
                "cpus": cpus,
                "target": tw.target(),
                "versions": {p: _version(p) for p in ("thalweg", "jax", "numpy", "torch")},
            }
        )
    return rows


def print_table(problem: Problem, rows: list[dict]) -> None:
    """Print microseconds per unit of work, rates, and ratios to the engine's own time."""
    case = problem.case
    unit = "replica-step" if case.work in ("langevin", "sgd") else f"replica's {case.work}"
    sizes = "-".join(map(str, case.layer_sizes))
    batch = f" in batches of {case.batch}" if case.batch else ""
    print(
        f"\ncase {case.name}: {case.work}, [{sizes}] {case.activation} {case.loss}, "
        f"N = {case.samples}{batch}, R = {case.replicas}, {problem.dtype}, "
        f"{problem.threads} thread{'s' * (problem.threads > 1)}, us per {unit}"
    )
    print(f"{'engine':<10} {'best':>10} {'median':>10} {'GFLOP/s':>8} {'% peak':>7} {'x ours':>7}")
    for row in rows:
        peak = "" if row["peak_fraction"] is None else f"{100 * row['peak_fraction']:.0f}"
        ratio = "" if row["ratio_best"] is None else f"{row['ratio_best']:.2f}"
        print(
            f"{row['engine']:<10} {row['best_us']:>10.4g} {row['median_us']:>10.4g} "
            f"{row['gflops']:>8.1f} {peak:>7} {ratio:>7}",
            flush=True,
        )
