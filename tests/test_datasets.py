"""Data sets: what they hold, what they refuse, and that a seed decides everything in them."""

from __future__ import annotations

import pickle
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thalweg as tw
from thalweg.datasets import Dataset, digits, from_arrays, random_labels, teacher_student

X, Y = np.arange(12.0).reshape(4, 3), np.array([1, -1, 1, 1])


def test_data_are_copied_and_read_only():
    x = X.copy()
    data = from_arrays(x, Y)
    x[0, 0] = 99
    assert data.inputs[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        data.inputs[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        data.inputs = x


def test_read_only_and_strided_arrays_are_fine():
    x = np.asfortranarray(X)
    x.flags.writeable = False
    assert_array_equal(from_arrays(x, Y[::1]).inputs, X)
    assert_array_equal(from_arrays(X[::2], Y[::2]).inputs, X[::2])


@pytest.mark.parametrize(
    ("targets", "fits"),
    [
        (np.ones(4), True),
        (np.ones((5, 4)), True),
        (np.ones((4, 2)), True),
        (np.ones((5, 4, 2)), True),
        (np.ones(3), False),
        (np.ones((3, 5)), False),
        (np.ones((4, 3, 2)), False),
        (np.ones((1, 1, 1, 4)), False),
        (np.ones((4, 0)), False),
    ],
    ids=lambda value: str(value.shape) if isinstance(value, np.ndarray) else "",
)
def test_targets_must_be_one_for_each_sample(targets, fits):
    if fits:
        assert from_arrays(X, targets).n_samples == 4
        return
    with pytest.raises(ValueError, match=r"targets: expected one for each of N = 4 samples"):
        from_arrays(X, targets)


@pytest.mark.parametrize(
    ("kind", "text", "arguments"),
    [
        (ValueError, r"inputs: expected finite numbers only, got nan at index \[1, 2\]",
         {"inputs": np.where(X == 5, np.nan, X)}),
        (ValueError, r"inputs: expected shape \[N, d\] .* got shape \[3\]. One feature is \[N, 1\]",
         {"inputs": X[0]}),
        (ValueError, r"inputs: expected at least one of each", {"inputs": X[:, :0]}),
        (TypeError, "inputs: expected an array of real numbers", {"inputs": X * 1j}),
        (TypeError, "targets: expected an array of real numbers", {"targets": list("abcd")}),
        (ValueError, "test_targets: expected both test arrays or neither", {"test_inputs": X}),
        (ValueError, "test_inputs: expected 3 features, got 2 features",
         {"test_inputs": X[:, :2], "test_targets": Y}),
        (ValueError, r"test_targets: expected one for each of N = 4",
         {"test_inputs": X, "test_targets": Y[:2]}),
        (TypeError, r"name: expected a text", {"name": 3}),
        (TypeError, r"unknown option 'target'. Did you mean 'targets'\?", {"target": Y}),
    ],
    ids=["nan", "rank", "empty", "complex", "text", "half_a_test", "features", "test_n", "name",
         "option"],
)  # fmt: skip
def test_bad_data_are_named(kind, text, arguments):
    with pytest.raises(kind, match=text):
        from_arrays(**({"inputs": X, "targets": Y} | arguments))


def test_a_dataset_shows_itself_and_travels():
    data = Dataset(X, Y, "toy", ("no", "yes"), X[:1], Y[:1])
    assert repr(data) == "Dataset('toy', inputs [4, 3], test [1, 3])"
    again = pickle.loads(pickle.dumps(data))
    assert again.classes == ("no", "yes")
    assert_array_equal(again.test_inputs, X[:1])


# --- random labels ---


def test_random_labels_are_gaussian_points_with_fair_signs():
    data = random_labels(samples=4000, features=25, rng=3)
    assert set(np.unique(data.targets)) == {-1.0, 1.0}
    count = data.inputs.size
    assert abs(data.inputs.mean()) < 4 / np.sqrt(count)
    assert abs(data.inputs.var() - 1) < 4 * np.sqrt(2 / count)
    assert abs(data.targets.mean()) < 4 / np.sqrt(4000)
    # Labels know nothing of inputs: 25 correlations, each of standard deviation 1/sqrt(4000).
    correlation = (data.inputs * data.targets[:, None]).mean(axis=0)
    assert (np.abs(correlation) < 4.5 / np.sqrt(4000)).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda **how: random_labels(6, 3, **how),
        lambda **how: teacher_student(6, 3, hidden=4, noise=0.3, test_samples=2, **how),
        lambda **how: teacher_student(6, 3, 4, task="regression", noise=0.1, **how),
    ],
    ids=["random", "teacher", "regression"],
)
def test_a_replicas_data_depend_on_seed_and_replica_only(make):
    one, few, many = make(rng=5), make(rng=5, replicas=2), make(rng=5, replicas=9)
    for name in ("inputs", "targets", "test_inputs", "test_targets"):
        if getattr(one, name) is None:
            continue
        assert_array_equal(getattr(few, name), getattr(many, name)[:2])
        assert_array_equal(getattr(few, name)[0], getattr(one, name))
    assert len(np.unique(many.inputs[:, 0, 0])) == 9
    assert (make(rng=6).inputs != one.inputs).all()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: random_labels(0, 3), "samples: expected an integer >= 1, got 0"),
        (lambda: random_labels(3, -1), "features: expected an integer >= 1, got -1"),
        (lambda: random_labels(3, 3, replicas=0), "replicas: expected an integer >= 1, got 0"),
        (lambda: teacher_student(3, 3, 3, noise=0.6), "noise: expected .* <= 0.5, got 0.6"),
        (lambda: teacher_student(3, 3, 3, noise=-0.1), "noise: expected .* >= 0"),
        (lambda: teacher_student(3, 3, 3, task="regress"), "Did you mean 'regression'?"),
        (lambda: teacher_student(3, 3, 0), "hidden: expected an integer >= 1"),
        (lambda: digits(train=1798), "train: expected an integer >= 1 and <= 1797, got 1798"),
    ],
    ids=["samples", "features", "replicas", "noise", "negative", "task", "hidden", "train"],
)
def test_bad_requests_are_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()


