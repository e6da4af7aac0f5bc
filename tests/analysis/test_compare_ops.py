"""Ops side by side: every figure as scikit-image and plain NumPy compute it, and odd inputs."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest

import poolcli
from poolcli.analysis.compare import Measurement, Refused, compare, data_range
from poolcli.analysis.quality import as_planes, put_back, times_covered
from poolcli.errors import InputError
from poolcli.geometry import Adaptive, Sliding
from poolcli.layout import Layout
from poolcli.ops import shown_by_default
from poolcli.request import Request

metrics = pytest.importorskip("skimage.metrics", reason="scikit-image comes with the dev extra")

LOSSY = {"sum", "lp", "range", "std", "var"}  # which do not keep a constant
DEFAULT_OPS = tuple(op.name for op in shown_by_default("compare") if op.least_size == 1)
OPS = (*DEFAULT_OPS, "blur", "min", "lp", "rms", "quantile", "mode", "range", "std", "var", "gem")


def random(shape, dtype, seed=1):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.gamma(2.0, 3.0, shape).astype(dtype)
    if dtype == "bool":
        return rng.random(shape) < 0.4
    return rng.integers(0, np.iinfo(dtype).max if dtype != "int64" else 900, shape).astype(dtype)


# array, layout, windows
CASES = {
    "uint8": (random((20, 23), "uint8"), "HW", Sliding(2)),
    "overlap": (random((20, 23), "uint8"), "HW", Sliding(3, 2)),
    "padded": (random((15, 16), "float64"), "HW", Sliding(3, 2, 1)),
    "same": (random((15, 16), "float64"), "HW", Sliding(3, 2, "same")),
    "ceil": (random((16, 15), "uint8"), "HW", Sliding(3, 3, 0, 1, True)),
    "dilated": (random((17, 18), "float32"), "HW", Sliding(2, 1, 0, 2)),
    "gaps": (random((17, 18), "uint8"), "HW", Sliding(2, 3)),
    "uneven": (random((14, 19), "uint16"), "HW", Sliding((3, 2), (2, 1))),
    "bool": (random((13, 12), "bool"), "HW", Sliding(2)),
    "integers": (random((13, 12), "int64"), "HW", Sliding(2)),
    "colours": (random((14, 15, 3), "uint8"), "HWC", Sliding(2)),
    "batch": (random((2, 3, 9, 10), "float32"), "NCHW", Sliding(2)),
    "stack": (random((4, 9, 8), "uint16"), "NHW", Sliding(2)),
    "row": (random((41,), "float64"), "W", Sliding(3, 2)),
    "volume": (random((8, 9, 10), "uint8"), "DHW", Sliding(2, 1)),
    "tiny": (random((3, 2), "uint8"), "HW", Sliding(2)),
}


def rows(x, geometry, layout=None, ops=OPS):
    requests = [Request(op, geometry, layout=layout) for op in ops]
    return {row.plan.request.op: row for row in compare(x, requests)}


@cache
def case_rows(case):
    x, layout, geometry = CASES[case]
    return rows(x, geometry, layout)


def back_in_place(row):
    """Each output added to every real cell of its window, one by one."""
    plan = row.plan
    outputs = as_planes(row.output, plan.layout)
    shape = (len(outputs), *(w.n for w in plan.windows))
    total, count = np.zeros(shape), np.zeros(shape)
    for at in np.ndindex(*outputs.shape[1:]):
        for cell in itertools.product(*(w.cells(i) for w, i in zip(plan.windows, at, strict=True))):
            total[(slice(None), *cell)] += outputs[(slice(None), *at)]
            count[(slice(None), *cell)] += 1
    with np.errstate(invalid="ignore"):
        return total / count


def by_hand(x, row):
    """PSNR, SSIM and peaks from the definitions, by scikit-image where it has them."""
    plan, again = row.plan, back_in_place(row)
    planes = as_planes(x.astype(float), plan.layout)
    covered = ~np.isnan(again)
    psnr = metrics.peak_signal_noise_ratio(
        planes[covered], again[covered], data_range=row.data_range
    )
    box = [int(covered[0].any(axis=tuple(set(range(again.ndim - 1)) - {a})).sum())
           for a in range(again.ndim - 1)]  # fmt: skip
    inside = (slice(None), *map(slice, box))
    similar = None
    if covered[inside].all() and min(box) >= 7:
        pairs = zip(planes[inside], again[inside], strict=True)
        each = [metrics.structural_similarity(a, b, data_range=row.data_range) for a, b in pairs]
        similar = float(np.mean(each))
    shown = there = 0
    for plane, outputs in zip(planes, as_planes(row.output, plan.layout), strict=True):
        threshold = np.quantile(plane, 0.99)
        for at in np.ndindex(*outputs.shape):
            cells = np.ix_(*(w.cells(i) for w, i in zip(plan.windows, at, strict=True)))
            if plane[cells].max() >= threshold:
                there += 1
                shown += bool(outputs[at] >= threshold)
    return psnr, similar, shown / there


@pytest.mark.parametrize("case", CASES)
def test_what_is_lost_is_what_scikit_image_finds(case):
    x = CASES[case][0]
    for op, row in case_rows(case).items():
        if op in LOSSY:
            assert (row.psnr, row.ssim, row.peaks) == (None, None, None), op
            continue
        psnr, similar, peaks = by_hand(x, row)
        assert row.psnr == pytest.approx(psnr, abs=1e-6), op
        assert row.peaks == pytest.approx(peaks, abs=1e-12), op
        if similar is None:
            assert row.ssim is None, op
        else:
            assert row.ssim == pytest.approx(similar, abs=1e-6), op


def pooled(x, row):
    request = row.plan.request
    g = request.geometry
    return poolcli.pool(
        x, request.op, g.size, stride=g.stride, padding=g.padding, dilation=g.dilation,
        ceil_mode=g.ceil_mode, layout=row.plan.layout,
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_outlier_and_noise(case):
    x, layout, _ = CASES[case]
    real = x.astype(float)
    for op, row in case_rows(case).items():
        base, span = pooled(real, row), row.data_range
        axes = Layout(layout)
        middle = [w.out // 2 for w in row.plan.windows]
        at = [slice(None)] * x.ndim
        for axis, i in zip(axes.spatial, middle, strict=True):
            at[axis] = i
        windows = (w.cells(i) for w, i in zip(row.plan.windows, middle, strict=True))
        largest = 0.0
        for cell in itertools.product(*windows):
            raised, place = real.copy(), [slice(None)] * x.ndim
            for axis, i in zip(axes.spatial, cell, strict=True):
                place[axis] = i
            raised[tuple(place)] += span
            change = np.abs(pooled(raised, row)[tuple(at)] - base[tuple(at)])
            largest = max(largest, float(change.max()))
        assert row.outlier == pytest.approx(largest / span, rel=1e-9), op
        if op == "stochastic":
            assert (row.noise, row.noise_bias) == (None, None)
            continue
        sigma = 0.05 * span
        noise = np.random.default_rng(0).normal(0, sigma, x.shape)
        change = (pooled(real + noise, row) - base) / sigma
        assert row.noise == pytest.approx(math.sqrt(np.mean(change**2)), rel=1e-9), op
        assert row.noise_bias == pytest.approx(np.mean(change), rel=1e-6, abs=1e-12), op


@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_pooling(case):
    x, layout, geometry = CASES[case]
    for op, row in rows(x, geometry, layout).items():
        y = pooled(x, row)
        np.testing.assert_array_equal(row.output, y, err_msg=op)
        assert (row.low, row.high) == (y.min(), y.max())
        assert row.mean == pytest.approx(y.mean(dtype=float))
        assert row.data_range == data_range(x)


def test_numbers_known_beforehand():
    x = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]])
    found = rows(x, Sliding(2), ops=("max", "avg", "sum"))
    assert (found["max"].low, found["max"].high, found["max"].mean) == (4, 6, 4.5)
    assert found["avg"].outlier == 0.25
    assert found["sum"].outlier == found["max"].outlier == 1
    # Σ(x − mean of its window)² over 16 cells: 56.25 − 2 · …, by hand 34.25.
    squares = sum(((w - w.mean()) ** 2).sum() for w in (x[:2, :2], x[:2, 2:], x[2:, :2], x[2:, 2:]))
    assert found["avg"].psnr == pytest.approx(10 * math.log10(36 / (squares / 16)))


def test_nothing_lost():
    blocks = np.repeat(np.repeat(random((8, 9), "uint8"), 2, axis=0), 2, axis=1)
    for op in ("max", "min", "avg", "median", "subsample", "stochastic"):
        (row,) = rows(blocks, Sliding(2), ops=[op]).values()
        assert row.psnr == math.inf
        assert row.ssim == pytest.approx(1)
        assert row.peaks == 1


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "bool"])
def test_a_flat_picture(dtype):
    x = np.full((16, 16), 1 if dtype == "bool" else 7, dtype)
    for op, row in rows(x, Sliding(2), ops=(*DEFAULT_OPS, "std")).items():
        keeps = op not in LOSSY
        assert row.psnr == (math.inf if keeps else None)
        assert row.peaks == (1 if keeps else None)
        figures = [v for v in row[2:] if v is not None]
        assert not any(math.isnan(v) for v in figures)
        if dtype != "uint8":  # without a range of its own there is no unit
            assert (row.outlier, row.noise, row.noise_bias, row.ssim) == (None,) * 4
        else:
            assert row.outlier is not None


def test_nan_is_left_out():
    x = random((16, 16), "float64")
    whole = rows(x, Sliding(2))
    x[3, 3] = np.nan
    for op, row in rows(x, Sliding(2)).items():
        figures = [v for v in row[2:] if v is not None]
        assert not any(math.isnan(v) for v in figures), op
        assert row.mean == pytest.approx(whole[op].mean, rel=0.1)
        assert row.ssim is None
        if whole[op].psnr is not None:
            assert row.psnr == pytest.approx(whole[op].psnr, rel=0.05)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308])
def test_hardly_a_number(value):
    x = np.full((8, 8), value)
    x[0, 0] = -value
    for row in compare(x, [Request(op, Sliding(2)) for op in OPS]):
        if isinstance(row, Refused):
            assert str(row.error)
            continue
        assert not any(v is not None and math.isnan(v) for v in row[2:])


def test_an_op_that_refuses_leaves_the_others():
    x = random((8, 8), "float64") - 5
    found = list(compare(x, [Request(op, Sliding(2)) for op in ("max", "stochastic", "avg")]))
    assert [type(row) for row in found] == [Measurement, Refused, Measurement]
    assert found[1].op == "stochastic"
    assert "`negatives='relu'`" in str(found[1].error)


def test_windows_that_do_not_fit():
    with pytest.raises(InputError, match="height: effective kernel 9 exceeds input 8"):
        list(compare(np.zeros((8, 8)), [Request("max", Sliding(9))]))


def test_a_large_window_has_the_same_outlier_from_a_selection():
    # 2,025 cells: the first, the middle, the largest and the smallest of them are tried in any case
    x = random((135, 135), "uint8")
    found = rows(x, Sliding(45), ops=("max", "avg", "median", "subsample", "blur", "range"))
    assert found["max"].outlier == 1
    assert found["avg"].outlier == pytest.approx(1 / 2025)
    assert found["subsample"].outlier == 1
    ordered = np.sort(x[45:90, 45:90], axis=None).astype(float)
    assert found["median"].outlier == pytest.approx((ordered[1013] - ordered[1012]) / 255)
    weight = math.comb(44, 22) / 2**44
    assert found["blur"].outlier == pytest.approx(weight**2)


@pytest.mark.parametrize("geometry", [Sliding(2), Sliding(3, 1, 1), Sliding(5, 2), Adaptive(4)])
def test_a_mean_of_windows_is_put_back(geometry):
    (w,) = geometry.resolve(["width"], [11])
    values = np.random.default_rng(0).random((2, w.out))
    expected, count = np.zeros((2, 11)), times_covered(w)
    for i in range(w.out):
        expected[:, w.cells(i)] += values[:, [i]]
    found = put_back(values, [w])
    np.testing.assert_allclose(found[:, count > 0], (expected / np.maximum(count, 1))[:, count > 0])
    assert np.isnan(found[:, count == 0]).all()
