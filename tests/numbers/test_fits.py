"""Every op that gives values of the cells, into every type, by every fit: nothing wraps (S6)."""

import numpy as np
import pytest

from poolcli import pool
from poolcli.errors import PoolError
from tests.helpers.cases import DTYPES, Case, check

LINES = ("linear", "midpoint")
PICKS = ("lower", "higher", "nearest")
# op and its parameters; those that are no pick of cells as well, where their result is a cell's.
KEEPING = {
    "max": ("max", {}),
    "min": ("min", {}),
    "mode": ("mode", {}),
    "subsample": ("subsample", {}),
    "avg": ("avg", {}),
    "stochastic": ("stochastic", {"negatives": "relu"}),
    **{f"median {m}": ("median", {"method": m}) for m in (*LINES, *PICKS)},
    # A median is a quantile: of these one of either kind.
    **{f"quantile {m}": ("quantile", {"q": 0.25, "method": m}) for m in ("linear", "lower")},
}
# A window of one cell, several through a selection network, and windows that are gathered.
ROADS = (
    (1, {"size": 1}),
    (2, {"size": 2}),
    (3, {"size": 3}),
    (2, {"size": 3, "padding": 1, "stride": 3}),
    (2, {"size": 2, "padding": (1, 1), "stride": 2}),
)


def ends(dtype):
    if dtype.kind == "b":
        return [False, True]
    if dtype.kind == "f":
        return [-300.0, 300.5, 70_000.0]
    limits = np.iinfo(dtype)
    return [int(limits.min), int(limits.max), 7]


@pytest.mark.parametrize("fit", ["exact", "round", "clip"])
@pytest.mark.parametrize("name", KEEPING)
def test_values_that_are_kept_fit_or_are_refused(name, fit):
    op, params = KEEPING[name]
    for number, code in enumerate(DTYPES):
        for offset, target in enumerate(DTYPES):
            # Every type in both orders of bytes, and in either into half of the others.
            source = np.dtype("<>"[(number + offset) // len(ROADS) % 2] + code)
            for end in ends(source):
                cells, windows = ROADS[(number + offset) % len(ROADS)]
                with np.errstate(over="ignore"):
                    x = np.full(cells, end).astype(source)
                if op == "stochastic":
                    assert_kept(Case(x[:1], op, {"size": 1}, {"dtype": target, "fit": fit}), params)
                else:
                    check(Case(x, op, windows, {"dtype": target, "fit": fit}, params=params))


def assert_kept(case, params):
    """One cell is drawn for certain, so that it is as if it were the largest."""
    case = Case(np.maximum(case.x, case.x.dtype.type(0)), case.op, case.windows, case.options)
    drawn = Case(case.x, "stochastic", case.windows, case.options, params=params)
    largest = Case(case.x, "max", case.windows, case.options)
    try:
        expected = largest.run()
    except PoolError:
        with pytest.raises(PoolError):
            drawn.run()
    else:
        np.testing.assert_array_equal(drawn.run(), expected)


@pytest.mark.parametrize(
    ("cells", "op", "dtype", "fit", "expected"),
    [
        ([300, 7], "median", "u1", "exact", None),
        ([300, 7], "median", "u1", "clip", [255, 7]),
        ([-4], "median", "u1", "round", None),
        ([-4], "quantile", "u1", "clip", [0]),
        (np.array([2**63 + 5], "u8"), "quantile", "i4", "exact", None),
        (np.array([2**63 + 5], ">u8"), "quantile", "i4", "clip", [2**31 - 1]),
        (np.array([2**53 + 1], ">i8"), "median", ">i8", "exact", [2**53 + 1]),
    ],
)
def test_medians_of_wide_integers(cells, op, dtype, fit, expected):
    if expected is None:
        with pytest.raises(PoolError, match="does not fit"):
            pool(np.array([cells]), op, 1, dtype=dtype, fit=fit)
    else:
        got = pool(np.array([cells]), op, 1, dtype=dtype, fit=fit)
        assert got.tolist() == [expected]
        assert got.dtype == np.dtype(dtype)


@pytest.mark.parametrize("fit", ["exact", "round"])
@pytest.mark.parametrize("divisor", [1, 1.0, 2, 3, 0.5, -1])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i1", "i8"])
def test_sums_by_any_divisor_do_not_wrap(dtype, divisor, fit):
    """A mean lies within its type, and needs no check; over a divisor of one's own it does not."""
    top = min(int(np.iinfo(dtype).max), 2**62 + 1)
    for cells in ([top] * 4, [top, 1], [3, 1, 1, 1]):
        options = {"dtype": dtype, "fit": fit, "divisor": divisor}
        check(Case(np.array(cells, dtype), "avg", {"size": len(cells)}, options))


@pytest.mark.parametrize("dtype", ["u1", "i8", "u8"])
def test_windows_of_missing_cells_alone_into_integers(dtype):
    x = np.array([[9, 9, 4, 9]], dtype)
    got = pool(x, "avg", (1, 2), nodata=9, dtype=dtype, fit="round")
    assert got.tolist() == [[9, 4]]
