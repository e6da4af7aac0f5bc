"""Types and their limits (S6): what comes out, what is refused, and that nothing wraps."""

from dataclasses import replace

import numpy as np
import pytest

from poolcli import global_pool, pool
from poolcli.errors import PoolError
from tests.helpers.cases import DTYPES, Case, check
from tests.helpers.every import draws, every

WIDE = {"b": np.int64, "i": np.int64, "u": np.uint64}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", DTYPES)
def test_the_dtype_of_every_result(code, order):
    x = np.array([[1, 0, 1, 1]] * 2).astype(order + code)
    native = np.dtype(code)
    for op in ("max", "min"):
        assert pool(x, op, 2).dtype == native
        assert global_pool(x, op).dtype == native
    assert pool(x, "sum", 2).dtype == (native if native.kind == "f" else WIDE[native.kind])
    assert pool(x, "avg", 2).dtype == (native if native.kind == "f" else np.float64)
    assert pool(x, "sum", 2).tolist() == [[2, 4]]
    assert pool(x, "avg", 2).tolist() == [[0.5, 1.0]]
    assert pool(x, "max", 2).tolist() == [[True, True]]
    assert pool(x, "min", 2).tolist() == [[False, True]]


def test_aliases_and_lists():
    assert pool([[1, 3], [5, 6]], "mean", 2).tolist() == [[3.75]]
    assert pool([[1, 3], [5, 6]], "max", [1, 2], stride=[1, 1]).tolist() == [[3], [6]]


@pytest.mark.parametrize(
    ("cells", "dtype", "total"),
    [
        ([200, 200], "u1", 400),
        ([-128] * 3, "i1", -384),
        ([True] * 5, "?", 5),
        ([2**31 - 1] * 4, "i4", 2**33 - 4),
        ([2**32 - 1] * 4, "u4", 2**34 - 4),
        ([2**62, 2**62 - 1], "i8", 2**63 - 1),
        ([-(2**62)] * 2, "i8", -(2**63)),
        ([2**63, 2**63 - 1], "u8", 2**64 - 1),
        # On the way the sum is too large; at the end it is not.
        ([2**62] * 4 + [-(2**62)] * 3, "i8", 2**62),
        ([2**63 - 1, 1, -1, -(2**63)], "i8", -1),
    ],
)
def test_sums_that_fit(cells, dtype, total):
    for form in (cells, cells[::-1], np.random.default_rng(0).permutation(np.array(cells, dtype))):
        result = global_pool(np.array(form, dtype), "sum")
        assert int(result) == total
    assert int(pool(np.array([cells], dtype), "sum", (1, len(cells)))[0, 0]) == total


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ([2**62] * 4, "i8"),
        ([2**62] * 2, "i8"),
        ([-(2**63), -1], "i8"),
        ([2**63] * 2, "u8"),
        ([2**64 - 1, 1], ">u8"),
        ([2**64 - 1] * 1000, "u8"),
    ],
)
def test_sums_that_do_not_fit_are_refused(cells, dtype):
    x = np.array(cells, dtype)
    for command in (lambda: global_pool(x, "sum"), lambda: pool(x, "sum", len(x))):
        with pytest.raises(PoolError) as refusal:
            command()
        assert "64" in str(refusal.value)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("op", "cells", "source", "target", "fit", "expected"),
    [
        ("avg", [1, 2], "u1", "u1", "exact", None),
        ("avg", [1, 3], "u1", "u1", "exact", 2),
        ("avg", [0, 1], "u1", "u1", "round", 0),
        ("avg", [1, 2], "u1", "u1", "round", 2),
        ("avg", [2, 3], "u1", "u1", "round", 2),
        ("avg", [-1, -2], "i1", "i1", "round", -2),
        ("avg", [-1, 0], "i1", "u1", "round", 0),
        ("avg", [-2, -1], "i1", "u1", "round", None),
        ("avg", [-2, -1], "i1", "u1", "clip", 0),
        ("avg", [2**64 - 1] * 2, "u8", "i8", "clip", 2**63 - 1),
        ("sum", [200, 200], "u1", "u1", "exact", None),
        ("sum", [200, 200], "u1", "u1", "round", None),
        ("sum", [200, 200], "u1", "u1", "clip", 255),
        ("sum", [200, 200], "u1", "u2", "exact", 400),
        ("sum", [2**62] * 2, "i8", "u8", "exact", None),  # sums of signed cells are signed
        ("sum", [1.0, 1.5], "f4", "i4", "exact", None),
        ("sum", [1.0, 1.5], "f4", "i4", "round", 2),
        ("sum", [1.0, 1.0], "f4", "i4", "exact", 2),
        ("max", [300, 1], "i4", "u1", "exact", None),
        ("max", [300, 1], "i4", "u1", "clip", 255),
        ("max", [np.inf, 1], "f8", "i8", "round", None),
        ("max", [np.inf, 1], "f8", "i8", "clip", 2**63 - 1),
        ("max", [-np.inf, -np.inf], "f4", "i8", "clip", -(2**63)),
        ("max", [np.nan, 1], "f8", "i8", "clip", None),
        ("max", [2.0**63, 1], "f8", "i8", "round", None),
        ("max", [2.0**63, 1], "f8", "u8", "exact", 2**63),
        ("max", [2.0**64, 1], "f8", "u8", "clip", 2**64 - 1),
        ("max", [1, 0], "u1", "?", "exact", True),
        ("max", [2, 0], "u1", "?", "exact", None),
        ("max", [2**53 + 1, 1], "i8", "f8", "exact", None),
        ("max", [2**53, 1], "i8", "f8", "exact", 2.0**53),
        ("max", [2049, 1], "i4", "f2", "exact", None),
        ("max", [2**64 - 1, 1], "u8", "f4", "exact", None),
        ("max", [1e300, 1], "f8", "f4", "exact", None),
        ("max", [np.inf, 1], "f8", "f4", "exact", np.inf),
        ("avg", [1, 2], "i4", "f4", "exact", 1.5),
        ("avg", [65504.0] * 2, "f2", "f8", "exact", 65504.0),
        ("sum", [65504.0] * 2, "f2", "f8", "exact", 131008.0),
        ("sum", [1e200, 1e200], "f8", "f4", "exact", None),
    ],
)
def test_other_dtypes_exactly_or_with_an_error(op, cells, source, target, fit, expected):
    case = Case(np.array(cells, source), op, {}, {"dtype": target, "fit": fit}, "whole")
    if expected is None:
        with pytest.raises(PoolError) as refusal:
            case.run()
        assert "\n" not in str(refusal.value)
    else:
        got = case.run()
        assert got.dtype == np.dtype(target)
        assert got.tolist() == [expected]
    check(case)  # the specification is of the same mind


