"""Thermal charts off the beaten track: offsets, starts, nothing to see, Ctrl-C, short runs."""

import dataclasses
import importlib

import numpy as np
import pytest
from charts import short

import thalweg as tw
from thalweg.protocols import thermal_chart


def test_replicas_that_blew_up_are_told_from_those_in_a_worse_place():
    stranded = importlib.import_module("thalweg.protocols.thermal_assembly")._stranded
    rng = np.random.default_rng(0)
    share = np.array([1e-3, 1e-2])
    energies = share[:, None] * rng.gamma(20.0, size=(50, 2, 4))
    lowest = energies.min(axis=0)
    energies[:, 1, 3] = 300.0  # thrown there, from where it had been
    energies[:, 0, 1] = lowest[0, 1] = 300.0  # another valley, or slow: never was lower
    found = stranded(energies, lowest, share, guard=50.0)
    np.testing.assert_array_equal(found, [[False] * 4, [False, False, False, True]])
    assert not stranded(energies, lowest, share, guard=0.0).any()


def test_an_offset_is_taken_off_or_pointed_at():
    well = tw.Quadratic(1.0, dim=5)
    lifted = tw.UserLandscape(
        lambda x: 0.5 * (x**2).sum(1) + 0.7, lambda x: x.copy(), lambda x, v: v, dim=5
    )
    options = {"confinement": 1.0, "step_size": 0.01, "steps": 8000, "replicas": 8, "rng": 7}
    temperatures = [1e-4, 1e-3, 1e-2, 1e-1]
    plain = thermal_chart(well, temperatures, **options)
    told = thermal_chart(lifted, temperatures, ground=0.7, **options)
    untold = thermal_chart(lifted, temperatures, **options)
    np.testing.assert_allclose(told.k()[0], plain.k()[0], rtol=0.2)
    assert "give it as ground=" not in told.summary()
    assert "losses stay above 0.7" in untold.summary()
    assert "give it as ground=" in untold.summary()
    # Differences, drift and verdicts do not care where zero is.
    exact = 2.5 / (1 + np.array(temperatures)) ** 2
    for chart in (plain, told, untold):
        value, error = chart.heat_capacity_from_difference()
        inner = slice(1, 3)
        np.testing.assert_array_less(np.abs(value - exact)[inner], (4 * error + 0.15)[inner])
        assert all("heat" not in str(verdict) for verdict in chart.verdicts())
        assert (np.abs(chart.drift()[0]) < 1).all()
    sunk = tw.UserLandscape(lambda x: 0.5 * (x**2).sum(1) - 3, lambda x: x.copy(), dim=5)
    assert "lies below the ground 0" in short(sunk, curvature=0).summary()


def test_trained_replicas_begin_below_their_temperature():
    run = importlib.import_module("thalweg.protocols.thermal_run")
    chart = importlib.import_module("thalweg.protocols.thermal_chart")
    plan = chart._plan(
        [1e-4, 1e-2], "box", 5.0, None, "baoab", 0.05, "natural", 8000, 0.5, 0.4, 0.1, 4, 10, 40,
        0.0, 50.0,
    )  # fmt: skip
    data = tw.datasets.random_labels(samples=20, features=5, rng=0)
    land = tw.MLP([5, 20, 1], "tanh", "logistic", parameterization="ntk", data=data)
    theta, trained = run.starting_points(land, "both", plan, seed=1, threads=1)
    np.testing.assert_array_equal(trained, [False, True] * 4)
    target, loss = plan.rows(plan.temperatures), land.energy(theta)
    below = trained & (loss < target)
    assert below[plan.rows(plan.temperatures) == 1e-2].sum() == 2  # there training gets so far
    assert np.abs(theta).max() < 6 * 5.0  # still in the box
    starts = run.starting_temperatures(land, theta, trained, plan, threads=1)
    np.testing.assert_array_equal(starts[below], target[below])
    np.testing.assert_array_equal(starts[trained & ~below], loss[trained & ~below])
    np.testing.assert_array_equal(starts[~trained], 0.1)


def test_nothing_to_see_is_no_error():
    flat = tw.UserLandscape(lambda x: 0 * x.sum(1), lambda x: 0 * x, lambda x, v: 0 * v, dim=20)
    chart = thermal_chart(flat, [0.1, 0.2, 0.3], confinement=1.0, steps=4000, rng=8)
    assert "<L>" in chart.summary()
    chart.plot()
    value, error = chart.virial_ratio()  # <|theta|^2> / sigma^2 / P: the box itself
    np.testing.assert_array_less(np.abs(value - 1), 4 * error + 0.02)


def test_functions_are_never_shown_a_nan():
    def energy(theta):
        if not np.isfinite(theta).all():
            raise FloatingPointError("a nan")
        return 0.5 * (theta**2).sum(1)

    land = tw.UserLandscape(energy, lambda x: x.copy(), lambda x, v: v, dim=6)
    assembly = importlib.import_module("thalweg.protocols.thermal_snapshots")
    points = np.ones((3, 2, 6))
    points[:, 1] = np.nan
    found = assembly.measure_directions(land, list(points), 1, None)
    assert np.isnan(found.loss_at_mean[0]).tolist() == [False, True]


@pytest.mark.parametrize("stage", ["measure_directions", "measure_curvature"])
def test_ctrl_c_after_the_run_keeps_it(monkeypatch, stage):
    place = "thermal_assembly" if stage == "measure_directions" else "thermal_chart"
    module = importlib.import_module(f"thalweg.protocols.{place}")
    real, calls = getattr(module, stage), []

    def stopped(*arguments):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, stage, stopped)
    with pytest.raises(tw.Interrupted, match="chart without") as stop:
        short()
    np.testing.assert_array_equal(stop.value.result.energies, short(curvature=0).energies)
    assert stop.value.result.curvature is None


def test_an_interrupted_chart_says_so(monkeypatch):
    monkeypatch.setattr("thalweg.dynamics.engine.CHUNK_SECONDS", 1e-3)
    chart = importlib.import_module("thalweg.protocols.thermal_chart")
    real = chart.sample

    def stopped(dynamics, landscape, theta, plan, *rest):
        whole = real(dynamics, landscape, theta, plan, *rest)
        half = dynamics.run(
            landscape, theta, 3000, record_every=plan.record_every, rng=5,
            observables=list(whole.trajectory.observables),
        )  # fmt: skip
        raise tw.Interrupted("stopped", dataclasses.replace(whole, trajectory=half, snapshots=[]))

    monkeypatch.setattr(chart, "sample", stopped)
    with pytest.raises(tw.Interrupted, match="200 records made after burn-in") as stop:
        short(steps=4000)
    made = stop.value.result
    assert made.steps_made == 3000
    assert "interrupted after 3000 of 4000 steps" in made.summary()
    np.testing.assert_allclose(made.mixing_times(), 200 * 5 * 0.05 / (2 * np.pi), rtol=1e-6)


def test_too_short_a_run_is_not_equilibrated():
    assert "mixing times of the box sampled: run longer" in str(short(steps=400).verdicts()[0])
    assert "mixing" not in str(short(steps=8000).verdicts()[0])


def test_losses_without_a_boundary_have_none():
    data = tw.datasets.from_arrays(np.eye(4), np.arange(4.0))
    chart = short(tw.MLP([4, 3, 1], data=data), start=np.zeros(19))
    assert chart.boundary is None
    assert "near boundary" not in chart.summary()
    assert chart.curvature.gauss_newton_traces is None
