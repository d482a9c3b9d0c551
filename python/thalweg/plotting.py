"""The look of thalweg's figures, in one place; matplotlib is imported only when drawing."""

from __future__ import annotations

from typing import Any

__all__ = ["axes", "figure", "panels", "shades", "tidy"]


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise ImportError(
            'plots need matplotlib, which is not installed. Run: pip install "thalweg[plot]"'
        ) from None
    return matplotlib


def tidy(ax: Any, *, xlabel: str = "", ylabel: str = "", title: str | None = None) -> Any:
    """Label axes and strip what carries no information; returns them.

    Examples
    --------
    >>> from thalweg.plotting import figure, tidy
    >>> canvas, (left, right) = figure(columns=2)
    >>> tidy(left, xlabel="step", ylabel="loss").get_xlabel()
    'step'
    """
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if title:
        ax.set_title(title)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25, linewidth=0.5)
    return ax


def shades(count: int) -> list[Any]:
    """Return `count` colours from cold to hot, for curves that belong to temperatures.

    Examples
    --------
    >>> from thalweg.plotting import shades
    >>> len(shades(3))
    3
    """
    colours = _matplotlib().colormaps["plasma"]
    return [colours(0.85 * i / max(1, count - 1)) for i in range(count)]


def axes(ax: Any = None, *, xlabel: str = "", ylabel: str = "", title: str | None = None) -> Any:
    """Return `ax`, or new axes of a new pyplot figure, labelled; never calls ``show``.

    Raises
    ------
    ImportError
        If matplotlib is not installed; the message is the pip command.

    Examples
    --------
    >>> from thalweg.plotting import axes
    >>> axes(xlabel="temperature").get_xlabel()
    'temperature'
    """
    _matplotlib()
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(layout="constrained")
    return tidy(ax, xlabel=xlabel, ylabel=ylabel, title=title)


def panels(rows: int, columns: int, width: float = 4.2, height: float = 3.4) -> Any:
    """Return the axes [rows, columns] of a new pyplot figure; never calls ``show``.

    Parameters
    ----------
    rows, columns : int
    width, height : float
        Size of one panel in inches.

    Raises
    ------
    ImportError
        If matplotlib is not installed; the message is the pip command.

    Examples
    --------
    >>> from thalweg.plotting import panels
    >>> panels(2, 3).shape
    (2, 3)
    """
    _matplotlib()
    from matplotlib import pyplot

    size = (columns * width, rows * height)
    return pyplot.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")[1]


def figure(
    columns: int = 1, width: float = 4.2, height: float = 3.6, rows: int = 1
) -> tuple[Any, Any]:
    """Return a figure and its axes, row by row, without pyplot: for files, safe without a screen.

    Parameters
    ----------
    columns, rows : int
        Number of panels.
    width, height : float
        Size of one panel in inches.

    Examples
    --------
    >>> from thalweg.plotting import figure
    >>> canvas, panels = figure(columns=3)
    >>> len(panels)
    3
    """
    _matplotlib()
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(columns * width, rows * height), layout="constrained")
    return canvas, canvas.subplots(rows, columns, squeeze=False).ravel()
