"""Averages and sums of floats within 2 ulp of the exact result (S7), however large the window."""

import math
from fractions import Fraction

import numpy as np
import pytest

from poolcli import global_pool, pool
from tests.spec.ops import total

FLOATS = (np.float16, np.float32, np.float64)
ULPS = 2


def assert_accurate(cells, got, count=None):
    """`got` is the sum of `cells`, or with `count` their mean, relative to that of |cells|."""
    divisor = 1 if count is None else count
    finite = [float(c) for c in cells]
    exact = total(finite) / divisor
    magnitude = float(total(list(map(abs, finite))) / divisor)
    below = np.nextafter(got.dtype.type(magnitude), got.dtype.type(0))
    ulp = float(np.spacing(below))
    assert math.isfinite(float(got))
    assert abs(Fraction(float(got)) - exact) <= ULPS * Fraction(ulp), (float(got), float(exact))


def hard_values(kind, n, dtype):
    rng = np.random.default_rng([n, len(kind)])
    if kind == "positive":
        return rng.random(n).astype(dtype)
    if kind == "mixed":
        return rng.standard_normal(n).astype(dtype)
    if kind == "wide":
        exponents = rng.uniform(-4, 4, n) if dtype == np.float16 else rng.uniform(-30, 30, n)
        return (rng.choice([-1, 1], n) * 10**exponents).astype(dtype)
    if kind == "one big, many small":
        x = np.full(n, 1 / 4, dtype)
        x[0] = 1 / np.finfo(dtype).eps
        return x
    if kind == "cancelling":
        half = rng.standard_normal(n // 2).astype(dtype)
        return rng.permutation(np.concatenate([half, -half, half[: n % 2]]))
    if kind == "thirds":
        return np.full(n, 1 / 3, dtype)
    assert kind == "subnormal"
    return (rng.integers(-99, 100, n) * np.finfo(dtype).smallest_subnormal).astype(dtype)


KINDS = (
    "positive", "mixed", "wide", "one big, many small", "cancelling", "thirds", "subnormal",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
def test_windows_of_every_size(kind, dtype):
    n = 2100
    x = hard_values(kind, n, dtype)
    for size in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 129, 1000, 1025, 2047, n):
        starts = range(0, n - size + 1, max(1, (n - size) // 3))
        averages = pool(x, "avg", size, stride=starts.step)
        sums = pool(x, "sum", size, stride=starts.step)
        for start, average, added in zip(starts, averages, sums, strict=True):
            window = x[start : start + size]
            assert_accurate(window, average, count=size)
            if float(np.abs(window.astype(np.float64)).sum()) < float(np.finfo(dtype).max):
                assert_accurate(window, added)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
@pytest.mark.parametrize("size", [2, 3, 5, 7, 11, (3, 8), (16, 1)], ids=str)
def test_windows_of_two_axes(dtype, size):
    x = hard_values("wide", 24 * 18, dtype).reshape(24, 18)
    rows, columns = (size, size) if isinstance(size, int) else size
    around = (1, int(columns > 1))
    averages = pool(x, "avg", size, stride=5, padding=around)
    counted = pool(x, "avg", size, stride=5, padding=around, count_include_pad=True)
    padded = np.pad(x, [(p, p) for p in around])
    inside = np.pad(np.ones(x.shape), [(p, p) for p in around])
    for i, j in np.ndindex(*averages.shape):
        here = np.s_[5 * i : 5 * i + rows, 5 * j : 5 * j + columns]
        window, real = padded[here].ravel(), inside[here].sum()
        assert_accurate(window, averages[i, j], count=int(real))
        assert_accurate(window, counted[i, j], count=rows * columns)


@pytest.mark.parametrize("layout", ["HW", "WC", "CW"])
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
def test_a_million_cells(dtype, layout):
    x = hard_values("one big, many small", 1_000_000, dtype).reshape(1000, 1000)
    got = global_pool(x, "avg", layout=layout)
    axis = tuple(i for i, letter in enumerate(layout) if letter in "HW")
    wide = np.moveaxis(x.astype(np.float64), axis, range(-len(axis), 0))
    planes = wide.reshape(-1, math.prod(x.shape[i] for i in axis))
    exact = np.array([math.fsum(plane) / len(plane) for plane in planes])  # all are positive
    ulps = np.abs(np.ravel(got) - exact) / np.spacing(exact.astype(dtype))
    assert ulps.max() <= ULPS + 0.01  # fsum's own rounding


def test_a_hundred_million_equal_cells():
    x = np.broadcast_to(np.float32(0.1), (10_000, 10_000))
    assert abs(global_pool(x, "avg") - np.float32(0.1)) <= 2 * np.spacing(np.float32(0.1))


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 9, 33, 1000])
def test_averages_of_the_largest_numbers_do_not_overflow(dtype, n):
    top = np.finfo(dtype).max
    assert_accurate([top] * n, global_pool(np.full(n, top, dtype), "avg"), count=n)
    assert_accurate([-top] * n, pool(np.full(n, -top, dtype), "avg", n)[0], count=n)
    both = np.resize(np.array([top, top, -top, -top], dtype), n)
    assert_accurate(both, global_pool(both, "avg"), count=n)
    assert_accurate(both, pool(both.reshape(1, n), "avg", (1, n))[0, 0], count=n)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
def test_an_overflow_beside_does_not_spoil_its_neighbours(dtype):
    top = np.finfo(dtype).max
    x = np.array([[1, 3, top, top, 5, 7, np.inf, 1, np.nan, 1, 9, 9]], dtype)
    got = pool(x, "avg", (1, 2))[0]
    assert got.tolist()[:1] + got.tolist()[2:4] == [2, 6, np.inf]
    assert_accurate([top, top], got[1], count=2)
    assert np.isnan(got[4])
    assert got[5] == 9


def test_sums_of_halves_overflow_to_infinity_like_any_float():
    assert global_pool(np.full(100, 65504, np.float16), "sum") == np.inf
    assert global_pool(np.full(70_000, 1, np.float16), "avg") == 1
    assert global_pool(np.full(60_000, 1, np.float16), "sum") == 60_000


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ([2**64 - 1] * 3, "u8"),
        ([2**64 - 1, 2**64 - 2, 0], "u8"),
        ([2**63 + 1025] * 7, "u8"),
        ([2**63 - 1, -(2**63)], "i8"),
        ([2**63 - 1] * 5, "i8"),
        ([-(2**63)] * 9, "i8"),
        ([2**53 + 1] * 3, "i8"),
        ([2**62, 1, 1, -(2**62)], "i8"),
        ([255] * 1000, "u1"),
        ([-128] * 999, "i1"),
        ([2**32 - 1] * 77, "u4"),
        ([1, 0, 1], "?"),
    ],
)
def test_averages_of_integers(cells, dtype):
    """The sum is exact; only the division and its result are rounded."""
    exact = Fraction(sum(cells), len(cells))
    for x in (np.array(cells, dtype), np.array(cells[::-1], ">" + dtype)):
        for got in (global_pool(x, "avg"), pool(x, "avg", len(cells))[0]):
            assert abs(Fraction(float(got)) - exact) <= Fraction(np.spacing(abs(float(exact))))
