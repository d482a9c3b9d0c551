"""The command line and the demo: what a newcomer meets first."""

import dataclasses
import importlib.util
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import thalweg as tw
from thalweg import cli, demo
from thalweg.protocols import ThermalChart


@pytest.fixture
def invoke():
    application, runner = cli.application(), CliRunner()
    return lambda *arguments: runner.invoke(application, list(arguments))


def test_version_and_doctor(invoke):
    assert invoke("version").output.strip() == tw.__version__
    answer = invoke("doctor")
    assert answer.exit_code == 0
    assert tw.target() in answer.output


def test_count(invoke, tmp_path):
    file = str(tmp_path / "minima.npz")
    answer = invoke("count", "--charges", "1,1,2,1", "--output", file)
    assert answer.exit_code == 0, answer.output
    assert "56 minima (56 for generic couplings" in answer.output
    figure = tmp_path / "minima.png"
    again = invoke("count", "--charges", "1,1,2,1", "--resume", file, "--figure", str(figure))
    assert "56 minima" in again.output
    assert figure.read_bytes().startswith(b"\x89PNG")
    for bad in ("1,1,1", "1,1,1,x", "1,2,2,1"):
        answer = invoke("count", "--charges", bad)
        assert answer.exit_code == 2
        assert "charges: expected" in answer.output


def test_an_interrupted_count_is_kept(invoke, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(tw.BlackHole, "follow", interrupted)
    file = tmp_path / "minima.npz"
    answer = invoke("count", "--charges", "1,1,1,3", "--output", str(file))
    assert answer.exit_code == 130
    assert "goes on" in answer.output
    assert 50 < tw.protocols.MinimaCount.load(file).count < 208


def test_demo_small(invoke, tmp_path):
    folder = tmp_path / "new" / "folder"
    answer = invoke("demo", "--output", str(folder), "--steps", "400", "--replicas", "2")
    assert answer.exit_code == 0, answer.output
    for word in ("test accuracy", "<L>/T", "virial", "committee", "Dimension.", "Equilibrium."):
        assert word in answer.output
    chart = ThermalChart.load(folder / "chart.npz")
    assert chart.final.shape == (8, 2, 2410)
    assert (folder / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_training_and_accuracy_are_real(tmp_path):
    lines = []
    demo.run(tmp_path, steps=400, replicas=2, say=lines.append, progress=False)
    trained = float(lines[1].split("test accuracy ")[1].split("%")[0])
    assert trained > 80  # of 1297 digits the networks never saw; guessing gives 10


def test_committee_averages_probabilities_and_ignores_the_lost():
    class Land:
        @staticmethod
        def predict(theta, inputs):
            return theta[:, None, :]  # the parameters are the logits of one digit

    # Votes 0.9/0.1 against twice 0.4/0.6: most networks say 1, the mean probability says 0.
    votes = np.log([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    final = np.stack([votes, votes])
    status = np.array([[0, 0, 0], [2, 0, 0]])
    made = tw.protocols.thermal_chart(
        tw.Quadratic(1.0, dim=2), [1.0, 2.0], replicas=3, steps=400, curvature=0, rng=0
    )
    chart = dataclasses.replace(made, final=final, status=status)
    data = tw.datasets.from_arrays(np.zeros((1, 2)), np.zeros(1))
    data = type("Data", (), {"test_inputs": data.inputs, "test_targets": np.zeros(1)})
    scores = demo.score(Land, data, chart)
    np.testing.assert_array_equal(scores.single, [[1, 0, 0], [np.nan, 0, 0]])
    np.testing.assert_array_equal(scores.committee, [1, 0])


def test_unwritable_output_fails_before_computing(invoke, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "_train", lambda *a: pytest.fail("computed before checking"))
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    answer = invoke("demo", "--output", str(blocker))
    assert answer.exit_code == 2
    assert "output: expected a folder that can be made" in answer.output
    (tmp_path / "chart.npz").mkdir()
    answer = invoke("demo", "--output", str(tmp_path))
    assert answer.exit_code == 2
    assert "it is a folder" in answer.output


def test_too_few_steps_is_one_line(invoke, tmp_path):
    answer = invoke("demo", "--output", str(tmp_path), "--steps", "10")
    assert answer.exit_code == 2
    assert "steps: expected at least 20 records" in answer.output


def test_missing_extras_name_the_pip_command(invoke, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    answer = invoke("demo", "--output", str(tmp_path))
    assert answer.exit_code == 2
    assert "scikit-learn (the digits) and matplotlib (the figure)" in answer.output
    assert 'pip install ".[all]"' in answer.output


def test_without_typer_the_command_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit, match=r"needs typer.*pip install"):
        cli.main()


@pytest.mark.parametrize("kept", [False, True])
def test_ctrl_c(invoke, tmp_path, monkeypatch, kept):
    chart = demo.run(tmp_path, steps=400, replicas=2, say=lambda text: None, progress=False)
    (tmp_path / "chart.npz").unlink()

    def stopped(*args, **kwargs):
        raise tw.Interrupted("stopped", chart if kept else None)

    monkeypatch.setattr(demo, "thermal_chart", stopped)
    answer = invoke("demo", "--output", str(tmp_path), "--replicas", "2")
    assert (tmp_path / "chart.npz").exists() is kept
    if kept:
        assert answer.exit_code == 0
        assert "Stopped early: 20 records are kept" in answer.output
    else:
        assert answer.exit_code == 130
        assert "nothing was written" in answer.output
