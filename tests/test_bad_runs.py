"""What bad dynamics, runs and files get: errors worded as for arrays (test_bindings.py)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from test_bindings import LAND, THETA, N, P, langevin, run, with_entry

import thalweg as tw

SPECS = [
    ("temperature", lambda: langevin(-0.1), ValueError, "temperature >= 0 -0.1"),
    ("temperature_nan", lambda: langevin(np.nan), ValueError, "temperature finite nan"),
    ("replica", lambda: langevin([0.1, 0.2, -3]), ValueError, "temperature -3 replica 2"),
    ("text", lambda: langevin("warm"), TypeError, "temperature number warm"),
    ("matrix", lambda: langevin(np.ones((2, 2))), ValueError, "temperature [R] [2, 2]"),
    ("step_0", lambda: langevin(step_size=0), ValueError, "step_size > 0 0"),
    ("step_inf", lambda: langevin(step_size=np.inf), ValueError, "step_size finite inf"),
    ("scheme", lambda: langevin(scheme="baobab"), ValueError, "scheme baobab baoab"),
    ("units", lambda: langevin(units="real"), ValueError, "units real natural plain"),
    ("friction", lambda: langevin(scheme="baoab", friction=-1), ValueError, "friction -1"),
    ("box", lambda: langevin(confinement=0.0), ValueError, "confinement > 0 0"),
    ("guard", lambda: langevin(guard=-5.0), ValueError, "guard -5"),
    ("policy", lambda: langevin(on_divergence="stop"), ValueError, "on_divergence stop freeze"),
    ("cooling", lambda: langevin(cooling_steps=-1), ValueError, "cooling_steps 0 -1"),
    ("half_cooled", lambda: langevin(cooling_steps=9), ValueError, "initial_temperature cooling 9"),
    ("option", lambda: langevin(temprature=1.0), TypeError, "temprature temperature"),
    (
        "metropolis_baoab",
        lambda: langevin(scheme="baoab", friction=1.0, metropolis=True),
        ValueError,
        "metropolis euler_maruyama",
    ),
    ("natural_0", lambda: langevin(0.0, units="natural"), ValueError, "temperature > 0 0"),
    ("rate", lambda: tw.SGD(0.0), ValueError, "learning_rate > 0 0"),
    ("momentum", lambda: tw.SGD(0.1, momentum=1.0), ValueError, "momentum < 1 1"),
    ("batch_0", lambda: tw.SGD(0.1, batch_size=0), ValueError, "batch_size 1 0"),
    ("batch_half", lambda: tw.SGD(0.1, batch_size=2.5), TypeError, "batch_size integer 2.5"),
    ("nesterov", lambda: tw.SGD(0.1, nesterov="yes"), TypeError, "nesterov True yes"),
    ("sgd_option", lambda: tw.SGD(lr=0.1), TypeError, "lr learning_rate"),
    ("beta", lambda: tw.Adam(beta1=1.0), ValueError, "beta1 < 1 1"),
    ("epsilon", lambda: tw.Adam(epsilon=-1e-8), ValueError, "epsilon 0 -1e-08"),
    ("kappa", lambda: tw.GradientFlow(kappa=0.0), ValueError, "kappa > 0 0"),
    ("flow_step", lambda: tw.GradientFlow(step_size=-1.0), ValueError, "step_size > 0 -1"),
    ("tolerance", lambda: tw.GradientFlow(gradient_tolerance=-1.0), ValueError, "tolerance -1"),
    ("walk", lambda: tw.RandomWalk(0.0), ValueError, "step_size > 0 0"),
    ("mode", lambda: tw.RandomWalk(0.1, mode="ball"), ValueError, "mode ball free sphere micro"),
    ("no_cap", lambda: tw.RandomWalk(0.1, mode="micro"), ValueError, "energy_cap"),
]

RUNS = [
    ("steps_0", lambda: run(steps=0), ValueError, "steps 1 0"),
    (
        "steps_many",
        lambda: run(steps=2**33, record_every=10**7),
        ValueError,
        "steps <= 4294967294 8589934592",
    ),
    ("steps_text", lambda: run(steps="many"), TypeError, "steps integer many"),
    ("record_0", lambda: run(record_every=0), ValueError, "record_every 1 0"),
    ("p", lambda: run(theta=THETA[:, 1:].copy()), ValueError, f"theta {P} {P - 1}"),
    ("dtype", lambda: run(theta=THETA.astype("f4")), TypeError, "theta float64 float32"),
    ("rank", lambda: run(theta=THETA[0]), ValueError, f"theta [R, {P}]"),
    ("order", lambda: run(theta=np.asfortranarray(THETA)), ValueError, "theta C-contiguous"),
    ("none", lambda: run(theta=THETA[:0]), ValueError, "theta R 0"),
    ("nan", lambda: run(theta=with_entry(THETA, np.nan)), ValueError, "theta finite nan 2 1"),
    ("landscape", lambda: run(land=np.sum), TypeError, "landscape energy gradient"),
    ("observable", lambda: run(observables=("spin",)), ValueError, "observables spin virial"),
    ("one_word", lambda: run(observables="virial"), TypeError, "observables"),
    ("ids", lambda: run(replicas=[0, 1]), ValueError, f"replicas {len(THETA)} 2"),
    ("id_sign", lambda: run(replicas=-np.arange(len(THETA))), ValueError, "replicas 0"),
    ("id_float", lambda: run(replicas=np.ones(len(THETA))), TypeError, "replicas integers"),
    ("threads", lambda: run(threads=-1), ValueError, "threads 1 -1"),
    ("rng", lambda: run(rng=1.5), TypeError, "rng 1.5"),
    (
        "ladder",
        lambda: run(langevin(np.ones(3))),
        ValueError,
        f"temperature {len(THETA)} 3",
    ),
    ("batch", lambda: run(tw.SGD(0.1, batch_size=N + 1)), ValueError, f"batch_size {N} {N + 1}"),
    (
        "no_samples",
        lambda: run(tw.SGD(0.1, batch_size=2), tw.CoshWell(2), np.ones((2, 2))),
        ValueError,
        "batch_size CoshWell",
    ),
    (
        "above_the_cap",
        lambda: run(tw.RandomWalk(0.1, mode="micro", energy_cap=-1.0)),
        ValueError,
        "energy_cap replica",
    ),
    (
        "beyond_the_lid",
        lambda: run(land=tw.ExponentialWalls(2, lid=1.0), theta=np.full((3, 2), 2.0)),
        ValueError,
        "theta replica 0",
    ),
]


@pytest.mark.parametrize(
    ("call", "kind", "words"), [pytest.param(*row[1:], id=row[0]) for row in [*SPECS, *RUNS]]
)
def test_bad_runs_are_named(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    text = str(caught.value)
    for word in words.split():
        assert word in text, f"{word!r} is not in: {text}"


@pytest.mark.parametrize(
    "path", ["missing/folder/run.npz", "file.txt/run.npz"], ids=["no_folder", "not_a_folder"]
)
def test_an_unwritable_path_is_named(path, tmp_path):
    (tmp_path / "file.txt").write_text("in the way")
    found = run()
    with pytest.raises((ValueError, OSError), match=r"run\.npz|missing|file\.txt"):
        found.save(tmp_path / path)


def test_a_failed_save_leaves_the_old_file(tmp_path):
    """Results are written under another name and renamed: a crash never leaves half a file."""
    found = run(rng=0)
    found.save(tmp_path / "run.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]
    again = tw.Trajectory.load(tmp_path / "run.npz")
    assert_array_equal(again.energies, found.energies)


@pytest.mark.parametrize("content", [b"", b"not a result", None], ids=["empty", "text", "absent"])
def test_a_file_that_is_no_result_is_named(content, tmp_path):
    path = tmp_path / "strange.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((ValueError, OSError), match=r"strange\.npz"):
        tw.Trajectory.load(path)


def test_memory_that_cannot_be_had_is_asked_for_by_size():
    with pytest.raises(MemoryError, match=r"hessian.*\d+ bytes"):  # 2000 x 20000^2 numbers
        tw.CoshWell(20_000).hessian(np.zeros((2000, 20_000), dtype="float64"))
    with pytest.raises(MemoryError, match=r"\d+ bytes"):
        run(steps=4 * 10**9, record_every=1)
    with pytest.raises(MemoryError, match=r"points.*\d+ bytes"):
        run(steps=4 * 10**9, record_every=10, record_points=True)
    with pytest.raises(MemoryError, match=r"theta.*\d+ bytes"):
        LAND.init(2**32 - 1)


def test_failed_runs_leave_the_start_alone():
    before = THETA.copy()
    for _, call, kind, _ in RUNS:
        with pytest.raises(kind):
            call()
    assert_array_equal(THETA, before)
