"""The comparison of bench/ still runs, agrees, and refuses what it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def module(name, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def compare(*arguments):
    return module("bench.compare", *arguments)


def test_every_case_agrees_with_numpy(tmp_path):
    """All kinds of work in float64, quickly: one round, without the libraries that compile."""
    out = tmp_path / "figures.json"
    done = compare(
        "--case", "B,D,EB,F,HC", "--replicas", "4", "--dtype", "float64", "--rounds", "1",
        "--engines", "thalweg,numpy", "--json", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())
    assert [(r["case"], r["engine"]) for r in rows] == [
        (case, engine) for case in ("B", "D", "EB", "F", "HC") for engine in ("thalweg", "numpy")
    ]
    assert all(row["difference"] <= 1e-10 for row in rows)
    assert all(row["best_us"] > 0 and row["gflops"] > 0 for row in rows)


def test_langevin_agrees_with_jax():
    few = ("--case", "C", "--replicas", "64", "--rounds", "1")
    done = compare(*few, "--dtype", "float32", "--engines", "thalweg,jax")
    assert done.returncode == 0, done.stderr
    assert "jax_chunk" in done.stdout


def test_unknown_names_are_listed():
    for option, value in (("--case", "Z"), ("--dtype", "float16"), ("--engines", "matlab")):
        done = compare(option, value, "--rounds", "1")
        assert done.returncode != 0
        assert option in done.stderr
        assert value in done.stderr
