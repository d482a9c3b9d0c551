"""The error bars must know about correlations: checked on series whose law is known."""

import numpy as np
import pytest

from thalweg.protocols.estimates import independent_means, mean_with_error, variance_with_error

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


def test_no_replicas_no_number():
    assert np.isnan(mean_with_error(np.empty((10, 0)))).all()
    assert np.isnan(variance_with_error(np.empty((10, 0)))).all()


def test_too_few_records_for_blocks_is_an_error():
    with pytest.raises(ValueError, match="9 records cannot be cut into 10 blocks"):
        independent_means(np.zeros((9, 1)))
