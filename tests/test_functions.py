"""Elementary functions: error in units in the last place, and what happens at the edges."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from thalweg import _targets

# The largest error allowed, in units in the last place; docs/numerics.md has the measured ones.
BOUND = {
    "exp": 1.5,
    "expm1": 2.5,
    "log": 1.5,
    "log1p": 1.5,
    "tanh": 3.0,
    "logistic": 3.0,
    "softplus": 2.0,
    "sin": 4.0,
    "cos": 4.0,
    "sqrt": 0.501,
}
# Where each function has its detail; the rest of the number line is covered as well.
DETAIL = {
    "exp": (-110.0, 100.0),
    "expm1": (-3.0, 3.0),
    "log": (0.3, 4.0),
    "log1p": (-0.9, 3.0),
    "tanh": (-10.0, 10.0),
    "logistic": (-20.0, 20.0),
    "softplus": (-20.0, 20.0),
    "sin": (-20.0, 20.0),
    "cos": (-20.0, 20.0),
    "sqrt": (0.0, 10.0),
}
REDUCIBLE = {"float32": 1e5, "float64": 1e8}  # sin and cos beyond: nan
INF, NAN = np.inf, np.nan
SPECIAL = {  # (argument, value) pairs
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (1e4, INF), (-1e4, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (1e4, INF), (-1e4, -1.0)],
    "log": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1e-30, NAN), (-INF, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-1.5, NAN), (-INF, NAN), (INF, INF)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (40.0, 1.0), (-40.0, -1.0)],
    "logistic": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (1e4, 1.0), (-1e4, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (1e4, 1e4), (-1e4, 0.0)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (1.1e8, NAN), (-1.1e8, NAN)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (1.1e8, NAN), (-1.1e8, NAN)],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (4.0, 2.0), (INF, INF), (-1.0, NAN)],
}
HIGH_PRECISION = {
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}
DOUBLE = {
    "logistic": lambda x: np.where(x > 0, 1.0, np.exp(-np.abs(x))) / (1.0 + np.exp(-np.abs(x))),
    "softplus": lambda x: np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))),
}


@pytest.fixture(params=list(BOUND))
def function(request):
    return request.param


@pytest.fixture(params=["elementary", "elementary_scalar"])
def evaluate(request, target):
    """The functions of one target: through the lanes of a pack, and of a plain number."""
    return getattr(_targets.load(target), request.param)


def sample(function, dtype, size):
    """Numbers over the whole line (spaced like the numbers themselves) and over the detail."""
    rng = np.random.default_rng(1)
    bits = np.uint32 if dtype == "float32" else np.uint64
    top = np.array(np.finfo(dtype).max, dtype).view(bits)
    if function in ("sin", "cos"):
        top = np.array(REDUCIBLE[dtype], dtype).view(bits)
    line = rng.integers(0, top, size // 2, dtype=bits, endpoint=True).view(dtype)
    line *= rng.choice(np.array([-1, 1], dtype), line.size)
    x = np.concatenate([line, rng.uniform(*DETAIL[function], size - line.size).astype(dtype)])
    if function in ("log", "sqrt"):
        return np.abs(x)
    return np.where(x < -1.0, -x, x) if function == "log1p" else x


def exact(function, x):
    """Function values, correct to far below the last place of x's type."""
    if x.dtype == np.float32:
        with np.errstate(over="ignore", under="ignore"):
            return DOUBLE.get(function, getattr(np, function, None))(x.astype(np.float64))
    compute = HIGH_PRECISION.get(function) or getattr(mpmath, function)
    with mpmath.workprec(200):
        return [compute(mpmath.mpf(float(value))) for value in x]