# --- teachers ---


def test_labels_are_a_teachers_signs():
    """Both tasks share inputs and teacher: one reports its value, the other the sign of it."""
    labels = teacher_student(200, 5, hidden=3, rng=2, test_samples=50)
    values = teacher_student(200, 5, hidden=3, rng=2, test_samples=50, task="regression")
    assert_array_equal(labels.inputs, values.inputs)
    assert_array_equal(labels.targets, np.where(values.targets >= 0, 1.0, -1.0))
    assert_array_equal(labels.test_targets, np.where(values.test_targets >= 0, 1.0, -1.0))
    assert abs(values.targets).max() > abs(values.targets).min() * 5  # values, not signs


def test_the_teachers_scale_does_not_grow_with_its_width():
    """f = K^(-1/2) sum a tanh(w.x/sqrt d): its variance is E tanh^2 of a unit normal, 0.394."""
    narrow, wide = (
        teacher_student(50, 20, hidden=k, rng=1, task="regression", replicas=400).targets.var()
        for k in (2, 40)
    )
    assert_allclose(narrow, 0.394, rtol=0.25)
    assert_allclose(wide, 0.394, rtol=0.1)


def test_noise_is_of_the_size_asked_for_and_spares_the_test():
    clean, noisy = (
        teacher_student(20_000, 4, 3, rng=8, noise=noise, test_samples=100) for noise in (0.0, 0.2)
    )
    flipped = (clean.targets != noisy.targets).mean()
    assert abs(flipped - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 20_000)
    assert_array_equal(clean.test_targets, noisy.test_targets)
    values = [
        teacher_student(20_000, 4, 3, rng=8, noise=noise, task="regression").targets
        for noise in (0.0, 0.3)
    ]
    assert_allclose((values[1] - values[0]).std(), 0.3, rtol=0.03)


# --- digits ---


def test_digits_are_all_there_and_split_without_overlap():
    everything = digits(standardize=False)
    assert everything.inputs.shape == (1797, 64)
    assert everything.test_inputs is None
    assert everything.inputs.min() == 0
    assert everything.inputs.max() == 16
    split = digits(train=1000, rng=4, standardize=False)
    assert split.test_inputs.shape == (797, 64)
    joined = np.vstack([split.inputs, split.test_inputs])
    labels = np.concatenate([split.targets, split.test_targets])

    def rows(x, y):
        return sorted(map(tuple, np.column_stack([x, y]).astype(int)))

    assert rows(joined, labels) == rows(everything.inputs, everything.targets)
    assert set(split.targets) == set(range(10))


