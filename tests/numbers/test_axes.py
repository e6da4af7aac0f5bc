"""Axes by number, letter or name, of arrays of any rank: against NumPy's own reductions."""

from __future__ import annotations

import numpy as np
import pytest

import poolcli
from tests.helpers.every import every

X = np.random.default_rng(5).integers(-99, 99, (2, 3, 8, 6, 4, 5)).astype(np.float64)


def blocks(x, op, sizes):
    """Each axis cut into blocks, of which there is one number: the rest is dropped."""
    x = x[tuple(slice(n // k * k) for n, k in zip(x.shape, sizes, strict=True))]
    shape = [part for n, k in zip(x.shape, sizes, strict=True) for part in (n // k, k)]
    return op(x.reshape(shape), axis=tuple(range(1, 2 * x.ndim, 2)))


def test_any_axes_of_any_rank():
    def check(row):
        axes, sizes = row
        every_size = [dict(zip(axes, sizes, strict=True)).get(axis, 1) for axis in range(X.ndim)]
        for op, reduce in [("max", np.max), ("sum", np.sum), ("median", np.median)]:
            wanted = blocks(X, reduce, every_size)
            got = poolcli.pool(X, op, sizes, axes=axes)
            np.testing.assert_array_equal(got, wanted)
            np.testing.assert_array_equal(
                poolcli.pool(X, op, dict(zip(axes, sizes, strict=True))), wanted
            )

    every(
        [
            ((2,), (3,)),
            ((2, 3), (2, 4)),
            ((3, 2), (4, 2)),  # numbers go with the axes as they were named
            ((0, 2, 5), (2, 3, 2)),
            ((1, 3), (3, 2)),
            ((4, 5), (1, 5)),
        ],
        check,
    )


def test_letters_and_channels():
    x = X[0, 0]  # 8x6x4x5
    for given in ({"H": 2, "W": 3}, {"W": 3, "H": 2}, {"h": 2, "w": 3}):
        got = poolcli.pool(x, "max", given, layout="HWNC")
        np.testing.assert_array_equal(got, poolcli.pool(x, "max", (2, 3), layout="HWNC"))
    got = poolcli.pool(x, "max", {"H": 2}, layout="HWNC")
    np.testing.assert_array_equal(got, blocks(x, np.max, (2, 1, 1, 1)))
    got = poolcli.pool(x, "max", {"H": 2, "C": 5}, layout="HWNC")
    np.testing.assert_array_equal(got, blocks(x, np.max, (2, 1, 1, 5)))
    got = poolcli.global_pool(x, "sum", axes="HC", layout="HWNC")
    np.testing.assert_array_equal(got, x.sum((0, 3)))
    assert poolcli.global_pool(x, "sum", axes=(-1, 0), keepdims=True).shape == (1, 6, 4, 1)


def test_stride_padding_and_dilation_by_axis():
    x = X[0, 0, :, :, 0, 0]
    got = poolcli.pool(x, "max", {0: 3, 1: 2}, stride={0: 1, 1: 2}, padding={0: (1, 0)})
    wanted = poolcli.pool(x, "max", (3, 2), stride=(1, 2), padding=((1, 0), 0), layout="HW")
    np.testing.assert_array_equal(got, wanted)
    got = poolcli.pool(x, "max", {"H": 3}, stride=1, dilation=2)  # the width stays as it is
    np.testing.assert_array_equal(got, poolcli.pool(x, "max", (3, 1), stride=1, dilation=(2, 1)))


def test_indices_and_out_of_a_view():
    flat = poolcli.pool(X, "max", 2, axes=(2, 3), return_indices=True)
    for n in range(2):
        y, where = poolcli.pool(X[n, 0, :, :, 1, 2], "max", 2, return_indices=True)
        np.testing.assert_array_equal(flat[0][n, 0, :, :, 1, 2], y)
        np.testing.assert_array_equal(flat[1][n, 0, :, :, 1, 2], where)
    out = np.empty_like(flat[0])
    assert poolcli.pool(X, "max", 2, axes=(2, 3), out=out) is out
    np.testing.assert_array_equal(out, flat[0])


def test_the_numbers_of_a_size_tell_the_spatial_axes():
    x = X[0, 0]
    for like, size, layout in [
        ("torch", (2, 2, 2), "CDHW"),
        ("torch", (2, 2), "NCHW"),
        ("onnx", (2, 2, 2), "CDHW"),
        ("keras", (2, 2, 2), "DHWC"),
        (None, (2, 2, 2), "DHWC"),
        (None, (2,), "NHWC"),
    ]:
        got = poolcli.pool(x, "max", size, stride=2, like=like)
        np.testing.assert_array_equal(got, poolcli.pool(x, "max", 2, stride=2, layout=layout))
    got = poolcli.pool(x[0], "max", (2,), like="torch")
    np.testing.assert_array_equal(got, poolcli.pool(x[0], "max", 2, layout="NCW"))


def test_what_callers_of_frameworks_write():
    x = X[0, 0, :, :, 0, 0]
    np.testing.assert_array_equal(poolcli.pool(x, "max", 2.0), poolcli.pool(x, "max", 2))
    for word in ("SAME", "Same", "SAME_UPPER", "same-upper"):
        got = poolcli.pool(x, "max", 3, stride=2, padding=word)
        np.testing.assert_array_equal(got, poolcli.pool(x, "max", 3, stride=2, padding="same"))
    poolcli.pool(x, "max", 2, count_include_pad=True, like="torch")  # its default
    poolcli.pool(x, "max", 2, count_include_pad=False)
    y = poolcli.adaptive_pool(x, "max", (None, 3))
    np.testing.assert_array_equal(y, blocks(x, np.max, (1, 2)))
    assert poolcli.fractional_pool(x, "max", (None, 3)).shape == (8, 3)
    got = poolcli.pool(-x, "lp", 2, norm=np.inf, like="torch")
    np.testing.assert_array_equal(got, poolcli.pool(np.abs(x), "max", 2))


def test_output_shapes_of_every_family():
    def check(row):
        options, wanted = row
        shape = options.pop("shape", (None, 15, 9, 64))
        assert poolcli.output_shape(shape, **options) == wanted
        if None not in shape:
            return
        full, known = (tuple(2 if n is None else n for n in s) for s in (shape, wanted))
        assert poolcli.output_shape(full, **options) == known

    every(
        [
            ({"size": 2}, (None, 7, 4, 64)),
            ({"size": 3, "stride": 2, "op": "blur"}, (None, 8, 5, 64)),
            ({"size": {"H": 2}}, (None, 7, 9, 64)),
            ({"size": 2, "axes": (1, 2)}, (None, 7, 4, 64)),
            ({"family": "global"}, (None, 64)),
            ({"family": "global", "keepdims": True}, (None, 1, 1, 64)),
            ({"family": "global", "axes": (1,)}, (None, 9, 64)),
            ({"family": "adaptive", "output_size": (None, 7)}, (None, 15, 7, 64)),
            ({"family": "fractional", "output_size": 4}, (None, 4, 4, 64)),
            ({"family": "pyramid", "levels": [1, 2, (1, 3)]}, (None, 8, 64)),
            ({"shape": (None, None, 8, 8), "size": 2, "like": "torch"}, (None, None, 4, 4)),
        ],
        check,
    )


REFUSED = [
    (lambda: poolcli.pool(X, "max", 2, axes=(0, 1, 2, 3)), "4 axes .* three at once"),
    (lambda: poolcli.pool(X, "max", {9: 2}), "axis 9: the array has 6 axes"),
    (lambda: poolcli.pool(X, "max", {0: 2, -6: 2}), "one is named twice"),
    (lambda: poolcli.pool(X, "max", {}), "none is named"),
    (lambda: poolcli.pool(X, "max", 2, axes=(2, 3), index="tensor"), "'plane'"),
    (lambda: poolcli.pool(X, "max", (2, 2, 2), axes=(2, 3)), "size has 3 numbers for 2 axes"),
    (lambda: poolcli.pool(X, "max", 2, stride={"H": 2}), "only beside a size by axis"),
    (lambda: poolcli.pool(X, "max", {0: 2}, padding={1: 2}), "axis is not pooled"),
    (lambda: poolcli.pool(X[0, 0], "max", {"X": 2}), "axis 'X'.*N .batch., H .height."),
    (lambda: poolcli.pool(X[0, 0], "max", 2, count_include_pad=True), "divides by nothing"),
    (lambda: poolcli.pool(X, "max", 2, axes=(2,), out=np.empty(3)), "out has shape"),
    (lambda: poolcli.output_shape((None, 8), 2), "axis 0 is pooled"),
    (lambda: poolcli.output_shape((8, 8), family="adaptive"), "needs output_size"),
    (lambda: poolcli.output_shape((8, 8), 2, family="global"), "global pooling has no size"),
    (lambda: poolcli.output_shape((8, 8), 2, family="slide"), "family 'slide'"),
]


def test_what_cannot_be_meant_is_refused_in_one_line():
    def check(row):
        call, message = row
        with pytest.raises(poolcli.PoolError, match=f"^[^\n]*{message}[^\n]*$"):
            call()

    every(REFUSED, check, told=lambda row: row[1])


def test_halves_up_and_truncation():
    x = np.array([-2.5, -1.5, -0.5, -0.2, 0.49999999999999994, 0.5, 1.5, 2.5, 2.7])
    for kind in ("f8", ">f8"):
        cells = x.astype(kind)
        up = poolcli.pool(cells, "max", 1, dtype="i2", fit="half-up")
        assert up.tolist() == [-2, -1, 0, 0, 0, 1, 2, 3, 3]
        cut = poolcli.pool(cells, "max", 1, dtype="i2", fit="truncate")
        assert cut.tolist() == [-2, -1, 0, 0, 0, 0, 1, 2, 2]
    pairs = np.array([[0, 1], [1, 2], [200, 255], [2, 4]], np.uint8)
    assert poolcli.pool(pairs, "avg", (1, 2), dtype="u1", fit="half-up").ravel().tolist() == [
        *(1, 2, 228, 3)
    ]
    missing = poolcli.pool(pairs, "avg", (1, 2), dtype="u1", fit="half-up", nodata=2)
    assert missing.ravel().tolist() == [1, 1, 228, 4]
    with pytest.raises(poolcli.InputError, match="300.0 does not fit uint8"):
        poolcli.pool(np.array([300.2]), "max", 1, dtype="u1", fit="truncate")
    with pytest.raises(poolcli.InputError, match="NaN does not fit"):
        poolcli.pool(np.array([np.nan]), "max", 1, dtype="u1", fit="half-up")


def test_in_ceil_mode_a_window_larger_than_its_axis_is_one():
    one = np.array([[7]])
    for options in ({}, {"stride": 2}, {"stride": 1, "dilation": 3}, {"padding": (0, 1)}):
        assert poolcli.pool(one, "max", 3, ceil_mode=True, **options).tolist() == [[7]]
    got = poolcli.pool(np.ones((3, 9)), "avg", (5, 3), ceil_mode=True)
    assert got.tolist() == [[1, 1, 1]]
    with pytest.raises(poolcli.InputError, match="exceeds input 1"):
        poolcli.pool(one, "max", 3)


def test_random_samples_for_each_plane():
    x = X[0, :, :, :, 0, :]  # 3x8x6x5
    samples = np.random.default_rng(2).random((3, 5, 2))
    got, where = poolcli.fractional_pool(
        x, "max", (4, 3), size=2, samples=samples, layout="NHWC", return_indices=True
    )
    for n, c in np.ndindex(3, 5):
        y, at = poolcli.fractional_pool(
            x[n, :, :, c], "max", (4, 3), size=2, samples=samples[n, c], return_indices=True
        )
        np.testing.assert_array_equal(got[n, :, :, c], y)
        np.testing.assert_array_equal(where[n, :, :, c], at)
    with pytest.raises(poolcli.InputError, match="samples have the shape 5x2; .* 3x5x2"):
        poolcli.fractional_pool(x, "max", (4, 3), samples=samples[0], layout="NHWC")


def test_output_sizes_in_proportion():
    def check(row):
        asked, shape, wanted = row
        y = poolcli.adaptive_pool(np.zeros(shape, "u1"), "max", **asked)
        assert y.shape == wanted
        assert poolcli.output_shape(shape, family="adaptive", **asked) == wanted

    every(
        [
            ({"output_size": "60x"}, (120, 90), (60, 45)),
            ({"output_size": "x40"}, (120, 90), (53, 40)),
            ({"output_size": "x40"}, (120, 90, 3), (53, 40, 3)),
            ({"output_size": "25%"}, (120, 90), (30, 23)),
            ({"output_size": "12.5%"}, (120, 2), (15, 1)),  # at least one
            ({"output_size": "x10x", "layout": "DHWC"}, (4, 20, 30, 3), (2, 10, 15, 3)),
            ({"output_size": "7x5"}, (120, 90), (7, 5)),
            ({"longest": 60}, (120, 90), (60, 45)),
            ({"longest": 60}, (90, 120, 3), (45, 60, 3)),
            ({"longest": 600}, (120, 90), (120, 90)),  # no more than there are
        ],
        check,
    )
    for asked, message in [
        ({"output_size": "60x", "longest": 3}, "not both"),
        ({}, "needs an output size or longest"),
        ({"output_size": "0%"}, "more than 0%"),
        ({"output_size": "x4x"}, "3 axes are meant, the array has 2"),
        ({"output_size": "0x"}, "start at 1"),
        ({"longest": 0}, "longest 0"),
    ]:
        with pytest.raises(poolcli.PoolError, match=message):
            poolcli.adaptive_pool(np.zeros((12, 9)), "max", **asked)
