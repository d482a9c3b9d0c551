"""The thermal chart of the standard small network, after arXiv:2304.01335.

A tanh network of 601 parameters, 40 random labels in 10 dimensions, a box of width 5. A prototype
(one data set, another generator) found <L>/T between 16.5 and 18.7, 15.7 to 16.9 samples near the
boundary, curvature ~ T^0.8 and a quadratic dimension of 187 to 274; data sets differ by 10 %.
"""

import numpy as np
import pytest

import thalweg as tw
from thalweg.protocols import thermal_chart

TEMPERATURES = np.geomspace(1e-6, 1e-2, 5)


def network(samples=40, seed=0, activation="tanh", dtype="float64"):
    data = tw.datasets.random_labels(samples=samples, features=10, rng=seed)
    return tw.MLP(
        [10, 50, 1], activation, "logistic", parameterization="ntk", data=data, dtype=dtype
    )


@pytest.fixture(scope="module")
def chart():
    return thermal_chart(network(), TEMPERATURES, replicas=8, rng=1)


def test_mean_loss_is_proportional_to_temperature(chart):
    slope, error = chart.exponent()
    assert abs(slope - 1) < 0.01 + 3 * error  # the prototype: 1.001 and 1.004
    k, k_error = chart.k()
    assert (k_error < 0.03 * k).all()
    assert ((k > 15) & (k < 21)).all()


def test_every_temperature_is_in_equilibrium(chart):
    assert [verdict.reasons for verdict in chart.verdicts()] == [()] * 5
    ratio, error = chart.virial_ratio()
    assert (np.abs(ratio - 1) < 0.02 + 3 * error).all()
    temperature, error = chart.configurational_temperature()
    assert (np.abs(temperature - 1) < 0.05 + 3 * error).all()


def test_fluctuations_are_those_of_few_directions(chart):
    mean, mean_error = chart.dimension_from_mean()
    assert (mean < 0.1 * 601).all()
    for value, error in (
        chart.dimension_from_variance(),
        chart.dimension_without_thermometer(),
    ):
        # Equal for Gamma(k) at constant k; here k changes by 10 % over the ladder.
        assert (np.abs(value - mean) < 0.12 * mean + 4 * np.hypot(error, mean_error)).all()
    distance, scale = chart.gamma_distance()
    assert (distance < 0.03 + 2 * scale).all()  # the prototype: 0.033 to 0.054 with fewer records


def test_heat_capacities_agree(chart):
    fluctuation, error = chart.heat_capacity_from_fluctuations()
    difference, other = chart.heat_capacity_from_difference()
    # Exact in equilibrium. Eight replicas: Student's t with 7 degrees of freedom, 5 of them.
    assert (np.abs(fluctuation - difference) < 5 * np.hypot(error, other)).all()


def test_samples_near_the_boundary_are_half_the_dimension(chart):
    near = chart.boundary.points_near_boundary()[0]
    k = chart.k()[0]
    ratio = near / k
    assert ((ratio > 0.85) & (ratio < 1)).all()  # the prototype: 0.89 to 0.98
    # Tilted walls have no free parameter; the prototype is 2 to 5 % below them.
    np.testing.assert_allclose(near, chart.predicted_points_near_boundary(), rtol=0.07)
    participation = chart.boundary.participation()[0]
    np.testing.assert_allclose(participation, chart.predicted_participation(), rtol=0.12)
    # Shares add up to L/T, whatever the level.
    total = chart.boundary.shares.sum(-1).mean((0, 2))
    np.testing.assert_allclose(total, k, rtol=0.1)


def test_curvature_grows_with_temperature_and_the_quadratic_picture_fails(chart):
    trace, largest, gauss_newton = chart.curvature.exponents(TEMPERATURES)
    assert 0.65 < gauss_newton[0] < 0.9
    assert 0.7 < trace[0] < 0.9
    assert 0.7 < largest[0] < 0.9
    newton = chart.curvature.gauss_newton()[0]
    whole = chart.curvature.trace()[0]
    assert ((newton > 0.5 * whole) & (newton < 1.1 * whole)).all()
    quadratic, error = chart.curvature.quadratic_dimension()
    assert (quadratic > 4 * chart.dimension_from_mean()[0] + 4 * error).all()
    assert ((quadratic > 150) & (quadratic < 400)).all()
    ratio, error = chart.curvature.stiff_variance_ratio()
    assert (ratio - 3 * error > 3).all()  # the prototype, on shorter runs: 3 to 22
    assert (chart.loss_at_mean()[0] > chart.k()[0]).all()  # the set is not convex


