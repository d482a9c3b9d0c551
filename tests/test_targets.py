"""Choosing a compiled target: the best by default, another by name, and clear words otherwise."""

from __future__ import annotations

import ast
import inspect
import itertools
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg import _targets, doctor

ROOT = Path(__file__).resolve().parents[1]
STUBS = ROOT / "python" / "thalweg" / "_targets"


def python(code: str, **variables: str) -> subprocess.CompletedProcess:
    """Run code in a fresh interpreter with these environment variables."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("THALWEG_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_best_target_is_the_default():
    done = python("import thalweg; print(thalweg.target())")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == _targets.available()[0]
    assert tw.target() in _targets.available()


@pytest.mark.parametrize("name", _targets.available())
def test_the_environment_chooses_a_target(name):
    code = """
import thalweg as tw
print(tw.target(), tw.Quadratic(1.0, dim=3).target)
"""
    done = python(code, THALWEG_TARGET=name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [name, name]


@pytest.mark.parametrize("name", ["avx", "cpu_v9", *_targets.why_not()])
def test_an_impossible_target_is_refused_with_the_possible_ones(name):
    done = python("import thalweg", THALWEG_TARGET=name)
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ValueError: THALWEG_TARGET: expected one of")
    assert repr(name) in message
    assert all(repr(possible) in message for possible in _targets.available())


def test_load_refuses_unknown_names_with_a_reason():
    with pytest.raises(ValueError, match=r"target: expected one of .*'cpu_v9'; there are only"):
        _targets.load("cpu_v9")
    for name, reason in _targets.why_not().items():
        with pytest.raises(ValueError, match=f"got '{name}'; {reason}"):
            _targets.load(name)


def test_every_known_target_is_usable_or_says_why_not():
    usable, unusable = set(_targets.available()), set(_targets.why_not())
    assert usable | unusable == set(_targets.KNOWN)
    assert not usable & unusable
    assert usable <= set(_targets.built())


@pytest.mark.parametrize("name", _targets.available())
def test_a_target_says_what_it_is(name):
    module = _targets.load(name)
    assert module.name() == name
    register = {"cpu_v2": 16, "cpu_v3": 32, "cpu_v4": 64, "cpu_aarch64": 16}.get(name)
    for dtype, size in (("float32", 4), ("float64", 8)):
        assert module.lanes(dtype) == (1 if name in _targets.DEVICES else register // size)


@pytest.mark.parametrize("name", _targets.DEVICES)
def test_a_device_that_cannot_be_used_is_refused_with_the_reason(name):
    """Not built: no such choice. Built, and no device here: the machine lacks something."""
    code = f"import thalweg as tw; tw.MullerBrown(device={name!r})"
    done = python(code, THALWEG_EMULATED_DEVICES="0", CUDA_VISIBLE_DEVICES="")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    if name in _targets.built():
        assert last.startswith(f"RuntimeError: device: {name!r} cannot be used here: ")
    else:
        assert last.startswith("ValueError: device: expected one of")
        assert "was not built into this installation" in last


@pytest.mark.parametrize("pair", list(itertools.combinations(_targets.available(), 2)))
def test_two_targets_live_side_by_side(pair):
    theta = np.random.default_rng(0).normal(size=(5, 3))
    spectrum = np.array([1.0, 2.0, 3.0])
    lands = [tw.Quadratic(spectrum, device=name) for name in pair]
    assert tuple(land.target for land in lands) == pair
    for land in lands:
        exact = 0.5 * (spectrum * theta**2).sum(1)
        np.testing.assert_allclose(land.energy(theta), exact, rtol=1e-13)
    # Their types are different types: a handle of one never enters code compiled for another.
    ours, theirs = (_targets.load(name) for name in pair)
    assert ours.Landscape64 is not theirs.Landscape64
    handle = ours.formula("rastrigin", 2, {"amplitude": np.ones(1)}, "float64")
    assert ours.sum([handle, handle]).dim == 2
    expected = f"expected a float64 landscape of this target, got .*{pair[0]}.Landscape64"
    with pytest.raises(TypeError, match=expected):
        theirs.sum([handle, handle])


def stub_of(*files):
    trees = [ast.parse((STUBS / file).read_text()) for file in files]
    nodes = [node for tree in trees for node in tree.body]
    return {n.name: n for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("target", _targets.available())
def test_stubs_and_modules_agree(target):
    """Every name in the stub is in the module, and the other way round; so are the arguments."""
    devices = ["_devices.pyi"] if target in _targets.DEVICES else []
    stub = stub_of("_interface.pyi", *devices)
    module = _targets.load(target)
    public = {name for name in vars(module) if not name.startswith("_")}
    assert public == set(stub)
    for name, node in stub.items():
        if isinstance(node, ast.FunctionDef):
            arguments = [a.arg for a in node.args.args]
            signature = inspect.getdoc(getattr(module, name)).splitlines()[0]
            assert all(f"{a}:" in signature for a in arguments), signature
        else:
            methods = {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
            methods = {name for name in methods if not name.startswith("__")}
            own = {n for n in vars(getattr(module, name)) if not n.startswith("_")}
            assert own == methods, name


def test_doctor_reports():
    report = doctor.report()
    assert report.splitlines()[0].split() == ["thalweg:", tw.__version__]
    assert _targets.default() in report
    for name, reason in _targets.why_not().items():
        assert any(name in line and reason in line for line in report.splitlines())
    for word in ("thalweg:", "numpy:", "scipy:", "threads:", "float32", "matplotlib"):
        assert word in report
    assert report.splitlines()[-1].startswith("self test: passed")


def test_doctor_finds_a_wrong_gradient(monkeypatch):
    module = _targets.load(_targets.default())

    class Wrong:
        """A target whose networks have a gradient that is one per cent off."""

        def __getattr__(self, name):
            return getattr(module, name)

        def mlp(self, *arguments):
            net = module.mlp(*arguments)

            class Net:
                dim = net.dim
                energy = staticmethod(net.energy)

                def gradient(self, theta):
                    energy, gradient = net.gradient(theta)
                    return energy, 1.01 * gradient

            return Net()

    monkeypatch.setattr(_targets, "load", lambda name: Wrong())
    assert doctor.report().splitlines()[-1].startswith("self test: FAILED")


def test_doctor_counts_threads_from_the_environment():
    done = python("from thalweg import doctor; print(doctor.report())", THALWEG_NUM_THREADS="3")
    assert done.returncode == 0, done.stderr
    assert "THALWEG_NUM_THREADS=3" in done.stdout
    assert any(line.startswith("threads:") and " 3 " in line for line in done.stdout.splitlines())


def test_the_version_is_the_one_that_is_packaged():
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert tw.__version__ == tomllib.load(file)["project"]["version"]


def test_import_is_quick_and_light():
    code = """
import sys, time
start = time.perf_counter()
import thalweg
seconds = time.perf_counter() - start
heavy = {"scipy", "matplotlib", "sklearn", "typer", "tqdm", "jax", "torch"} & set(sys.modules)
print(seconds, sorted(heavy))
"""
    runs = [python(code) for _ in range(3)]
    assert all(run.returncode == 0 for run in runs), runs[0].stderr
    outputs = [run.stdout.split(maxsplit=1) for run in runs]
    assert {heavy.strip() for _, heavy in outputs} == {"[]"}
    # The target is 0.3 s (CONTRIBUTING.md); the bound leaves room for a loaded machine.
    assert min(float(seconds) for seconds, _ in outputs) < 1.0
