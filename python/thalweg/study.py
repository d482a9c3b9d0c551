"""A study file: data, landscape, chart and output as TOML, for the command line."""

from __future__ import annotations

import importlib.util
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import datasets, landscapes
from ._checks import closest, integer, message, real, show
from .errors import Interrupted
from .plotting import figure
from .protocols import ThermalChart, thermal_chart
from .results import check_writable

SECTIONS = ("data", "landscape", "chart", "output")
DATA = ("random_labels", "teacher_student", "digits", "arrays")
LANDSCAPES = ("MLP", "Quadratic", "MullerBrown", "Rastrigin", "ExponentialWalls", "CoshWell")
FILES = ("chart.npz", "chart.png", "summary.txt")


@dataclass(frozen=True)
class Study:
    """What a study file asks for, checked; see ``docs/examples/study.toml``."""

    landscape: Any
    options: dict[str, Any]
    folder: Path

    def run(self, threads: int | None = None, progress: bool = True) -> ThermalChart:
        """Make the chart and write chart.npz, chart.png and summary.txt into the folder.

        Raises
        ------
        ValueError, TypeError : for bad options, before anything is computed.
        Interrupted : on Ctrl-C; what there was of a chart has been written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            expected = "a folder that can be made"
            got = f"{str(self.folder)!r}: {error.strerror}"
            raise ValueError(message("[output] folder", expected, got)) from None
        for name in FILES:
            check_writable(self.folder / name, argument="[output] folder")
        try:
            chart = thermal_chart(
                self.landscape, **self.options, threads=threads, progress=progress
            )
        except Interrupted as stop:
            if isinstance(stop.result, ThermalChart):
                self.write(stop.result)
            raise
        self.write(chart)
        return chart

    @property
    def draws(self) -> bool:
        """Whether matplotlib is installed, which the figure needs."""
        return importlib.util.find_spec("matplotlib") is not None

    def write(self, chart: ThermalChart) -> None:
        """Write the files; the figure only where matplotlib is installed."""
        chart.save(self.folder / FILES[0])
        (self.folder / FILES[2]).write_text(chart.summary() + "\n")
        if not self.draws:
            return
        canvas, axes = figure(columns=3, rows=2)
        chart.plot(axes[[0, 1, 3, 4]])
        for part, ax in ((chart.directions, axes[2]), (chart.curvature, axes[5])):
            ax.set_axis_off() if part is None else part.plot(ax)
        canvas.savefig(self.folder / FILES[1], dpi=150)


def read(path: str | Path) -> Study:
    """Read a study file.

    Relative names in it (the output folder, a data file) are relative to the file.

    Raises
    ------
    FileNotFoundError : if there is no such file.
    ValueError, TypeError : if it is no TOML, or a section, key or value is wrong; says which.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from thalweg.study import read
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "study.toml"
    ...     _ = file.write_text('''
    ...         [landscape]
    ...         kind = "Quadratic"
    ...         spectrum = [1.0, 10.0]
    ...         [chart]
    ...         temperatures = [0.1, 0.2]
    ...     ''')
    ...     read(file).landscape.dim
    2
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except IsADirectoryError:
        raise ValueError(message("study", "a TOML file", f"the folder {str(path)!r}")) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected a TOML file: {error}.") from None
    for name in content:
        if name not in SECTIONS:
            hint = closest(name, SECTIONS)
            raise ValueError(message("section", f"one of {list(SECTIONS)}", f"[{name}]", hint))
        if not isinstance(content[name], dict):
            raise ValueError(message(name, f"a section [{name}]", f"{name} = {content[name]!r}"))
    for name in ("landscape", "chart"):
        if name not in content:
            raise ValueError(message(f"[{name}]", "a section of that name", "none"))
    folder = dict(content.get("output", {"folder": "study"}))
    if list(folder) != ["folder"] or not isinstance(folder["folder"], str):
        raise ValueError(message("[output]", 'folder = "name" and nothing else', show(folder)))
    data = _data(content["data"], path.parent) if "data" in content else None
    return Study(
        _landscape(content["landscape"], data),
        _chart_options(content["chart"]),
        path.parent / folder["folder"],
    )


def _kind(section: str, table: dict[str, Any], allowed: tuple[str, ...]) -> tuple[str, dict]:
    """The kind that a section names, and its other keys."""
    options = dict(table)
    kind = options.pop("kind", None)
    if kind not in allowed:
        hint = closest(kind, allowed)
        raise ValueError(message(f"[{section}] kind", f"one of {list(allowed)}", show(kind), hint))
    return kind, options


def _call(section: str, make: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Call with the section's name in front of whatever error comes."""
    try:
        return make(**options)
    except (TypeError, ValueError) as error:
        raise type(error)(f"[{section}] {error}") from None


def _data(table: dict[str, Any], folder: Path) -> Any:
    kind, options = _kind("data", table, DATA)
    if kind != "arrays":
        return _call("data", getattr(datasets, kind), options)
    name = options.pop("file", None)
    if not isinstance(name, str) or options:
        expected = 'file = "name.npz" with arrays inputs, targets'
        raise ValueError(message("[data]", expected, show({"file": name, **options})))
    try:
        with np.load(folder / name, allow_pickle=False) as arrays:
            content = dict(arrays)
    except (ValueError, TypeError, IsADirectoryError, EOFError, zipfile.BadZipFile):
        expected = "a NumPy .npz archive of arrays inputs, targets"
        raise ValueError(message("[data] file", expected, repr(name))) from None
    return _call("data", datasets.from_arrays, content)


def _landscape(table: dict[str, Any], data: Any) -> Any:
    kind, options = _kind("landscape", table, LANDSCAPES)
    if data is not None:
        options["data"] = data
    return _call("landscape", getattr(landscapes, kind), options)


def _chart_options(table: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `thermal_chart`; a ladder may be given by its ends and a count."""
    options = dict(table)
    ladder = options.get("temperatures")
    if ladder is None:
        raise ValueError(
            message("[chart] temperatures", "a list, or lowest, highest, count", "none")
        )
    if isinstance(ladder, dict):
        if set(ladder) != {"lowest", "highest", "count"}:
            expected = "exactly lowest, highest and count"
            raise ValueError(message("[chart] temperatures", expected, str(list(ladder))))
        count = integer("[chart] temperatures, count", ladder["count"])
        low, high = (
            real(f"[chart] temperatures, {end}", ladder[end], above=0)
            for end in ("lowest", "highest")
        )
        if low > high:
            expected = "lowest <= highest"
            raise ValueError(message("[chart] temperatures", expected, show(ladder)))
        options["temperatures"] = np.geomspace(low, high, count)
    for name in ("threads", "progress"):
        if name in options:
            raise ValueError(message(f"[chart] {name}", "nothing: see the command's options", "it"))
    return options
