"""Parameters and values at their ends, each with the number that is right."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from poolcli import global_pool, pool
from poolcli.errors import InputError, PoolError, UsageError
from poolcli.geometry import Adaptive
from poolcli.request import Request

LARGEST = np.finfo(np.float64).max
HUGE = 2**53 + 1
CASES = [
    # op, cells of one window, options, result
    ("avg", [1, 3], {"divisor": -2, "dtype": "int64"}, -2),
    ("avg", np.array([3, 250], "u1"), {"divisor": -2, "dtype": "int16", "fit": "clip"}, -126),
    ("avg", [2**62] * 2, {"divisor": -2, "dtype": "int64"}, -(2**62)),
    ("avg", [1, 2], {"divisor": 1e30, "dtype": "int16", "fit": "clip"}, 0),
    ("median", [HUGE] * 4, {"dtype": "int64"}, HUGE),
    ("median", [HUGE, HUGE + 2], {"dtype": "int64"}, HUGE + 1),
    ("median", [HUGE, HUGE + 1], {"dtype": "int64", "fit": "round"}, HUGE + 1),
    ("quantile", [0, 1e12], {"q": 1e-10}, 100.0),
    ("lp", [0.0005, 0.0003], {"norm": 100}, 0.0005),
    ("lp", [1e200, 1e200], {}, 2**0.5 * 1e200),
    ("rms", [1e-200, 1e-200], {}, 1e-200),
    ("rms", [0.0, 0.0], {}, 0.0),
    ("gem", [0.0, 0.0], {"p": 100}, 1e-6),
    ("lse", [1, 2, 3, 4], {"r": 1e-17}, 2.5),
    ("lse", [1, 2, 3, 4], {"r": -1e-17}, 2.5),
    ("lse", [1e308, 1e308], {"r": 10}, 1e308),
    ("lse", [0, 255, 255, 0], {}, 255 - np.log(2)),
    ("mixed", [-np.inf, 3], {"alpha": 1}, 3.0),
    ("mixed", [np.inf, 3], {"alpha": 0}, np.inf),
    ("mixed", [1.7e308, 1.7e308, 1.6e308], {"alpha": 0.5}, 1.6833333333333333e308),
    ("stochastic", [1, np.inf, 2], {}, np.inf),
    ("stochastic", [1e200, 1e200], {"mode": "expected"}, 1e200),
    ("stochastic", [1e-300, 2e-300], {"mode": "expected"}, 5 / 3 * 1e-300),
    ("stochastic", [5e-324, 0], {"mode": "expected"}, 5e-324),
    ("stochastic", [1e-300, 3e-300], {"mode": "expected", "negatives": "shift"}, 3e-300),
    ("stochastic", [1e308, -1e308, 1e308], {"mode": "expected", "negatives": "shift"}, 1e308),
    ("soft", [1.7e308, 1.7e308], {}, 1.7e308),
    ("soft", [-LARGEST, -LARGEST, -LARGEST], {}, -LARGEST),
    ("soft", [LARGEST, -LARGEST, np.inf], {}, np.inf),
    ("std", [1e160, -1e160], {}, 1e160),
    ("std", [LARGEST, -LARGEST], {}, LARGEST),
    ("var", [LARGEST, -LARGEST, LARGEST, -LARGEST], {}, np.inf),
]


@pytest.mark.parametrize(("op", "cells", "options", "expected"), CASES)
def test_the_right_number(op: str, cells: object, options: dict, expected: float) -> None:
    row = np.asarray(cells)[None]
    got = pool(row, op, row.shape, **options).item()
    if isinstance(expected, int):
        assert got == expected
    else:
        assert got == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("percent", range(1, 101))
def test_the_least_fraction_is_what_was_typed(percent: int) -> None:
    cells = np.full(100, -9.0)
    cells[:percent] = 1
    assert pool(cells, "avg", 100, nodata=-9, min_valid=percent / 100).item() == 1
    if percent < 100:
        assert pool(cells, "avg", 100, nodata=-9, min_valid=(percent + 1) / 100).item() == -9


@pytest.mark.parametrize(("dtype", "nodata"), [("f4", 1e39), ("f2", 1e6), ("u1", 256)])
def test_nodata_must_be_a_value_of_the_cells(dtype: str, nodata: float) -> None:
    with pytest.raises(InputError, match="nodata"):
        pool(np.zeros((2, 2), dtype), "max", 2, nodata=nodata)


def test_huge_cells_are_drawn_in_proportion() -> None:
    x = np.tile([1.5e308, 1.0e308, 0.5e308], 500)
    for cells, options in ((x, {}), (x - 0.75e308, {"negatives": "shift"})):
        drawn = pool(cells, "stochastic", 3, **options)
        counts = [(drawn == cell).sum() for cell in cells[:3]]
        assert counts == sorted(counts, reverse=True)
        assert min(counts[: 3 - len(options)]) > 50


def test_the_largest_magnitude_has_no_sign() -> None:
    x = np.array([[1.0, -3.0]])
    with pytest.raises(UsageError, match="norm inf .* no sign to keep; leave signed out"):
        global_pool(x, "lp", norm=np.inf, signed=True)
    for options in ({}, {"signed": False}, {"like": "torch"}):
        assert global_pool(x, "lp", norm=np.inf, **options) == 3


@pytest.mark.parametrize(("method", "place"), [("lower", 1), ("higher", 2), ("linear", 1)])
def test_where_a_median_stands(method: str, place: int) -> None:
    cells = np.array([[1, 2], [3, 4]])
    value, where = pool(cells, "median", 2, method=method, return_indices=True)
    assert where.item() == place
    assert method == "linear" or cells.flat[place] == value.item()


@pytest.mark.parametrize("size", [10**9, 2**59])
@pytest.mark.parametrize(("op", "why"), [("mode", "memory"), ("max", "memory")])
def test_a_result_too_large_for_memory_is_refused(op: str, why: str, size: int) -> None:
    with pytest.raises(PoolError, match=why):
        pool(np.zeros((3, 4)), op, size, stride=1, padding=size - 1)


@pytest.mark.parametrize("op", ["median", "quantile", "mode"])
def test_zeros_of_both_signs_sort_the_same_in_every_block(op: str) -> None:
    x = np.random.default_rng(1).choice([0.0, -0.0, 1.0, -1.0], (79, 64))
    plan = Request(op, Adaptive((41, 18))).plan(x.shape, x.dtype)
    expected = plan.run(x).tobytes()
    for block_bytes in (1, 64, 5000):
        assert plan.run(np.asfortranarray(x), block_bytes=block_bytes).tobytes() == expected


@pytest.mark.parametrize("op", ["subsample", "median", "mode", "stochastic", "avg", "max", "lse"])
def test_padding_costs_nothing_however_much_there_is(op: str) -> None:
    x = np.arange(64.0).reshape(8, 8)
    far = pool(x, op, 10**7, stride=10**7, padding=5 * 10**6)
    near = pool(x, op, 16, stride=16, padding=4)
    assert far.item() == pytest.approx(near.item())


def test_sums_of_more_cells_than_an_int32_counts() -> None:
    x = np.full((2, 2), -7, np.int32)
    assert pool(x, "sum", 70_000, stride=70_000, padding=35_000).item() == -28


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
@pytest.mark.parametrize("typed", ["0.1", "0.3", "0.7", "0.95"])
def test_a_share_of_whole_numbers_is_the_one_that_was_typed(typed: str, dtype: type) -> None:
    """0.3 as a float is a little less than 0.3: halves would be rounded down in pictures."""
    share = Fraction(typed)
    for seed in range(40):
        row = np.random.default_rng(seed).integers(0, 256, (1, 4)).astype(dtype)
        cells = sorted(map(int, row[0]))
        low = int(3 * share)
        quantile = cells[low] + (cells[low + 1] - cells[low]) * (3 * share - low)
        mixed = share * cells[-1] + (1 - share) * Fraction(sum(cells), 4)
        assert pool(row, "quantile", row.shape, q=float(typed)).item() == float(quantile)
        assert pool(row, "mixed", row.shape, alpha=float(typed)).item() == float(mixed)
