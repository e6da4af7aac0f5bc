"""The specification itself is checked: against the seeds, by hand, and against the frameworks."""

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from tests.elsewhere.differences import GOLDEN_DIFFERENCES, named_differences
from tests.elsewhere.golden import RTOL, goldens
from tests.helpers.every import every
from tests.spec.indices import naive_indices, naive_unpool, unpool_size
from tests.spec.ops import OPS, probabilities
from tests.spec.pooling import naive_blur, naive_pool, naive_pyramid
from tests.spec.windows import Refused, adaptive, dropped, fractional, layout_of, sliding, whole

GEOMETRIES = {"sliding": sliding, "whole": whole, "adaptive": adaptive, "fractional": fractional}
SEED_4X4 = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]])
SEED_SUM = np.array([[2, 3, 1, 4], [1, 7, 0, 2], [9, 6, 3, 4], [2, 8, 1, 7]])


def test_the_seeds():
    assert naive_pool(SEED_4X4, "max", sliding(2)).tolist() == [[6, 4], [4, 4]]
    assert naive_pool(SEED_SUM, "sum", sliding(3, stride=1)).tolist() == [[32, 30], [37, 38]]


@cache
def agrees(number: int) -> bool:
    golden = goldens()[number]
    geometry = GEOMETRIES[golden.kind](**golden.geometry)
    try:
        y = naive_pool(golden.x, golden.op, geometry, layout=golden.layout, **golden.options)
    except Refused:
        return golden.expected is None
    if golden.expected is None or y.shape != golden.expected.shape:
        return False
    if not np.allclose(y, golden.expected, rtol=RTOL, atol=0, equal_nan=True):
        return False
    if golden.indices is None:
        return True
    convention = "plane" if golden.framework == "torch" else "tensor"
    indices = naive_indices(
        golden.x, golden.op, geometry, layout=golden.layout, convention=convention
    )
    return np.array_equal(indices, golden.indices)


def test_frameworks_agree_or_the_difference_has_a_name():
    every(range(len(goldens())), agrees_or_has_a_name, told=lambda number: goldens()[number].id)


def agrees_or_has_a_name(number):
    assert agrees(number) or named_differences(goldens()[number])


@pytest.mark.parametrize("difference", GOLDEN_DIFFERENCES, ids=lambda difference: difference.name)
def test_every_named_difference_is_one(difference):
    differing = [g for number, g in enumerate(goldens()) if not agrees(number)]
    examples = [g for g in differing if difference.name in named_differences(g)]
    assert {g.framework for g in examples} == set(difference.frameworks)


@pytest.mark.parametrize(
    ("n", "geometry", "cells"),
    [
        (5, sliding(2), [[0, 1], [2, 3]]),
        (5, sliding(2, ceil_mode=True), [[0, 1], [2, 3], [4]]),
        (5, sliding(3, 1, dilation=2), [[0, 2, 4]]),
        (3, sliding(2, 1, padding=1), [[0], [0, 1], [1, 2], [2]]),
        (3, sliding(2, 1, padding=((0, 1),)), [[0, 1], [1, 2], [2]]),
        (3, sliding(2, 1, padding="same"), [[0, 1], [1, 2], [2]]),
        (3, sliding(2, 1, padding="same-lower"), [[0], [0, 1], [1, 2]]),
        (7, sliding(1, 3, padding="same"), [[0], [3], [6]]),
        (4, sliding(3, 3, padding="same"), [[0, 1], [2, 3]]),
        # The third window would start at 4 + 1: in the padding after, so it is not made.
        (4, sliding(2, 2, padding=1, ceil_mode=True), [[0], [1, 2], [3]]),
        (4, sliding(1, 5, padding=((0, 1),), ceil_mode=True), [[0]]),
        (5, adaptive(3), [[0, 1], [1, 2, 3], [3, 4]]),
        (3, adaptive(5), [[0], [0, 1], [1], [1, 2], [2]]),
        (7, fractional(2, 4, [0.3]), [[0, 1], [2, 3], [3, 4], [5, 6]]),
        (6, whole(), [[0, 1, 2, 3, 4, 5]]),
    ],
)
def test_windows_counted_by_hand(n, geometry, cells):
    (axis,) = geometry((n,))
    assert [window.cells for window in axis] == cells


