"""Arrays without cells, windows as large as the array, and requests that mean nothing."""

import numpy as np
import pytest

import poolcli
from poolcli import OPS, global_pool, output_shape, pool
from poolcli.errors import PoolError

FOUR = ("max", "min", "avg", "sum")


@pytest.mark.parametrize("op", FOUR)
@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (2, 4, 4, 0), (0, 4, 4, 0)], ids=str)
def test_empty_batches_give_empty_results(op, shape):
    for dtype in ("f4", "u1", "?"):
        x = np.empty(shape, dtype)
        y = pool(x, op, 2)
        assert y.shape == (shape[0], 2, 2, shape[3]) == output_shape(shape, 2)
        assert y.dtype == pool(np.ones((1, 2, 2, 1), dtype), op, 2).dtype
        assert global_pool(x, op).shape == (shape[0], shape[3])
        assert global_pool(x, op, keepdims=True).shape == (shape[0], 1, 1, shape[3])


@pytest.mark.parametrize("op", FOUR)
@pytest.mark.parametrize(
    ("shape", "axis"), [((2, 0, 4, 3), "height"), ((2, 4, 0, 3), "width"), ((0, 0, 0, 0), "height")]
)
def test_empty_planes_are_refused(op, shape, axis):
    for command in (
        lambda x: pool(x, op, 1),
        lambda x: pool(x, op, 2, padding=1),
        lambda x: pool(x, op, 2, padding="same"),
        lambda x: pool(x, op, 1, ceil_mode=True),
        lambda x: global_pool(x, op),
    ):
        with pytest.raises(PoolError, match=rf"^{axis}: [^\n]*0[^\n]*$"):
            command(np.empty(shape))


def test_one_cell_and_one_window():
    x = np.arange(12.0).reshape(3, 4)
    for op in ("max", "min", "avg", "sum"):
        np.testing.assert_array_equal(pool(x, op, 1), x)
        assert pool(x[:1, :1], op, 1).tolist() == [[0]]
        assert pool(x, op, 1, stride=100).tolist() == [[0]]
    assert pool(x, "max", (3, 4)).tolist() == [[11]]
    assert pool(x, "avg", (3, 4), stride=10**15).tolist() == [[5.5]]
    assert pool(x, "sum", 2, dilation=2).tolist() == [[0 + 2 + 8 + 10]]


@pytest.mark.parametrize("size", [10**9, 10**12, 10**20])
def test_results_larger_than_any_memory_are_refused(size):
    with pytest.raises(PoolError) as refusal:
        pool(np.zeros((3, 4)), "max", size, stride=1, padding=size - 1)
    assert "\n" not in str(refusal.value)


def test_windows_far_larger_than_the_array():
    x = np.arange(12.0).reshape(3, 4)
    assert pool(x, "max", 9, padding=4).tolist() == [[11]]
    assert pool(x, "avg", 9, stride=1, padding=4).shape == (3, 4)
    assert pool(x, "sum", 1001, stride=1, padding=500).tolist() == [[66] * 4] * 3
    assert pool(x, "avg", 101, padding=50, count_include_pad=True)[0, 0] == 66 / 101**2


def test_results_of_infinities():
    low = np.full((2, 2), -np.inf)
    assert pool(low, "max", 2).tolist() == [[-np.inf]]
    assert pool(-low, "min", 2, padding=1, stride=1)[0, 0] == np.inf
    assert pool(low, "avg", 2).tolist() == [[-np.inf]]
    assert np.isnan(pool(np.array([np.inf, -np.inf]), "sum", 2)).all()
    assert pool(np.array([np.inf, -np.inf, 1.0]), "max", 3).tolist() == [np.inf]


@pytest.mark.parametrize("op", FOUR)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_missing_values(op, dtype):
    x = np.array([[1, np.nan, np.nan, np.nan], [4, 4, np.nan, -9]], dtype)
    assert np.isnan(pool(x, op, 2)).all()
    skipped = {"max": [4, -9], "min": [1, -9], "avg": [3, -9], "sum": [9, -9]}[op]
    assert pool(x, op, 2, nan="skip").tolist() == [skipped]
    both = pool(x, op, 2, nan="skip", nodata=4)
    assert both.tolist() == [[1, -9]]
    nothing = np.full((2, 2), np.nan, dtype)
    assert np.isnan(pool(nothing, op, 2, nan="skip")).all()
    assert pool(np.full((2, 2), -9, dtype), op, 2, nodata=-9).tolist() == [[-9]]
    assert pool(np.where(np.isnan(x), 0, x), op, 2, nan="error").shape == (1, 2)


