"""Study files: what is asked for happens, what is wrong is named, what was done is kept."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import thalweg as tw
from thalweg import cli, study
from thalweg.protocols import ThermalChart

EXAMPLE = Path(__file__).resolve().parents[1] / "docs" / "examples" / "study.toml"
SMALL = """
[landscape]
kind = "Quadratic"
spectrum = [1.0, 2.0, 4.0]
[chart]
temperatures = { lowest = 0.01, highest = 0.1, count = 3 }
confinement = 1.0
steps = 600
rng = 3
[output]
folder = "out"
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        file = tmp_path / "study.toml"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def invoke():
    application, runner = cli.application(), CliRunner()
    return lambda *arguments: runner.invoke(application, list(arguments))


def test_the_example_is_the_standard_network():
    asked = study.read(EXAMPLE)
    assert asked.landscape.dim == 601
    assert asked.landscape.parameterization == "ntk"
    np.testing.assert_allclose(asked.options["temperatures"], np.geomspace(1e-6, 1e-2, 5))
    assert asked.folder == EXAMPLE.parent / "study"


def test_a_study_writes_what_the_function_returns(invoke, written, tmp_path):
    answer = invoke("chart", str(written(SMALL)), "--threads", "1")
    assert answer.exit_code == 0, answer.output
    assert "3 temperatures x 4 replicas" in answer.output
    folder = tmp_path / "out"
    chart = ThermalChart.load(folder / "chart.npz")
    same = tw.protocols.thermal_chart(
        tw.Quadratic([1.0, 2.0, 4.0]), np.geomspace(0.01, 0.1, 3), confinement=1.0, steps=600, rng=3
    )
    np.testing.assert_array_equal(chart.energies, same.energies)
    assert (folder / "summary.txt").read_text() == same.summary() + "\n"
    assert (folder / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_data_of_ones_own(written, tmp_path):
    np.savez(tmp_path / "mine.npz", inputs=np.eye(4), targets=np.array([1, -1, 1, -1]))
    asked = study.read(
        written("""
            [data]
            kind = "arrays"
            file = "mine.npz"
            [landscape]
            kind = "MLP"
            layer_sizes = [4, 3, 1]
            loss = "logistic"
            [chart]
            temperatures = [0.1]
        """)
    )
    assert asked.landscape.n_samples == 4


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("[chart]", "[chrat]"), r"section: .*\[chrat\]. Did you mean 'chart'"),
        (("[landscape]", "[output2]"), "section: expected one of"),
        (('"Quadratic"', '"Quadratc"'), r"\[landscape\] kind: .* Did you mean 'Quadratic'"),
        (("spectrum", "spectra"), r"\[landscape\] Quadratic: unknown option 'spectra'"),
        (("confinement", "confinment"), "unknown option 'confinment'. Did you mean 'confinement'"),
        (("lowest = 0.01", "lowest = -1"), "temperatures, lowest: expected a finite number > 0"),
        (("lowest = 0.01", "lowest = 1"), r"temperatures: expected lowest <= highest"),
        (("lowest = 0.01", 'lowest = "a"'), "temperatures, lowest: expected a finite number"),
        (("count = 3", "count = 3.0"), "temperatures, count: expected an integer >= 1"),
        (("[output]", "[data]"), r"\[data\] kind: expected one of"),
        (("[landscape]", "data = 5\n[landscape]"), r"data: expected a section \[data\]"),
        (("count", "number"), r"temperatures: expected exactly lowest, highest and count"),
        (("steps = 600", "steps = 60"), "steps: expected at least 20 records"),
        (("rng = 3", "threads = 3"), r"\[chart\] threads: expected nothing"),
        (("rng = 3", "rng = "), "expected a TOML file"),
        (("folder", "place"), r"\[output\]: expected folder"),
    ],
)
def test_mistakes_are_named_on_one_line(invoke, written, tmp_path, change, text):
    answer = invoke("chart", str(written(SMALL.replace(*change))))
    assert answer.exit_code == 2
    assert answer.output.count("\n") == 1
    assert re.search(text, answer.output), answer.output
    assert not (tmp_path / "out" / "chart.npz").exists()


def test_files_that_are_something_else(invoke, written, tmp_path):
    assert "expected a TOML file, got the folder" in invoke("chart", str(tmp_path)).output
    (tmp_path / "mine.npz").write_text("no archive")
    file = written(SMALL + '[data]\nkind = "arrays"\nfile = "mine.npz"\n')
    answer = invoke("chart", str(file))
    assert "[data] file: expected a NumPy .npz archive" in answer.output
    (tmp_path / "out").write_text("no folder")
    answer = invoke("chart", str(written(SMALL)))
    assert answer.exit_code == 2
    assert "[output] folder: expected a folder that can be made" in answer.output


def test_without_matplotlib_there_is_no_figure(invoke, written, tmp_path, monkeypatch):
    monkeypatch.setattr(study.Study, "draws", False)
    answer = invoke("chart", str(written(SMALL)))
    assert answer.exit_code == 0
    assert "no chart.png: that needs matplotlib" in answer.output
    assert not (tmp_path / "out" / "chart.png").exists()
    assert (tmp_path / "out" / "chart.npz").exists()


def test_no_such_file(invoke, tmp_path):
    answer = invoke("chart", str(tmp_path / "none.toml"))
    assert answer.exit_code == 2
    assert "none.toml" in answer.output


@pytest.mark.parametrize("kept", [True, False])
def test_ctrl_c_keeps_what_there_was(invoke, written, tmp_path, monkeypatch, kept):
    made = study.read(written(SMALL)).run(threads=1, progress=False)
    for file in (tmp_path / "out").iterdir():
        file.unlink()

    def stopped(*args, **kwargs):
        raise tw.Interrupted("stopped", made if kept else None)

    monkeypatch.setattr(study, "thermal_chart", stopped)
    answer = invoke("chart", str(tmp_path / "study.toml"))
    assert answer.exit_code == 130
    assert (tmp_path / "out" / "chart.npz").exists() is kept
    assert ("what there was is in" in answer.output) is kept
