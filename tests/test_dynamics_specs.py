"""Specifications of dynamics: frozen, complete, and refused where their options contradict."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import thalweg as tw

LADDER = np.geomspace(1e-3, 1, 4)
SPECS = [
    tw.Langevin(LADDER, 0.1, scheme="baoab", units="natural", confinement=LADDER + 1),
    tw.Langevin(0.1, 0.1, initial_temperature=1.0, cooling_steps=10, guard=50.0),
    tw.SGD(LADDER, momentum=0.5, nesterov=True, batch_size=4, replacement=True),
    tw.Adam(beta1=LADDER / 2, on_divergence="raise"),
    tw.GradientFlow(energy_tolerance=-3.0, kappa=0.1),
    tw.RandomWalk(0.1, mode="micro", energy_cap=LADDER, adapt_steps=5),
]


def same_arguments(mine, other):
    assert mine.keys() == other.keys()
    for name, value in mine.items():
        assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize("spec", SPECS, ids=["box", "cooled", "sgd", "adam", "flow", "walk"])
def test_a_specification_is_made_again_from_its_arguments(spec):
    for again in (type(spec)(**spec.arguments()), pickle.loads(pickle.dumps(spec))):
        same_arguments(again.arguments(), spec.arguments())
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.on_divergence = "freeze"
    assert repr(spec).startswith(type(spec).__name__ + "(")


def test_arrays_are_copied_and_read_only():
    ladder = LADDER.copy()
    spec = tw.Langevin(ladder, 0.1)
    ladder[:] = 7
    assert_array_equal(spec.temperature, LADDER)
    with pytest.raises(ValueError, match="read-only"):
        spec.temperature[0] = 1


def test_one_value_can_be_replaced():
    spec = dataclasses.replace(SPECS[0], temperature=2)
    assert spec.temperature == 2.0
    assert spec.units == "natural"
    with pytest.raises(ValueError, match="temperature"):
        dataclasses.replace(SPECS[0], temperature=-2)


def test_a_repr_shows_what_is_not_default():
    spec = tw.Langevin(0.5, LADDER, scheme="baoab", friction=2.0)
    assert repr(spec) == (
        "Langevin(temperature=0.5, step_size=an array of float64 and shape [4], scheme='baoab', "
        "friction=2.0)"
    )


def test_friction_in_a_natural_box_is_one_over_its_width():
    how = {"scheme": "baoab", "units": "natural", "confinement": LADDER + 1}
    well, start = tw.Quadratic(1.0, dim=3), np.ones((4, 3))
    given, default = (
        tw.Langevin(0.1, 0.1, friction=friction, **how).run(well, start, 30, rng=1)
        for friction in (1 / (LADDER + 1), None)
    )
    assert_array_equal(given.energies, default.energies)


LANGEVIN = {"temperature": 0.1, "step_size": 0.1}


@pytest.mark.parametrize(
    ("kind", "arguments", "text"),
    [
        (tw.Langevin, {"scheme": "baoab"}, "friction: expected a number > 0 .* got None"),
        (tw.Langevin, {"scheme": "baoab", "units": "natural"}, "friction: expected"),
        (tw.Langevin, {"friction": 1.0}, "friction: expected None for scheme='euler_mar"),
        (tw.Langevin, {"metropolis": True, "guard": 9.0}, "guard: expected no guard with metro"),
        (tw.Langevin, {"metropolis": True, "on_divergence": "restore"}, "on_divergence: expected"),
        (tw.Langevin, {"metropolis": True, "temperature": 0.0}, "temperature: .* > 0"),
        (tw.Langevin, {"metropolis": True, "scheme": "leimkuhler_matthews"}, "scheme: expected"),
        (tw.Langevin, {"cooling_steps": 5}, "initial_temperature: expected a number > 0 with"),
        (
            tw.Langevin,
            {"cooling_steps": 5, "initial_temperature": 1.0, "temperature": 0.0},
            "temperature: expected a number > 0 when cooling",
        ),
        (tw.Langevin, {"guard": 1.0}, "guard: expected a finite number > 1"),
        (tw.SGD, {"learning_rate": 0.1, "nesterov": True}, "momentum: expected a number > 0"),
        (tw.SGD, {"learning_rate": 0.1, "replacement": True}, "batch_size: expected a number"),
        (tw.SGD, {"learning_rate": 0.1, "on_divergence": "restore"}, "on_divergence: expected"),
        (tw.Adam, {"replacement": True}, "batch_size: expected a number with replacement"),
        (tw.GradientFlow, {"step_size": 60.0}, "maximum_step: expected at least step_size = 60"),
        (tw.GradientFlow, {"kappa": 1.0}, "kappa: expected a finite number > 0 and < 1"),
        (tw.RandomWalk, {"step_size": 1, "energy_cap": LADDER}, "energy_cap: expected nothing"),
        (tw.RandomWalk, {"step_size": 1, "adapt_steps": 3}, "adapt_steps: expected nothing"),
    ],
)
def test_options_that_contradict_are_refused(kind, arguments, text):
    given = LANGEVIN | arguments if kind is tw.Langevin else arguments
    with pytest.raises(ValueError, match=text):
        kind(**given)


def test_steps_may_be_longer_than_the_maximum_where_it_does_not_count():
    assert tw.GradientFlow(step_size=60.0, adaptive=False).step_size == 60.0


def test_negative_energies_do_not_count_as_converged():
    surface = tw.MullerBrown()
    start = surface.minima + 0.05
    run = tw.GradientFlow(step_size=1e-4).run(surface, start, 3000)
    assert (run.energies[0] < 0).all()
    np.testing.assert_allclose(run.final, surface.minima, atol=1e-7)
    assert len(run.status.converged) == 3
    early = tw.GradientFlow(step_size=1e-4, energy_tolerance=-80.0).run(surface, start, 3000)
    assert (early.energies[-1] <= -80.0).all()
    assert (early.status.steps < run.status.steps).all()
