"""Results: exact round trips, whole files or none; trajectories that do not depend on chunks."""

from __future__ import annotations

import json
import pickle
import warnings
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import thalweg as tw
from thalweg import results
from thalweg.dynamics import engine


@dataclass(frozen=True, eq=False)
class Everything(results.Result):
    content: Any


@dataclass(frozen=True, eq=False)
class Other(results.Result):
    content: Any = None


ARRAYS = {
    "float64": np.array([[1.5, -0.0], [np.nan, np.inf]]),
    "float32": np.float32([1, np.finfo("f4").smallest_subnormal]),
    "integers": np.array([2**63 - 1, -5]),
    "bool": np.array([True, False]),
    "uint32": np.array([7], np.uint32),
    "no records": np.empty((0, 3, 2), np.float32),
    "rank 0": np.array(3.0),
    "text": np.array(["ok", "größer"]),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}
VALUES = [None, True, 3, 2**64 - 1, -1.5, 1e-320, float("inf"), "a 'quoted' τ\n", [], {}, ()]


def round_trip(value, tmp_path):
    Everything(value).save(tmp_path / "file.npz")
    return Everything.load(tmp_path / "file.npz").content


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_round_trip_exactly(name, tmp_path):
    array = ARRAYS[name]
    again = round_trip(array, tmp_path)
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    assert again.tobytes() == array.tobytes()


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_values_round_trip_exactly(value, tmp_path):
    again = round_trip(value, tmp_path)
    assert again == value
    assert type(again) is type(value)


def test_a_nan_stays_a_nan(tmp_path):
    assert np.isnan(round_trip(float("nan"), tmp_path))


def test_nesting_round_trips_exactly(tmp_path):
    value = {"list": [1, (2.5, None)], "array": "not one", "deep": {"record": Other([np.ones(2)])}}
    again = round_trip(value, tmp_path)
    assert again["list"] == [1, (2.5, None)]
    assert again["array"] == "not one"
    assert isinstance(again["deep"]["record"], Other)
    assert_array_equal(again["deep"]["record"].content[0], np.ones(2))


def test_numpy_scalars_keep_their_type(tmp_path):
    again = round_trip(np.float32(0.1), tmp_path)
    assert type(again) is np.float32
    assert again == np.float32(0.1)


@pytest.mark.parametrize(
    "value",
    [np.array([object()]), {1: 2}, {3, 4}, lambda: 0, 1 + 2j],
    ids=lambda v: type(v).__name__,
)
def test_what_cannot_be_stored_is_refused_and_nothing_is_written(value, tmp_path):
    with pytest.raises(TypeError, match=r"content\.inside: expected"):
        Everything({"inside": value}).save(tmp_path / "file.npz")
    assert not list(tmp_path.iterdir())


def test_files_need_no_pickle_and_no_thalweg(tmp_path):
    Everything(np.arange(3), provenance={"seed": 5}).save(tmp_path / "file.npz")
    with np.load(tmp_path / "file.npz", allow_pickle=False) as file:
        assert_array_equal(file["content"], np.arange(3))
        meta = json.loads(file["thalweg"].tobytes())
    assert meta["content"]["record"] == "Everything"


def test_a_save_that_fails_midway_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.npz"
    Everything("old").save(path)

    def full_disk(file, **arrays):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        Everything("new").save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["file.npz"]
    assert Everything.load(path).content == "old"


@pytest.mark.parametrize(
    ("path", "why"),
    [("missing/file.npz", "does not exist"), (".", "it is a folder"), ("/proc/file.npz", "Choose")],
)
def test_a_path_that_cannot_be_written_says_why(path, why, tmp_path):
    with pytest.raises(ValueError, match=rf"^path: expected a file .*{why}"):
        Everything(1).save(tmp_path / path)


