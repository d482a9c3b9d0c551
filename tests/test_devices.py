"""Targets with devices: the same results as a processor's, choice of a device, memory, errors.

On a machine with a GPU this runs over ``cuda``; wherever ``cuda_emulated`` is built
(``-C cmake.define.THALWEG_CUDA=EMULATE``), its kernels run on the processor, several threads to a
replica where a GPU has a block of them.
"""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest
from cases import CASES
from emulation import needs_emulation
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw
from thalweg import _targets
from thalweg.dynamics import engine

STREAMS = ("noise", "batch_order", "random_walk")
NAMES = np.array([0, 1, 17, 2**31, 2**32 - 1], np.uint32)


def both(device_target):
    return _targets.load(_targets.default()), _targets.load(device_target)


# --- Random numbers: integers and uniforms bit for bit, normals to rounding. ---


def test_random_words_are_the_same_bits(device_target):
    processor, device = both(device_target)
    counters = np.random.default_rng(0).integers(0, 2**32, (1000, 4), np.uint32)
    key = np.array([5, 2**32 - 7], np.uint32)
    assert_array_equal(device.philox(counters, key), processor.philox(counters, key))


@pytest.mark.parametrize("count", [1, 6, 333])
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("kind", ["uniforms", "rademacher"])
def test_uniforms_and_signs_are_the_same_bits(device_target, dtype, kind, stream, count):
    drawn = [getattr(m, kind)(7, stream, 3, NAMES, count, dtype) for m in both(device_target)]
    assert_array_equal(*drawn)


@pytest.mark.parametrize("n", [1, 2, 100])
def test_permutations_are_the_same(device_target, n):
    drawn = [m.permutations(7, "batch_order", 3, NAMES, n) for m in both(device_target)]
    assert_array_equal(*drawn)


def test_normals_agree_to_rounding(device_target, dtype):
    drawn = [m.normals(7, "noise", 3, NAMES, 5000, dtype) for m in both(device_target)]
    # A radius below 9 and a direction, each with a few units in the last place.
    assert_allclose(*drawn, rtol=0, atol=9 * 4 * np.finfo(dtype).eps)


# --- Trajectories from one seed. ---


def m1(dtype, device):
    """Model M1 of the thermal charts: a tanh network on 40 samples of noise, in a box."""
    return CASES["m1"].build(dtype, device)


def quadratic(dtype, device):
    return tw.Quadratic(np.geomspace(0.1, 10, 12), center=0.5, dtype=dtype, device=device)


def wide_quadratic(dtype, device):
    """More parameters than one thread takes: a team of several shares each replica."""
    return tw.Quadratic(np.geomspace(0.1, 10, 45), rotation=3, dtype=dtype, device=device)


LANDSCAPES = {"quadratic": quadratic, "wide": wide_quadratic, "m1": m1}
# Rounding of one gradient, in units of its precision, and what a step keeps of it: all these wells
# pull trajectories of one noise together, so that differences do not grow with the steps.
UNITS = {1: 200, 10: 500, 1000: 5000}


