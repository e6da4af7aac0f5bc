"""Which wins, NaN, nodata or min_valid; and that what is missing is not looked at (S5)."""

import itertools

import numpy as np
import pytest

from poolcli import OPS, global_pool, pool
from poolcli.errors import PoolError
from tests.helpers.cases import Case, check
from tests.helpers.every import every
from tests.spec.pooling import naive_pool
from tests.spec.windows import Refused, sliding

NAN = np.nan
WINDOWS = {
    "whole": [1.0, 2.0, 3.0, 4.0],
    "a NaN": [1.0, NAN, 3.0, 4.0],
    "a NaN first": [NAN, 2.0, 3.0, 4.0],
    "a NaN among the missing": [-9.0, -9.0, NAN, -9.0],
    "one left": [-9.0, -9.0, 3.0, -9.0],
    "none left": [-9.0, -9.0, -9.0, -9.0],
    "NaN alone": [NAN, NAN, NAN, NAN],
    "half": [1.0, 2.0, -9.0, -9.0],
}


@pytest.mark.parametrize("nan", ["propagate", "skip", "error"])
@pytest.mark.parametrize("op", sorted(set(OPS) - {"blur"}))
def test_which_wins(op, nan):
    rest = itertools.product([None, -9.0, NAN], [0, 0.5], [0, 1])
    every(rest, lambda row: which_wins(op, nan, *row))


def which_wins(op, nan, nodata, min_valid, padding):
    params = {"mode": "expected", "negatives": "relu"} if op == "stochastic" else {}
    options = {"nan": nan, "nodata": nodata, "min_valid": min_valid}
    size = 4 + padding
    for dtype in ("f8", "f2"):
        for cells in WINDOWS.values():
            case = Case(
                np.array(cells, dtype), op, {"size": size, "padding": padding}, options, "sliding"
            )
            geometry = sliding(size, padding=padding)
            try:
                expected = naive_pool(case.x, op, geometry, **options, **params)
            except Refused:
                with pytest.raises(PoolError, match="NaN at width"):
                    pool(case.x, op, size, padding=padding, **options, **params)
                continue
            got = pool(case.x, op, size, padding=padding, **options, **params)
            near = 1e-12 if dtype == "f8" else 2e-3
            np.testing.assert_allclose(got, expected, rtol=near, atol=near)


@pytest.mark.parametrize(
    ("op", "params", "total"),
    [
        ("stochastic", {"mode": "expected"}, 2),
        ("stochastic", {"mode": "sample"}, 2),
        ("avg", {}, 2),
        ("median", {}, 2),
        ("sum", {}, 16),
    ],
)
def test_a_window_with_too_few_cells_is_not_looked_at(op, params, total):
    """What an op would refuse in it, a negative activation say, is nobody's error."""
    x = np.array([[-1, -9, -9, -9, 2, 2, 2, 2], [-2, -9, -9, -9, 2, 2, 2, 2]])
    for dtype in ("i8", "i2"):
        cells = x.astype(dtype)
        got = pool(cells, op, (2, 4), nodata=-9, min_valid=0.75, dtype=dtype, **params)
        assert got.tolist() == [[-9, total]]


@pytest.mark.parametrize("mode", ["expected", "sample"])
def test_negatives_that_do_not_count_are_no_activations(mode):
    x = np.array([[-9.0, 2.0, 2.0, -1.0]])
    # The last cell is in no window, the first is missing.
    assert pool(x, "stochastic", (1, 3), mode=mode, nodata=-9).tolist() == [[2.0]]
    assert pool(x[:, ::-1], "stochastic", 1, stride=2, mode=mode, nodata=-1).tolist() == [[-1, 2.0]]
    with pytest.raises(PoolError, match="negative activation, -9"):
        pool(x, "stochastic", (1, 3), mode=mode)
    nan = np.array([[-9.0, NAN]])
    assert np.isnan(pool(nan, "stochastic", (1, 2), mode=mode)).all()


@pytest.mark.parametrize(
    ("x", "size", "options", "place"),
    [
        ([[1, 2], [NAN, 3]], 2, {"padding": 1, "stride": 2}, "height 1, width 0"),
        ([[1, 2, NAN]], (1, 2), {"ceil_mode": True}, "height 0, width 2"),
        ([[1, NAN, NAN]], 1, {"nodata": 1}, "height 0, width 1"),
        ([[1, 2], [3, NAN]], 2, {}, "height 1, width 1"),
        ([[1, 2], [3, NAN]], 2, {"nodata": 1}, "height 1, width 1"),
        ([[1, 2, 5, 7, NAN]], (1, 2), {"dilation": (1, 4)}, "height 0, width 4"),
    ],
)
def test_subsample_refuses_every_nan_in_a_window(x, size, options, place):
    with pytest.raises(PoolError, match=f"NaN at {place}"):
        pool(np.array(x, float), "subsample", size, nan="error", **options)
    check(Case(np.array(x, float), "subsample", {"size": size} | _geometry(options),
               {"nan": "error"} | _others(options)))  # fmt: skip


def _geometry(options):
    return {k: v for k, v in options.items() if k != "nodata"}


def _others(options):
    return {k: v for k, v in options.items() if k == "nodata"}


@pytest.mark.parametrize("op", ["subsample", "max", "var"])
def test_a_nan_in_no_window_is_not_refused(op):
    x = np.array([[1, 2, NAN, 3, 4, NAN, 5, 6, NAN]])
    assert not np.isnan(pool(x, op, (1, 2), stride=(1, 3), nan="error")).any()
    assert not np.isnan(pool(x[:, [0, 2, 1, 3]], op, (1, 2), dilation=2, stride=4, nan="error",
                             padding=((0, 0), (0, 0)))).any()  # fmt: skip


def test_a_nan_that_the_op_makes_is_not_the_inputs():
    x = np.array([[1.0, NAN, 5.0, NAN]])
    assert np.isnan(pool(x, "var", (1, 2), nan="error", nodata=NAN, ddof=1)).all()
    assert np.isnan(global_pool(np.array([np.inf, -np.inf]), "avg", nan="error"))
