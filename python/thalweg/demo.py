"""The demo: what thermal noise says about a network that reads handwritten digits."""

from __future__ import annotations

import importlib.util
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import datasets
from .dynamics import Adam
from .errors import Interrupted
from .landscapes import MLP
from .plotting import figure, tidy
from .protocols import ThermalChart, thermal_chart
from .protocols.tables import table, value_with_error
from .results import check_writable

LAYERS = [64, 32, 10]
TRAINING_DIGITS = 500
BOX = 5.0  # width of the confining Gaussian, in units of an NTK weight
STEP = 0.04  # keeps step * |grad margin| below 0.3; halving it moves no number beyond its error
BAYES = 1 / TRAINING_DIGITS  # N T = 1: the Boltzmann distribution is the Bayesian posterior
TEMPERATURES = (1e-6, 1e-5, 1e-4, 1e-3, BAYES, 1e-2, 3e-2, 1e-1)
COLD = 1e-4  # below, the loss is far from its random value and k is a property of the walls
NEEDS = {"sklearn": "scikit-learn (the digits)", "matplotlib": "matplotlib (the figure)"}


class MissingExtra(ImportError):
    """An optional package is not installed; the message is the command that installs it."""


@dataclass(frozen=True)
class Scores:
    """Test accuracy: of single networks [M, K], and of the K networks voting together [M]."""

    single: np.ndarray
    committee: np.ndarray


def check(output: Path) -> Path:
    """Make the output folder and fail now, not after the computation, if it cannot be used.

    Raises
    ------
    MissingExtra
        If scikit-learn or matplotlib is not installed.
    ValueError
        If the folder cannot be made or written to.
    """
    missing = [text for name, text in NEEDS.items() if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"the demo needs {' and '.join(missing)}. In the source folder run: "
            'pip install ".[all]"'
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"output: expected a folder that can be made, got {str(output)!r}: {error.strerror}."
        ) from None
    for name in ("chart.npz", "chart.png"):
        check_writable(output / name, argument="output")
    return output


def run(
    output: str | Path = "thalweg-demo",
    steps: int = 6000,
    replicas: int = 8,
    seed: int = 0,
    threads: int | None = None,
    say: Callable[[str], None] = print,
    progress: bool = True,
) -> ThermalChart:
    """Train networks on the digits, chart their landscape, write chart.npz and chart.png.

    Parameters
    ----------
    output : folder for the two files, made if needed.
    steps : Langevin steps of every replica.
    replicas : networks at each of the eight temperatures.
    seed : of everything random.
    say : where the text goes, one call per paragraph.

    Returns
    -------
    ThermalChart
        Also after Ctrl-C, if records had been made: with those.

    Raises
    ------
    MissingExtra, ValueError : before anything is computed.
    Interrupted : on Ctrl-C before there was anything to keep.
    """
    begin = time.perf_counter()
    output = check(Path(output))
    data = datasets.digits(train=TRAINING_DIGITS, rng=seed)
    # float32 is enough and twice as fast: the loss comes from margins, so tiny ones keep their
    # relative precision; float64 at half the step gives every <L>/T again within its error.
    land = MLP(LAYERS, "tanh", "cross_entropy", "ntk", data=data, dtype="float32")
    count = len(TEMPERATURES) * replicas
    say(
        f"{count} tanh networks {LAYERS}, P = {land.dim} parameters each, learn {TRAINING_DIGITS} "
        f"of the {len(data.inputs) + len(data.test_inputs)} handwritten digits of scikit-learn."
    )
    trained = _train(land, count, seed, threads, progress)
    accuracy = land.accuracy(trained, data.test_inputs, data.test_targets)
    say(
        f"Trained with Adam: mean loss {land.energy(trained).mean():.2g}, "
        f"test accuracy {accuracy.mean():.1%}. Now thermal noise at {len(TEMPERATURES)} "
        "temperatures:"
    )
    try:
        chart = thermal_chart(
            land,
            TEMPERATURES,
            confinement=BOX,
            step_size=STEP,
            steps=steps,
            replicas=replicas,
            start=trained,
            curvature=4,
            rng=seed,
            threads=threads,
            progress=progress,
        )
    except Interrupted as stop:
        if not isinstance(stop.result, ThermalChart):
            raise
        chart = stop.result
        say(f"Stopped early: {len(chart.energies)} records are kept, error bars are larger.")
    scores = score(land, data, chart)
    say(demo_table(chart, scores))
    say(explain(chart, scores))
    chart.save(output / "chart.npz")
    draw(chart, scores).savefig(output / "chart.png", dpi=150)
    say(
        f"Wrote {output / 'chart.npz'} and {output / 'chart.png'}. "
        f"{time.perf_counter() - begin:.0f} s in all."
    )
    return chart


