"""Tables of measurements and the contact sheet, as they are drawn."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

from poolcli.analysis.compare import compare
from poolcli.analysis.shift import shift_test
from poolcli.formats.lettering import lettering
from poolcli.geometry import Sliding
from poolcli.report.columns import NOTHING, decimals_for, number, share
from poolcli.report.compare import show_compared
from poolcli.report.sheet import draw_sheet
from poolcli.report.shift import show_shifted
from poolcli.request import Request

X = np.random.default_rng(0).integers(0, 256, (24, 26)).astype(np.uint8)


def requests(*ops, size=2, layout=None):
    return [Request(op, Sliding(size), layout=layout) for op in ops]


def stream(encoding="utf-8"):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def written(to):
    to.flush()
    return to.buffer.getvalue().decode(to.encoding)


def test_a_terminal_gets_the_same_words_in_styles(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    found = list(compare(X, requests("max", "avg")))
    texts = []
    for terminal in (True, False):
        to = stream()
        show_compared("x", found, stream=to, terminal=terminal)
        texts.append(written(to))
    assert "\x1b[1m" in texts[0]
    assert "\x1b" not in texts[1]
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", texts[0])
    assert [line.rstrip() for line in drawn.splitlines()] == texts[1].splitlines()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_stream_without_these_signs_gets_others(terminal):
    to = stream("ascii")
    show_compared("x", list(compare(X, requests("max", "sum"))), stream=to, terminal=terminal)
    text = written(to)
    assert "24x26" in text
    assert "2x2 stride 2 -> 12x13" in text
    assert "\\x" not in text
    assert "\\u" not in text
    moved = stream("ascii")
    found = list(shift_test(X, requests("max")))
    show_shifted("x", X.shape, "HW", found, stream=moved, terminal=terminal)
    assert "a 2x2 maximum stays with (2 - 1) / (2 + 1) = 33 %" in written(moved)


def test_names_cannot_act_on_a_terminal():
    to = stream()
    show_compared("a\x1b[31m\n", list(compare(X, requests("max"))), stream=to, terminal=False)
    assert "a\\x1b[31m\\n" in written(to)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50 %"),
        (0.0004, "<0.1 %"),
        (0.004, "0.4 %"),
        (0.994, "99 %"),
        (0.996, "99.6 %"),
        (0.9999, "99.99 %"),
        (0.9999999, "99.99 %"),
        (None, NOTHING),
    ],
)
def test_shares(value, text):
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "top", "text"),
    [
        (255.0, 255, "255"),
        (1.75, 255, "2"),
        (3.75, 6, "3.75"),
        (0.123456, 0.5, "0.123"),
        (1.5e-7, 1.5e-7, "1.50e-07"),
        (-2.5e9, 2.5e9, "-2.50e+09"),
        (-0.001, 5, "0.00"),
        (float("-inf"), 5, "-∞"),
    ],
)
def test_numbers(value, top, text):
    assert number(value, decimals_for(top)) == text


def tiles(sheet):
    """The rows and columns in which a sheet has anything but its ground."""
    ink = (sheet != 255).any(axis=2)
    return ink.any(axis=1), ink.any(axis=0)


@pytest.mark.parametrize(
    ("x", "layout"),
    [
        (X, "HW"),
        (X.astype(np.float32) / 255, "HW"),
        (np.stack([X] * 3, axis=-1), "HWC"),
        (np.stack([X] * 4, axis=-1), "HWC"),
        (np.stack([X] * 5), "CHW"),
        (np.stack([X] * 5), "NHW"),
        (np.stack([X] * 5), "DHW"),
        (X > 100, "HW"),
        (X.astype(np.uint16) * 200, "HW"),
        (X[0], "W"),
        (X[:2], "HW"),
        (np.where(X > 100, np.nan, 1.0), "HW"),
        (np.full((9, 9), 5.0), "HW"),
        (np.array([[-1e308, 1e308], [1, 2]]), "HW"),
    ],
)
def test_sheets_of_any_array(x, layout):
    found = list(compare(x, requests("max", "avg", "sum", layout=layout)))
    sheet = draw_sheet("x", x, [row for row in found if hasattr(row, "plan")])
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert max(sheet.shape) <= 1200
    rows, columns = tiles(sheet)
    assert rows.any()
    assert columns.any()


def test_what_a_sheet_shows():
    x = np.zeros((4, 4), np.uint8)
    x[:2, :2] = 200
    (found,) = compare(x, requests("max"))
    sheet = draw_sheet("x", x, [found])
    greys = {tuple(pixel) for pixel in sheet.reshape(-1, 3)[:, :].tolist()}
    assert (200, 200, 200) in greys
    at = np.argwhere((sheet == (200, 200, 200)).all(axis=2))
    # The same place of both tiles: the input's four cells, and the output's one.
    halves = [at[at[:, 1] < sheet.shape[1] // 2], at[at[:, 1] > sheet.shape[1] // 2]]
    assert len(halves[0]) == len(halves[1]) == 128 * 128


def test_of_many_outputs_the_part_with_most_in_it_is_shown():
    x = np.full((256, 384), 128, np.uint8)
    x[160:224, 256:320] = np.random.default_rng(0).integers(0, 256, (64, 64))
    found = list(compare(x, requests("max", "avg")))
    sheet = draw_sheet("x", x, found)
    assert sheet.shape[1] > 3 * 256
    mark = np.argwhere((sheet == (0x03, 0x9F, 0x74)).all(axis=2))
    (top, left), (bottom, right) = mark.min(axis=0), mark.max(axis=0)
    # A frame in the first tile, which shows the whole picture at 2/3 of its size.
    corner = np.argwhere((sheet == 128).all(axis=2)).min(axis=0)
    place = (np.array([top, left, bottom, right]) - [*corner, *corner]) * 1.5
    assert place[0] <= 161
    assert place[1] <= 257
    assert place[2] >= 222
    assert place[3] >= 318
    assert np.allclose(place[2:] - place[:2], 128, atol=8)


@pytest.mark.parametrize("size", [(1, 200), (300, 1), (2, 2), (65, 64)])
@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"stride": 1}, {"stride": 3}])
def test_sheets_of_any_windows(size, options):
    x = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    windows = tuple(min(2, n) for n in size)
    if "padding" in options:
        options = {"padding": tuple(int(n > 1) for n in size)}
    found = list(compare(x, [Request(op, Sliding(windows, **options)) for op in ("max", "blur")]))
    assert draw_sheet("x", x, found).shape[2] == 3


def test_without_outputs_there_are_figures_alone():
    (whole,) = compare(X, requests("max"))
    (figures,) = compare(X, requests("max"), outputs=False)
    assert figures.output is None
    assert figures[2:] == whole[2:]


def test_words_in_a_picture():
    ink = lettering("max", 16)
    assert ink.shape[0] == lettering("", 16).shape[0] == lettering("Åg", 16).shape[0]
    assert 0 == ink.min() < ink.max() <= 1
    assert lettering("maximum", 16).shape[1] > ink.shape[1]


@pytest.mark.parametrize("width", [30, 45, 60, 72, 200])
def test_narrow_terminals(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    to = stream()
    show_compared("x", list(compare(X, requests("max", "sum"))), stream=to, terminal=True)
    found = list(shift_test(X, requests("max", "avg")))
    show_shifted("x", X.shape, "HW", found, stream=to, terminal=True)
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", written(to))
    # The name, the shape and the windows of an input stand together.
    assert max(len(line.rstrip()) for line in drawn.splitlines()) <= min(80, max(width, 33))
    for words in ("outlier", "69…255", "no pooling", "moved along"):
        assert words in drawn