def test_nodata_of_integers():
    x = np.array([[0, 200, 0, 0], [100, 0, 0, 0]], np.uint8)
    assert pool(x, "min", 2, nodata=0).tolist() == [[100, 0]]
    assert pool(x, "avg", 2, nodata=0).tolist() == [[150.0, 0.0]]
    assert pool(x, "sum", 2, nodata=0).tolist() == [[300, 0]]
    assert pool(x, "avg", 2, nodata=0, padding=((1, 0), (1, 0)), stride=1, count_include_pad=True)[
        1, 1
    ] == pytest.approx(150)


@pytest.mark.parametrize("nan", ["skip", "error", "propagate"])
def test_integers_have_no_nan(nan):
    assert pool(np.array([1, 2]), "max", 2, nan=nan).tolist() == [2]


@pytest.mark.parametrize("place", [(0, 0), (1, 2), (3, 3)])
def test_nan_is_refused_where_it_is(place):
    x = np.zeros((4, 4, 2))
    x[(*place, 1)] = np.nan
    with pytest.raises(PoolError, match=rf"height {place[0]}, width {place[1]}[^\n]*$"):
        pool(x, "avg", 2, nan="error")


@pytest.mark.parametrize("place", [(2, 2), (2, 0), (0, 5), (8, 8)], ids=str)
@pytest.mark.parametrize("block_bytes", [None, 1, 200])
def test_nan_that_no_window_covers_is_never_refused(place, block_bytes):
    """What is dropped is not looked at, whichever block it lies in (S8)."""
    from poolcli.geometry import Sliding
    from poolcli.request import Request

    x = np.zeros((9, 9))
    x[place] = np.nan
    plan = Request(op="max", geometry=Sliding(2, 3), nan="error").plan(x.shape, x.dtype)
    assert plan.run(x, block_bytes=block_bytes).tolist() == [[0] * 3] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"op": "maxx"}, "maxx"),
        ({"op": ""}, "op"),
        ({"nan": "ignore"}, "ignore"),
        ({"fit": "wrap", "dtype": "u1"}, "wrap"),
        ({"dtype": "float99"}, "float99"),
        ({"divisor": 0, "op": "avg"}, "divisor 0"),
        ({"divisor": np.nan, "op": "avg"}, "divisor nan"),
        ({"divisor": 2}, "max"),
        ({"count_include_pad": True}, "max"),
        ({"threads": 0}, "threads 0"),
        ({"norm": 2}, "norm"),
        ({"layout": "CHW"}, "CHW"),
        ({"layout": "HX"}, "X"),
        ({"size": 5}, "height: effective kernel 5 exceeds input 4"),
    ],
)
def test_requests_that_mean_nothing(options, message):
    asked = {"op": "max", "size": 2, **options}
    op, size = asked.pop("op"), asked.pop("size")
    with pytest.raises(PoolError) as refusal:
        pool(np.zeros((4, 4)), op, size, **asked)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_outputs_that_do_not_fit_are_refused():
    x = np.zeros((4, 4), np.float32)
    for out in (np.empty((2, 3), "f4"), np.empty((2, 2), "f8"), x[:2, :2]):
        with pytest.raises(PoolError):
            pool(x, "max", 2, out=out)
    read_only = np.empty((2, 2), "f4")
    read_only.flags.writeable = False
    with pytest.raises(PoolError, match=r"read-only|writ"):
        pool(x, "max", 2, out=read_only)


def test_the_input_stays_as_it_was():
    x = np.array([[1, np.nan], [-0.0, np.inf]] * 4)
    before = x.tobytes()
    for op in OPS:
        for nan in ("propagate", "skip"):
            pool(x, op, 2, nan=nan)
    assert x.tobytes() == before


def test_every_public_name_is_what_it_says():
    """A module of the same name must not take a function's place when it is imported."""
    for name in poolcli.__all__:
        thing = getattr(poolcli, name)
        if name == "OPS":
            assert set(FOUR) <= set(thing)
        else:
            assert callable(thing)
            assert thing.__doc__
