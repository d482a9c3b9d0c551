"""Threads, forks and Ctrl-C: what happens around the compiled loops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from dynamics_cases import NETWORK
from numpy.testing import assert_array_equal

import thalweg as tw


def network():
    return NETWORK.build(), NETWORK.points(64)


def python(code, *arguments, **environment):
    """Start another interpreter on `code` with pipes for its output."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_many_python_threads_may_compute_at_once():
    land, theta = network()
    expected = land.gradient(theta)[1]
    whole = tw.Langevin(0.1, 0.1).run(land, theta, 50, rng=1)

    def work(_):
        run = tw.Langevin(0.1, 0.1).run(land, theta, 50, rng=1, threads=2)
        return land.gradient(theta, threads=2)[1], run.energies

    with ThreadPoolExecutor(8) as pool:
        for gradient, energies in pool.map(work, range(40)):
            assert_array_equal(gradient, expected)
            assert_array_equal(energies, whole.energies)


def test_python_goes_on_while_the_core_works():
    """The interpreter lock is free during a run: another thread keeps counting."""
    land, theta = network()
    walk, how = tw.Langevin(0.1, 0.01), {"record_every": 2**31, "rng": 0, "threads": 1}
    began = time.perf_counter()
    walk.run(land, theta, 2000, **how)
    steps = int(2000 * 0.5 / (time.perf_counter() - began))  # about half a second
    ticks, done = [], threading.Event()

    def count():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.002)

    clock = threading.Thread(target=count)
    clock.start()
    began = time.perf_counter()
    try:
        walk.run(land, theta, steps, **how)
    finally:
        ended = time.perf_counter()
        done.set()
        clock.join()
    during = [t for t in ticks if began < t < ended]
    gaps = np.diff([began, *during, ended])
    assert ended - began > 0.05, "too quick to see anything"
    assert gaps.max() < 0.5 * (ended - began), "the lock was held for most of the work"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is a POSIX call")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_forked_child_can_compute():
    """The pool of threads is made anew in a child; without that, it would wait for ever."""
    land, theta = network()
    batch = np.tile(theta, (20, 1))
    expected = land.energy(batch, threads=2)
    child = os.fork()
    if child == 0:  # the child must leave without running pytest's own clean-up
        same = np.array_equal(land.energy(batch, threads=2), expected)
        os._exit(0 if same else 1)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        pid, code = os.waitpid(child, os.WNOHANG)
        if pid:
            assert os.waitstatus_to_exitcode(code) == 0
            assert_array_equal(land.energy(batch, threads=2), expected)
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child was still waiting for its threads after 20 s")


DEFAULT = "import thalweg._targets as t; print(t.load(t.default()).default_threads(), t.default())"


def test_the_environment_sets_the_number_of_threads():
    out, _ = python(DEFAULT, THALWEG_NUM_THREADS="3").communicate(timeout=60)
    assert out.split()[0] == "3"


def test_the_default_is_the_cpus_this_process_may_use():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});" + DEFAULT
    environment = {k: v for k, v in os.environ.items() if k != "THALWEG_NUM_THREADS"}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    assert out.stdout.split()[0] == "1"


@pytest.mark.parametrize("value", ["0", "-2", "many", "1.5"])
def test_a_bad_number_of_threads_in_the_environment_is_an_error(value):
    code = "import numpy as np, thalweg as tw; tw.CoshWell(2).energy(np.zeros((3, 2)))"
    process = python(code, THALWEG_NUM_THREADS=value)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "THALWEG_NUM_THREADS" in err
    assert value in err


SETUP = """
import signal, sys, numpy as np, thalweg as tw
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C
data = tw.datasets.random_labels(samples=10, features=3, rng=0)
land = tw.MLP([3, 5, 1], loss="logistic", data=data)
theta = land.init(64, rng=7)
how = dict(record_every=1000, rng=5)
"""
RULE = {
    "langevin": "tw.Langevin(0.01, 0.05)",
    "sgd": "tw.SGD(0.01, batch_size=3)",
    "flow": "tw.GradientFlow(1e-5, gradient_tolerance=0.0, maximum_step=1e-5)",
    "walk": "tw.RandomWalk(0.01)",
}
INTERRUPTED = """
print("ready", flush=True)
try:
    rule.run(land, theta, 50_000_000, **how)
except tw.Interrupted as stop:
    print("stopped", str(stop).replace(chr(10), " "), flush=True)
    stop.result.save(sys.argv[1])
    print("saved", flush=True)
"""