@pytest.mark.parametrize(
    ("n", "geometry"),
    [
        (3, sliding(5)),
        (3, sliding(6, padding=1)),
        (3, sliding(3, dilation=2)),
        (3, sliding(2, 2, padding=2)),  # windows 0 and 3 lie in the padding
        (1, sliding(2, 1, padding=1, dilation=2)),  # one cell on each side of the only real one
        (1, sliding(2, 1, padding="same", dilation=2)),
        (0, sliding(1)),
        (0, sliding(1, padding="same")),
        (0, whole()),
        (3, sliding(0)),
        (3, sliding(1, 0)),
        (3, sliding(1, dilation=0)),
        (3, sliding(1, padding=-1)),
        (3, sliding((1, 1))),
        (3, adaptive(0)),
        (3, fractional(2, 3, [0.5])),
    ],
)
def test_windows_that_are_refused(n, geometry):
    with pytest.raises(Refused):
        naive_pool(np.ones(n), "max", geometry)


def test_cells_that_no_window_covers():
    assert dropped(sliding(2), (5, 4)) == [1, 0]
    assert dropped(sliding(2, 3), (8, 9)) == [2, 3]
    assert dropped(sliding(2, 1, dilation=3), (5, 4)) == [1, 2]


def test_averages_divide_by_what_S3_says():
    x = np.ones(4)
    padded = sliding(3, 2, padding=1, ceil_mode=True)  # [pad 0 1] [1 2 3] [3 pad past]
    assert naive_pool(x, "avg", padded).tolist() == [1, 1, 1]
    included = naive_pool(x, "avg", padded, count_include_pad=True)
    assert included.tolist() == [2 / 3, 1, 1 / 2]
    assert naive_pool(x, "avg", padded, divisor=4).tolist() == [0.5, 0.75, 0.25]
    assert naive_pool(x, "sum", padded).tolist() == [2, 3, 1]


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("cells", "options", "expected"),
    [
        ([1, NAN], {}, NAN),
        ([1, NAN], {"nan": "skip"}, 1),
        ([NAN, NAN], {"nan": "skip"}, NAN),
        ([1, -9], {"nodata": -9}, 1),
        ([-9, -9], {"nodata": -9}, -9),
        ([NAN, -9], {"nodata": -9}, NAN),
        ([NAN, 3], {"nodata": NAN}, 3),
        ([3, -9], {"nodata": -9, "min_valid": 0.75}, -9),
        ([3, -9], {"nodata": -9, "min_valid": 0.5}, 3),
        ([-INF, -INF], {}, -INF),
        ([INF, -INF], {}, INF),
    ],
)
@pytest.mark.parametrize("op", ["max", "avg"])
def test_missing_values(op, cells, options, expected):
    if op == "avg" and cells == [INF, -INF]:
        expected = NAN
    y = naive_pool(np.array(cells, float), op, whole(), **options)
    np.testing.assert_array_equal(y, [expected])


def test_nan_can_be_refused():
    with pytest.raises(Refused):
        naive_pool(np.array([1, NAN]), "max", whole(), nan="error")