def test_checking_a_path_leaves_no_trace(tmp_path):
    (tmp_path / "kept.txt").write_text("as it was")
    results.check_writable(tmp_path / "kept.txt")
    results.check_writable(tmp_path / "new.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]
    assert (tmp_path / "kept.txt").read_text() == "as it was"
    with pytest.raises(TypeError, match="output: expected a file name, got float"):
        results.check_writable(3.0, argument="output")


def test_loading_the_wrong_thing_says_what_it_is(tmp_path):
    path = tmp_path / "file.npz"
    Other().save(path)
    with pytest.raises(ValueError, match=r"expected a file of a Everything, got one of a Other"):
        Everything.load(path)
    np.savez(path, x=np.ones(2))
    with pytest.raises(ValueError, match="something else or damaged"):
        Everything.load(path)
    with pytest.raises(FileNotFoundError):
        Everything.load(tmp_path / "absent.npz")


def test_files_of_the_future_and_of_strangers_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "file.npz"
    monkeypatch.setattr(results, "_FORMAT", 2)
    Other().save(path)
    monkeypatch.setattr(results, "_FORMAT", 1)
    with pytest.raises(ValueError, match=r"format 2, .* reads up to 1. Update thalweg"):
        Other.load(path)
    Other().save(path)
    monkeypatch.delitem(results.Record._known, "Other")
    with pytest.raises(ValueError, match="'Other', which this thalweg does not know"):
        Other.load(path)


# --- Trajectories ---

WELL = tw.Quadratic(np.geomspace(0.1, 1, 5), rotation=3)
START = np.linspace(-1, 1, 35).reshape(7, 5)
WALK = tw.Langevin(np.linspace(0.1, 0.7, 7), 0.1, scheme="baoab", friction=1.0)


def run(steps=60, dynamics=WALK, land=WELL, theta=START, **options):
    how = {"record_every": 7, "record_points": True, "observables": ["virial"], "rng": 5}
    return dynamics.run(land, theta, steps, **(how | options))


def same(mine, other):
    for name in ("energies", "steps", "points", "final"):
        assert_array_equal(getattr(mine, name), getattr(other, name), err_msg=name)
    assert_array_equal(mine.observables["virial"], other.observables["virial"])
    for name in ("vectors", "scalars", "replicas"):
        assert_array_equal(getattr(mine.state, name), getattr(other.state, name), err_msg=name)
    assert mine.state.total_steps == other.state.total_steps


@pytest.mark.parametrize("size", [1, 2, 7, 13])
def test_chunks_change_no_bit(size, monkeypatch):
    whole = run()
    monkeypatch.setattr(engine.Pace, "chunk", lambda self, left: min(left, size))
    same(run(), whole)


def test_a_slow_run_is_cut_and_a_short_one_is_not(monkeypatch):
    made = []
    took = engine.Pace.took
    monkeypatch.setattr(engine.Pace, "took", lambda s, n, t: (made.append(n), took(s, n, t)))
    run(steps=50)
    assert made == [50]
    made.clear()
    monkeypatch.setattr(engine, "FIRST_CHUNK_WORK", 1)
    monkeypatch.setattr(engine, "CARRY_WORK", 0)
    monkeypatch.setattr(engine, "CHUNK_SECONDS", 1e9)
    run(steps=100)
    assert made == [1, 8, 64, 27]  # grows eightfold while the pace is unknown


def test_chunks_are_longer_where_the_state_is_large(monkeypatch):
    """A state carried between chunks of one cheap step each cost several times the steps."""
    data = tw.datasets.from_arrays(np.ones((1000, 784)), np.zeros((1000, 10)))
    land = tw.MLP([784, 30, 10], loss="mse", data=data, dtype="float32")
    made = []
    advance = engine.Job.advance

    def counted(self, state, first_step, steps, **how):
        made.append(steps)
        return advance(self, state, first_step, steps, **how)

    monkeypatch.setattr(engine.Job, "advance", counted)
    tw.SGD(0.1, batch_size=7).run(land, land.init(400, rng=0), 12, record_every=12, rng=1)
    assert made == [12]


def test_a_trajectory_survives_the_disk(tmp_path):
    half = run(30)
    loaded = tw.Trajectory.load(half.save(tmp_path / "run.npz"))
    same(loaded, half)
    assert_array_equal(loaded.dynamics.temperature, WALK.temperature)
    assert repr(loaded) == repr(half)
    assert loaded.seconds == half.seconds
    assert loaded.provenance.keys() == half.provenance.keys()
    same(loaded.resume(30, landscape=WELL), run(60))


def test_a_trajectory_can_be_pickled_without_its_landscape():
    user = tw.UserLandscape(lambda x: (x**2).sum(1) / 2, lambda x: x, dim=5)
    half = run(30, land=user)
    copy = pickle.loads(pickle.dumps(half))
    same(copy, half)
    with pytest.raises(ValueError, match="landscape"):
        copy.resume(30)
    same(copy.resume(30, landscape=user), run(60, land=user))


def test_going_on_elsewhere_is_refused(tmp_path):
    found = run(10)
    with pytest.raises(ValueError, match="landscape: expected the landscape of this run"):
        found.resume(5, landscape=tw.Quadratic(np.geomspace(0.1, 1, 5), rotation=4))
    with pytest.raises(ValueError, match="landscape: expected"):
        found.resume(
            5, landscape=tw.Quadratic(np.geomspace(0.1, 1, 5), rotation=3, dtype="float32")
        )
    loaded = tw.Trajectory.load(found.save(tmp_path / "run.npz"))
    with pytest.raises(ValueError, match=r"Files hold no landscape"):
        loaded.resume(5)


def test_going_on_with_other_instructions_is_said():
    found = run(10)
    found.provenance["target"] = "another"
    with pytest.warns(UserWarning, match="made on another and goes on on cpu_"):
        found.resume(5)


def test_provenance_is_enough_to_do_it_again():
    found = run(rng=np.random.default_rng(1))
    kept = found.provenance
    assert kept["thalweg"] == tw.__version__
    assert kept["target"] == tw.target()
    assert kept["landscape"]["class"] == "Quadratic"
    same(run(kept["steps"], rng=kept["seed"]), found)
    spec = {name: value for name, value in kept["dynamics"].items() if name != "class"}
    same(run(dynamics=tw.Langevin(**spec), rng=kept["seed"]), found)


def test_results_are_not_edited_by_accident():
    found = run()
    for array in (found.energies, found.points, found.final, found.status.codes):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(FrozenInstanceError):
        found.final = None


def test_a_summary_says_what_ran():
    text = run().summary()
    for part in (
        "Langevin(temperature=",
        "7 replicas x 5 parameters x 60 steps",
        "8: energy, virial",
    ):
        assert part in text
    assert run(5).summary().count("last energies") == 0  # nothing was recorded yet


@pytest.mark.parametrize("size", [1, 5, 400])
def test_raising_stops_at_the_step_whatever_the_chunks(size, monkeypatch):
    monkeypatch.setattr(engine.Pace, "chunk", lambda self, left: min(left, size))
    steep = tw.SGD(np.where(np.arange(7) == 4, 50.0, 0.5), on_divergence="raise")
    with pytest.raises(tw.DivergenceError, match=r"replica 4 diverged at step (\d+)") as caught:
        run(400, steep)
    found = caught.value.result
    step = found.state.total_steps
    assert f"at step {step}." in str(caught.value)
    assert found.status.first_divergence() == (4, step)
    assert_array_equal(found.status.steps, np.where(np.arange(7) == 4, step, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tw.DivergenceWarning)
        frozen = run(step, tw.SGD(steep.learning_rate))
    same(found, frozen)
    going_on = found.resume(3)  # the loss is known by now: the others go on
    assert going_on.state.total_steps == step + 3


def test_the_warning_points_at_the_callers_line():
    with pytest.warns(tw.DivergenceWarning, match="1 of 7 replicas diverged") as caught:
        found = run(400, tw.SGD(np.where(np.arange(7) == 4, 50.0, 0.5)))
    assert caught[0].filename == __file__
    found.resume(5)  # lost before: nothing new to warn of


def test_ctrl_c_keeps_the_finished_chunks(monkeypatch):
    monkeypatch.setattr(engine.Pace, "chunk", lambda self, left: min(left, 10))
    advance, calls = engine.Job.advance, []

    def interrupted(self, *args, **how):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return advance(self, *args, **how)

    monkeypatch.setattr(engine.Job, "advance", interrupted)
    with pytest.raises(tw.Interrupted, match=r"after step 30 of 60\..*resume\(30\)") as caught:
        run()
    part = caught.value.result
    assert part.provenance["steps"] == 30
    same(part.resume(30), run())


def test_ctrl_c_before_the_first_chunk_is_no_loss(monkeypatch):
    def interrupted(self, *args, **how):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine.Job, "advance", interrupted)
        with pytest.raises(tw.Interrupted) as caught:
            run()
    assert_array_equal(caught.value.result.final, START)
    same(caught.value.result.resume(60), run())


def test_a_progress_bar_counts_steps(capsys):
    run(progress=True)
    shown = capsys.readouterr().err
    assert "Langevin" in shown
    assert "60/60" in shown
    assert "mean energy" in shown
    run()
    assert capsys.readouterr().err == ""


def test_records_that_do_not_fit_are_refused_before_the_run(monkeypatch):
    monkeypatch.setattr(engine.Job, "advance", lambda *args: pytest.fail("the run began"))
    monkeypatch.setattr("thalweg._memory.available_memory", lambda: 10**8)
    with pytest.raises(MemoryError, match=r"recorded points \[4000000, 7, 5\].* bytes\) are avail"):
        run(28_000_000)
