"""The error bars must know about correlations: checked on series whose law is known."""

import numpy as np
import pytest

from thalweg.protocols.estimates import (
    autocorrelation_time,
    decorrelation_time,
    independent_means,
    jackknife,
    mean_with_error,
    per_temperature,
    power_law,
    sparse_mean_with_error,
    split_r_hat,
    total_variance,
    variance_with_error,
)

MEMORY = 0.9  # correlation of successive records; 19 records are worth about one


def correlated(rng, runs, records, replicas):
    """Stationary Gaussian series [runs, S, K] of variance 1 (an autoregressive process)."""
    noise = rng.normal(size=(runs, records, replicas))
    series = np.empty_like(noise)
    series[:, 0] = noise[:, 0]
    for step in range(1, records):
        series[:, step] = MEMORY * series[:, step - 1] + np.sqrt(1 - MEMORY**2) * noise[:, step]
    return series


# (replicas, records): replicas carry the error bar; blocks of 100 records = 5 correlation times do.
@pytest.mark.parametrize(("replicas", "records"), [(8, 60), (2, 1000)])
def test_error_bar_is_the_spread_of_repeated_runs(replicas, records):
    runs = correlated(np.random.default_rng(1), 1500, records, replicas)
    means, errors = np.array([mean_with_error(run) for run in runs]).T
    # Relative error of a variance from n runs is sqrt(2/n) = 3.7 %; blocks miss a few per cent more
    # because neighbouring blocks are still a little correlated (at most 2/length * 10 = 20 %).
    ratio = (errors**2).mean() / means.var()
    allowed = 4 * np.sqrt(2 / len(runs)) + (0.2 if replicas < 4 else 0)
    assert abs(ratio - 1) < allowed
    naive = runs.var(axis=(1, 2)).mean() / (records * replicas)
    assert naive < 0.2 * means.var()  # what the naive standard error would have claimed


def test_variance_is_unbiased_when_runs_are_short():
    runs = correlated(np.random.default_rng(2), 3000, 30, 6)
    variances = np.array([variance_with_error(run)[0] for run in runs])
    error = variances.std(ddof=1) / np.sqrt(len(runs))
    assert abs(variances.mean() - 1) < 4 * error
    within = runs.var(axis=1).mean()
    assert within < 0.7  # a single short run sees only part of the variance


def test_error_of_the_variance_is_the_spread_of_repeated_runs():
    runs = correlated(np.random.default_rng(3), 1500, 400, 16)
    variances, errors = np.array([variance_with_error(run) for run in runs]).T
    assert errors.mean() / variances.std(ddof=1) == pytest.approx(1, abs=0.1)


def test_replicas_stuck_in_different_places_widen_the_error_bar():
    stuck = np.arange(4.0) + 1e-3 * np.random.default_rng(4).normal(size=(500, 4))
    _, error = mean_with_error(stuck)
    assert error == pytest.approx(np.std([0, 1, 2, 3], ddof=1) / 2, rel=1e-2)
    assert variance_with_error(stuck)[0] == pytest.approx(5 / 3, rel=1e-2)


def test_two_replicas_that_disagree_are_two_units():
    noise = np.random.default_rng(12).normal(size=(400, 2))
    apart = noise + np.array([0.0, 10.0])
    mean, error = mean_with_error(apart)
    assert error == pytest.approx(5, rel=0.05)  # half their distance, not the blocks' 0.04
    assert mean == pytest.approx(5, abs=0.2)
    assert variance_with_error(apart)[0] == pytest.approx(51, rel=0.05)  # 1 + 10^2 / 2
    assert mean_with_error(noise)[1] < 0.1  # these agree: blocks


def test_no_replicas_no_number():
    assert np.isnan(mean_with_error(np.empty((10, 0)))).all()
    assert np.isnan(variance_with_error(np.empty((10, 0)))).all()


def test_too_few_records_for_blocks_is_an_error():
    with pytest.raises(ValueError, match="9 records cannot be cut into 10 blocks"):
        independent_means(np.zeros((9, 1)))


def test_autocorrelation_time_of_a_process_that_is_known():
    # Sum over t of 0.9^|t| = (1 + 0.9) / (1 - 0.9) = 19.
    times = [
        autocorrelation_time(run) for run in correlated(np.random.default_rng(5), 20, 20_000, 2)
    ]
    # Relative error of one estimate (Sokal): sqrt(2 (2 M + 1) / n) = 10 %, M = 5 tau, n = 40 000.
    assert np.mean(times) == pytest.approx(19, rel=4 * 0.1 / np.sqrt(20))
    independent = np.random.default_rng(6).normal(size=(20_000, 2))
    # The same formula with tau = 1, so M = 5: 2.3 %.
    assert autocorrelation_time(independent) == pytest.approx(1, abs=4 * 0.023)
    assert np.isnan(autocorrelation_time(np.ones((10, 2))))


