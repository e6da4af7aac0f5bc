"""Arrays, windows and ops at random: figures, tables and sheets, or else one line of error."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from poolcli.analysis.compare import Measurement, compare
from poolcli.analysis.shift import Shifted, shift_test
from poolcli.errors import PoolError
from poolcli.geometry import Sliding
from poolcli.layout import AXIS_NAMES
from poolcli.ops import OPS
from poolcli.report.compare import compared_lines, show_compared
from poolcli.report.sheet import draw_sheet
from poolcli.report.shift import shifted_lines, show_shifted
from poolcli.request import Request

LAYOUTS = ("W", "HW", "HWC", "CHW", "DHW", "NCHW", "NHWC", "NDHWC")
DTYPES = ("uint8", "uint16", "int8", "int64", "uint64", "bool", "float16", "float32", ">f8", ">i2")


def random_array(rng, layout):
    shape = [int(rng.integers(1, 12)) for _ in layout]
    if rng.random() < 0.05:
        shape[int(rng.integers(len(shape)))] = 0
    dtype = np.dtype(str(rng.choice(DTYPES)))
    x = rng.normal(0, 1, shape) * 10.0 ** rng.integers(-3, 4)
    x = np.abs(x) if rng.random() < 0.4 else x
    if dtype.kind != "f":
        x = np.clip(x, 0 if dtype.kind in "ub" else -100, 120)
    elif rng.random() < 0.3 and x.size:
        x.flat[rng.integers(0, x.size, 3)] = rng.choice([np.nan, np.inf, -np.inf])
    return x.astype(dtype)


def random_windows(rng, axes):
    def numbers(low, high):
        return tuple(int(n) for n in rng.integers(low, high, axes))

    word = str(rng.choice(["same", "valid", "center", "same-lower"]))
    return Sliding(
        numbers(1, 5),
        numbers(1, 5) if rng.random() < 0.6 else None,
        word if rng.random() < 0.3 else numbers(0, 3),
        numbers(1, 3) if rng.random() < 0.3 else 1,
        bool(rng.random() < 0.3),
    )


def check(lines, show):
    for line in lines:
        json.loads(line)
    stream = io.StringIO()
    show(stream)
    assert max(map(len, stream.getvalue().splitlines())) <= 80


@pytest.mark.parametrize("seed", range(120))
def test_anything(seed):
    rng = np.random.default_rng(seed)
    layout = str(rng.choice(LAYOUTS))
    spatial = [letter for letter in layout if letter in "DHW"]
    x, windows = random_array(rng, layout), random_windows(rng, len(spatial))
    like = str(rng.choice(["torch", "keras", "onnx"])) if rng.random() < 0.2 else None
    ops = [str(op) for op in rng.choice(list(OPS), 3, replace=False)]
    requests = [Request(op, windows, layout=layout, like=like) for op in ops]
    try:
        found = [row for row in compare(x, requests) if isinstance(row, Measurement)]
        axis = AXIS_NAMES[str(rng.choice(spatial))]
        moved = [row for row in shift_test(x, requests, axis) if isinstance(row, Shifted)]
    except PoolError:
        return
    for row in (*found, *moved):
        assert not any(isinstance(value, float) and np.isnan(value) for value in row)
    if found:
        check(
            compared_lines("x", found),
            lambda stream: show_compared("x", found, stream=stream, terminal=False),
        )
        assert draw_sheet("x", x, found).dtype == np.uint8
    if any(row.plan for row in moved):
        check(
            shifted_lines("x", moved),
            lambda stream: show_shifted("x", x.shape, layout, moved, stream=stream, terminal=False),
        )
