"""Masks: cells that do not count, against the specification with those cells missing."""

from __future__ import annotations

import numpy as np
import pytest

import poolcli
from poolcli.ops import OPS
from tests.helpers.every import every
from tests.spec.ops import OPS as SPECIFIED
from tests.spec.pooling import naive_pool
from tests.spec.windows import sliding

RNG = np.random.default_rng(8)
MASK = RNG.random((6, 7)) < 0.4
MASK[0, 0] = MASK[2, 2] = MASK[4, 4] = False
KINDS = ("f2", "f4", "f8", ">f4", "i1", "u1", "i2", "u4", "i8", "u8", "?")


def as_specified(x, op, mask, geometry, **options):
    """Missing cells are NaN to the specification, whatever the type."""
    cells = np.where(mask, np.nan, x.astype("f8"))
    return naive_pool(cells, op, geometry, layout="HW", nan="skip", **options)


def test_every_op_of_every_type():
    def check(row):
        op, kind = row
        x = RNG.integers(0, 2 if kind == "?" else 100, MASK.shape).astype(kind)
        params = {"mode": "expected"} if op == "stochastic" else {}
        got = poolcli.pool(x, op, 3, stride=2, mask=MASK, layout="HW", nodata=None, **params)
        assert got.dtype == poolcli.pool(x, op, 3, stride=2, layout="HW", **params).dtype
        wanted = as_specified(x, op, MASK, sliding(3, stride=2))
        digits = 2e-3 if kind == "f2" else 1e-5 if kind[-2:] == "f4" else 1e-12
        np.testing.assert_allclose(got.astype("f8"), wanted, rtol=digits, atol=digits)

    every([(op, kind) for op in OPS if op in SPECIFIED for kind in KINDS], check)


def test_nan_beside_a_mask_means_what_it_did():
    x = np.array([[1, np.nan, 3, 4, 5, 6]])
    mask = np.array([[True, False, False, True, True, True]])
    assert np.isnan(poolcli.pool(x, "max", (1, 2), mask=mask)[0, [0, 2]]).all()
    assert poolcli.pool(x, "max", (1, 2), mask=mask)[0, 1] == 3
    skipped = poolcli.pool(x, "max", (1, 3), mask=mask, nan="skip")
    assert skipped.tolist()[0][0] == 3
    masked_nan = poolcli.pool(x, "max", (1, 3), mask=np.isnan(x), nan="error")
    assert masked_nan.tolist() == [[3, 6]]
    with pytest.raises(poolcli.InputError, match="NaN at height 0, width 1"):
        poolcli.pool(x, "max", (1, 2), mask=mask, nan="error")


def test_what_windows_of_masked_cells_alone_give():
    x = np.arange(8, dtype=np.uint8).reshape(2, 4)
    mask = x >= 0
    mask[:, :2] = False
    assert poolcli.pool(x, "max", 2, mask=mask, nodata=255).tolist() == [[5, 255]]
    assert np.isnan(poolcli.pool(x, "avg", 2, mask=mask)[0, 1])
    with pytest.raises(poolcli.InputError, match="the window at height 0, width 1 has masked"):
        poolcli.pool(x, "max", 2, mask=mask)
    with pytest.raises(poolcli.InputError, match="masked cells alone"):
        poolcli.pool(x, "avg", 2, mask=mask, dtype="u1", fit="round")
    with pytest.raises(poolcli.UsageError, match="min_valid beside a mask"):
        poolcli.pool(x, "max", 2, mask=mask, min_valid=0.5)
    half = poolcli.pool(x.astype("f4"), "max", (2, 4), mask=mask, min_valid=0.6)
    assert np.isnan(half).all()
    y, where = poolcli.pool(x, "min", 2, mask=mask, nodata=255, return_indices=True)
    assert (y.tolist(), where.tolist()) == ([[0, 255]], [[0, -1]])


def test_masks_of_planes_and_of_whole_arrays():
    x = RNG.random((2, 6, 7, 3))
    own = RNG.random(x.shape) < 0.3
    for mask in (MASK, own, own[:1], np.where(MASK, 255, 0)):
        whole = np.broadcast_to(mask if mask.ndim == 4 else mask[:, :, None], x.shape) != 0
        got = poolcli.pool(x, "avg", 2, mask=mask)
        for n, c in np.ndindex(2, 3):
            plane = poolcli.pool(x[n, :, :, c], "avg", 2, mask=whole[n, :, :, c])
            np.testing.assert_array_equal(got[n, :, :, c], plane)
    for view in (got := poolcli.pool(x, "avg", 2, axes=(1, 2), mask=own),):
        np.testing.assert_array_equal(view, poolcli.pool(x, "avg", 2, mask=own))
    np.testing.assert_array_equal(
        poolcli.pool(x, "max", {0: 2}, mask=np.array([True, False])), x[1:]
    )
    masked = np.ma.masked_array(x, own)
    got = poolcli.global_pool(x, "avg", mask=masked.mask)
    np.testing.assert_allclose(got, masked.mean((1, 2)).filled(np.nan))


def test_other_families_and_blocks():
    x = RNG.random((40, 50)).astype("f4")
    mask = RNG.random(x.shape) < 0.5
    nan = np.where(mask, np.nan, x)
    for call in (
        lambda x, **o: poolcli.adaptive_pool(x, "median", 7, **o),
        lambda x, **o: poolcli.fractional_pool(x, "avg", 9, **o),
        lambda x, **o: poolcli.pyramid_pool(x, "max", [1, 2, 4], **o),
        lambda x, **o: poolcli.pool(x, "blur", 3, stride=2, **o),
        lambda x, **o: poolcli.pool(x, "sum", 5, stride=2, padding=2, **o),
    ):
        assert call(x, mask=mask).tobytes() == call(nan, nan="skip").tobytes()
    from poolcli.geometry import Sliding
    from poolcli.request import Request

    plan = Request("avg", Sliding(3, 2), mask=mask).plan_alone(x.shape, x.dtype)
    wanted = plan.run(x)
    assert plan.run(x, block_bytes=64).tobytes() == wanted.tobytes()
    assert plan.part((3, 4), (9, 8)).run(x).tobytes() == wanted[3:9, 4:8].tobytes()


def test_what_is_refused():
    x = np.zeros((4, 4))
    for mask, message in [
        (np.zeros((3, 4)), "the shape of the mask is 3x4; for 4x4 as HW"),
        (np.array(["a"]), "the mask is of <U1"),
    ]:
        with pytest.raises(poolcli.PoolError, match=message):
            poolcli.pool(x, "max", 2, mask=mask)
    x[1, 1] = np.finfo("f8").min
    with pytest.raises(poolcli.InputError, match="which is what masked ones are marked with"):
        poolcli.pool(x, "max", 2, mask=np.zeros((4, 4), bool))


def test_masks_of_dask_arrays():
    da = pytest.importorskip("dask.array")
    x = RNG.random((3, 20, 21, 2))
    mask = RNG.random((20, 21)) < 0.4
    lazy = poolcli.pool(da.from_array(x, chunks=(1, 6, 7, 2)), "avg", 3, stride=2, mask=mask)
    got = lazy.compute(scheduler="sync")
    assert got.tobytes() == poolcli.pool(x, "avg", 3, stride=2, mask=mask).tobytes()