def test_an_oscillation_counts_as_memory():
    steps = np.arange(2000)
    waves = np.cos(np.pi * 4 * steps / 2000)[:, None]  # four half-periods
    # The positive quarter wave, 2 x 2000 / (4 pi); overlaps shorten it a little.
    assert decorrelation_time(waves) == pytest.approx(2 * 2000 / (4 * np.pi), rel=0.1)
    assert autocorrelation_time(waves) < 0.4 * decorrelation_time(waves)
    noise = np.random.default_rng(11).normal(size=(2000, 1))
    assert decorrelation_time(noise) < 1.3


def test_r_hat_sees_replicas_that_differ_and_replicas_that_drift():
    noise = np.random.default_rng(7).normal(size=(1000, 4))
    assert split_r_hat(noise) == pytest.approx(1, abs=0.005)
    # Means 0, 1, 2, 3 in each half: B = var([0..3, 0..3], ddof=1) = 10/7; sqrt(1 + 10/7) = 1.56.
    assert split_r_hat(noise + np.arange(4)) == pytest.approx(np.sqrt(1 + 10 / 7), abs=0.03)
    # Halves with means 1 and 3: B = 8/7; within each the drift adds 2^2 / 12.
    drifting = noise + np.linspace(0, 4, 1000)[:, None]
    assert split_r_hat(drifting) == pytest.approx(np.sqrt(1 + (8 / 7) / (4 / 3)), abs=0.03)
    assert split_r_hat(np.ones((10, 2))) == 1


def test_jackknife_of_a_mean_is_its_standard_error():
    series = np.random.default_rng(8).normal(size=(50, 6))
    assert jackknife(np.mean, series) == pytest.approx(mean_with_error(series))
    # With few replicas the run is cut in ten: the same blocks, all replicas in each.
    few = series[:, :2]
    blocks = few.reshape(10, 5, 2).mean(axis=(1, 2))
    assert jackknife(np.mean, few)[1] == pytest.approx(blocks.std(ddof=1) / np.sqrt(10))


def test_jackknife_of_a_ratio_is_the_spread_of_repeated_runs():
    runs = np.random.default_rng(9).gamma(5.0, size=(600, 100, 8))

    def dimension(series):
        return 2 * series.mean() ** 2 / total_variance(series)

    values, errors = np.array([jackknife(dimension, run) for run in runs]).T
    assert values.mean() == pytest.approx(10, rel=0.02)  # Gamma(k): 2 k
    assert (errors**2).mean() / values.var() == pytest.approx(1, abs=4 * np.sqrt(2 / 600) + 0.05)


def test_power_law_and_its_error():
    rng = np.random.default_rng(10)
    x = np.geomspace(1e-6, 1e-2, 5)
    pairs = [power_law(x, x**0.8 * np.exp(0.05 * rng.normal(size=5)), 0.05 * x**0.8)
             for _ in range(2000)]  # fmt: skip
    slopes, errors = np.array(pairs).T
    exact = 0.05 / np.sqrt(((np.log(x) - np.log(x).mean()) ** 2).sum())
    assert slopes.std() == pytest.approx(exact, rel=0.1)
    assert abs(slopes.mean() - 0.8) < 4 * exact / np.sqrt(2000)
    assert errors.min() == pytest.approx(exact, rel=0.2)  # widened where points scatter more
    bent = power_law(x, np.array([1.0, 2.0, 9.0, 2.0, 1.0]), np.full(5, 1e-3))
    assert bent[1] > 50 * power_law(x, x, 1e-3 * x)[1]
    assert np.isnan(power_law(x[:2], x[:2], x[:2])).all()
    assert np.isfinite(power_law(x, np.where(x > 1e-5, x, np.nan), 0.1 * x)).all()


def test_sparse_records_count_each_where_replicas_are_few():
    values = np.array([[1.0], [2.0], [3.0], [4.0]])
    assert sparse_mean_with_error(values)[1] == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
    many = np.arange(8.0).reshape(2, 4)
    assert sparse_mean_with_error(many) == mean_with_error(many)


def test_per_temperature_leaves_out_what_is_nan():
    series = np.ones((3, 2, 4))
    series[1, 1, 2] = np.nan
    seen = []
    per_temperature(lambda each: (seen.append(each.shape) or each.mean(),), series)
    assert seen == [(3, 4), (3, 3)]
