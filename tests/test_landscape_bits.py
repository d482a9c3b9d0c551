"""A replica's bits depend on its own point and nothing else; arrays that come in are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from cases import POOL, generator, rows_where, small
from conftest import TARGETS
from numpy.testing import assert_array_equal

pytestmark = pytest.mark.filterwarnings("ignore:hvp. no function:UserWarning")

QUANTITIES = {
    "energy": lambda land, x, v, **how: (land.energy(x, **how),),
    "gradient": lambda land, x, v, **how: land.gradient(x, **how),
    "hvp": lambda land, x, v, **how: (land.hvp(x, v, **how),),
}
# Every place in a register of up to 16 lanes, at the start, in the middle and in a ragged end.
ALONE = [*range(17), *range(500, 503), *range(POOL - 17, POOL)]


def batch(case, dtype):
    x = case.points(POOL, salt=5).astype(dtype)
    return x, generator(case.name, 6).normal(size=x.shape).astype(dtype)


def equal_bits(these, those, where):
    for mine, other in zip(these, those, strict=True):
        assert mine.dtype == other.dtype
        assert np.isfinite(mine).all()
        assert_array_equal(mine, other, err_msg=where)


def same_replicas(case, dtype, target, whole, x, v, evaluate, rows):
    """Rows evaluated in a batch of their own equal those rows of the whole batch."""
    rows = np.asarray(rows)
    land = case.build(dtype, target, rows=rows)
    part = evaluate(land, np.ascontiguousarray(x[rows]), np.ascontiguousarray(v[rows]))
    equal_bits(part, [w[rows] for w in whole], f"rows {rows[0]} .. {rows[-1]}")


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_row_does_not_know_its_batch(case, dtype, target, quantity):
    x, v = batch(case, dtype)
    evaluate = QUANTITIES[quantity]
    whole = evaluate(case.build(dtype, target, rows=np.arange(POOL)), x, v)
    for row in ALONE:
        same_replicas(case, dtype, target, whole, x, v, evaluate, [row])
    same_replicas(case, dtype, target, whole, x, v, evaluate, range(3, 40))
    same_replicas(case, dtype, target, whole, x, v, evaluate, range(POOL - 1, 900, -1))


@rows_where(lambda case: case.reads_data)
def test_network_outputs_do_not_know_their_batch(case, dtype, target):
    x, _ = batch(case, dtype)
    quantities = ["predict", "sample_losses"] + ["margins"] * (case.loss != "mse")
    whole = case.build(dtype, target, rows=np.arange(POOL))
    for quantity in quantities:
        together = getattr(whole, quantity)(x)
        for row in (0, 1, 7, 16, POOL - 1):
            alone = getattr(case.build(dtype, target, rows=[row]), quantity)(x[row : row + 1])
            equal_bits([alone], [together[row : row + 1]], f"{quantity}, row {row}")


@pytest.mark.parametrize("replicas", [37, POOL])
def test_threads_do_not_change_a_bit(case, dtype, target, replicas):
    x, v = (a[:replicas] for a in batch(case, dtype))
    land = case.build(dtype, target, rows=np.arange(replicas))
    for quantity, evaluate in QUANTITIES.items():
        one = evaluate(land, x, v, threads=1)
        for threads in (2, 3):
            equal_bits(evaluate(land, x, v, threads=threads), one, f"{quantity}, {threads} threads")


@rows_where(small)
def test_hessian_rows_and_threads(case, dtype, target):
    """The batched Hessian keeps the same promise, whatever else is in the lanes."""
    land = case.build(dtype, target, rows=np.arange(11))
    x = batch(case, dtype)[0][:11]
    whole = land.hessian(x, threads=1)
    equal_bits([land.hessian(x, threads=3)], [whole], "3 threads")
    for first, end in ((0, 1), (5, 6), (10, 11), (3, 5), (2, 6), (1, 9), (4, 11)):
        some = case.build(dtype, target, rows=np.arange(first, end)).hessian(x[first:end])
        equal_bits([some], [whole[first:end]], f"rows {first} .. {end - 1}")


@pytest.mark.parametrize("other", [t for t in TARGETS if t != TARGETS[-1]])
def test_targets_agree(case, other):
    """Same formulas, other instructions: 1e-12 of the norm of each row, in float64."""
    x, v = (a[:64] for a in batch(case, "float64"))
    ours, theirs = (case.build("float64", t, rows=np.arange(64)) for t in (other, TARGETS[-1]))
    assert ours.target != theirs.target
    for quantity, evaluate in QUANTITIES.items():
        for mine, hers in zip(evaluate(ours, x, v), evaluate(theirs, x, v), strict=True):
            mine, hers = mine.reshape(64, -1), hers.reshape(64, -1)
            size = np.linalg.norm(hers, axis=1) + case.magnitude
            error = np.linalg.norm(mine - hers, axis=1)
            assert np.all(error <= 1e-12 * size), quantity


def test_arrays_may_be_read_only_and_are_left_alone(case, dtype, target):
    x, v = (a[:5] for a in batch(case, dtype))
    before = x.copy(), v.copy()
    x.setflags(write=False)
    v.setflags(write=False)
    land = case.build(dtype, target, rows=np.arange(5))
    for evaluate in QUANTITIES.values():
        evaluate(land, x, v)
    land.hessian(x[:1]) if land.dim < 200 and case.shares_rows else None
    assert_array_equal(x, before[0])
    assert_array_equal(v, before[1])


@rows_where(lambda case: case.reads_data)
def test_data_belong_to_the_landscape_once_it_is_built(case, dtype):
    """Editing the arrays a data set was made of does not move the landscape."""
    rows = np.arange(3)
    x = case.points(3).astype(dtype)
    inputs, targets = (np.array(a, copy=True) for a in case.arrays(rows))
    kept = case.pool()
    try:
        case.cache.update(inputs=inputs, targets=targets)
        land = case.build(dtype, rows=None)
        before = land.energy(x), land.sample_losses(x)
        inputs[...] = 0
        equal_bits((land.energy(x), land.sample_losses(x)), before, "after editing the inputs")
    finally:
        case.cache.update(inputs=kept[0], targets=kept[1])
