"""Random numbers: the generator, what is drawn from it, and that it is a pure function."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from thalweg import _targets

MODULES = {name: _targets.load(name) for name in _targets.available()}
BEST = MODULES[_targets.available()[0]]
SEED = 0x0123456789ABCDEF
REPLICAS = np.array([0, 1, 5, 17, 4095, 2**31, 2**32 - 1], np.uint32)
DRAWS = 10_000_000
LEAST_P = 1e-4  # of a fixed seed: passes for ever, or shows a defect


@pytest.fixture
def module(target):
    return MODULES[target]


# --- The generator, written a second time from its definition ---


def reference_philox(counters, key):
    """Philox4x32-10 on [M, 4] counters and a [2] key, in 64-bit integers."""
    low = np.uint64(0xFFFFFFFF)
    c = [column.astype(np.uint64) for column in counters.T]
    keys = [int(k) for k in key]
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        shift = np.uint64(32)
        c = [
            (p1 >> shift) ^ c[1] ^ np.uint64(keys[0]),
            p1 & low,
            (p0 >> shift) ^ c[3] ^ np.uint64(keys[1]),
            p0 & low,
        ]
        keys = [(keys[0] + 0x9E3779B9) % 2**32, (keys[1] + 0xBB67AE85) % 2**32]
    return np.stack(c, axis=1).astype(np.uint32)


def reference_words(seed, stream, step, replicas, blocks):
    """The random words [R, 4 * blocks]: counter = (block, replica, step, stream), key = seed."""
    counters = np.empty((len(replicas), blocks, 4), np.uint32)
    counters[..., 0] = np.arange(blocks)
    counters[..., 1] = np.asarray(replicas)[:, None]
    counters[..., 2] = step
    counters[..., 3] = BEST.streams()[stream]
    key = np.array([seed % 2**32, seed >> 32], np.uint32)
    return reference_philox(counters.reshape(-1, 4), key).reshape(len(replicas), -1)


def reference_bits(words, dtype):
    """One integer per number: a word for float32, two (the first the low half) for float64."""
    if dtype == "float32":
        return words.astype(np.uint64), 32
    words = words.astype(np.uint64)
    return words[:, 0::2] | (words[:, 1::2] << np.uint64(32)), 64


def reference_uniforms(bits, width, dtype):
    kept = 23 if width == 32 else 52
    m = (bits >> np.uint64(width - kept)).astype(np.float64)
    return ((m + 0.5) * 2.0**-kept).astype(dtype)


def reference_normals(bits, width):
    """Box and Muller in double precision, and the radius of each number."""
    a, b = bits[:, 0::2], bits[:, 1::2]
    if width == 32:
        u = ((a >> np.uint64(1)).astype(np.float64) + 0.5) * 2.0**-31
        angle = b.astype(np.uint32).view(np.int32) * (np.pi / 2**33)
    else:
        u = reference_uniforms(a, width, np.float64)
        angle = ((b >> np.uint64(12)).astype(np.float64) * 2.0**-52 - 0.5) * (np.pi / 2)
    radius = np.sqrt(-2.0 * np.log(u))
    sine = radius * np.sin(angle)
    cosine = radius * np.where(b & np.uint64(1), -np.cos(angle), np.cos(angle))
    swap = (b & np.uint64(2)) != 0
    z = np.empty(bits.shape)
    z[:, 0::2], z[:, 1::2] = np.where(swap, sine, cosine), np.where(swap, cosine, sine)
    return z, np.repeat(radius, 2, axis=1)


# The published known answers (kat_vectors of Random123): counter, key, block.
KNOWN_ANSWERS = [
    ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize("texts", KNOWN_ANSWERS)
def test_published_answers(module, texts):
    counter, key, block = (np.array([int(w, 16) for w in t.split()], np.uint32) for t in texts)
    np.testing.assert_array_equal(module.philox(counter[None], key), block[None])
    np.testing.assert_array_equal(reference_philox(counter[None], key), block[None])


def test_blocks_are_those_of_the_definition(module):
    rng = np.random.default_rng(1)
    counters = rng.integers(0, 2**32, (1001, 4), np.uint32)
    key = rng.integers(0, 2**32, 2, np.uint32)
    np.testing.assert_array_equal(module.philox(counters, key), reference_philox(counters, key))


# --- Numbers from the words; the reference makes them equal on every target ---


@pytest.mark.parametrize("stream", ["noise", "test"])
@pytest.mark.parametrize("step", [0, 7, 2**32 - 1])
def test_uniforms_and_signs_are_exact(module, dtype, stream, step):
    count = 401
    bits, width = reference_bits(reference_words(SEED, stream, step, REPLICAS, 202), dtype)
    uniforms = module.uniforms(SEED, stream, step, REPLICAS, count, dtype)
    np.testing.assert_array_equal(
        uniforms, reference_uniforms(bits[:, :count], width, dtype), strict=True
    )
    signs = module.rademacher(SEED, stream, step, REPLICAS, count, dtype)
    top = (bits[:, :count] >> np.uint64(width - 1)).astype(dtype)
    np.testing.assert_array_equal(signs, 1 - 2 * top, strict=True)


def test_normals_are_those_of_box_and_muller(module, dtype):
    count = 2000
    bits, width = reference_bits(reference_words(SEED, "noise", 3, REPLICAS, 1000), dtype)
    expected, radius = reference_normals(bits[:, :count], width)
    error = np.abs(module.normals(SEED, "noise", 3, REPLICAS, count, dtype) - expected)
    # u is rounded to the number type, and near u = 1 the radius magnifies that by 1 / radius.
    epsilon = np.finfo(dtype).eps
    assert np.all(error <= epsilon * (4.0 * radius[:, :count] + 0.5 / radius[:, :count]))


@pytest.mark.parametrize("n", [1, 2, 5, 64, 1001])
def test_permutations_are_fisher_and_yates(module, n):
    got = module.permutations(SEED, "batch_order", 2, REPLICAS, n)
    words = reference_words(SEED, "batch_order", 2, REPLICAS, n // 4 + 1).astype(object)
    for row, draws in zip(got, words, strict=True):
        expected = np.arange(n)
        for i in range(n - 1, 0, -1):
            j = int(draws[n - 1 - i]) * (i + 1) >> 32
            expected[[i, j]] = expected[[j, i]]
        np.testing.assert_array_equal(row, expected)


# --- A pure function ---


@pytest.mark.parametrize("draw", ["uniforms", "normals", "rademacher"])
def test_a_replica_draws_the_same_alone_and_in_any_company(module, draw, dtype):
    everyone = np.arange(67, dtype=np.uint32)
    whole = getattr(module, draw)(SEED, "noise", 5, everyone, 37, dtype)
    for chosen in (everyone[17:18], everyone[::-1].copy(), everyone[3:40:5].copy()):
        rows = getattr(module, draw)(SEED, "noise", 5, chosen, 37, dtype)
        np.testing.assert_array_equal(rows, whole[chosen])
    for count in (1, 2, 3, 5, 36):
        fewer = getattr(module, draw)(SEED, "noise", 5, everyone, count, dtype)
        np.testing.assert_array_equal(fewer, whole[:, :count])


def test_every_part_of_the_counter_matters(module, dtype):
    def draw(seed=SEED, stream="noise", step=5, replica=3):
        replicas = np.array([replica], np.uint32)
        return module.normals(seed, stream, step, replicas, 8, dtype).tobytes()

    others = [draw(seed=SEED + 1), draw(seed=SEED + 2**32), draw(step=6), draw(replica=4)]
    others += [draw(stream=stream) for stream in module.streams() if stream != "noise"]
    assert len({draw(), *others}) == 1 + len(others)


def test_streams_are_the_same_on_every_target(module):
    assert module.streams() == BEST.streams()
    assert sorted(module.streams().values()) == list(range(len(module.streams())))


# --- Distributions: fixed seeds, so the answers never change ---


@pytest.fixture(scope="module", params=["float32", "float64"])
def uniforms(request):
    replicas = np.arange(100, dtype=np.uint32)
    return BEST.uniforms(11, "test", 0, replicas, DRAWS // 100, request.param)


@pytest.fixture(scope="module", params=["float32", "float64"])
def normals(request):
    replicas = np.arange(100, dtype=np.uint32)
    return BEST.normals(12, "test", 0, replicas, DRAWS // 100, request.param)


def z_scores_of_moments(x, moments, variances):
    """(mean of x^k - moment) / standard error, for k = 1, 2, ..."""
    x = x.ravel().astype(np.float64)
    power, means = np.ones_like(x), []
    for _ in moments:
        power *= x
        means.append(power.mean())
    return (np.array(means) - moments) / np.sqrt(np.array(variances) / x.size)


def kolmogorov_smirnov(x, cumulative):
    """The p-value of the largest distance of the empirical distribution from `cumulative`."""
    expected = cumulative(np.sort(x, axis=None).astype(np.float64))
    ranks = np.arange(x.size) / x.size
    distance = max((expected - ranks).max(), (ranks - expected).max() + 1 / x.size)
    return stats.kstwobign.sf(distance * np.sqrt(x.size))


def test_uniforms_are_uniform(uniforms):
    assert uniforms.min() > 0
    assert uniforms.max() < 1
    k = np.arange(1, 5)
    z = z_scores_of_moments(uniforms, 1 / (k + 1), 1 / (2 * k + 1) - 1 / (k + 1) ** 2)
    assert np.all(np.abs(z) < 4)
    assert kolmogorov_smirnov(uniforms, lambda x: x) > LEAST_P


def test_normals_are_normal(normals):
    z = z_scores_of_moments(normals, [0, 1, 0, 3], [1, 2, 15, 96])
    assert np.all(np.abs(z) < 4)
    assert kolmogorov_smirnov(normals, special.ndtr) > LEAST_P


@pytest.mark.parametrize("threshold", [3.0, 4.0, 5.0])
def test_tails_of_normals(normals, threshold):
    expected = 2 * stats.norm.sf(threshold) * normals.size
    p = stats.poisson(expected)
    found = np.count_nonzero(np.abs(normals) > threshold)
    assert min(p.cdf(found), p.sf(found - 1)) > LEAST_P


@pytest.mark.parametrize("lag", [1, 2, 3, 4])
def test_neighbouring_uniforms_fill_the_square(uniforms, lag):
    cell = (uniforms * 64).astype(np.int64)
    first = np.arange(uniforms.shape[1] - lag)
    first = first[first // lag % 2 == 0]  # disjoint pairs
    pairs = cell[:, first] * 64 + cell[:, first + lag]
    assert stats.chisquare(np.bincount(pairs.ravel(), minlength=4096)).pvalue > LEAST_P


def largest_correlation(rows):
    """The largest |correlation| of two different rows, in standard errors."""
    correlation = np.corrcoef(rows)
    np.fill_diagonal(correlation, 0.0)
    return np.abs(correlation).max() * np.sqrt(rows.shape[1])


def test_replicas_steps_and_streams_are_independent(dtype):
    count, one = 20_000, np.array([9], np.uint32)
    replicas = BEST.normals(1, "noise", 0, np.arange(60, dtype=np.uint32), count, dtype)
    steps = np.concatenate([BEST.normals(1, "noise", s, one, count, dtype) for s in range(60)])
    names = BEST.streams()
    streams = np.concatenate([BEST.normals(1, name, 0, one, count, dtype) for name in names])
    seeds = np.concatenate([BEST.normals(s, "noise", 0, one, count, dtype) for s in range(60)])
    for rows in (replicas, steps, streams, seeds):
        rows = rows.astype(np.float64)
        assert largest_correlation(rows) < 5.0  # of 1770 pairs at most: p about 1e-3
        assert largest_correlation(rows**2) < 5.0


def test_slots_of_a_block_are_independent(normals):
    slots = normals[:20].reshape(-1, 4).T.astype(np.float64)
    for powers in (slots, slots**2, np.abs(slots)):
        assert largest_correlation(powers) < 4.5


def test_signs_are_fair(dtype):
    signs = BEST.rademacher(13, "probe", 0, np.arange(64, dtype=np.uint32), 20_000, dtype)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean(dtype=np.float64)) < 4 / np.sqrt(signs.size)
    assert largest_correlation(signs.astype(np.float64)) < 5.0


def test_permutations_are_all_equally_likely():
    rows = BEST.permutations(14, "batch_order", 0, np.arange(240_000, dtype=np.uint32), 4)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.arange(4) + 0 * rows)
    _, counts = np.unique(rows @ np.array([64, 16, 4, 1]), return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > LEAST_P
