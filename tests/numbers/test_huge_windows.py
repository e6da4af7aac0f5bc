"""Windows of any nominal size: as quick and small as their real cells, or refused in one line."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from poolcli import OPS, adaptive_pool, global_pool, output_shape, pool, pyramid_pool
from poolcli.errors import PoolError
from poolcli.geometry import Sliding
from tests.helpers.program import PROJECT, finished, npy_bytes, start

SIZES = (10**4, 10**7, 2**31 + 1, 10**12, 2**60)
PARAMS = {"stochastic": {"mode": "expected", "negatives": "relu"}}
X = np.array([[1.0, 2, 7, 4], [5, -6, 0, 8], [9, 1, 2, 3], [4, 5, 3, 7]])
PARTS = (slice(0, 1), slice(1, 4))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
@pytest.mark.parametrize("op", sorted(set(OPS) - {"blur"}))
def test_a_huge_window_is_the_window_of_its_real_cells(op, dtype, size):
    """Of the windows at the corner one holds a single cell, and the next all others."""
    x, params = np.abs(X).astype(dtype), PARAMS.get(op, {})
    got = pool(x, op, size, stride=size, padding=size - 1, **params)
    assert got.shape == (2, 2)
    for i, j in itertools.product((0, 1), (0, 1)):
        expected = global_pool(x[PARTS[i], PARTS[j]], op, **params)
        if op == "stochastic":
            expected = np.float64(expected)
        np.testing.assert_allclose(got[i, j], expected, rtol=1e-6 if dtype == "f4" else 1e-14)


@pytest.mark.parametrize("nan", ["propagate", "skip"])
@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("op", ["max", "avg", "median", "mode", "std"])
def test_one_huge_window_is_global(op, size, nan):
    x = X.copy()
    x[1, 2] = np.nan
    got = pool(x, op, 2 * (size // 2) + 1, padding=size // 2, nan=nan)
    np.testing.assert_allclose(got, global_pool(x, op, nan=nan, keepdims=True), rtol=1e-14)


@pytest.mark.parametrize("dilation", SIZES)
def test_huge_dilation_leaves_single_cells(dilation):
    got = pool(X, "max", 3, stride=1, padding="same", dilation=dilation // 2)
    np.testing.assert_array_equal(got, X)
    assert output_shape((4, 4), 3, stride=1, padding=dilation // 2, dilation=dilation // 2) == (
        4,
        4,
    )


@pytest.mark.parametrize("size", [10**6, 10**10])
def test_counted_padding_divides_by_the_nominal_size(size):
    got = pool(X[0], "avg", size, stride=size, padding=size - 1, count_include_pad=True)
    expected = [Fraction(1, size), Fraction(13, size)]
    np.testing.assert_allclose(got, [float(v) for v in expected], rtol=1e-15)


def test_counts_past_64_bits_are_refused():
    with pytest.raises(PoolError, match="hold more than 2\\^62 cells"):
        pool(X, "avg", 2**40, stride=2**40, padding=2**40 - 1, count_include_pad=True)


@pytest.mark.parametrize("size", [2**20 + 1, 10**7, 10**9, 2**60])
def test_many_more_windows_than_cells_are_refused(size):
    with pytest.raises(PoolError, match=f"output size {size} is too large"):
        adaptive_pool(X, "max", size)
    with pytest.raises(PoolError, match=f"output size {size} is too large"):
        pyramid_pool(X, "max", (1, size))


@pytest.mark.parametrize("stride", [1, 2, 7, 10**9])
@pytest.mark.parametrize("dilation", [2, 3, 10**9])
def test_what_huge_windows_drop_is_found_at_once(stride, dilation):
    sizes = (10**9 + 1, 10**9 + 2)
    for n, size in itertools.product((1, 4, 9), sizes):
        half = (size - 1) * dilation // 2
        try:
            (w,) = Sliding(size, stride, half, dilation).resolve(["width"], [n])
        except PoolError:
            continue
        some = {*range(min(w.out, 60)), *range(max(0, w.out - 60), w.out)}
        starts = [w.starts[i] for i in some]
        covered = [c for c in range(n) if any(c in range(s, c + 1, dilation) for s in starts)]
        assert w.dropped == n - len(covered)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits of memory")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("blur -k 5000", 0),
        ("blur -k 100000", 0),
        ("blur -k 1152921504606846976", 0),
        ("max -k 2000000001 -p 1000000000", 0),
        ("avg -k 2000000001 -p 1000000000 --count-include-pad", 0),
        ("max -k 3 -d 1000000000 -p 1000000000", 0),
        ("median -k 1000000000001 -p 500000000000", 0),
        ("std -k 1000000000000001 -s 3 -p same", 0),
        ("max -k 100000000000 -p 99999999999 -s 1", 1),
        ("max -k 1152921504606846976", 1),
    ],
)
def test_little_memory_is_enough(arguments: str, code: int) -> None:
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    matrix = ("--max-memory", "100M", "--matrix", "1 2 3; 4 5 6")
    # Each thread of NumPy's linear algebra takes address space before there is any array.
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OPENBLAS_NUM_THREADS": "1"}
    done = finished(*arguments.split(), *matrix, preexec_fn=limit, env=environment)
    assert done.code == code, done.err
    assert "unexpected" not in done.err
    assert done.err.count("\n") == code


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_large_blur_ends_when_asked() -> None:
    with start("blur", "-k", 2**32, "-s", 1, "-l", "W", "-", "-o", "out.npy") as program:
        assert program.stdin is not None
        program.stdin.write(npy_bytes(np.zeros(40_000)))
        program.stdin.close()
        with pytest.raises(subprocess.TimeoutExpired):  # it is at work, for minutes
            program.wait(2)
        program.send_signal(signal.SIGINT)
        program.wait(60)
    assert program.returncode == 130
