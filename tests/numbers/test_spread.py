"""Variances and deviations against exact fractions, however large the mean is beside them."""

import math
from fractions import Fraction

import numpy as np
import pytest

from poolcli import global_pool, pool
from tests.spec.ops import op_var

# What docs/ops.md says.
ULPS = 4


def exact_variance(cells, ddof):
    return op_var(cells, ddof=ddof)


def assert_near(got, exact):
    unit = np.spacing(np.abs(got.dtype.type(float(exact))))
    assert abs(Fraction(float(got)) - exact) <= ULPS * Fraction(float(unit)), (got, float(exact))


def values(kind, n, rng):
    if kind == "doubles 1e9 ± 1":
        return 1e9 + rng.normal(size=n)
    if kind == "doubles 1e15 + 0 … 8":
        return 1e15 + rng.integers(0, 9, n)
    if kind == "one beside many":
        return np.r_[np.full(n - 1, 1e12), 1e12 + 1]
    if kind == "of every size":
        return rng.choice([-1, 1], n) * 10 ** rng.uniform(-20, 20, n)
    if kind == "small":
        return rng.normal(size=n) * 1e-100
    if kind == "float32 1e7":
        return (1e7 + rng.integers(0, 2, n)).astype("f4")
    if kind == "float16":
        return (2000 + rng.integers(0, 3, n)).astype("f2")
    if kind == "int64 beyond 2⁵³":
        return rng.integers(2**62, 2**62 + 99, n)
    if kind == "uint64 at its end":
        return np.uint64(2**64 - 1) - rng.integers(0, 50, n).astype("u8")
    if kind == "uint64":
        return rng.integers(0, 2**64 - 1, n, "u8")
    if kind == "int32":
        return rng.integers(2**31 - 9, 2**31 - 1, n).astype("i4")
    if kind == "uint8":
        return rng.integers(250, 256, n).astype("u1")
    if kind == "bool":
        return rng.random(n) < 0.01
    assert kind == "int16, one beside many"
    return np.r_[np.full(n - 1, 32767), 32766].astype("i2")


KINDS = (
    "doubles 1e9 ± 1", "doubles 1e15 + 0 … 8", "one beside many", "of every size", "small",
    "float32 1e7", "float16", "int64 beyond 2⁵³", "uint64 at its end", "uint64", "int32", "uint8",
    "bool", "int16, one beside many",
)  # fmt: skip


@pytest.mark.parametrize("n", [2, 3, 7, 16, 100, 1001, 5000])
@pytest.mark.parametrize("kind", KINDS)
def test_as_near_as_a_mean(kind, n):
    for seed in range(3):
        x = values(kind, n, np.random.default_rng([seed, n]))
        cells = x.astype(object) if x.dtype.kind in "iu" else x.tolist()
        for ddof in (0, 1):
            exact = exact_variance([int(c) if x.dtype.kind in "iub" else c for c in cells], ddof)
            for got in (global_pool(x, "var", ddof=ddof), pool(x, "var", n, ddof=ddof)[0]):
                assert_near(got, exact)
            deviation = global_pool(x, "std", ddof=ddof)
            root = math.sqrt(exact) if exact else 0.0
            assert abs(float(deviation) - root) <= ULPS * np.spacing(deviation.dtype.type(root))


@pytest.mark.parametrize("dtype", ["u1", "i4", "i8", "f4", "f8"])
def test_windows_of_two_axes_with_missing_cells(dtype):
    rng = np.random.default_rng(3)
    x = rng.integers(100, 127, (20, 17)).astype(dtype)
    x[rng.random(x.shape) < 0.2] = 99
    got = pool(x, "var", (5, 4), stride=3, padding=1, nodata=99)
    for i, j in np.ndindex(*got.shape):
        top, left = 3 * i - 1, 3 * j - 1
        window = x[max(0, top) : top + 5, max(0, left) : left + 4]
        assert_near(got[i, j], exact_variance(window[window != 99].astype(int).tolist(), 0))


def test_equal_cells_have_none_and_infinite_ones_no_number():
    for dtype in ("u1", "i8", "f4", "f8"):
        assert global_pool(np.full(999, 77, dtype), "var") == 0
    assert np.isnan(global_pool(np.array([np.inf, 1.0]), "std"))
    assert np.isnan(global_pool(np.array([1.0]), "var", ddof=1))
    assert global_pool(np.array([1e300, -1e300]), "std") == pytest.approx(1e300)