@pytest.mark.parametrize("fit", ["exact", "round"])
@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ([2**62 + 1] * 2, "i8"),
        ([-(2**62) - 1] * 3, "i8"),
        ([2**64 - 1] * 2, "u8"),
        ([2**53 + 1] * 2, "u8"),
        ([2**53 + 1, 2**53 + 2], "i8"),
    ],
)
def test_averages_too_large_for_a_float_are_exact_or_refused(cells, dtype, fit):
    """An average of integers may pass through float64, but not come out as another number."""
    case = Case(np.array(cells, dtype), "avg", {}, {"dtype": dtype, "fit": fit}, "whole")
    try:
        got = case.run()
    except PoolError:
        return
    np.testing.assert_array_equal(got, case.expected())


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_random_targets_as_specified(first):
    every(draws(50, first), random_target_as_specified)


def random_target_as_specified(seed):
    """Integers, and floats that are whole: there every answer is exact."""
    rng = np.random.default_rng([6, seed])
    source, target = (np.dtype(str(rng.choice(DTYPES))) for _ in range(2))
    limits = np.iinfo(source) if source.kind in "iu" else np.iinfo(np.int8)
    whole = rng.integers(limits.min, limits.max, (6, 5), source if source.kind in "iu" else "i1")
    if rng.random() < 0.6:
        whole = np.clip(whole, -9, 9) if source.kind != "u" else whole % 10
    x = whole.astype(source)
    op = str(rng.choice(["max", "min", "sum", "avg"]))
    fit = str(rng.choice(["exact", "round", "clip"]))
    options = {"dtype": target.name, "fit": fit}
    case = Case(x, op, {"size": (2, int(rng.choice([1, 2, 4])))}, options)
    if op == "avg" and target.itemsize == 8 and target.kind in "iu" and large(case):
        return  # see above
    check(case)


def large(case):
    """Whether some average is beyond the integers that float64 counts one by one."""
    averages = replace(case, options={}).expected()
    if not (np.abs(averages.astype(np.float64)) >= 2.0**53).any():
        return False
    try:
        got = case.run()
    except PoolError:
        return True
    np.testing.assert_array_equal(got, case.expected())
    return True


@pytest.mark.parametrize(
    "x",
    [
        np.array(["a", "b"]),
        np.array([b"a"]),
        np.array([1, None]),
        np.array([1j, 2]),
        np.array(["2020-01-01"], "M8[D]"),
        np.array([1], "m8[s]"),
        np.zeros(3, [("a", "f4")]),
        np.zeros(3, "V2"),
    ],
    ids=lambda x: str(x.dtype),
)
def test_what_is_no_number_is_refused(x):
    with pytest.raises(PoolError) as refusal:
        pool(x, "max", 1)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("dtype", ["no-such", "U3", "O", "c8", "M8[s]", "V4"])
def test_results_are_numbers(dtype):
    with pytest.raises(PoolError):
        Case(np.ones(3), "max", {"size": 3}, {"dtype": dtype}).run()


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="long double is float64 here")
def test_floats_wider_than_64_bits_are_refused():
    x = np.array([1, np.longdouble(1) + np.finfo(np.longdouble).eps])
    with pytest.raises(PoolError, match="floats of up to 64 bits can"):
        global_pool(x, "max")
    with pytest.raises(PoolError, match="floats of up to 64 bits"):
        global_pool(np.zeros(2), "max", dtype=np.longdouble)
