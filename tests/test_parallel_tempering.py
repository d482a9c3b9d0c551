"""Parallel tempering against closed forms and quadrature: the law, the acceptance, the trips."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import thalweg as tw
from thalweg.theory.tempering import round_trip_rounds, swap_acceptance

BOX = 3.0


def mean_and_error(per_copy):
    """Mean over independent copies [..., K] and its standard error."""
    return per_copy.mean(axis=-1), per_copy.std(axis=-1, ddof=1) / np.sqrt(per_copy.shape[-1])


# --- The law at every temperature. ---

# Swaps after every step: where a swap disturbs momenta or shared noise this shows most. In natural
# units that disturbance is O(h^2 k/T), so the step is small and swaps are rarer.
CHAINS = {
    "baoab": {"units": "plain", "step_size": 0.4, "friction": 0.7, "swap_every": 1},
    "leimkuhler_matthews": {"units": "plain", "step_size": 0.2, "swap_every": 1},
    "metropolis": {"units": "plain", "step_size": 0.3, "swap_every": 1},
    "natural_baoab": {"step_size": 0.1, "swap_every": 10},
    "natural_leimkuhler_matthews": {"step_size": 0.2, "swap_every": 10},
    "natural_metropolis": {"step_size": 0.5, "swap_every": 1},
}


def chain(name, temperatures, **options):
    scheme = name.removeprefix("natural_")
    if scheme == "metropolis":
        options |= {"scheme": "euler_maruyama", "metropolis": True}
    else:
        options |= {"scheme": scheme}
    return tw.ParallelTempering(temperatures, **{**CHAINS[name], **options})


@pytest.mark.parametrize("name", CHAINS)
def test_energies_have_their_law_at_every_temperature(name):
    """A harmonic well in a box: L/s is Gamma(P/2) with s = 1/(1/T + 1/(k sigma^2)), k = 1."""
    temperatures, dim, copies = np.array([0.5, 1.0, 2.5]), 4, 96
    scale = 1 / (1 / temperatures + 1 / BOX**2)
    found = chain(name, temperatures, confinement=BOX).run(
        tw.Quadratic(1.0, dim=dim), np.ones(dim), 8000, copies=copies, record_every=10, rng=1
    )
    energies = found.energies[200:]
    mean, error = mean_and_error(energies.mean(axis=0))
    exact = dim / 2 * scale
    assert (error < 0.01 * exact).all(), "too noisy to notice two per cent"
    assert (np.abs(mean - exact) < 4 * error).all()
    spread, error = mean_and_error(((energies - exact[:, None]) ** 2).mean(axis=0))
    assert (np.abs(spread - dim / 2 * scale**2) < 4 * error).all()
    assert found.acceptance()[0].min() > 0.3, "rare swaps would prove nothing"


def test_euler_maruyama_keeps_its_bias_between_nothing_and_its_own():
    """Its chain has the temperature T/(1 - h k/2), swaps know T: the mean lies between."""
    temperatures, dim, step = np.array([0.5, 1.0, 2.0]), 4, 0.2
    tempering = tw.ParallelTempering(
        temperatures, step, scheme="euler_maruyama", units="plain", swap_every=2
    )
    found = tempering.run(
        tw.Quadratic(1.0, dim=dim), np.ones(dim), 6000, copies=96, record_every=10, rng=2
    )
    ratio, error = mean_and_error(found.energies[50:].mean(axis=0))
    ratio, error = ratio / (dim / 2 * temperatures), error / (dim / 2 * temperatures)
    assert (ratio > 1 - 4 * error).all()
    assert (ratio < 1 / (1 - step / 2) + 4 * error).all()


def test_momenta_are_scaled_in_plain_units_and_kept_in_natural_ones():
    """<|p|^2/2> = (P/2) T (1 - h^2 k/4) for plain baoab in a harmonic well, exactly."""
    temperatures, dim, step = np.array([0.5, 2.0]), 4, 0.4
    tempering = chain("baoab", temperatures, step_size=step)
    run = tempering.run(
        tw.Quadratic(1.0, dim=dim), np.ones(dim), 6000, copies=64, record_every=10, rng=3,
        observables=["kinetic_energy"],
    )  # fmt: skip
    mean, error = mean_and_error(run.observables["kinetic_energy"][20:].mean(axis=0))
    exact = dim / 2 * temperatures * (1 - step**2 / 4)
    assert (np.abs(mean - exact) < 4 * error).all()
    assert (error < 0.01 * exact).all()


# --- Acceptance and round trips. ---


@pytest.mark.parametrize(("k", "ratio"), [(1, 3.0), (5, 2.0), (18, 1.5)])
def test_acceptance_in_harmonic_wells_is_the_closed_form(k, ratio):
    """2 k stiff directions; plain baoab has no bias here, and 25 steps of 0.5 forget energies."""
    temperatures = 0.1 * ratio ** np.arange(3)
    tempering = tw.ParallelTempering(
        temperatures, 0.5, scheme="baoab", units="plain", friction=0.7, swap_every=25
    )
    run = tempering.run(
        tw.Quadratic(1.0, dim=2 * k), np.zeros(2 * k), 10_000, copies=96, record_every=1000, rng=4
    )
    share, error = run.acceptance()
    assert (np.abs(share - swap_acceptance(k, ratio)) < 4 * error).all()
    assert (error < 0.02 * share).all()


def test_round_trips_take_what_the_formula_says_where_energies_forget():
    tempering = tw.ParallelTempering(
        [1.0, 2.0, 4.0, 8.0], 0.5, scheme="baoab", units="plain", friction=0.7, swap_every=25
    )
    copies, steps = 32, 20_000
    run = tempering.run(
        tw.Quadratic(1.0, dim=4), np.zeros(4), steps, copies=copies, record_every=1000, rng=5
    )
    trips, mean = run.round_trips()
    ideal = 25 * round_trip_rounds(np.full(3, swap_acceptance(2, 2.0)))
    assert_allclose(run.ideal_round_trip(), ideal, rtol=0.05)
    # Unfinished trips are left out of the mean, so compare the rate: walkers' steps per trip.
    rate, error = mean_and_error(trips.sum(axis=0) / (4 * steps))
    assert abs(rate * ideal - 1) < 4 * error * ideal + ideal / steps  # the last trip is cut off
    assert abs(mean / ideal - 1) < 0.1


def test_the_account_of_trips_is_what_the_records_show():
    """Trips counted again from who was where; attempts from the number of rounds."""
    tempering = tw.ParallelTempering([1.0, 1.5, 2.2], 0.3, confinement=BOX, swap_every=5)
    run = tempering.run(tw.Quadratic(1.0, dim=3), np.ones(3), 3001, copies=4, rng=6)
    rounds = run.levels()[5::5]  # [600, walker, copy]: the step after each round
    assert len(rounds) == 600
    trips, steps = np.zeros((3, 4), int), 0
    for w, k in np.ndindex(3, 4):
        began, been_high = (0 if w == 0 else None), False
        for number, level in enumerate(rounds[:, w, k], start=1):
            if level == 2 and began is not None:
                been_high = True
            if level == 0 and (been_high or began is None):
                trips[w, k] += been_high
                steps += 5 * number - began if been_high else 0
                began, been_high = 5 * number, False
    assert trips.sum() > 50
    np.testing.assert_array_equal(run.round_trips()[0], trips)
    assert_allclose(run.round_trips()[1], steps / trips.sum())
    np.testing.assert_array_equal(run.exchange.attempts, np.full((2, 4), 300))
    moved = np.diff(np.concatenate([run.walkers[4:5], run.walkers[5::5]]), axis=0) != 0
    np.testing.assert_array_equal(run.exchange.accepted[0], moved[0::2, 0].sum(axis=0))
    np.testing.assert_array_equal(run.exchange.accepted[1], moved[1::2, 2].sum(axis=0))


# --- What it is for: two wells and a barrier. ---

TILT = 0.15
WELLS = np.geomspace(0.05, 1.0, 6)


def tilted(x):
    return (x[:, 0] ** 2 - 1) ** 2 + TILT * x[:, 0] + x[:, 1] ** 2 / 2


def tilted_gradient(x):
    return np.stack([4 * x[:, 0] * (x[:, 0] ** 2 - 1) + TILT, x[:, 1]], axis=1)


def by_quadrature(temperatures):
    """Share of x < 0 and mean energy at each temperature, in the box."""
    x = np.linspace(-4, 4, 8001)[:, None]
    well = (x**2 - 1) ** 2 + TILT * x
    density = np.exp(-(well - well.min()) / temperatures - x**2 / (2 * BOX**2))
    density /= density.sum(axis=0)
    across = 0.5 / (1 / temperatures + 1 / BOX**2)  # of y, harmonic
    return density[x[:, 0] < 0].sum(axis=0), (density * well).sum(axis=0) + across


@pytest.fixture(scope="module")
def crossing():
    land = tw.UserLandscape(tilted, tilted_gradient, dim=2)
    tempering = tw.ParallelTempering(WELLS, 0.05, confinement=BOX, friction=1.0)
    start = np.array([1.0, 0.0])  # the higher well
    return (
        land,
        tempering,
        tempering.run(land, start, 20_000, copies=48, record_every=20, record_points=True, rng=7),
    )


def test_tempering_fills_both_wells_as_quadrature_says(crossing):
    _, _, run = crossing
    left, energy = by_quadrature(WELLS)
    mean, error = mean_and_error((run.points[250:, :, :, 0] < 0).mean(axis=0))
    assert (np.abs(mean - left) < 4 * error).all(), (mean, left, error)
    assert (error < 0.02).all()
    mean, error = mean_and_error(run.energies[250:].astype(float).mean(axis=0))
    assert (np.abs(mean - energy) < 4 * error).all(), (mean, energy, error)
    assert (error < 0.01).all()


def test_plain_langevin_at_the_lowest_temperature_is_stuck(crossing):
    """The same steps, start and dynamics: nobody leaves a well that holds less than 1 %."""
    land, _, _ = crossing
    alone = tw.Langevin(
        WELLS[0], 0.05, scheme="baoab", units="natural", confinement=BOX, friction=1.0
    )
    run = alone.run(
        land, np.tile([1.0, 0.0], (48, 1)), 20_000, record_every=20, record_points=True, rng=7
    )
    assert by_quadrature(WELLS)[0][0] > 0.99
    assert (run.points[..., 0] > 0).mean() > 0.95