def test_the_split_is_the_seeds():
    first, again, other = (digits(train=500, rng=seed) for seed in (1, 1, 2))
    assert_array_equal(first.targets, again.targets)
    assert_array_equal(first.inputs, again.inputs)
    assert (first.targets != other.targets).any()


def test_standardised_digits_are_centred_and_of_unit_size():
    """Scaled by training images only: the test set is not looked at."""
    raw, data = (digits(train=900, rng=4, standardize=flag) for flag in (False, True))
    assert_allclose(data.inputs.mean(axis=0), 0, atol=1e-12)
    assert_allclose((data.inputs**2).mean(), 1, rtol=1e-12)
    mean, size = raw.inputs.mean(axis=0), (raw.inputs - raw.inputs.mean(axis=0)).std()
    assert_allclose(data.test_inputs, (raw.test_inputs - mean) / size, rtol=1e-12, atol=1e-14)


def test_without_scikit_learn_the_way_to_get_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "thalweg\[data\]"'):
        digits()


# --- seeds (SPEC 7) ---


def test_an_integer_is_the_seed_itself():
    assert tw.rng.seed_from(0) == 0
    assert tw.rng.seed_from(np.int64(7)) == 7
    assert tw.rng.seed_from(2**64 - 1) == 2**64 - 1


def test_seed_sequences_repeat_and_generators_move_on():
    sequence = np.random.SeedSequence(5)
    assert tw.rng.seed_from(sequence) == tw.rng.seed_from(np.random.SeedSequence(5))
    assert tw.rng.seed_from([5, 6]) == tw.rng.seed_from(np.random.SeedSequence([5, 6]))
    first, second = np.random.default_rng(5), np.random.default_rng(5)
    seeds = [tw.rng.seed_from(first) for _ in range(3)]
    assert seeds == [tw.rng.seed_from(second) for _ in range(3)]
    assert len(set(seeds)) == 3
    assert tw.rng.seed_from(np.random.PCG64(5)) == seeds[0]


def test_no_seed_is_a_fresh_one():
    assert len({tw.rng.seed_from(None) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("rng", "kind"),
    [(-1, ValueError), (2**64, ValueError), (True, TypeError), (0.5, TypeError), ("1", TypeError),
     (np.random.RandomState(0), TypeError), ([1.5], TypeError)],
    ids=lambda value: type(value).__name__ + str(value)[:3],
)  # fmt: skip
def test_what_is_no_seed_is_refused(rng, kind):
    with pytest.raises(kind, match="rng: expected"):
        tw.rng.seed_from(rng)


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"stream": "noisee"}, ValueError, "Did you mean 'noise'?"),
        ({"step": -1}, ValueError, "step: expected an integer >= 0"),
        ({"step": 2**32}, ValueError, "step: expected"),
        ({"replicas": 0}, ValueError, "replicas: expected an integer >= 1"),
        ({"replicas": [[1]]}, ValueError, r"replicas: expected .* got shape \[1, 1\]"),
        ({"replicas": [-1]}, ValueError, "ids from -1 to -1"),
        ({"replicas": [0.5]}, TypeError, "replicas: expected"),
        ({"count": 0}, ValueError, "count: expected an integer >= 1"),
        ({"dtype": "float16"}, ValueError, "dtype: expected"),
        ({"steps": 3}, TypeError, "unknown option 'steps'. Did you mean 'step'?"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_requests_for_numbers_are_named(arguments, kind, text):
    asked = {"stream": "user", "step": 0, "replicas": 2, "count": 3} | arguments
    with pytest.raises(kind, match=text):
        tw.rng.normals(1, **asked)


def test_draws_are_those_of_the_replica():
    for draw in (tw.rng.normals, tw.rng.uniforms, tw.rng.rademacher, tw.rng.permutations):
        batch = draw(9, stream="user", step=4, replicas=6, count=11)
        assert_array_equal(draw(9, stream="user", step=4, replicas=[5, 2], count=11), batch[[5, 2]])
        assert (draw(9, stream="test", step=4, replicas=6, count=11) != batch).any()
        assert (draw(9, stream="user", step=5, replicas=6, count=11) != batch).any()