@pytest.mark.parametrize(
    ("op", "params", "cells", "expected"),
    [
        ("lp", {"norm": 2}, [3, -4], 5),
        ("lp", {"norm": 1}, [3, -4], 7),
        ("lp", {"norm": INF}, [3, -4], 4),
        ("lp", {"norm": 3, "signed": True}, [1, -2], NAN),
        ("lp", {"norm": 1, "signed": True}, [1, -2], -1),
        ("lp", {"norm": 2}, [3e200, 4e200], 5e200),
        ("rms", {}, [3, -4, 5], math.sqrt(50 / 3)),
        ("median", {}, [5, 1, 3], 3),
        ("median", {}, [5, 1, 4, 3], 3.5),
        ("quantile", {"q": 0.25}, [1, 2, 3, 4], 1.75),
        ("quantile", {"q": 0.25, "method": "lower"}, [1, 2, 3, 4], 1),
        ("quantile", {"q": 0.25, "method": "higher"}, [1, 2, 3, 4], 2),
        ("quantile", {"q": 0.5, "method": "nearest"}, [1, 2, 3, 4], 3),
        ("quantile", {"q": 0.5, "method": "midpoint"}, [1, 2, 3, 9], 2.5),
        ("mode", {}, [2, 1, 2, 1, 3], 1),
        ("range", {}, [2, -1, 7], 8),
        ("var", {}, [1, 2, 3, 4], 1.25),
        ("std", {}, [1, 3], 1),
        ("var", {"ddof": 1}, [1, 2, 3, 4], 5 / 3),
        ("var", {"ddof": 1}, [1], NAN),
        ("stochastic", {}, [1, 3], 2.5),
        ("stochastic", {}, [0, 0], 0),
        ("stochastic", {"negatives": "relu"}, [-1, 1, 3], 2.5),
        ("stochastic", {"negatives": "shift"}, [-1, 1, 3], 7 / 3),
        ("stochastic", {"negatives": "shift"}, [-2, -2], -2),
        ("gem", {}, [2, 2, 2], 2),
        ("gem", {"p": 1}, [1, 3], 2),
        ("gem", {}, [-1, -1], 1e-6),
        ("soft", {}, [0, 0, 3], 3 * math.e**3 / (2 + math.e**3)),
        ("soft", {}, [0, 255], 255),
        ("lse", {}, [7, 7], 7),
        ("lse", {"r": 2}, [0, 1], math.log((1 + math.e**2) / 2) / 2),
        ("lse", {"r": -1}, [0, 800], math.log(2)),
        ("mixed", {"alpha": 0.25}, [1, 3], 2.25),
        ("subsample", {}, [4, 9], 4),
    ],
)
def test_ops_by_hand(op, params, cells, expected):
    result = float(OPS[op](cells, count=len(cells), **params))
    assert result == pytest.approx(expected, rel=1e-14, nan_ok=True)


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "nearest", "midpoint"])
def test_quantiles_as_numpy(method):
    rng = np.random.default_rng(5)
    for _ in range(200):
        cells = rng.integers(-9, 9, rng.integers(1, 12)).tolist()
        q = int(rng.integers(0, 65)) / 64
        expected = np.quantile(cells, q, method=method)
        assert float(OPS["quantile"](cells, q=q, method=method)) == pytest.approx(expected)


def test_stochastic():
    assert probabilities([1, 0, 3]) == [Fraction(1, 4), 0, Fraction(3, 4)]
    with pytest.raises(Refused):
        OPS["stochastic"]([1, -1])


def test_types():
    small = np.array([200, 200], np.uint8)
    assert naive_pool(small, "sum", whole()).tolist() == [400]
    assert naive_pool(small, "sum", whole()).dtype == np.uint64
    assert naive_pool(small > 0, "sum", whole()).dtype == np.int64
    assert naive_pool(small > 0, "max", whole()).dtype == bool
    assert naive_pool(small, "avg", whole()).dtype == np.float64
    assert naive_pool(small.astype(np.float16), "avg", whole()).dtype == np.float16
    with pytest.raises(Refused):
        naive_pool(np.array([2**62] * 4), "sum", whole())
    odd = np.array([1, 2, 4, 9], np.uint8)
    assert naive_pool(odd, "avg", sliding(2), dtype="u1", fit="round").tolist() == [2, 6]
    with pytest.raises(Refused):
        naive_pool(odd, "avg", sliding(2), dtype="u1")
    assert naive_pool(small, "sum", whole(), dtype="u1", fit="clip").tolist() == [255]
    with pytest.raises(Refused):
        naive_pool(small, "sum", whole(), dtype="u1", fit="round")