def stop_after(process, seconds):
    """Send Ctrl-C `seconds` after the process is ready; how long it took to say it stopped."""
    assert process.stdout.readline().strip() == "ready", process.stderr.read()
    time.sleep(seconds)
    sent = time.perf_counter()
    process.send_signal(signal.SIGINT)
    line = process.stdout.readline()
    return time.perf_counter() - sent, line


@pytest.mark.parametrize("rule", RULE)
def test_interrupting_keeps_what_was_done_and_resumes_bit_for_bit(rule, tmp_path):
    code = SETUP + f"rule = {RULE[rule]}" + INTERRUPTED
    process = python(code, tmp_path / "part.npz")
    waited, line = stop_after(process, 0.8)
    _, err = process.communicate(timeout=30)
    assert line.startswith("stopped"), err
    assert "resume" in line, "the message says how to go on"
    assert waited < 1.0
    assert process.returncode == 0, err

    scope: dict = {}
    exec(SETUP + f"rule = {RULE[rule]}", scope)
    land = scope["land"]
    part = tw.Trajectory.load(tmp_path / "part.npz")
    assert len(part.energies) > 0, "0.8 s of work were thrown away"
    assert_array_equal(part.steps, 1000 * np.arange(1, len(part.steps) + 1))
    more = part.resume(1500, landscape=land)
    steps = int(more.provenance["steps"])
    whole = scope["rule"].run(land, scope["theta"], steps, **scope["how"])
    assert_array_equal(more.energies, whole.energies)
    assert_array_equal(more.final, whole.final)


def test_interrupting_a_python_landscape(tmp_path):
    """Ctrl-C while the core waits for a Python function."""
    code = SETUP + (
        "import time\n"
        "def gradient(x):\n    time.sleep(0.01)\n    return x\n"
        "land = tw.UserLandscape(lambda x: (x**2).sum(1) / 2, gradient, dim=2)\n"
        "theta, rule = np.ones((3, 2)), tw.SGD(1e-4)\n"
        "how['record_every'] = 1\n" + INTERRUPTED.replace("50_000_000", "1_000_000")
    )
    process = python(code, tmp_path / "part.npz")
    waited, line = stop_after(process, 0.6)
    _, err = process.communicate(timeout=30)
    assert line.startswith("stopped"), err
    assert waited < 1.0
    assert len(tw.Trajectory.load(tmp_path / "part.npz").energies) > 5


LONG = {  # replicas, samples, network
    "energy(x": (100_000, 4000, [5, 16, 1]),
    "gradient(x": (100_000, 4000, [5, 16, 1]),
    "hvp(x, x": (100_000, 4000, [5, 16, 1]),
    "hessian(x": (1000, 4000, [5, 16, 1]),
    "hessian(x ": (1, 20_000, [60, 60, 1]),
}


@pytest.mark.parametrize("call", LONG)
def test_one_long_evaluation_can_be_interrupted(call):
    """Ctrl-C is looked for between blocks of replicas, and between rows of one Hessian."""
    replicas, samples, sizes = LONG[call]
    code = f"""
import signal, numpy as np, thalweg as tw
signal.signal(signal.SIGINT, signal.default_int_handler)
data = tw.datasets.random_labels(samples={samples}, features={sizes[0]}, rng=0)
land = tw.MLP({sizes}, loss="logistic", data=data)
x = np.zeros(({replicas}, land.dim))
print("ready", flush=True)
try:
    land.{call}, threads=1)
    print("finished", flush=True)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
    process = python(code)
    waited, line = stop_after(process, 0.2)
    process.communicate(timeout=30)
    assert line.startswith("stopped"), "it was over before it could be stopped"
    assert waited < 1.0


class OfUser(Exception):
    """Something only the user's own code knows."""


def test_errors_of_user_functions_come_through_unchanged():
    calls = []

    def gradient(x):
        calls.append(len(x))
        if len(calls) == 7:
            raise OfUser("the seventh call")
        return x

    land = tw.UserLandscape(lambda x: (x**2).sum(axis=1) / 2, gradient, dim=2)
    with pytest.raises(OfUser, match="the seventh call"):
        tw.SGD(0.1).run(land, np.ones((5, 2)), 30, rng=0)
    assert len(calls) == 7
    assert set(calls) == {5}, "one call per batch step, with the whole batch"