def _train(land: MLP, count: int, seed: int, threads: int | None, progress: bool) -> np.ndarray:
    """Trained networks [R, P]: Adam from a draw of the box itself."""
    theta = land.init(count, scheme="normal", scale=BOX, rng=seed)
    adam = Adam(learning_rate=0.1)
    return adam.run(
        land, theta, steps=300, record_every=100, rng=seed, threads=threads, progress=progress
    ).final


def score(land: MLP, data: datasets.Dataset, chart: ThermalChart) -> Scores:
    """Accuracy of the last network of every replica, and of each temperature's committee.

    The committee averages the K probability vectors, as a Bayesian would; diverged replicas have
    no vote.
    """
    count, replicas, dim = chart.final.shape
    logits = land.predict(chart.final.reshape(-1, dim), data.test_inputs).astype(np.float64)
    logits = logits.reshape(count, replicas, *logits.shape[1:])
    chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
    chances /= chances.sum(axis=-1, keepdims=True)
    chances[~chart.kept] = np.nan
    truth = np.asarray(data.test_targets).ravel()
    single = np.where(chart.kept, (logits.argmax(-1) == truth).mean(-1), np.nan)
    votes = np.nanmean(chances, axis=1).argmax(-1)
    return Scores(single=single, committee=(votes == truth).mean(-1))


def demo_table(chart: ThermalChart, scores: Scores) -> str:
    """The chart's numbers and the accuracies, one row per temperature."""
    columns = (
        ("mean loss", chart.mean_loss()),
        ("<L>/T", chart.k()),
        ("dim (mean)", chart.dimension_from_mean()),
        ("dim (variance)", chart.dimension_from_variance()),
        ("virial", chart.virial_ratio()),
    )
    rows = [
        [f"{t:.3g}"]
        + [value_with_error(v[m], e[m]) for _, (v, e) in columns]
        + [f"{np.nanmean(scores.single[m]):.1%}", f"{scores.committee[m]:.1%}"]
        for m, t in enumerate(chart.temperatures)
    ]
    names = ["T", *(name for name, _ in columns), "accuracy", "committee"]
    troubles = []
    if chart.restores.any():
        troubles.append(f"{chart.restores.sum()} blow-ups were undone by the guard.")
    if chart.lost:
        troubles.append(f"{len(chart.lost)} replicas diverged and are left out.")
    return "\n".join(["", table(names, rows), *troubles, ""])


