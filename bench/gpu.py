"""Compare the engine on a GPU with JAX and PyTorch there: ``python -m bench.gpu --json gpu.json``.

The rules are those of `bench.compare`: agreement is asserted before anything is timed, all engines
take turns in one process, and every call begins and ends with arrays of the host. Microseconds are
per replica-step (or per replica), and the peak is that of fused multiply-adds, measured on the
device.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path

from .process import words

CASES = "A,B,C,D,EA,F,HA,HC"
REPLICAS = "1024,16384,262144"
# Largest arrays that go in or come out: a Hessian of every replica does not fit at any R.
MOST_BYTES = 8 * 2**30


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    p.add_argument("--case", default=CASES)
    p.add_argument("--replicas", default=REPLICAS, help="R of every case, e.g. 1024,16384")
    p.add_argument("--dtype", default="float32,float64")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--device", default="cuda", help="of our engine, such as cuda:1")
    p.add_argument("--engines", default="thalweg,jax,torch")
    p.add_argument("--json", type=Path, help="write all figures to this file")
    return p


def result_bytes(case, dtype: str) -> int:
    """Bytes of what a call returns, or of the points it starts from."""
    numbers = case.dim**2 if case.work == "hessian" else case.dim
    return case.replicas * numbers * (4 if dtype == "float32" else 8)


def cells(options: argparse.Namespace):
    """Every case of the table at every R whose results fit, in every precision."""
    from .cases import CASES as TABLE

    for name in words(options.case, TABLE, "--case"):
        for count in map(int, options.replicas.split(",")):
            for dtype in words(options.dtype, ("float32", "float64"), "--dtype"):
                case = replace(TABLE[name], replicas=count)
                if result_bytes(case, dtype) <= MOST_BYTES:
                    yield case, dtype
                else:
                    print(f"case {name}, R = {count}, {dtype}: left out, its results are too large")


def compare(case, dtype: str, options: argparse.Namespace) -> list[dict]:
    """One cell: agreement, a race, a table."""
    from thalweg import _targets

    from .cases import Problem
    from .measure import assert_agreement, race
    from .peers import PEERS, installed_engines
    from .report import print_table, rows_of

    problem = Problem(case, dtype, device=options.device)
    tasks = installed_engines(problem, words(options.engines, PEERS, "--engines"))
    errors = assert_agreement(problem, tasks)
    timings = race(problem, tasks, options.rounds, seconds=120)
    module = _targets.load(problem.landscape.target)
    rows = rows_of(problem, timings, errors, module.fma_peak(dtype), None)
    number = int(options.device.partition(":")[2] or 0)
    device = module.device_info(number) if hasattr(module, "device_info") else {}
    for row in rows:
        row.update(device=device, replicas=case.replicas)
    print_table(problem, rows)
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; 0 if every cell was measured and all engines agreed."""
    options = parser().parse_args(arguments)
    if options.device.partition(":")[0] == "cuda":
        os.environ.setdefault("JAX_PLATFORMS", "cuda")
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # leave room for others
    rows, failed = [], []
    for case, dtype in cells(options):
        try:
            rows += compare(case, dtype, options)
        except Exception as error:  # a peer out of memory must not cost the other cells
            traceback.print_exc()
            failed.append({"case": case.name, "replicas": case.replicas, "dtype": dtype,
                           "error": f"{type(error).__name__}: {error}"})  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "failed": failed}, indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
