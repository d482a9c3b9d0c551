"""The figures of a thermal chart: loss, energy law, boundary, curvature; all against theory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ..plotting import panels, shades, tidy
from ..theory import walls

if TYPE_CHECKING:
    from .thermal_result import ThermalChart

THEORY = {"color": "0.45", "linestyle": "--", "linewidth": 1}


def draw(chart: ThermalChart, axes: Any = None) -> Any:
    """Draw the four panels on `axes` [4], or on a new figure; return the axes."""
    axes = panels(2, 2).ravel() if axes is None else np.asarray(axes, dtype=object).ravel()
    with np.errstate(all="ignore"):  # what is not there is not drawn
        return _draw(chart, axes)


def _draw(chart: ThermalChart, axes: Any) -> Any:
    for each, ax in zip((_loss, _histograms, _boundary, _curvature), axes, strict=True):
        each(chart, ax)
    return axes


def _loss(chart: ThermalChart, ax: Any) -> None:
    """Mean loss against temperature, with the line of slope one through the coldest point."""
    t = chart.temperatures
    (loss, error), (slope, _) = chart.mean_loss(), chart.exponent()
    loss = loss - chart.ground
    label = rf"sampled, $\propto T^{{{slope:.2f}}}$" if np.isfinite(slope) else "sampled"
    ax.errorbar(t, loss, error, marker="o", capsize=2, linestyle="", label=label)
    good = np.flatnonzero(np.isfinite(loss))
    if good.size:
        first = good[np.argmin(t[good])]
        ax.plot(t, t * loss[first] / t[first], label=r"$\langle L\rangle = kT$", **THEORY)
    out = np.array([not verdict.equilibrated for verdict in chart.verdicts()]) & np.isfinite(loss)
    if out.any():
        ax.plot(t[out], loss[out], "x", color="C3", markersize=9, label="not in equilibrium")
    _logarithmic(ax, loss)
    ax.legend()
    title = "no box: ageing, no equilibrium" if chart.measure == "free" else None
    tidy(ax, xlabel="temperature $T$", ylabel=r"mean loss $\langle L\rangle$", title=title)


def _logarithmic(ax: Any, values: np.ndarray) -> None:
    """Both axes logarithmic, if there is anything positive to show."""
    ax.set_xscale("log")
    if (values > 0).any():
        ax.set_yscale("log")


def _histograms(chart: ThermalChart, ax: Any) -> None:
    """Histograms of L/T, each shifted and scaled by its own Gamma law, on one normal curve.

    (L/T - k)/sqrt(k) of Gamma(k) depends on k only through its skewness 2/sqrt(k).
    """
    k = chart.k()[0]
    grid = np.linspace(-3.5, 5, 200)
    colours = shades(len(chart.temperatures))
    for m, t in enumerate(chart.temperatures):
        energies = (chart.energies[:, m, chart.kept[m]].ravel() - chart.ground) / t
        if energies.size == 0 or not k[m] > 0:
            continue
        reduced = (energies - k[m]) / np.sqrt(k[m])
        heights, edges = np.histogram(reduced, bins=30, range=(-3.5, 5), density=True)
        middles = (edges[1:] + edges[:-1]) / 2
        ax.plot(middles, heights, ".", markersize=5, color=colours[m], label=f"$T$ = {t:.3g}")
    typical = np.nanmedian(k)
    if np.isfinite(typical):
        density = stats.gamma(typical).pdf(typical + grid * np.sqrt(typical)) * np.sqrt(typical)
        ax.plot(grid, density, label=rf"Gamma($k$ = {typical:.1f})", **THEORY)
    ax.legend(fontsize="small")
    tidy(ax, xlabel=r"$(L/T - k)/\sqrt{k}$", ylabel="probability density")


def _boundary(chart: ThermalChart, ax: Any) -> None:
    """Samples near the boundary against k = d/2, with both wall models; else the dimensions."""
    if chart.boundary is None:
        return _dimensions(chart, ax)
    (k, k_error), samples = chart.boundary.total(), chart.boundary.samples
    near, error = chart.boundary.points_near_boundary()
    for m, colour in enumerate(shades(len(k))):  # as in the histograms
        ax.errorbar(k[m], near[m], error[m], k_error[m], marker="o", capsize=2, color=colour)
    line = np.linspace(0, 1.15 * np.nanmax(k, initial=1.0), 100)[1:]
    ax.plot(line, line, label="flat walls, $n_b = k$", **{**THEORY, "linestyle": ":"})
    tilted = walls.tilted_points_near_boundary(line, samples)
    ax.plot(line, tilted, label=f"tilted walls, $N$ = {samples}", **THEORY)
    ax.legend()
    tidy(ax, xlabel=r"$k = \langle L\rangle / T$", ylabel="samples near the boundary $n_b$")


def _dimensions(chart: ThermalChart, ax: Any) -> None:
    """Both dimensions against temperature, for landscapes without samples."""
    for label, marker, (value, error) in (
        (r"$2\langle L\rangle/T$", "o", chart.dimension_from_mean()),
        (r"$2\,\mathrm{Var}L/T^2$", "s", chart.dimension_from_variance()),
    ):
        ax.errorbar(chart.temperatures, value, error, marker=marker, capsize=2, label=label)
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.legend()
    title = "ageing: no dimension" if chart.measure == "free" else None
    tidy(ax, xlabel="temperature $T$", ylabel="effective dimension", title=title)


def _curvature(chart: ThermalChart, ax: Any) -> None:
    """Tr H and lambda_max against temperature: flat in a quadratic landscape, slope 1 for walls."""
    t = chart.temperatures
    if chart.curvature is None:
        tests = (("virial", chart.virial_ratio()), ("1 + drift", chart.drift()))
        for label, (value, error) in tests:
            ax.errorbar(t, value + (label != "virial"), error, marker="o", capsize=2, label=label)
        ax.axhline(1, **THEORY)
        ax.set_xscale("log")
        ax.legend()
        tidy(ax, xlabel="temperature $T$", ylabel="1 in equilibrium")
        return
    loss = chart.mean_loss()[0] - chart.ground
    for label, marker, (value, error) in (
        (r"Tr $H$", "o", chart.curvature.trace()),
        (r"$\lambda_{\max}$", "s", chart.curvature.largest()),
        (r"Tr $H_{\rm GN}$", "^", chart.curvature.gauss_newton()),
    ):
        good = np.isfinite(value) & (value > 0)
        ax.errorbar(t[good], value[good], error[good], marker=marker, capsize=2, label=label)
        if good.any():
            first = np.flatnonzero(good)[np.argmin(t[good])]
            ax.plot(t, np.full(len(t), value[first]), **{**THEORY, "linestyle": ":"})
            ax.plot(t, value[first] * loss / loss[first], **THEORY)  # V'' ~ V: walls, cosh wells
    ax.plot([], [], label="quadratic landscape", **{**THEORY, "linestyle": ":"})
    ax.plot([], [], label=r"walls, cosh wells: $\propto\langle L\rangle$", **THEORY)
    _logarithmic(ax, chart.curvature.trace()[0])
    ax.legend()
    tidy(ax, xlabel="temperature $T$", ylabel="curvature")