def explain(chart: ThermalChart, scores: Scores) -> str:
    """What the numbers mean, in plain words, with the numbers of this run."""
    cold = chart.temperatures <= COLD
    dimension = chart.dimension_from_mean()[0][cold]
    shaking = chart.dimension_from_variance()[0][cold]
    bayes = int(np.argmin(np.abs(chart.temperatures - BAYES)))
    single = np.nanmean(scores.single, axis=1)
    paragraphs = [
        f"Dimension. Thermal noise leaves T/2 of loss in every direction that resists it, and none "
        f"in flat ones. For T <= {COLD:g} the loss holds {dimension.min() / 2:.0f} to "
        f"{dimension.max() / 2:.0f} T: as if {dimension.min():.0f} to {dimension.max():.0f} of the "
        f"{chart.final.shape[-1]} directions resisted. The size of the fluctuations, measured "
        f"independently, says {shaking.min():.0f} to {shaking.max():.0f}. After arXiv:2304.01335; "
        f"the number belongs to landscape and box (width {BOX:g}) together.",
        *_boundary_and_curvature(chart, cold),
        _equilibrium(chart),
        f"Learning. T = {BAYES:g} = 1/N is the Bayesian posterior with the box as prior: single "
        f"networks read {single[bayes]:.1%} of the unseen digits, the committee "
        f"{scores.committee[bayes]:.1%}. At T = {chart.temperatures[-1]:g} single networks read "
        f"{single[-1]:.1%} (guessing: 10 %): the noise has melted what was learnt.",
    ]
    return "\n".join(textwrap.fill(text, width=92) for text in paragraphs) + "\n"


def _boundary_and_curvature(chart: ThermalChart, cold: np.ndarray) -> list[str]:
    """Which samples hold the dimension, and why the valley is no quadratic well."""
    near = chart.boundary.points_near_boundary()[0][cold]
    ratio = near / chart.k()[0][cold]
    said = [
        f"Boundary. At these temperatures {near.min():.0f} to {near.max():.0f} of the "
        f"{chart.boundary.samples} training digits lie near a decision boundary: "
        f"{ratio.min():.2f} to {ratio.max():.2f} of half the dimension. They are what resists."
    ]
    if chart.curvature is not None:
        trace = chart.curvature.trace()[0][cold]
        promised = chart.curvature.quadratic_dimension()[0][cold]
        said.append(
            f"Curvature. From T = {chart.temperatures[cold][0]:g} to "
            f"{chart.temperatures[cold][-1]:g} the trace of the Hessian grows "
            f"{trace[-1] / trace[0]:.0f}-fold; in a quadratic well it would not move. Taken for a "
            f"quadratic well, this Hessian promises {promised.min():.0f} to {promised.max():.0f} "
            f"directions. The energies fluctuate as in a well; the valley is none."
        )
    return said


def _equilibrium(chart: ThermalChart) -> str:
    """The verdicts, in a sentence."""
    ratio, error = chart.virial_ratio()
    worst = int(np.nanargmax(np.abs(ratio - 1)))
    failed = [verdict for verdict in chart.verdicts() if not verdict.equilibrated]
    said = (
        "no test refutes equilibrium at any temperature"
        if not failed
        else "; ".join(str(verdict) for verdict in failed) + ". Try more --steps"
    )
    return (
        f"Equilibrium. The virial is exactly 1 in equilibrium; the worst here is "
        f"{ratio[worst]:.3f} +- {error[worst]:.3f} at T = {chart.temperatures[worst]:g}. Together "
        f"with drift, R-hat and heat capacity: {said}."
    )


def draw(chart: ThermalChart, scores: Scores):
    """The chart's four panels, its principal components, and the accuracies; returns the figure."""
    canvas, axes = figure(columns=3, rows=2)
    chart.plot(axes[:4])
    chart.directions.plot(axes[4])
    right, t = axes[5], chart.temperatures
    right.errorbar(
        t,
        np.nanmean(scores.single, axis=1),
        np.nanstd(scores.single, axis=1),
        marker="o",
        capsize=2,
        label="one network (bar: spread)",
    )
    right.plot(t, scores.committee, marker="s", label=f"committee of {scores.single.shape[1]}")
    right.axvline(BAYES, color="0.5", linestyle=":", label="Bayes, $T = 1/N$")
    right.set_xscale("log")
    right.set_ylim(0, 1)
    right.legend(loc="lower left")
    tidy(right, xlabel="temperature $T$", ylabel="test accuracy")
    return canvas