def error_in_ulp(got, expected):
    """|got - expected| over the spacing of got's type at expected; inf where only one is finite."""
    limits = np.finfo(got.dtype)
    rounded = np.array([float(value) for value in expected])
    with np.errstate(over="ignore", under="ignore"):
        rounded = rounded.astype(got.dtype)
    if got.dtype == np.float32:
        with np.errstate(invalid="ignore"):
            difference = np.abs(got.astype(np.float64) - expected)
    else:
        pairs = zip(got, expected, strict=True)
        difference = np.array([abs(float(mpmath.mpf(float(g)) - e)) for g, e in pairs])
    _, exponent = np.frexp(rounded.astype(np.float64))
    last_place = np.maximum(exponent - limits.nmant - 1, limits.minexp - limits.nmant)
    error = np.ldexp(difference, -last_place)
    # Past the largest number either of inf and the largest number is one step away at most.
    overflown = np.isinf(rounded) | np.isinf(got)
    near = np.where(np.isinf(got), rounded, got) >= limits.max
    return np.where(overflown, np.where((got == rounded) | near, 0.0, np.inf), error)


def test_error_is_below_its_bound(evaluate, function, dtype):
    x = sample(function, dtype, 100_000 if dtype == "float32" else 3_000)
    error = error_in_ulp(evaluate(function, x), exact(function, x))
    worst = np.argmax(error)
    assert error[worst] <= BOUND[function], f"{error[worst]:.3f} ulp at {x[worst]!r}"


@pytest.mark.parametrize("function", ["sin", "cos"])
def test_turns_are_subtracted_exactly(evaluate, function, dtype):
    turns = np.random.default_rng(2).integers(1, int(REDUCIBLE[dtype] / 1.6), 2_000)
    with mpmath.workprec(200):  # closest to the zeros, where every digit of pi counts
        x = np.array([float(mpmath.mpf(int(n)) * mpmath.pi / 2) for n in turns]).astype(dtype)
    reference = np.array([float(value) for value in exact(function, x.astype(np.float64))])
    error = np.abs(evaluate(function, x).astype(np.float64) - reference)
    assert np.all(error <= BOUND[function] * np.spacing(np.abs(reference).astype(dtype)))


def test_special_values(evaluate, function, dtype):
    x, expected = np.array(SPECIAL[function], dtype).T.copy()
    got = evaluate(function, x)
    np.testing.assert_array_equal(got, expected)
    is_number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[is_number]), np.signbit(expected[is_number]))


def test_nan_in_every_lane_gives_nan_there_only(evaluate, function, dtype):
    for lane in range(17):
        x = np.full(17, 0.5, dtype)
        x[lane] = NAN
        np.testing.assert_array_equal(np.isnan(evaluate(function, x)), np.arange(17) == lane)


@pytest.mark.parametrize("function", ["expm1", "log1p", "tanh", "sin"])
def test_denormals_pass_unchanged(evaluate, function, dtype):
    smallest = np.finfo(dtype).smallest_subnormal
    x = np.array([1, -1, 2, -3, 1000, -12345], dtype) * smallest
    np.testing.assert_array_equal(evaluate(function, x), x)


def test_results_may_be_denormal(evaluate, dtype):
    x = np.log(np.finfo(dtype).smallest_normal) - np.array([0.5, 1, 3, 8], dtype)
    for function in ("exp", "logistic", "softplus"):
        got = evaluate(function, x)
        assert np.all((got > 0) & (got < np.finfo(dtype).smallest_normal))


def test_odd_and_even_functions_to_the_bit(evaluate, dtype):
    x = sample("sin", dtype, 20_000)
    for function in ("tanh", "sin"):
        np.testing.assert_array_equal(evaluate(function, -x), -evaluate(function, x))
    np.testing.assert_array_equal(evaluate("cos", -x), evaluate("cos", x))


def test_a_number_does_not_depend_on_its_neighbours(evaluate, function, dtype):
    x = sample(function, dtype, 70)
    whole = evaluate(function, x)
    for length in range(1, 36):
        np.testing.assert_array_equal(evaluate(function, x[:length].copy()), whole[:length])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_peak_of_a_core_is_measured(dtype):
    core = _targets.load(_targets.default())
    assert 1.0 < core.fma_peak(dtype) < 1e4  # GFLOP/s: slower or faster is another unit
    with pytest.raises(ValueError, match="dtype: expected"):
        core.fma_peak("float16")