@pytest.mark.parametrize("steps", UNITS)
@pytest.mark.parametrize("name", LANDSCAPES)
def test_trajectories_agree_from_one_seed(device_target, dtype, name, steps):
    walk = tw.Langevin(0.05, 0.02, scheme="baoab", friction=1.0, confinement=5.0)
    runs = []
    for device in ("cpu", device_target):
        land = LANDSCAPES[name](dtype, device)
        theta = np.random.default_rng(1).normal(size=(19, land.dim)).astype(dtype)
        runs.append(walk.run(land, theta, steps, rng=5, record_every=max(1, steps // 10)))
    scale = np.abs(runs[0].energies).max()
    limit = UNITS[steps] * np.finfo(dtype).eps
    assert_allclose(runs[1].energies, runs[0].energies, rtol=limit, atol=limit * scale)
    assert_array_equal(runs[1].status.codes, runs[0].status.codes)


def test_points_larger_than_shared_memory_agree(device_target, dtype):
    walk = tw.SGD(0.1, momentum=0.5)
    spectrum = np.geomspace(0.1, 1, 7000)
    theta = np.random.default_rng(1).normal(size=(3, 7000)).astype(dtype)
    ours, theirs = (
        walk.run(tw.Quadratic(spectrum, dtype=dtype, device=device), theta, 20)
        for device in ("cpu", device_target)
    )
    assert_allclose(theirs.energies, ours.energies, rtol=1000 * np.finfo(dtype).eps)


def test_a_lost_replica_is_lost_at_the_same_step_and_alone(device_target):
    """A step far too large for one replica of five."""
    land = CASES["muller_brown"].build(device=device_target)
    theta = CASES["muller_brown"].points(5)
    steps = np.full(5, 1e-4)
    good = tw.Langevin(1.0, steps).run(land, theta, 50, rng=1)
    steps[3] = 10.0
    with pytest.warns(tw.DivergenceWarning, match="replica 3"):
        bad = tw.Langevin(1.0, steps).run(land, theta, 50, rng=1)
    on_cpu = CASES["muller_brown"].build()
    with pytest.warns(tw.DivergenceWarning, match="replica 3"):
        same = tw.Langevin(1.0, steps).run(on_cpu, theta, 50, rng=1)
    others = [0, 1, 2, 4]
    assert_array_equal(bad.final[others], good.final[others])
    assert_array_equal(bad.status.steps, same.status.steps)


def test_ctrl_c_comes_through_between_launches(device_target, monkeypatch):
    monkeypatch.setattr(engine, "FIRST_CHUNK_WORK", 1e6)  # of milliseconds, emulated too
    land = wide_quadratic("float64", device_target)
    theta = np.ones((20, land.dim))
    walk = tw.Langevin(0.1, 0.05)
    signals = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    signals.start()
    with pytest.raises(tw.Interrupted) as caught:
        walk.run(land, theta, 10**8, rng=1, record_every=10**8)
    part = caught.value.result
    done = part.state.total_steps
    assert 0 < done < 10**8
    assert_array_equal(
        part.resume(3, landscape=land).final, walk.run(land, theta, done + 3, rng=1).final
    )


# --- Choosing a device. ---


def test_a_device_is_chosen_by_number(device_target):
    names = _targets.devices(device_target)
    assert names[0] == f"{device_target}:0"
    for name in names:
        land = tw.MullerBrown(device=name)
        assert (land.device, land.target) == (name, device_target)
        assert land.energy(np.zeros((1, 2))).shape == (1,)


def test_a_device_that_is_not_there_is_refused(device_target):
    count = len(_targets.devices(device_target))
    with pytest.raises(ValueError, match=rf"device: there are {count} .*devices.* number {count}$"):
        tw.MullerBrown(device=f"{device_target}:{count}")
    with pytest.raises(ValueError, match=r"expected .*:NUMBER"):
        tw.MullerBrown(device=f"{device_target}:first")


def test_the_doctor_names_devices(device_target):
    from thalweg import doctor

    report = doctor.report()
    for name in _targets.devices(device_target):
        assert any(name in line and "multiprocessors" in line for line in report.splitlines())


def network_and_formulas(dtype, device):
    """A network in a rotated well, with a term that one thread computes for its team."""
    net = CASES["tanh_mse"].build(dtype, device)
    well = tw.Quadratic(np.geomspace(0.1, 1, net.dim), rotation=1, dtype=dtype, device=device)
    pairs = [((i, i + 1), 0.1) for i in range(net.dim // 2 - 1)]
    rest = tw.Superpotential(net.dim // 2, pairs, dtype=dtype, device=device)
    return tw.SumLandscape([rest, net, well])


def test_a_network_and_formulas_add_up(device_target, dtype):
    ours, theirs = (network_and_formulas(dtype, device) for device in ("cpu", device_target))
    theta, v = np.random.default_rng(3).normal(size=(2, 9, ours.dim)).astype(dtype)
    tolerance = {"rtol": 300 * np.finfo(dtype).eps, "atol": 300 * np.finfo(dtype).eps}
    assert_allclose(theirs.energy(theta), ours.energy(theta), **tolerance)
    for mine, exact in zip(theirs.gradient(theta), ours.gradient(theta), strict=True):
        assert_allclose(mine, exact, **tolerance)
    assert_allclose(theirs.hvp(theta, v), ours.hvp(theta, v), **tolerance)
    step = tw.SGD(0.05, momentum=0.5, batch_size=4)
    runs = [step.run(land, theta, 10, rng=1) for land in (ours, theirs)]
    assert_allclose(runs[1].final, runs[0].final, rtol=0, atol=3000 * np.finfo(dtype).eps)


def test_two_networks_do_not_add_up_on_a_device(device_target):
    net = CASES["tanh_mse"].build(device=device_target)
    with pytest.raises(ValueError, match="at most one network"):
        tw.SumLandscape([net, net])


def test_terms_of_a_sum_are_on_one_device(device_target):
    names = _targets.devices(device_target)
    if len(names) < 2:
        pytest.skip("one device here")
    with pytest.raises(ValueError, match="one device"):
        tw.SumLandscape([tw.CoshWell(2, device=names[0]), tw.CoshWell(2, device=names[1])])


# --- Memory and errors. ---


def free_memory(device_target):
    return _targets.load(device_target).device_info(0)["free_memory"]


def test_memory_is_given_back(device_target):
    land, theta = wide_quadratic("float64", device_target), np.zeros((50, 45))
    land.gradient(theta)
    before = free_memory(device_target)
    land.gradient(theta)
    land.hessian(theta[:3])
    tw.Langevin(0.1, 0.1).run(land, theta, 5, record_points=True)
    assert free_memory(device_target) == before


@needs_emulation
def test_too_little_memory_is_told_with_what_is_needed(monkeypatch):
    land, theta = tw.CoshWell(5, device="cuda_emulated"), np.zeros((1000, 5))
    used = 4 * 2**30 - free_memory("cuda_emulated")
    monkeypatch.setenv("THALWEG_EMULATED_MEMORY", str(used + 50_000))
    assert_array_equal(land.gradient(theta)[1], 0)  # 88000 bytes, in parts
    monkeypatch.setenv("THALWEG_EMULATED_MEMORY", str(used + 80))
    text = r"the gradient of 1 replica of 5 parameters needs 88 bytes.* and 80 .*are free"
    with pytest.raises(MemoryError, match=text):
        land.gradient(theta)
    with pytest.raises(MemoryError, match="a run of 1 replica of 5 parameters with 5 records"):
        tw.Langevin(0.1, 0.1).run(land, theta, 5)
    assert_array_equal(land.energy(theta), 5)  # 48 bytes a replica


@needs_emulation
@pytest.mark.parametrize(
    ("call", "kernel"),
    [
        (lambda land, x: land.energy(x), "energy of formulas"),
        (lambda land, x: land.gradient(x), "gradient of formulas"),
        (lambda land, x: land.hvp(x, x), "product of formulas"),
        (lambda land, x: tw.Langevin(0.1, 0.1).run(land, x, 5), "Langevin dynamics on formulas"),
        (lambda land, x: tw.Adam(0.1).run(land, x, 5), "Adam on formulas"),
    ],
)
def test_a_failing_kernel_is_named_and_the_next_call_works(monkeypatch, call, kernel):
    land, theta = tw.CoshWell(5, device="cuda_emulated"), np.zeros((3, 5))
    before = free_memory("cuda_emulated")
    monkeypatch.setenv("THALWEG_EMULATED_FAULT", kernel)
    with pytest.raises(RuntimeError, match=kernel):
        call(land, theta)
    monkeypatch.delenv("THALWEG_EMULATED_FAULT")
    assert free_memory("cuda_emulated") == before
    call(land, theta)


@needs_emulation
@pytest.mark.parametrize("threads", [1, 2, 3, 8, 32])
def test_any_size_of_a_team_gives_the_same_to_rounding(monkeypatch, threads):
    theta = np.random.default_rng(2).normal(size=(7, 45))
    reference = wide_quadratic("float64", "cpu")
    monkeypatch.setenv("THALWEG_EMULATED_THREADS", str(threads))
    land = wide_quadratic("float64", "cuda_emulated")
    for mine, ours in zip(land.gradient(theta), reference.gradient(theta), strict=True):
        assert_allclose(mine, ours, rtol=1e-13, atol=1e-13)
    for walk in (tw.RandomWalk(0.1), tw.Langevin(0.1, 0.05, metropolis=True)):
        runs = [walk.run(each, theta, 30, rng=1) for each in (land, reference)]
        assert_allclose(runs[0].final, runs[1].final, rtol=0, atol=1e-12)


# --- Arrays that are on the device already. ---


class Lent:
    """An array as other libraries show theirs on a device; here in the host's memory."""

    def __init__(self, array, **changes):
        self.array = array
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, False),
            "strides": None if array.flags.c_contiguous else array.strides,
            "version": 3,
            **changes,
        }


@needs_emulation
@pytest.mark.parametrize("name", ["muller_brown", "tanh_mse", "own_both"])
def test_arrays_on_the_device_are_read_where_they_are(name, dtype):
    case, rows = CASES[name], np.arange(5)
    land = case.build(dtype, "cuda_emulated", rows=rows)
    theta = np.ascontiguousarray(case.points(5), dtype)
    v = theta[::-1].copy()
    energy, gradient = land.gradient(Lent(theta))
    assert (energy.shape, gradient.shape, gradient.dtype) == ((5,), theta.shape, np.dtype(dtype))
    for found, expected in (
        (land.energy(Lent(theta)), land.energy(theta)),
        (energy, land.gradient(theta)[0]),
        (gradient, land.gradient(theta)[1]),
        (land.hvp(Lent(theta), Lent(v)), land.hvp(theta, v)),
    ):
        assert_array_equal(found.numpy(), expected)
        assert_array_equal(np.from_dlpack(found), expected)
    # A result is an argument, without a copy.
    assert_array_equal(land.energy(gradient).numpy(), land.energy(gradient.numpy()))
    address = gradient.__cuda_array_interface__["data"][0]
    assert np.from_dlpack(gradient).ctypes.data == address


@needs_emulation
def test_a_result_on_the_device_lives_as_long_as_its_last_user():
    land = tw.CoshWell(5, device="cuda_emulated")
    before = free_memory("cuda_emulated")
    kept = np.from_dlpack(land.energy(Lent(np.zeros((3, 5)))))
    assert free_memory("cuda_emulated") < before
    assert_array_equal(kept, 5)
    del kept
    assert free_memory("cuda_emulated") == before


@needs_emulation
def test_wrong_arrays_on_the_device_are_refused():
    land, theta = tw.CoshWell(5, device="cuda_emulated"), np.zeros((3, 5))
    for array, error, text in (
        (Lent(theta.astype(np.float32)), TypeError, "theta: expected float64"),
        (Lent(theta[0]), ValueError, r"theta: expected an array \[R, 5\]"),
        (Lent(np.zeros((3, 4))), ValueError, r"got \[3, 4\]"),
        (Lent(np.zeros((5, 3)).T), ValueError, "C-contiguous"),
    ):
        with pytest.raises(error, match=text):
            land.energy(array)
    with pytest.raises(ValueError, match=r"v: expected an array \[3, 5\]"):
        land.hvp(Lent(theta), Lent(theta[:2]))
    with pytest.raises(TypeError, match="v: expected an array on the device"):
        land.hvp(Lent(theta), theta)
    with pytest.raises(TypeError, match="theta: expected an array of the host"):
        tw.CoshWell(5).energy(Lent(theta))
