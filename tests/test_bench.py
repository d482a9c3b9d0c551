"""The comparison of bench/ still runs, agrees, and refuses what it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

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


def small_race(tmp_path, cases, engines):
    """The rows of four replicas in float64, one round; asserts that all engines agree."""
    out = tmp_path / "figures.json"
    done = compare(
        "--case", cases, "--replicas", "4", "--dtype", "float64", "--rounds", "1",
        "--engines", engines, "--json", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())
    assert all(row["difference"] <= 1e-10 for row in rows)
    return rows


def test_every_case_agrees_with_numpy(tmp_path):
    """All kinds of work, quickly: without the libraries that compile."""
    rows = small_race(tmp_path, "B,D,EB,F,HC", "thalweg,numpy")
    assert [(r["case"], r["engine"]) for r in rows] == [
        (case, engine) for case in ("B", "D", "EB", "F", "HC") for engine in ("thalweg", "numpy")
    ]
    assert all(row["best_us"] > 0 and row["gflops"] > 0 for row in rows)


def test_langevin_agrees_with_jax():
    few = ("--case", "C", "--replicas", "64", "--rounds", "1")
    done = compare(*few, "--dtype", "float32", "--engines", "thalweg,jax")
    assert done.returncode == 0, done.stderr
    assert "jax_chunk" in done.stdout


def test_of_sgd_one_peer_draws_its_minibatches(tmp_path):
    """As our engine does; the others are handed its sample numbers, all to be compared."""
    rows = small_race(tmp_path, "B", "thalweg,jax")
    assert "jax_draws" in {row["engine"] for row in rows}


def test_drawn_minibatches_see_every_sample_once_an_epoch():
    import numpy as np
    from bench.cases import Case
    from bench.peers.jax_vmap import drawn_batches

    case = Case("x", (1, 2, 1), "tanh", "mse", 12, 3, "sgd", steps=5, batch=5)  # 25 of 36 samples
    batches = drawn_batches(case)
    assert batches.shape == (5, 3, 5)
    orders = batches.transpose(1, 0, 2).reshape(3, 25)
    for first in (0, 12):
        epochs = np.sort(orders[:, first : first + 12], axis=1)
        assert (epochs == np.arange(12)).all()
    assert len({tuple(order) for order in orders[:, :24].reshape(-1, 12)}) == 6


def test_unknown_names_are_listed():
    for option, value in (("--case", "Z"), ("--dtype", "float16"), ("--engines", "matlab")):
        done = compare(option, value, "--rounds", "1")
        assert done.returncode != 0
        assert option in done.stderr
        assert value in done.stderr


def test_shapes_agree_with_numpy_and_are_skipped_with_a_reason(tmp_path):
    out = tmp_path / "figures.json"
    done = module(
        "bench.shapes", "--shape", "3-5-1,784-30-10", "--samples", "1,9", "--batches", "2",
        "--replicas", "1,5,9000", "--rounds", "1", "--engines", "thalweg,numpy",
        "--memory", "0.1", "--json", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())
    cells = {(r["case"], r["work"], r["batch"], r["samples"], r["replicas"]) for r in rows}
    small = {("3-5-1", w, None, n, r) for w in ("langevin", "gradient") for n in (1, 9)
             for r in (1, 5, 9000)} | {("3-5-1", "sgd", 2, 9, r) for r in (5, 9000)}  # fmt: skip
    large = {("784-30-10", *rest) for _, *rest in small if rest[-1] < 9000}
    assert cells == small | large
    assert len(rows) == 2 * len(cells)
    assert "of 0 GiB" in done.stdout
    assert f"{len(cells)} cells" in done.stdout


def test_shapes_refuse_a_peer_that_is_wrong(monkeypatch):
    from bench import peers, shapes

    case = shapes.Case("3-5-1", *shapes.SHAPES["3-5-1"], samples=3, replicas=2, work="gradient")
    truth = peers.reference

    def wrong(problem, libraries):
        right = truth(problem, libraries)["numpy"]
        return {"numpy": lambda noise: right(noise) * (1 + 1e-9)}

    shapes.assert_agreement_in_float64([case], ["thalweg", "numpy"])
    monkeypatch.setattr(peers, "reference", wrong)
    with pytest.raises(AssertionError, match="differs"):
        shapes.assert_agreement_in_float64([case], ["thalweg", "numpy"])


def test_a_lost_cell_is_counted():
    from bench import shapes

    cell = {"case": "3-5-1", "work": "sgd", "batch": 1, "samples": 9, "replicas": 3}
    won = [dict(cell, dtype="float32", engine=e, ratio_best=r)
           for e, r in (("thalweg", 1.0), ("jax", 1.5))]  # fmt: skip
    lost = [dict(row, dtype="float64") for row in won]
    lost[1]["ratio_best"] = 0.8
    assert shapes.ratio_of(won) == 1.5
    assert shapes.ratio_of(lost) == 0.8
    drawn = [dict(row, dtype="float16") for row in lost]
    drawn.append(dict(drawn[1], engine="jax_draws", ratio_best=1.2))
    assert shapes.ratio_of(drawn) == 1.2
    assert shapes.ratio_of(drawn, handed=True) == 0.8
    said = shapes.summary(won + lost + drawn)
    assert said.startswith("3 cells, 1 slower than the best peer (smallest ratio 0.80), 2 slower")


def test_chunks_of_jax_divide_the_replicas():
    from bench.peers.jax_vmap import chunk_sizes

    assert chunk_sizes(1024) == [2, 8, 32, 128]
    assert chunk_sizes(1000) == [2, 8, 40, 125]
    assert chunk_sizes(17) == [1]
    assert chunk_sizes(1) == []


def test_jax_is_tried_in_both_layouts_with_every_chunk():
    from bench.cases import CASES, Problem
    from bench.peers import jax_vmap

    few = Problem(replace(CASES["B"], replicas=8, steps=1), "float32")
    tried = jax_vmap.variants(few)
    assert set(tried) == {(units_first, c) for units_first in (False, True) for c in (None, 2, 4)}


def test_scaling_measures_draws_and_says_what_one_replica_costs(tmp_path):
    figures, plot = tmp_path / "figures.json", tmp_path / "plot.svg"
    few = ("--case", "C", "--most", "2", "--rounds", "1", "--passes", "1", "--json", str(figures))
    done = module("bench.scaling", *few, "--out", str(plot))
    assert done.returncode == 0, done.stderr
    replicas, samples = json.loads(figures.read_text())
    assert [p["size"] for p in replicas] == [p["size"] for p in samples] == [1, 2]
    assert all(0 < p["best_us"] <= p["median_us"] for p in replicas + samples)
    assert all(p["peak_bytes"] >= p["points_bytes"] > 0 for p in replicas + samples)
    assert "R = 1 costs" in done.stdout
    assert "<svg" in plot.read_text()


def series(costs, axis="replicas"):
    return [
        {"axis": axis, "size": 4**k, "samples": 4**k, "best_us": cost, "lanes": 16}
        for k, cost in enumerate(costs)
    ]


def test_cliffs_slopes_and_single_replicas_by_hand():
    from bench import scaling

    flat = series([30.0, 8.0, 2.0, 2.0, 2.0, 2.0])
    assert scaling.cliffs(flat, 1.25) == []
    assert scaling.slope(flat) == pytest.approx(1)
    assert "15.0 times" in scaling.alone(flat)
    assert "not more" in scaling.alone(flat)
    steep = series([40.0, 8.0, 2.0, 2.0, 3.0, 3.0])
    ((before, after, growth),) = scaling.cliffs(steep, 1.25)
    assert (before["size"], after["size"], growth) == (64, 256, 1.5)
    assert scaling.slope(steep) > 1.1
    assert "MORE" in scaling.alone(series([40.0, 8.0, 2.0]))
    # Over N the cost that must not grow is that of a sample.
    assert scaling.cliffs(series([1.0, 4.0, 16.0], "samples"), 1.25) == []
    assert len(scaling.cliffs(series([1.0, 4.0, 24.0], "samples"), 1.25)) == 1
    both = scaling.best_of([series([3.0, 2.0]), series([1.0, 4.0])])
    assert [point["best_us"] for point in both] == [1.0, 2.0]


def test_guard_flags_five_per_cent_more_and_lets_one_pass(tmp_path, monkeypatch, capsys):
    from bench import instructions

    stored = tmp_path / "stored.json"
    stored.write_text(json.dumps(
        {"target": "t", "compiler": "c", "instructions": {"A float32": 1000, "B float32": 1000}}
    ))  # fmt: skip
    monkeypatch.setattr(instructions, "STORED", stored)

    def status(a, b, compiler="c"):
        counts = {"A float32": a, "B float32": b}
        found = {"target": "t", "compiler": compiler, "instructions": counts}
        return instructions.compare(found, ["A", "B"], 0.02)

    assert status(1010, 900) == 0
    assert status(1000, 1050) == 1
    assert "+5.00% MORE" in capsys.readouterr().out
    assert status(1000, 1000, "another") == 2
    assert instructions.grown({}, {"A float32": 1}, 0.02) == ["A float32"]
    assert instructions.per_unit(first=100, same=130, double=180) == 20


def test_guard_says_why_it_cannot_count():
    done = module("bench.instructions", PATH="/nonexistent")
    assert done.returncode == 2
    assert "valgrind is not installed" in done.stderr


def test_stored_counts_cover_every_workload():
    from bench.instructions import STORED, WORKLOADS, workloads

    stored = json.loads(STORED.read_text())
    assert set(stored["instructions"]) == {f"{w} {d}" for w, d in workloads(WORKLOADS)}
    assert workloads(["A", "ZS"]) == [("A", "float32"), ("A", "float64"), ("ZS", "float64")]
    assert stored["compiler"] != "unknown"


def test_searches_that_are_counted_find_zeros():
    from bench.instructions import WORKLOADS, search

    ends, paths = (search(name, WORKLOADS[name][0])(True) for name in ("ZS", "ZP"))
    assert ends.found.sum() >= 2
    assert len(set(ends.outcomes)) > 1, "a search that ends without a zero is to be counted too"
    assert paths.found.all()


PTXAS = """
ptxas info    : Compiling entry function '_ZN1aE' for 'sm_90'
ptxas info    : Function properties for _ZN1aE
    32 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 48 bytes cumulative stack size, 640 bytes smem
ptxas info    : Function properties for _ZN6calledE
    16 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Compiling entry function '_ZN1bE' for 'sm_90'
ptxas info    : Function properties for _ZN1bE
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers
"""


def test_the_kernel_report_counts_spills_of_what_a_kernel_calls():
    from bench.kernels import Kernel, read

    first, second = read(PTXAS)
    assert (first.registers, first.stack, first.shared) == (40, 32, 640)
    assert (first.spill_stores, first.spill_loads) == (4, 8)
    assert first.spills
    assert (second.registers, second.spills) == (8, False)
    assert read("nothing of the kind") == []
    assert isinstance(first, Kernel)


def test_the_kernel_report_fails_on_spills(tmp_path, capsys):
    from bench.kernels import main

    log = tmp_path / "build.log"
    log.write_text(PTXAS)
    assert main([str(log)]) == 1
    assert "spills: sm_90" in capsys.readouterr().out
    log.write_text("")
    assert main([str(log)]) == 1
