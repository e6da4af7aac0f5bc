"""Positions of winners in three conventions, unpooling, and pyramids (S11, S12)."""

import numpy as np
import pytest

from poolcli import adaptive_pool, fractional_pool, global_pool, pool, pyramid_pool, unpool
from poolcli.errors import PoolError
from poolcli.geometry import Adaptive, Global
from poolcli.request import Request
from tests.helpers.cases import GEOMETRIES, random_case
from tests.helpers.every import draws, every
from tests.spec.indices import naive_indices, naive_unpool, unpool_size
from tests.spec.pooling import naive_pool, naive_pyramid
from tests.spec.windows import Refused, sliding

CONVENTIONS = ("plane", "tensor", "channels-last")


@pytest.mark.parametrize("first", range(0, 500, 50))
def test_winners_as_specified(first):
    every(draws(50, first), winners_as_specified)


def winners_as_specified(seed):
    case = random_case(seed, ("max", "min")[seed % 2])
    nan = "skip" if case.options["nan"] == "skip" else "propagate"
    layout, convention = case.options.get("layout"), CONVENTIONS[seed % 3]
    specified, asked = GEOMETRIES[case.kind]
    request = Request(case.op, asked(**case.windows), layout=layout, nan=nan, index=convention)
    try:
        expected = naive_indices(
            case.x,
            case.op,
            specified(**case.windows),
            layout=layout,
            convention=convention,
            nan=nan,
        )
    except Refused:
        with pytest.raises(PoolError):
            request.plan(case.x.shape, case.x.dtype)
        return
    got = request.plan(case.x.shape, case.x.dtype).winners(case.x)
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("layout", ["W", "HW", "HWC", "NHWC", "NCHW", "HNWC", "NDHWC", "NCDHW"])
@pytest.mark.parametrize("dtype", ["u1", ">i4", "f2", "f8"])
def test_unpool_as_specified(layout, convention, dtype):
    lengths = {"N": 2, "C": 3, "D": 4, "H": 5, "W": 6}
    shape = tuple(lengths[letter] for letter in layout)
    rng = np.random.default_rng(len(layout))
    x = rng.permutation(int(np.prod(shape))).reshape(shape) % 251 + 1
    options = {"layout": layout, "index": convention}
    y, indices = pool(x.astype(dtype), "max", 2, return_indices=True, **options)
    cells = [lengths[letter] for letter in layout if letter in "DHW"]
    smallest = [unpool_size(n // 2, 2, 2) for n in cells]
    expected = naive_unpool(y, indices, cells, layout=layout, convention=convention)
    np.testing.assert_array_equal(unpool(y, indices, 2, output_size=cells, **options), expected)
    if smallest == cells:
        np.testing.assert_array_equal(unpool(y, indices, 2, **options), expected)
    np.testing.assert_array_equal(expected[expected > 0], x.astype(dtype)[expected > 0])


def test_unpool_refuses_what_lies_outside():
    y = np.array([[9.0]])
    for wrong in (4, 10**18, -2):
        with pytest.raises(PoolError) as refusal:
            unpool(y, np.array([[wrong]]), 2)
        assert "\n" not in str(refusal.value)
        with pytest.raises(Refused):
            naive_unpool(y, np.array([[wrong]]), (2, 2))
    with pytest.raises(PoolError):
        unpool(y, np.array([1]), 2)
    with pytest.raises(PoolError):
        unpool(y, np.array([[0.5]]), 2)


@pytest.mark.parametrize("counted", CONVENTIONS)
@pytest.mark.parametrize("read", CONVENTIONS)
def test_unpool_refuses_positions_that_were_counted_otherwise(counted, read):
    x = np.random.default_rng(0).random((2, 16, 15, 10))
    y, indices = pool(x, "max", 2, layout="NCHW", index=counted, return_indices=True)
    if read == counted:
        back = unpool(y, indices, 2, layout="NCHW", index=read, output_size=(15, 10))
        np.testing.assert_array_equal(back[back > 0], x[back > 0])
        return
    with pytest.raises(PoolError, match=r"^index [^\n]*name how: plane, tensor or channels-last"):
        unpool(y, indices, 2, layout="NCHW", index=read)
    if (counted, read) == ("plane", "tensor"):
        with pytest.raises(PoolError, match="was read as NHWC: 16x7 is pooled"):
            unpool(y, indices, 2)


def test_equal_values_may_share_a_cell():
    x = np.array([[1.0, 2, 1], [2, np.nan, 0], [0, 0, 0]])
    y, indices = pool(x, "max", 2, stride=1, return_indices=True)
    assert np.unique(indices).tolist() == [4]
    expected = np.zeros((3, 3))
    expected[1, 1] = np.nan
    np.testing.assert_array_equal(unpool(y, indices, 2, stride=1), expected)


@pytest.mark.parametrize("layout", ["HW", "HWC", "NCHW", "NDHWC"])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_output_size_alone_says_where_values_of_any_windows_go(layout, convention):
    lengths = {"N": 2, "C": 3, "D": 4, "H": 5, "W": 6}
    shape = tuple(lengths[letter] for letter in layout)
    x = np.random.default_rng(7).permutation(int(np.prod(shape))).reshape(shape) + 1
    cells = tuple(lengths[letter] for letter in layout if letter in "DHW")
    for geometry, keepdims in ((Adaptive(3), True), (Global(), True), (Global(), False)):
        plan = Request("max", geometry, layout=layout, index=convention, keepdims=keepdims).plan(
            shape, x.dtype
        )
        y, indices = plan.run(x), plan.winners(x)
        back = unpool(y, indices, output_size=cells, layout=layout, index=convention)
        np.testing.assert_array_equal(back, np.where(np.isin(x, y), x, 0))
    with pytest.raises(PoolError, match="output size"):
        unpool(y, indices, layout=layout)
    with pytest.raises(PoolError, match="give their size"):
        unpool(y, indices, output_size=cells, stride=2, layout=layout)


def test_global_values_need_no_layout_where_it_is_clear():
    x = np.arange(60.0).reshape(4, 5, 3)
    y, indices = x.max(axis=(0, 1)), np.full(3, 19)
    assert unpool(y, indices, output_size=(4, 5)).shape == x.shape
    assert unpool(y, indices, output_size=(4, 5), like="torch").shape == (3, 4, 5)
    assert unpool(np.array(9.0), np.array(3), output_size=(4, 5))[0, 3] == 9
    with pytest.raises(PoolError, match="give the output size alone"):
        unpool(y, indices, 2, layout="HWC")


@pytest.mark.parametrize("layout", ["W", "HW", "HWC", "NHWC", "NCHW", "HNWC", "NCDHW"])
@pytest.mark.parametrize("op", ["max", "avg", "median"])
def test_pyramids_as_specified(layout, op):
    lengths = {"N": 2, "C": 3, "D": 3, "H": 5, "W": 6}
    shape = tuple(lengths[letter] for letter in layout)
    x = np.random.default_rng(1).integers(0, 50, shape).astype(np.float64)
    for levels in ([1], [1, 2, 3], [3, 2]):
        got = pyramid_pool(x, op, levels, layout=layout)
        expected = naive_pyramid(x, op, levels, layout=layout)
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-15)


def test_indices_go_with_their_values():
    x = np.random.default_rng(5).random((2, 9, 7, 3))
    y, indices = pool(x, "max", 3, stride=2, padding=1, return_indices=True)
    np.testing.assert_array_equal(y, naive_pool(x, "max", sliding(3, 2, 1)))
    planes = x.transpose(0, 3, 1, 2).reshape(2, 3, -1)
    picked = np.take_along_axis(planes, indices.transpose(0, 3, 1, 2).reshape(2, 3, -1), axis=2)
    np.testing.assert_array_equal(picked.reshape(2, 3, *y.shape[1:3]).transpose(0, 2, 3, 1), y)


@pytest.mark.parametrize("op", ["max", "min", "median"])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_family_of_windows_gives_positions(op, convention):
    x = np.random.default_rng(3).permutation(2 * 5 * 6 * 3).reshape(2, 5, 6, 3).astype(np.float64)
    options = {"return_indices": True, "index": convention}
    if op == "median":
        options["method"] = "lower"
    for y, indices in (
        global_pool(x, op, keepdims=True, **options),
        adaptive_pool(x, op, (3, 2), **options),
        fractional_pool(x, op, (3, 2), seed=4, **options),
    ):
        assert y.shape == indices.shape
        back = unpool(y, indices, output_size=(5, 6), index=convention)
        np.testing.assert_array_equal(back, np.where(np.isin(x, y), x, 0))
    y, indices = global_pool(x, op, **options)
    assert y.shape == indices.shape == (2, 3)
    with pytest.raises(PoolError, match="pyramid_pool: .*no parameter 'return_indices'"):
        pyramid_pool(x, op, [1, 2], return_indices=True)


@pytest.mark.parametrize("dtype", ["u8", ">u8"])
def test_unpool_refuses_the_largest_position_there_is(dtype):
    """As an int64 it would be −1, which puts nothing."""
    for wrong in (2**64 - 1, 2**63):
        with pytest.raises(PoolError, match=f"^index {wrong} lies outside"):
            unpool(np.array([[7]]), np.array([[wrong]], dtype), 1)
    assert unpool(np.array([[7]]), np.array([[0]], dtype), 1).tolist() == [[7]]
    assert unpool(np.array([[7]], "i8"), np.array([[-1]], ">i8"), 1).tolist() == [[0]]


def test_unpool_says_what_to_do_with_medians_between_two_cells():
    x = np.array([[1.0, 5.0, 2.0, 9.0]])
    y, where = pool(x, "median", (1, 2), stride=1, return_indices=True)
    assert where.tolist() == [[0, 2, 2]]
    with pytest.raises(PoolError, match=r"medians between two cells .* `method='lower'`"):
        unpool(y, where, (1, 2), stride=1)
    y, where = pool(x, "median", (1, 2), stride=1, method="lower", return_indices=True)
    assert unpool(y, where, (1, 2), stride=1).tolist() == [[1, 0, 2, 0]]
