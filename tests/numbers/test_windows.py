"""Geometry against brute force: where windows lie, what they count, which cells they drop."""

import itertools

import numpy as np
import pytest

from poolcli import output_shape
from poolcli.errors import PoolError
from poolcli.geometry import Global, Sliding
from tests.spec.windows import Refused, dropped, sliding, sliding_axis, whole

CELLS = (1, 2, 3, 5, 8)
SIZES = (1, 2, 3, 5)
STRIDES = (1, 2, 3, 7)
PADDINGS = ((0, 0), (1, 1), (0, 2), (3, 0), (2, 4), "same", "same-lower", "valid")
DILATIONS = (1, 2, 3)


def positions(window_starts, size, dilation):
    return [[start + j * dilation for j in range(size)] for start in window_starts]


@pytest.mark.parametrize("padding", PADDINGS, ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_every_window_of_one_axis(padding, ceil_mode):
    answered = 0
    for n, size, stride, dilation in itertools.product(CELLS, SIZES, STRIDES, DILATIONS):
        given = padding if isinstance(padding, str) else (padding,)
        asked = Sliding(size, stride, given, dilation, ceil_mode)
        what = f"{n} cells, {asked}"
        try:
            expected = sliding_axis(n, size, stride, padding, dilation, ceil_mode)
            if not all(window.cells for window in expected):
                raise Refused("an empty window")
        except Refused:
            with pytest.raises(PoolError):
                asked.resolve(["width"], [n])
            continue
        answered += 1
        (got,) = asked.resolve(["width"], [n])
        assert got.out == len(expected), what
        covered = positions(got.starts, size, dilation)
        assert [[p for p in row if 0 <= p < n] for row in covered] == [w.cells for w in expected]
        assert [got.real(i) for i in range(got.out)] == [len(w.cells) for w in expected], what
        assert [got.explicit(i) for i in range(got.out)] == [w.padded for w in expected], what
        assert got.dropped == n - len({c for w in expected for c in w.cells}), what
        assert output_shape((n,), size, stride=stride, padding=given, dilation=dilation,
                            ceil_mode=ceil_mode) == (len(expected),), what  # fmt: skip
    assert answered > 60


def test_dropped_cells_of_longer_axes():
    rng = np.random.default_rng(7)
    for _ in range(2000):
        n, size, stride, dilation = (int(rng.integers(1, top)) for top in (60, 8, 12, 9))
        pads = tuple(rng.integers(0, 6, 2).tolist())
        given = {"size": size, "stride": stride, "padding": (pads,), "dilation": dilation}
        try:
            windows = Sliding(**given).resolve(["width"], [n])
        except PoolError:
            continue
        assert [w.dropped for w in windows] == dropped(sliding(**given), (n,)), (n, given)


def test_the_whole_axis():
    (windows,) = Global().resolve(["width"], [6])
    assert windows.out == 1
    assert (windows.real(0), windows.explicit(0), windows.dropped) == (6, 6, 0)
    assert whole()((6,))[0][0].cells == list(range(6))


def test_huge_axes_cost_nothing():
    """Planning is arithmetic: no loop over the cells or the windows of an axis."""
    assert output_shape((10**15, 10**12), 3, stride=2, padding=1) == (5 * 10**14, 5 * 10**11)
    (windows,) = Sliding(2, 3).resolve(["width"], [10**15])
    assert windows.dropped == 10**15 - 2 * windows.out
    same = Sliding(5, 2, "same", 3).resolve(["width"], [10**15])[0]
    assert (same.out, same.dropped) == (5 * 10**14, 0)


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        ((3, 9), {"size": 5}, "height: effective kernel 5 exceeds input 3"),
        ((9, 3), {"size": 3, "dilation": 2}, "width: effective kernel 5 exceeds input 3"),
        ((1, 9), {"size": 5, "padding": 1}, "height: effective kernel 5 exceeds padded input 3"),
        ((4, 4), {"size": 2, "padding": ((0, 0), (0, 2))}, "width: window 2 of 3"),
        ((4, 1), {"size": 2, "dilation": 2, "padding": (0, 1)}, "width: window 0 of 1"),
        ((0, 4), {"size": 1}, "height: the axis is empty"),
        ((0, 4), {"size": 1, "padding": "same"}, "height: the axis is empty"),
        ((4, 4), {"size": 0}, "size 0"),
        ((4, 4), {"size": -1}, "size -1"),
        ((4, 4), {"size": 2.5}, "size 2.5"),
        ((4, 4), {"size": True}, "size True"),
        ((4, 4), {"size": 2, "stride": 0}, "stride 0"),
        ((4, 4), {"size": 2, "dilation": 0}, "dilation 0"),
        ((4, 4), {"size": 2, "padding": -1}, "padding -1"),
        ((4, 4), {"size": 2, "padding": "full"}, "padding 'full'"),
        ((4, 4), {"size": (2, 2, 2)}, "size has 3 numbers, the array has 2 spatial axes"),
        ((4, 4), {"size": 2, "stride": (1, 1, 1)}, "stride has 3 numbers, the array has 2 spatial"),
        ((4, 4), {"size": 2, "padding": (1, 2, 1)}, "padding has 3 entries, the array"),
        ((4, 4), {"size": 2, "padding": ((1, 2, 3), 1)}, "pair"),
    ],
)
def test_refusals_name_the_axis_and_the_numbers(cells, options, message):
    with pytest.raises(PoolError) as refusal:
        Sliding(**options).resolve(["height", "width"], cells)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
