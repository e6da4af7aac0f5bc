"""Values of the wrong kind: one line that says what is meant, and never another exception."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import poolcli
from poolcli.errors import InputError, PoolError, UsageError
from tests.helpers.every import every

X = np.arange(16.0).reshape(4, 4)
POOLED, WHERE = poolcli.pool(X, "max", 2, return_indices=True)
WRONG = [
    *(None, "x", "", "2x2", b"ab", 1.5, -1, 10**400, 10**5000, float("nan"), 3 + 4j, True),
    *([], [1], ["a"], [None], [[1, 2], [3, 4]], (1, 2, 3), {}, {1, 2}, range(2), iter([2, 2])),
    *(object(), max, np.float64(1.5), np.array([1.5]), np.array(2), np.datetime64("2020")),
]
COMMON = "layout like nan nodata min_valid dtype fit out threads"
# Function, what it needs, and the arguments to go wrong.
FUNCTIONS = [
    ("pool", {"x": X, "op": "max", "size": 2}, f"x op size stride padding dilation {COMMON}"),
    ("pool", {"x": X, "op": "max", "size": 2}, "ceil_mode return_indices index"),
    ("pool", {"x": X, "op": "avg", "size": 2}, "divisor count_include_pad"),
    ("global_pool", {"x": X, "op": "max"}, f"keepdims {COMMON}"),
    ("adaptive_pool", {"x": X, "op": "max", "output_size": 2}, f"output_size {COMMON}"),
    ("fractional_pool", {"x": X, "op": "max", "output_size": 2}, "op output_size size samples"),
    ("fractional_pool", {"x": X, "op": "stochastic", "output_size": 2}, "seed"),
    ("pyramid_pool", {"x": X, "op": "max", "levels": [1, 2]}, "levels layout"),
    ("unpool", {"x": POOLED, "indices": WHERE, "size": 2}, "x indices size stride padding"),
    ("unpool", {"x": POOLED, "indices": WHERE, "size": 2}, "output_size layout like index"),
    ("chain", {"x": X, "stages": "max 2"}, "x stages layout like nan nodata min_valid threads"),
    ("output_shape", {"shape": (4, 4), "size": 2}, "shape size stride padding dilation ceil_mode"),
    *(
        ("pool", {"x": X, "op": op.name, "size": 2}, " ".join(param.name for param in op.params))
        for op in poolcli.OPS.values()
        if op.params
    ),
]


def complaint(function: str, arguments: dict) -> str:
    """Call a function and give what it says is wrong, or nothing."""
    try:
        getattr(poolcli, function)(**arguments)
    except PoolError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("function", "needed", "names"), FUNCTIONS, ids=[f"{f[0]}-{f[2][:9]}" for f in FUNCTIONS]
)
def test_other_exceptions_never_come_out(function: str, needed: dict, names: str) -> None:
    def check(wrong: tuple[str, int]) -> None:
        name, number = wrong
        said = complaint(function, needed | {name: WRONG[number]})
        assert "\n" not in said
        assert len(said) < 300

    every(itertools.product(names.split(), range(len(WRONG))), check)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"op": 3}, "op 3: a name is meant, one of max"),
        ({"size": "3x3"}, "size '3x3': a whole number is meant"),
        ({"size": 2.5}, "size 2.5: a whole number is meant"),
        ({"stride": b"ab"}, "stride b'ab': a whole number is meant"),
        ({"ceil_mode": "no"}, "ceil_mode 'no': True or False is meant"),
        ({"layout": 3}, "layout 3: axis letters such as NCHW are meant"),
        ({"like": ["torch"]}, "like ['torch']: use torch, keras, onnx"),
        ({"nodata": "none"}, "nodata 'none': a number is meant"),
        ({"min_valid": None}, "min_valid None: a number is meant"),
        ({"threads": "all"}, "threads 'all': a whole number is meant"),
        ({"out": "y.npy"}, "out 'y.npy': a NumPy array to write to is meant"),
        ({"op": "std", "ddof": 0.5}, "ddof 0.5: a whole number is meant"),
        ({"op": "lp", "norm": "2"}, "norm '2': a number is meant"),
        ({"op": "lp", "signed": "yes"}, "signed 'yes': True or False is meant"),
        ({"op": "avg", "divisor": 10**400}, "larger than any float"),
        ({"ceil": True}, "pool: max has no parameter 'ceil'; did you mean ceil_mode?"),
        ({"strides": 2}, "did you mean stride?"),
        ({"zzz": 2}, "pool: max has no parameter 'zzz'"),
        ({"op": "avg", "return_indices": True}, "avg picks no cell, so it has no indices; max, "),
    ],
)
def test_the_line_says_what_is_meant(options: dict, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        poolcli.pool(**({"x": X, "op": "max", "size": 2} | options))
    assert message in str(refusal.value)


def test_numbers_of_numpy_are_numbers() -> None:
    options = {"stride": np.array([2, 2]), "ceil_mode": np.bool_(False), "nodata": np.float32(-1)}
    got = poolcli.pool(X, "lp", np.int8(2), norm=np.float32(2), signed=np.bool_(True), **options)
    np.testing.assert_array_equal(got, poolcli.pool(X, "lp", 2, signed=True, nodata=-1))
    drawn = poolcli.pool(X, "stochastic", 2, seed=np.uint8(3))
    np.testing.assert_array_equal(drawn, poolcli.pool(X, "stochastic", 2, seed=3))


def test_masked_cells_are_not_taken_for_numbers() -> None:
    masked = np.ma.masked_array(X, X > 9)
    for call in (
        lambda: poolcli.pool(masked, "max", 2),
        lambda: poolcli.chain(masked, "max 2"),
        lambda: poolcli.pyramid_pool(masked, "max", [1]),
        lambda: poolcli.unpool(masked[2:, :2], WHERE, 2),
    ):
        with pytest.raises(UsageError, match=r"^x has masked cells; .*nan='skip', or .*mask=x"):
            call()
    assert poolcli.global_pool(masked.filled(np.nan), "max", nan="skip") == 9
    assert poolcli.global_pool(np.ma.masked_array(X), "max") == 15


def test_what_is_no_array() -> None:
    with pytest.raises(InputError, match="^x: NumPy makes no array of it: "):
        poolcli.pool([[1, 2], [3]], "max", 2)


def test_what_is_no_shape() -> None:
    with pytest.raises(UsageError, match=r"^shape .*lengths of axes are meant, such as x\.shape"):
        poolcli.output_shape(np.ones((4, 4)), 3)
    assert poolcli.output_shape(np.array([4, 4]), 2) == (2, 2)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.array([[1.5]]), {"op": "max", "dtype": "int8"}, "fit='clip'"),
        (np.array([[300]]), {"op": "max", "dtype": "int8"}, "use `fit='clip'`, a wider `dtype` or"),
        (
            np.array([[np.nan]]),
            {"op": "max", "nan": "error"},
            "use `nan='skip'` or `nan='propagate'`",
        ),
        (np.array([[-1.0]]), {"op": "stochastic"}, "use `negatives='relu'` or `negatives='shift'`"),
    ],
)
def test_errors_speak_of_keywords(x: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(PoolError) as refusal:
        poolcli.pool(x, size=1, **options)
    assert message in str(refusal.value)
    assert "--" not in str(refusal.value)


def test_wrong_arguments_and_inputs_are_value_errors() -> None:
    with pytest.raises(ValueError, match="^height"):
        poolcli.pool(X, "max", 9)
    with pytest.raises(ValueError, match="^no op"):
        poolcli.pool(X, "maxx", 2)
    assert issubclass(InputError, PoolError)


def test_the_public_names_are_listed() -> None:
    assert dir(poolcli) == sorted([*poolcli.__all__, "__version__"])
    for name in dir(poolcli):
        assert getattr(poolcli, name) is not None


class NoArray:
    """As a torch tensor that requires gradients: what is raised is a library's own."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise self.error