def test_gauss_newton_trace_against_every_single_gradient():
    from thalweg.protocols.thermal_curvature import gauss_newton_traces

    land = network()
    theta = land.init(4, scheme="normal", scale=2.0, rng=3)
    exact = np.zeros(4)
    margins = land.margins(theta)
    labels = np.ravel(land.data.targets)
    for i, (x, y) in enumerate(zip(land.data.inputs, labels, strict=True)):
        single = tw.MLP(
            [10, 50, 1], "tanh", "logistic", parameterization="ntk",
            data=tw.datasets.from_arrays(x[None], np.array([y])),
        )  # fmt: skip
        gradient = single.gradient(theta)[1]  # = -s(-m) grad m
        m = margins[:, i]
        squares = (gradient**2).sum(1) * (1 + np.exp(m)) ** 2
        exact += squares * np.exp(m) / (1 + np.exp(m)) ** 2 / len(labels)
    estimates = np.array([gauss_newton_traces(land, theta, rng=r, threads=1) for r in range(200)])
    error = estimates.std(axis=0, ddof=1) / np.sqrt(200)
    np.testing.assert_array_less(np.abs(estimates.mean(axis=0) - exact), 4 * error)
    assert (error < 0.05 * exact).all()


# Means and standard deviations over five data sets: see docs/protocols/thermal_chart.md. The
# prototype, one data set of another generator: 9.9 to 11.7 and 28.2 to 29.8 below T = 1e-2.
@pytest.mark.parametrize(("samples", "mean", "spread"), [(20, 9.1, 2.0), (80, 29.2, 1.5)])
def test_more_samples_more_dimensions(samples, mean, spread):
    made = thermal_chart(network(samples, seed=2), TEMPERATURES[:4], steps=4000, curvature=0, rng=4)
    k = made.k()[0]
    assert (np.abs(k - mean) < 3 * spread).all()
    ratio = made.boundary.points_near_boundary()[0] / k
    assert ((ratio > 0.8) & (ratio < 1.02)).all()


def test_relu_has_kinks_and_says_so():
    made = thermal_chart(
        network(activation="relu"), [1e-4, 1e-3, 1e-2], confinement=2.0, step_size=0.02,
        steps=4000, curvature=4, rng=5,
    )  # fmt: skip
    k = made.k()[0]
    assert (np.abs(k - 37) < 3 * 7).all()  # mean and spread over data sets; prototype 37 to 39.5
    ratio = made.boundary.points_near_boundary()[0] / k
    assert ((ratio > 0.45) & (ratio < 0.85)).all()  # samples are unequal; prototype 0.57 to 0.77
    assert made.curvature.kinks
    assert np.isnan(made.configurational_temperature()[0]).all()
    assert "kinks" in made.summary()


def test_without_a_box_it_ages_and_says_so():
    land = network()
    theta = land.init(4, scheme="normal", rng=7)
    start = tw.Adam(learning_rate=0.02).run(land, theta, steps=300, rng=1).final
    with pytest.warns(UserWarning, match="ageing, no equilibrium"):
        made = thermal_chart(
            land, TEMPERATURES, measure="free", units="plain", scheme="euler_maruyama",
            step_size=0.5, steps=20_000, burn_in=0.2, cooling=0, start=start, curvature=0,
            record_every=50, rng=1,
        )  # fmt: skip
    slope, error = made.exponent()
    assert 0.3 < slope < 0.7  # not 1: the prototype's five means give 0.50, ours 0.46 at 10^5 steps
    assert abs(slope - 1) > 5 * error
    for verdict in made.verdicts():
        assert not verdict.equilibrated
        assert "ageing" in str(verdict)
    text = made.summary()
    assert text.count("ageing") >= 4  # heading, both columns, verdicts, remark
    assert "ageing, no equilibrium" in text
    assert made.r_hat().max() > 1.05
    assert "ageing" in made.plot()[0].get_title()


def test_a_step_ten_times_too_large_is_reported_and_touches_nobody_else():
    land = network(dtype="float32")
    options = {"steps": 2000, "record_every": 10, "curvature": 0, "rng": 6}
    good = thermal_chart(land, [1e-5, 1e-3], step_size=[0.05, 0.05], **options)
    with pytest.warns(tw.DivergenceWarning, match=r"replica \d at T=1e-05, by step \d+"):
        broken = thermal_chart(land, [1e-5, 1e-3], step_size=[0.5, 0.05], **options)
    shaken = broken.restores[0] > 0
    assert (shaken | ~broken.kept[0]).all()  # each was put back, or is left out
    assert ((broken.first_restore[0] > 0) == shaken).all()
    for k in np.flatnonzero(shaken):
        said = f"T=1e-05 replica {k} ({broken.restores[0, k]}, the first by step "
        assert f"{said}{broken.first_restore[0, k]})" in broken.summary()
    for m, k in broken.lost:
        assert f"T=1e-05 replica {k} (step {broken.lost_steps[m, k]})" in broken.summary()
    assert not broken.verdicts()[0].equilibrated
    assert "smaller steps" in str(broken.verdicts()[0])
    assert not broken.restores[1].any()
    np.testing.assert_array_equal(broken.energies[:, 1], good.energies[:, 1])  # bit for bit
    np.testing.assert_array_equal(broken.final[1], good.final[1])


def test_without_a_guard_a_blow_up_does_not_pass_for_equilibrium():
    made = thermal_chart(
        network(), [1e-5], step_size=0.5, steps=2000, curvature=0, guard=0, rng=6
    )  # finite all the way: the box holds it, at a loss a thousand times too high
    assert made.k()[0][0] > 1000
    assert not made.verdicts()[0].equilibrated
    assert "virial" in str(made.verdicts()[0])
