"""Batches and runs of a device in parts: the same bits, little memory, Ctrl-C in between."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
from cases import CASES
from emulation import needs_emulation
from numpy.testing import assert_array_equal
from test_devices import Lent, free_memory

import thalweg as tw

TARGET = "cuda_emulated"
pytestmark = needs_emulation
ROWS = 23


def landscape(name, dtype="float64"):
    """Formulas for one thread and for a team, and networks with shared and with own data."""
    if name == "wide":
        return tw.Quadratic(np.geomspace(0.1, 10, 45), rotation=3, dtype=dtype, device=TARGET)
    return CASES[name].build(dtype, TARGET, rows=np.arange(ROWS))


def points(land, count=ROWS):
    return np.random.default_rng(5).normal(size=(2, count, land.dim)).astype(land.dtype)


def evaluations(land, x, v):
    """All a landscape is asked, by name."""
    energy, gradient = land.gradient(x)
    found = {"energy": energy, "gradient": gradient, "hvp": land.hvp(x, v)}
    found |= {"energy alone": land.energy(x), "hessian": land.hessian(x)}
    found["there"] = land.energy(Lent(x)).numpy()
    found["gradient there"] = land.gradient(Lent(x))[1].numpy()
    found["hvp there"] = land.hvp(Lent(x), Lent(v)).numpy()
    if isinstance(land, tw.MLP):
        given = np.linspace(-1, 1, 7 * land.layer_sizes[0]).reshape(7, -1).astype(land.dtype)
        own = given + np.arange(len(x), dtype=land.dtype)[:, None, None]
        found |= {"losses": land.sample_losses(x), "outputs": land.predict(x, given)}
        found["outputs for own inputs"] = land.predict(x, own)
    return found


def everything_of(run):
    return {
        "final": run.final,
        "energies": run.energies,
        "points": run.points,
        "vectors": run.state.vectors,
        "scalars": run.state.scalars,
        "status": run.status.codes,
        **run.observables,
    }


def require_same(theirs, ours):
    assert theirs.keys() == ours.keys()
    for name, value in ours.items():
        assert_array_equal(theirs[name], value, err_msg=name)


@pytest.mark.parametrize("most", [1, 2, 7, 22])
@pytest.mark.parametrize("name", ["muller_brown", "wide", "tanh_mse", "own_both"])
def test_no_cut_changes_a_bit(monkeypatch, name, most):
    land = landscape(name)
    x, v = points(land)
    whole = evaluations(land, x, v)
    walk = tw.Langevin(0.02, 1e-3, scheme="baoab", friction=1.0)
    if isinstance(land, tw.MLP):
        walk = tw.Adam(np.geomspace(1e-3, 1e-2, ROWS), batch_size=2)
    how = {"rng": 1, "record_every": 2, "record_points": True}
    run = everything_of(walk.run(land, x, 6, **how))
    monkeypatch.setenv("THALWEG_EMULATED_ROWS", str(most))
    require_same(evaluations(land, x, v), whole)
    require_same(everything_of(walk.run(land, x, 6, **how)), run)


def leave(monkeypatch, count):
    """Leave `count` bytes free."""
    used = 4 * 2**30 - free_memory(TARGET)
    monkeypatch.setenv("THALWEG_EMULATED_MEMORY", str(used + count))


@pytest.mark.parametrize("name", ["wide", "tanh_mse", "own_both"])
def test_batches_larger_than_memory_go_through_it(monkeypatch, name):
    land = landscape(name)
    x, v = points(land)
    walk = tw.Langevin(0.02, 1e-3)
    how = {"rng": 1, "record_every": 2, "record_points": True}
    network = isinstance(land, tw.MLP)
    given = np.resize(np.linspace(-1, 1, 997), (2000, land.layer_sizes[0])) if network else None

    def ask():
        found = {"gradient": land.gradient(x)[1], "hvp": land.hvp(x, v)}
        found |= {"hessian": land.hessian(x)} | everything_of(walk.run(land, x, 6, **how))
        return found | ({"outputs": land.predict(x, given)} if network else {})

    whole = ask()
    before = free_memory(TARGET)
    room = max(8 * (land.dim + 1) * land.dim, 12 * 8 * land.dim)  # of one Hessian, of a few points
    assert room < whole["hessian"].nbytes / 4
    if network:
        assert room < given.nbytes
    leave(monkeypatch, room)
    require_same(ask(), whole)
    monkeypatch.delenv("THALWEG_EMULATED_MEMORY")
    assert free_memory(TARGET) == before


def long_work(call):
    """A network on so many samples that the call takes minutes."""
    data = tw.datasets.random_labels(samples=4000, features=5, rng=0)
    land = tw.MLP([5, 16, 1], loss="logistic", data=data, device=TARGET)
    x = np.zeros((20_000, land.dim))
    return {
        "energy": lambda: land.energy(x),
        "gradient": lambda: land.gradient(x),
        "hvp": lambda: land.hvp(x, x),
        "hessian": lambda: land.hessian(x[:500]),
        "losses": lambda: land.sample_losses(x[:3000]),
        "outputs": lambda: land.predict(x[:3000], data.inputs),
        "there": lambda: land.gradient(Lent(x)),
        "one step": lambda: tw.SGD(0.1).run(land, x, 1),
    }[call]


@pytest.mark.parametrize(
    "call", ["energy", "gradient", "hvp", "hessian", "losses", "outputs", "there", "one step"]
)
def test_ctrl_c_ends_one_long_call(call):
    work, before, sent = long_work(call), free_memory(TARGET), []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.4, interrupt)
    timer.start()
    with pytest.raises(tw.Interrupted if call == "one step" else KeyboardInterrupt):
        work()
    assert time.perf_counter() - sent[0] < 2.0  # of a second, and a busy machine
    assert free_memory(TARGET) == before