@pytest.mark.parametrize("kind", [RuntimeError, TypeError, KeyError, AttributeError, OSError])
def test_what_makes_no_array_is_refused_in_one_line(kind: type[Exception]) -> None:
    tensor = NoArray(kind("Can't call numpy() on Tensor that requires grad.\nUse detach()."))
    for call in (
        lambda: poolcli.pool(tensor, "max", 2),
        lambda: poolcli.global_pool(tensor, "max"),
        lambda: poolcli.unpool(tensor, WHERE, 2),
        lambda: poolcli.unpool(POOLED, tensor, 2),
        lambda: poolcli.chain(tensor, "max 2"),
    ):
        with pytest.raises(InputError, match="requires grad") as refusal:
            call()
        assert "\n" not in str(refusal.value)


def test_any_byte_but_zero_is_true() -> None:
    """As NumPy takes it; Pillow makes pictures of one bit of such bytes."""
    x = np.array([[0, 255, 7, 0], [1, 0, 0, 128]], np.uint8).view(bool)
    np.testing.assert_array_equal(poolcli.pool(x, "avg", 2), [[0.5, 0.5]])
    np.testing.assert_array_equal(poolcli.pool(x, "sum", 2), [[2, 2]])
    assert poolcli.pool(x, "max", (2, 1)).view(np.uint8).max() == 1
