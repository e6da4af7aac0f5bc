"""How numbers look in a column, and how arrays of any layout fall into planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolcli.report.numbers import cell_format, count_planes, pick, planes, rows_and_columns


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([6.0, 4.0], ["6", "4"]),
        ([0.5, 2.75], ["0.50", "2.75"]),
        ([1 / 3, 2 / 3], ["0.3333", "0.6667"]),
        ([123.4567, 1.0], ["123.5", "1.0"]),
        ([127.25, 63.5], ["127.25", "63.50"]),
        ([0.145945, 0.5], ["0.1459", "0.5000"]),
        ([12345.6789, 1.0], ["12345.7", "1.0"]),
        ([1e10, 1.0], ["1.000e+10", "1.000e+00"]),
        ([1e-7, 0.0], ["1.000e-07", "0.000e+00"]),
        ([0.7071, 1e-9], ["0.7071", "1e-09"]),
        ([-0.0, 0.5], ["0.0", "0.5"]),
        ([np.nan, np.inf, -np.inf], ["nan", "inf", "-inf"]),
        ([np.nan, 2.5], ["nan", "2.5"]),
        ([-(2**63), 2**63 - 1], ["-9223372036854775808", "9223372036854775807"]),
        ([True, False], ["1", "0"]),
    ],
)
def test_cell_format(values: list[Any], shown: list[str]) -> None:
    array = np.array(values)
    show = cell_format(array)
    assert [show(value) for value in array] == shown


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f4", "longdouble"])
def test_cell_format_of_other_floats(dtype: str) -> None:
    array = np.array([0.1, 2.5], dtype)
    show = cell_format(array)
    assert [float(show(value)) for value in array] == pytest.approx([0.1, 2.5])
    assert len(show(array[0])) <= 5


@pytest.mark.parametrize("count", [1, 5, 6, 7, 100])
@pytest.mark.parametrize("limit", [2, 3, 5, 6])
def test_pick_fills_the_places_with_both_ends(count: int, limit: int) -> None:
    picked = pick(count, limit)
    assert len(picked) == min(count, limit)
    assert picked[0] == 0
    if count > limit:
        head, tail = picked[: picked.index(None)], picked[picked.index(None) + 1 :]
        assert head == list(range(len(head)))
        assert tail == list(range(count - len(tail), count))
        assert len(head) - len(tail) in (0, 1)
    else:
        assert picked == list(range(count))


@pytest.mark.parametrize(
    ("layout", "shape", "page", "captions"),
    [
        ("HW", (3, 4), "HW", [""]),
        ("W", (5,), "W", [""]),
        ("HWC", (3, 4, 2), "HW", ["channel 0 of 2", "channel 1 of 2"]),
        ("CHW", (2, 3, 4), "HW", ["channel 0 of 2", "channel 1 of 2"]),
        ("NHWC", (1, 3, 4, 1), "HW", [""]),
        ("NCDHW", (1, 1, 2, 3, 4), "HW", ["depth 0 of 2", "depth 1 of 2"]),
        ("HWN", (1, 2, 2), "HW", ["batch 0 of 2", "batch 1 of 2"]),
        ("WC", (3, 2), "CW", ["a row for each channel"]),
        ("NW", (3, 2), "NW", ["a row for each of the batch"]),
        (
            "NHWC",
            (2, 1, 1, 3),
            "NC",
            ["a row for each of the batch, a column for each channel"],
        ),
        ("NC", (2, 3), "NC", ["a row for each of the batch, a column for each channel"]),
        ("C", (3,), "C", [""]),
        ("N", (3,), "N", [""]),
        ("HW", (1, 1), "HW", [""]),
        ("", (), "", [""]),
    ],
)
def test_planes_of_a_layout(
    layout: str, shape: tuple[int, ...], page: str, captions: list[str]
) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    assert rows_and_columns(layout, shape) == page
    shown = list(planes(array, layout))
    assert [caption for caption, _ in shown] == captions
    assert count_planes(layout, shape) == len(captions)
    assert all(plane.ndim == 2 for _, plane in shown)
    letters = [letter for letter in layout if letter not in page] + list(page)
    expected = array.transpose([layout.index(letter) for letter in letters]).ravel()
    np.testing.assert_array_equal(np.concatenate([p.ravel() for _, p in shown]), expected)
