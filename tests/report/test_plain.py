"""What a pipe gets: comments and numbers that can be read back."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from poolcli.formats.text import read_text
from poolcli.geometry import Global, Sliding
from poolcli.outcomes import Result
from tests.helpers.results import SEED, identity, plain, pooled


def test_plain_is_comments_and_numbers() -> None:
    assert plain(pooled(SEED, label="seed.npy")) == (
        "# seed.npy  4x4 HW int64 -> 2x2 int64  max 2x2 stride 2\n# shape: 2x2\n6 4\n4 4\n"
    )


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (
            partial(pooled, np.zeros((5, 7)), geometry=Sliding(2)),
            "5x7 HW float64 -> 2x3 float64  max 2x2 stride 2  (1 row and 1 column dropped)",
        ),
        (
            partial(
                pooled, np.zeros((9, 8)), geometry=Sliding((3, 2), stride=(4, 3), padding=(0, 1))
            ),
            "9x8 HW float64 -> 2x3 float64  max 3x2 stride 4x3 padding 0x1  "
            "(3 rows and 3 columns dropped)",
        ),
        (
            partial(
                pooled, np.zeros((9, 8)), geometry=Sliding(3, 2, ((0, 1), (1, 1)), ceil_mode=True)
            ),
            "9x8 HW float64 -> 5x5 float64  max 3x3 stride 2 padding 0:1,1:1 ceil",
        ),
        (
            partial(
                pooled, np.zeros((9, 9, 2)), "avg", Sliding(3, 1, "same", 2), count_include_pad=True
            ),
            "9x9x2 HWC float64 -> 9x9x2 float64  "
            "avg 3x3 stride 1 padding same dilation 2 counting padding",
        ),
        (
            partial(
                pooled, np.zeros((2, 3, 4, 4), "f4"), "avg", Global(), layout="NCHW", keepdims=False
            ),
            "2x3x4x4 NCHW float32 -> 2x3 NC float32  global avg",
        ),
        (
            partial(pooled, np.arange(6), "sum", Global(), keepdims=False),
            "6 W int64 -> scalar int64  ",
        ),
        (partial(pooled, np.arange(6).astype(">u2")), "6 W uint16 -> 3 uint16  max 2 stride 2"),
        (
            partial(pooled, SEED, "avg", nodata=-9999.0, divisor=2.5, nan="skip"),
            "avg 2x2 stride 2 divisor 2.5 nan skip nodata -9999",
        ),
        (partial(pooled, SEED, written="out/x.png"), "max 2x2 stride 2  (written to out/x.png)"),
    ],
)
def test_report_line(make: Callable[[], Result], line: str) -> None:
    first = plain(make()).split("\n", 1)[0]
    assert first.startswith("# x.npy  ")
    assert line in first


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", ">i4", "float16", "float32", "f8"])
@pytest.mark.parametrize("shape", [(4,), (1, 5), (3, 4), (2, 3, 2), (2, 2, 3, 2)])
def test_plain_is_read_back_by_numpy_and_by_poolcli(shape: tuple[int, ...], dtype: str) -> None:
    array = (np.arange(np.prod(shape)).reshape(shape) / 3).astype(dtype)
    text = plain(identity(array))
    np.testing.assert_array_equal(np.loadtxt(io.StringIO(text)).ravel(), numbers(array).ravel())
    ((again, _),) = read_text(text.encode())
    np.testing.assert_array_equal(again, numbers(array))


def numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Return what the shortest decimals of an array say, as 64-bit numbers."""
    if array.dtype.kind == "f":
        return np.array([float(str(v)) for v in array.ravel()]).reshape(array.shape)
    return array.astype(np.int64)


def test_plain_writes_every_number() -> None:
    array = np.arange(300 * 200).reshape(300, 200)
    np.testing.assert_array_equal(np.loadtxt(io.StringIO(plain(identity(array)))), array)


def test_plain_results_one_after_another_stay_apart() -> None:
    arrays = [SEED, SEED + 10, np.arange(8).reshape(2, 2, 2), SEED + 20, np.arange(3)]
    text = "".join(plain(identity(array)) for array in arrays)
    for array, (again, _) in zip(arrays, read_text(text.encode()), strict=True):
        np.testing.assert_array_equal(again, array)


def test_plain_survives_an_ascii_stream_and_hostile_names() -> None:
    label = "süß\n9 9\x1b[31m\udcff.npy"
    text = plain(pooled(SEED, label=label), encoding="ascii")
    assert text.startswith("# s\\xfc\\xdf\\n9 9\\x1b[31m\\xff.npy  4x4")
    np.testing.assert_array_equal(np.loadtxt(io.StringIO(text)), [[6, 4], [4, 4]])
    assert plain(pooled(SEED, label=label)).startswith("# süß\\n9 9\\x1b[31m\\xff.npy  4x4")


def test_plain_without_preview_is_the_line_alone() -> None:
    assert plain(pooled(SEED, written="o.npy"), preview=False) == (
        "# x.npy  4x4 HW int64 -> 2x2 int64  max 2x2 stride 2  (written to o.npy)\n"
    )


def test_rich_is_loaded_for_a_terminal_only() -> None:
    script = """
import io, sys
import numpy as np
from poolcli import report
from poolcli.outcomes import Result
from poolcli.request import Request
from poolcli.geometry import Sliding
x = np.eye(4)
plan = Request("max", Sliding(2)).plan(x.shape, x.dtype)
result = Result("x", plan, plan.run(x), "npy")
report.show(result, stream=io.StringIO(), terminal=False)
report.json_line(result)
assert "rich" not in sys.modules
report.show(result, stream=io.StringIO(), terminal=True)
assert "rich" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