def test_layouts_only_move_axes():
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5) % 7
    expected = naive_pool(x, "avg", sliding(2), layout="NCHW")
    for layout in ("NHWC", "HNWC", "HWNC", "CHNW"):
        order = ["NCHW".index(letter) for letter in layout]
        y = naive_pool(x.transpose(order), "avg", sliding(2), layout=layout)
        np.testing.assert_array_equal(y, expected.transpose(order))
    assert naive_pool(x, "max", whole(), layout="NCHW", keepdims=False).shape == (2, 3)


@pytest.mark.parametrize("layout", ["", "H", "WH", "DW", "HWHC", "HWX", "NC", "HWC"])
def test_layouts_that_are_refused(layout):
    with pytest.raises(Refused):
        layout_of(2, layout)


def test_indices_in_three_conventions():
    x = np.array([[[[1, 5], [7, 5], [7, 0]], [[3, 3], [2, 9], [4, 9]]]])  # NHWC 1x2x3x2
    plane = naive_indices(x, "max", sliding(2, 1))
    assert plane.tolist() == [[[[1, 4], [1, 4]]]]  # ties: the first
    tensor = naive_indices(x, "max", sliding(2, 1), convention="tensor")
    assert tensor.tolist() == [[[[2, 9], [2, 9]]]]
    assert tensor.ravel().tolist() == [int(np.ravel_multi_index((0, *at), x.shape)) for at in
                                       ((0, 1, 0), (1, 1, 1), (0, 1, 0), (1, 1, 1))]  # fmt: skip
    last = naive_indices(np.concatenate([x, x]), "max", sliding(2, 1), convention="channels-last")
    assert last.tolist() == [[[[2, 9], [2, 9]]]] * 2
    assert naive_indices(np.array([1, NAN, NAN]), "max", whole()).tolist() == [1]
    assert naive_indices(np.array([1, NAN, 0]), "min", whole(), nan="skip").tolist() == [2]


@pytest.mark.parametrize("convention", ["plane", "tensor", "channels-last"])
def test_unpool_inverts(convention):
    x = np.random.default_rng(3).permutation(2 * 5 * 4 * 3).reshape(2, 5, 4, 3) + 1
    y = naive_pool(x, "max", sliding(2))
    indices = naive_indices(x, "max", sliding(2), convention=convention)
    back = naive_unpool(y, indices, (5, 4), convention=convention)
    assert sorted(back[back > 0].tolist()) == sorted(y.ravel().tolist())
    np.testing.assert_array_equal(back[back > 0], x[back > 0])
    assert [unpool_size(2, 2, 2), unpool_size(2, 2, 2, 1, 1)] == [4, 2]


def test_pyramid_puts_the_bins_in_one_axis():
    x = np.arange(2 * 4 * 4 * 3).reshape(2, 4, 4, 3)
    y = naive_pyramid(x, "max", [1, 2])
    assert y.shape == (2, 5, 3)
    assert y[0, :, 0].tolist() == [45, 15, 21, 39, 45]
    channels_first = naive_pyramid(x.transpose(0, 3, 1, 2), "max", [1, 2], layout="NCHW")
    np.testing.assert_array_equal(channels_first, y.transpose(0, 2, 1))


def test_blur_by_hand():
    x = np.array([1.0, 2, 4, 8, 16])
    assert naive_blur(x, 3, 2).tolist() == [1.5, 4.5, 12]  # (2 1 2) (2 4 8) (8 16 8) by 1 2 1
    assert naive_blur(x, 2, 2).tolist() == [1.5, 6, 12]
    assert naive_blur(np.full((3, 3), 7), 4, 1).tolist() == [[7.0] * 3] * 3
    skipped = naive_blur(np.array([1, NAN, 4]), 3, 1, nan="skip")
    np.testing.assert_array_equal(skipped, [1, 2.5, 4])
