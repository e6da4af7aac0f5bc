"""Arrays of dask: lazy, and to the byte what NumPy's give, whatever the chunks."""

from __future__ import annotations

import numpy as np
import pytest

import poolcli
from tests.helpers.every import every

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

X = np.random.default_rng(0).random((3, 29, 31, 4)).astype("f4")
CHUNKS = [(1, 10, 13, 4), (3, 1, 31, 2), (2, 29, 7, 4), ((1, 2), (5, 0, 24), (31,), (2, 2))]


def same(lazy, wanted):
    assert isinstance(lazy, da.Array)
    assert (lazy.shape, lazy.dtype) == (wanted.shape, wanted.dtype)
    got = lazy.compute(scheduler="sync")
    assert got.tobytes() == wanted.tobytes()
    for axis, lengths in enumerate(lazy.chunks):
        assert sum(lengths) == got.shape[axis]


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
def test_one_result_for_any_chunks(chunks):
    x = da.from_array(X, chunks=chunks)

    def check(row):
        op, options = row
        same(poolcli.pool(x, op, **options), poolcli.pool(X, op, **options))

    rows = [
        ("max", {"size": 2}),
        ("avg", {"size": 3, "stride": 2, "padding": 1}),
        ("avg", {"size": 5, "stride": 1, "padding": "same", "count_include_pad": True}),
        ("sum", {"size": (4, 50), "stride": 3, "ceil_mode": True}),
        ("median", {"size": 3, "dilation": 4}),
        ("max", {"size": {1: 3, 3: 2}}),
        ("blur", {"size": 5, "stride": 2}),
        ("stochastic", {"size": 2, "seed": 7}),
        ("mode", {"size": 2, "nodata": 0, "min_valid": 0.5}),
        ("avg", {"size": 2, "dtype": "f8"}),
    ]
    every(rows, check, told=lambda row: f"{row}")
    same(poolcli.adaptive_pool(x, "avg", (7, 31)), poolcli.adaptive_pool(X, "avg", (7, 31)))
    same(poolcli.global_pool(x, "avg"), poolcli.global_pool(X, "avg"))
    same(poolcli.fractional_pool(x, "max", 9), poolcli.fractional_pool(X, "max", 9))
    same(poolcli.chain(x, "max 2 | avg 2"), poolcli.chain(X, "max 2 | avg 2"))
    same(poolcli.pyramid_pool(x, "max", [1, 2]), poolcli.pyramid_pool(X, "max", [1, 2]))
    for lazy, wanted in zip(
        poolcli.pool(x, "max", 3, index="tensor", return_indices=True),
        poolcli.pool(X, "max", 3, index="tensor", return_indices=True),
        strict=True,
    ):
        same(lazy, wanted)


def test_chunks_stay_and_nothing_is_read_before():
    def never(*_):
        raise AssertionError("it was read")

    x = da.map_blocks(never, chunks=((4, 4), (6, 6)), dtype="f8", meta=np.empty((0, 0)))
    lazy = poolcli.pool(x, "max", 2)
    assert lazy.chunks == ((2, 2), (3, 3))
    with pytest.raises(AssertionError, match="it was read"):
        lazy.compute(scheduler="sync")


def test_as_its_own_coarsen_does():
    x = da.from_array(X[0, :28, :30, 0].astype("f8"), chunks=(7, 10))
    for op, reduce in [("max", np.max), ("avg", np.mean), ("sum", np.sum)]:
        wanted = da.coarsen(reduce, x.rechunk((14, 10)), {0: 2, 1: 5}).compute()
        np.testing.assert_allclose(poolcli.pool(x, op, (2, 5)).compute(), wanted)


def test_a_part_reads_the_chunks_that_it_needs():
    read = []

    def note(block, block_info=None):
        read.append(block_info[0]["chunk-location"])
        return block

    x = da.from_array(np.zeros((40, 40)), chunks=10).map_blocks(note, meta=np.empty((0, 0)))
    poolcli.pool(x, "max", 3, stride=2, padding=1)[0, 0].compute(scheduler="sync")
    assert set(read) == {(0, 0), (0, 1), (1, 0), (1, 1)}  # of 16


def test_what_cannot_be_is_refused_at_once():
    x = da.from_array(X, chunks=10)
    unknown = da.from_array(np.arange(9.0), chunks=3)
    unknown = unknown[unknown > 2]
    for call, message in [
        (lambda: poolcli.pool(x, "avg", 2, return_indices=True), "avg picks no cell"),
        (lambda: poolcli.pool(x, "max", 99), "exceeds input 29"),
        (lambda: poolcli.pool(unknown, "max", 2), "unknown sizes"),
        (lambda: poolcli.pool(x, "max", 2, out=np.empty(3)), "out: results of a Array are new"),
    ]:
        with pytest.raises(poolcli.PoolError, match=message):
            call()
    x = X.copy()
    x[2, 8, 9, 3] = np.nan
    with pytest.raises(poolcli.InputError, match="batch 2, height 8, width 9, channels 3"):
        poolcli.pool(da.from_array(x, chunks=5), "max", 2, nan="error").compute(scheduler="sync")
