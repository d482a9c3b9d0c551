"""Gradient flow against SciPy's integrator, its order, its step rule and how it stops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp

import thalweg as tw

STARTS = np.array([[-1.0, 0.9], [0.9, 0.3], [-0.2, 0.7], [0.2, 0.2], [-0.6, 0.4]])
LOWEST = np.array([-0.558223634633, 1.441725841805])


def exact_flow(land, theta, time):
    def slope(_, x):
        return -land.gradient(x[None])[1][0]

    how = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-13, "max_step": time / 50}
    ends = [solve_ivp(slope, (0, time), x, **how) for x in theta]
    return np.array([end.y[:, -1] for end in ends])


def fixed(step_size, **options):
    return tw.GradientFlow(step_size, adaptive=False, gradient_tolerance=0.0, **options)


def test_fixed_steps_follow_the_flow(target):
    land = tw.MullerBrown(device=target)
    time = 4e-3  # long enough to slide into the valleys, short of their bottom
    truth = exact_flow(land, STARTS, time)
    found = fixed(1e-5).run(land, STARTS, 400, observables=("time",))
    assert_allclose(found.observables["time"][:, 0], 1e-5 * found.steps, rtol=1e-12)
    assert np.abs(found.final - STARTS).max() > 0.1
    assert_allclose(found.final, truth, rtol=0, atol=1e-7)


def test_runge_kutta_is_of_fourth_order():
    land, time = tw.CoshWell(3, kappa=1.2), 1.6
    theta = np.random.default_rng(0).uniform(-0.6, 0.6, size=(20, 3))
    truth = exact_flow(land, theta, time)
    errors = [np.abs(fixed(time / n).run(land, theta, n).final - truth).max() for n in (16, 32, 64)]
    assert errors[-1] > 1e-11, "below this, rounding hides the order"
    ratios = np.array(errors[:-1]) / errors[1:]
    assert ((ratios > 13) & (ratios < 19)).all(), ratios


def reference_adaptive(land, x, trials, step, kappa, cap):
    """Explicit Euler with the rule |L(w - hg) - (L - h g.g)| <= kappa h g.g; h grows 1.2, halves.

    Ends before the fall h g.g drowns in the rounding of L, where the verdict would be chance.
    """
    path, accepted = [], 0
    for _ in range(trials):
        energy, slope = (a[0] for a in land.gradient(x[None]))
        square = slope @ slope
        if step * square < 1e-9 * abs(energy):
            break
        trial = x - step * slope
        if abs(land.energy(trial[None])[0] - (energy - step * square)) <= kappa * step * square:
            x, step, accepted = trial, min(1.2 * step, cap), accepted + 1
        else:
            step /= 2
        path.append(x)
    return np.array(path), accepted


@pytest.mark.parametrize(
    ("land", "theta", "step", "cap"),
    [
        (tw.MullerBrown(), STARTS, 1e-2, 50.0),
        (tw.Quadratic([0.1, 1.0, 7.0]), np.eye(3) + 0.5, 1e-3, 0.02),
        (tw.Rastrigin(2), 1.3 * STARTS, 1.0, 50.0),
    ],
    ids=["muller_brown", "capped", "rastrigin"],
)
def test_adaptive_rule_accepts_and_rejects_as_written(land, theta, step, cap):
    flow = tw.GradientFlow(step, kappa=0.25, maximum_step=cap, gradient_tolerance=0.0)
    found = flow.run(land, theta, 60, record_points=True)
    rejections = 0
    for r, x in enumerate(theta):
        path, accepted = reference_adaptive(land, x, 60, step, 0.25, cap)
        rejections += len(path) - accepted
        assert accepted > 5
        assert len(path) > 25
        assert_allclose(found.points[: len(path), r], path, rtol=1e-9, atol=1e-10)
    assert rejections > 0 or cap < 0.1, "the case never rejects a step"


def test_smaller_kappa_follows_the_flow_more_closely():
    """On a quadratic the flow is x e^-kt; the time observable says which t each record is at."""
    spectrum = np.array([0.5, 1.0, 3.0])
    theta = np.random.default_rng(2).normal(size=(30, 3))

    def error(kappa):
        found = tw.GradientFlow(1e-3, kappa=kappa, gradient_tolerance=0.0).run(
            tw.Quadratic(spectrum), theta, 150, record_points=True, observables=("time",)
        )
        time = found.observables["time"]
        assert (np.diff(time, axis=0) >= 0).all()
        assert (time[-1] > 1).all()
        exact = theta * np.exp(-spectrum * time[..., None])
        return np.linalg.norm(found.points - exact, axis=2).max(axis=0)

    careful, bold = error(0.02), error(0.4)
    assert (careful < 0.25 * bold).all()
    assert (careful < 0.03 * np.linalg.norm(theta, axis=1)).all()


@pytest.mark.parametrize(
    "flow",
    [
        tw.GradientFlow(1e-4, gradient_tolerance=1e-6),
        tw.GradientFlow(3e-4, adaptive=False, gradient_tolerance=1e-6),
    ],
    ids=["adaptive", "fixed"],
)
def test_converged_replicas_stop_where_they_converged(flow):
    land = tw.MullerBrown()
    found = flow.run(land, STARTS, 4000, record_points=True, observables=("time",))
    assert_array_equal(found.status.codes, 1)
    assert_array_equal(found.status.converged, np.arange(len(STARTS)))
    assert found.status.ok.all(), "converged is not diverged"
    gradients = np.linalg.norm(land.gradient(found.final)[1], axis=1)
    assert (gradients <= 1e-6).all()
    for r, step in enumerate(found.status.steps):
        assert 1 < step < 4000
        assert_array_equal(found.points[step:, r], np.tile(found.final[r], (4000 - step, 1)))
        assert (found.observables["time"][step:, r] == found.observables["time"][step, r]).all()
        before = land.gradient(found.points[step - 3, r][None])[1]
        assert np.linalg.norm(before) > 1e-6, "stopped later than it could"
    assert_allclose(found.final[0], LOWEST, atol=1e-7)


def test_energy_tolerance_stops_on_the_way_down():
    land = tw.Quadratic([1.0, 4.0])
    theta = np.array([[3.0, 3.0], [0.01, 0.0]])
    flow = tw.GradientFlow(0.01, energy_tolerance=0.5, gradient_tolerance=0.0)
    found = flow.run(land, theta, 500, record_points=True)
    assert_array_equal(found.status.codes, 1)
    assert 0.2 < land.energy(found.final)[0] <= 0.5
    assert_array_equal(found.final[1], theta[1]), "already below: it never moves"


def test_unconverged_is_said():
    found = tw.GradientFlow(1e-4).run(tw.MullerBrown(), STARTS, 3)
    assert_array_equal(found.status.codes, 0)
    assert found.status.converged.size == 0
