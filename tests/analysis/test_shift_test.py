"""What stays and what moves: every figure as plain NumPy computes it, and odd inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from poolcli.analysis.compare import Refused
from poolcli.analysis.shift import moved_by, shift_test
from poolcli.errors import InputError, UsageError
from poolcli.geometry import Sliding
from poolcli.request import Request

PLAIN = {
    "max": lambda w: w.max(axis=(-2, -1)),
    "avg": lambda w: w.mean(axis=(-2, -1)),
    "median": lambda w: np.median(w, axis=(-2, -1)),
    "subsample": lambda w: w[..., 0, 0],
    "sum": lambda w: w.sum(axis=(-2, -1)),
}


def rows(x, geometry, ops=("max",), layout=None, **options):
    found = shift_test(x, [Request(op, geometry, layout=layout) for op in ops], **options)
    return {(row.plan and row.plan.request.op, row.shift): row for row in found}


def windows(x, size, stride):
    return sliding_window_view(x, size)[:: stride[0], :: stride[1]]


def crops(x, axis, n):
    end = x.shape[axis] - n
    return x.take(range(end), axis), x.take(range(n, end + n), axis)


@pytest.mark.parametrize("axis", ["height", "width"])
@pytest.mark.parametrize(
    ("size", "stride"), [((2, 2), (2, 2)), ((3, 3), (2, 2)), ((3, 2), (1, 3)), ((1, 4), (1, 4))]
)
@pytest.mark.parametrize("dtype", ["uint8", "float64", "int64"])
def test_every_figure(axis, size, stride, dtype):
    rng = np.random.default_rng(2)
    x = rng.integers(0, 6, (24, 25)).astype(dtype)  # so few values that many stay
    along = ["height", "width"].index(axis)
    found = rows(x, Sliding(size, stride), PLAIN, axis=axis)
    span = 255 if dtype == "uint8" else x.max() - x.min()
    for n in (1, 2, 3, 4):
        first, second = crops(x.astype(float), along, n)
        cells = first == second
        changed_windows = ~windows(cells, size, stride).all(axis=(-2, -1))
        for op in (None, *PLAIN):
            a, b, changed, step = first, second, ~cells, 1
            if op is not None:
                a, b = (PLAIN[op](windows(part, size, stride)) for part in (first, second))
                changed, step = changed_windows, stride[along]
            row = found[op, n]
            same = np.isclose(a, b, rtol=1e-12, atol=0)
            assert row.axis == axis
            assert row.cells_kept == pytest.approx(cells.mean())
            assert row.kept == pytest.approx(same.mean())
            assert row.kept_changed == pytest.approx(same[changed].mean())
            assert row.moved == (None if n % step else 1)
            assert row.change == pytest.approx(np.abs(a - b).mean() / span)
            assert row.relative == pytest.approx(math.sqrt(((a - b) ** 2).mean()) / a.std())


def test_figure_9_8_of_goodfellow_bengio_and_courville():
    x = np.array([[0.3, 0.1, 1, 0.2, 0.1]])
    found = rows(x, Sliding((1, 3), 1, (0, 1)), shifts=[1])
    assert (found[None, 1].kept, found["max", 1].kept) == (0, 0.5)


@pytest.mark.parametrize("k", [2, 3, 4, 8])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_maximum_of_noise_stays_with_the_share_of_cells_in_both_windows(k, n):
    x = np.random.default_rng(0).random((512, 2051))
    kept = rows(x, Sliding((1, k)), shifts=[n])["max", n].kept
    assert kept == pytest.approx(max(0, k - n) / (k + n), abs=0.006)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_outputs_move_along_by_whole_strides(dtype, stride):
    x = (np.random.default_rng(0).random((3, 40, 41)) * 200).astype(dtype)
    ops = ("max", "avg", "median", "sum", "std", "lse")
    for layout, axis in (("CHW", "height"), ("DHW", "depth"), ("CHW", "width")):
        size = (1, 3, 3) if layout == "DHW" else 3
        step = (1, stride, stride) if layout == "DHW" else stride
        shifts = [1] if axis == "depth" else [stride, 2 * stride]
        found = rows(x, Sliding(size, step), ops, layout, axis=axis, shifts=shifts)
        assert {row.moved for row in found.values()} == {1.0}


def test_padding_does_not_move_along():
    x = np.random.default_rng(0).random((30, 30))
    row = rows(x, Sliding(3, 1, 1), ("avg",), shifts=[1])["avg", 1]
    assert 0.9 < row.moved < 1


def test_draws_do_not_move_along():
    x = np.random.default_rng(0).random((30, 30))
    row = rows(x, Sliding(2), ("stochastic",), shifts=[2])["stochastic", 2]
    assert row.moved < 1


def test_a_flat_array_stays():
    for dtype in ("uint8", "float32", "bool"):
        for row in rows(np.ones((9, 9), dtype), Sliding(2), ("max", "avg")).values():
            assert (row.kept, row.cells_kept, row.kept_changed) == (1, 1, None)
            assert row.relative is None
            assert row.change == (0 if dtype == "uint8" else None)


def test_nan_and_infinities():
    x = np.random.default_rng(0).random((12, 12))
    x[3, 3], x[5, 5], x[7, 7] = np.nan, np.inf, -np.inf
    for row in rows(x, Sliding(2), ("max", "avg", "median")).values():
        assert not any(isinstance(v, float) and math.isnan(v) for v in row)
        assert row.change > 0
    for row in rows(np.full((5, 5), np.nan), Sliding(2)).values():
        assert (row.kept, row.change, row.relative) == (1, None, None)


@pytest.mark.parametrize(
    ("shape", "layout", "options", "error", "message"),
    [
        ((4, 4), None, {"shifts": [4]}, InputError, "^width, moved by 4: a shift of 4 leaves"),
        ((4, 4), None, {"shifts": [1, 3]}, InputError, "^width, moved by 3: effective kernel 2 ex"),
        ((2, 2), None, {}, InputError, "^width, moved by 1: effective kernel 2 exceeds input 1"),
        ((1, 9), None, {}, InputError, "^height: effective kernel 2 exceeds input 1"),
        ((9,), None, {"axis": "height"}, InputError, "there is no height to move along in W"),
        ((9, 9), None, {"axis": "batch"}, InputError, "there is no batch to move along in HW"),
        ((9, 9), None, {"axis": "up"}, InputError, "there is no up to move along in HW"),
        ((9, 9), None, {"shifts": [0]}, UsageError, "shift 0: must be"),
        ((0, 9), None, {}, InputError, "height: the axis is empty"),
    ],
)
def test_one_line_says_what_is_wrong(shape, layout, options, error, message):
    with pytest.raises(error, match=message):
        list(shift_test(np.zeros(shape), [Request("max", Sliding(2), layout=layout)], **options))


def test_by_default_as_far_as_there_is_a_window():
    assert {n for _, n in rows(np.zeros((4, 4)), Sliding(2))} == {1, 2}


def test_an_op_that_refuses_leaves_the_others():
    x = np.arange(-9.0, 16).reshape(5, 5)
    requests = [Request(op, Sliding(2)) for op in ("stochastic", "max")]
    found = list(shift_test(x, requests, shifts=[1]))
    assert isinstance(found[1], Refused)
    assert found[2].plan.request.op == "max"


@pytest.mark.parametrize("shift", [0, 1, 4])
def test_crops(shift):
    x = np.arange(20).reshape(4, 5)
    first, second = moved_by(x, 1, shift)
    assert first.shape == second.shape == (4, 5 - shift)
    assert (second == first + shift).all()
