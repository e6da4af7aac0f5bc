"""Pictures before and after: what is drawn is read back from the colours of the characters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.style import Style

from poolcli import formats
from poolcli.analysis.palette import NAN, NODATA
from poolcli.geometry import Adaptive, Geometry, Global, Sliding
from poolcli.images.colormaps import colours
from poolcli.outcomes import Result
from poolcli.report import drawn as drawn_module
from tests.helpers.results import ESCAPES, pooled, terminal

RNG = np.random.default_rng(12)
PHOTO = RNG.integers(0, 256, (300, 400, 3), np.uint8)
GREY = (np.add.outer(np.arange(300), np.arange(400)) % 251).astype(np.uint8)


@pytest.fixture(autouse=True)
def forget_colours() -> None:
    """Rich keeps how it wrote a colour, on a terminal of any kind."""
    Style._add.cache_clear()
    drawn_module._style.cache_clear()


WINDOWS = [(80, 24), (120, 40), (60, 50), (250, 70)]


def beside(x: Any, op: str = "max", geometry: Geometry = Sliding(2), **asked: Any) -> Result:  # noqa: B008
    """A result with its input, as it is where nothing is written."""
    return pooled(x, op, geometry, **asked)._replace(source=np.asarray(x))


def drawn(result: Result, columns: int = 80, lines: int = 24, **variables: str) -> str:
    return terminal(result, columns, escapes=True, LINES=str(lines), **variables)


Pixel = tuple[int, ...]


def pictures(text: str) -> list[NDArray[np.uint8]]:
    """Return the pictures that half blocks show, from left to right and from top to bottom."""
    found: list[NDArray[np.uint8]] = []
    rows: list[dict[int, Pixel]] = []
    for line in [*text.split("\n"), ""]:
        if "▀" in line:
            rows += _two_rows(line)
        elif rows:
            columns = sorted(set().union(*rows))
            ends = [i for i in columns if i + 1 not in columns]
            for first, last in zip([i for i in columns if i - 1 not in columns], ends, strict=True):
                own = [row for row in rows if first in row]
                pixels = [[row[i] for i in range(first, last + 1)] for row in own]
                found.append(np.array(pixels, np.uint8))
            rows = []
    return found


def _two_rows(line: str) -> list[dict[int, Pixel]]:
    """The upper and the lower pixels of a line, by their columns."""
    above: dict[int, Pixel] = {}
    below: dict[int, Pixel] = {}
    column, style = 0, ""
    for escape, sign in re.findall(r"\x1b\[([0-9;]*)m|(.)", line):
        if not sign:
            style = escape
            continue
        if sign == "▀":
            numbers = [int(n) for n in style.split(";")]
            above[column] = tuple(numbers[2:5])
            if numbers[5:]:
                below[column] = tuple(numbers[7:10])
        column += 1
    return [above, below]


class Place(NamedTuple):
    """Rows and columns of the input, as they are told below a region."""

    top: int
    bottom: int
    left: int
    right: int


def place(text: str) -> Place:
    found = re.search(r"rows (\d+)–(\d+), columns (\d+)–(\d+) of 300×400", text)
    assert found is not None
    top, bottom, left, right = map(int, found.groups())
    return Place(top, bottom + 1, left, right + 1)


@pytest.mark.parametrize(("columns", "lines"), WINDOWS)
@pytest.mark.parametrize(("op", "size"), [("max", 2), ("min", 3)])
def test_a_region_shows_the_cells_and_what_became_of_them(
    op: str, size: int, columns: int, lines: int
) -> None:
    result = beside(PHOTO, op, Sliding(size), kind="image", layout="HWC")
    text = drawn(result, columns, lines)
    *whole, before, after = pictures(text)
    at = place(ESCAPES.sub("", text))
    cells = PHOTO[at.top : at.bottom, at.left : at.right]
    outputs = result.array[at.top // size : at.bottom // size, at.left // size : at.right // size]
    assert before.shape == after.shape == cells.shape
    np.testing.assert_array_equal(before, cells)
    np.testing.assert_array_equal(after, outputs.repeat(size, 0).repeat(size, 1))
    assert len(whole) == (columns > 75)
    assert min(outputs.shape[:2]) >= 8


@pytest.mark.parametrize(("columns", "lines"), WINDOWS[:3])
@pytest.mark.parametrize(
    ("shape", "geometry"),
    [
        *(((300, 400), Sliding(k)) for k in (1, 2, 5, 8, 16, 30)),
        ((300, 400), Sliding((1, 3))),
        ((300, 400), Sliding(3, 2, 1)),
        ((300, 400), Sliding(3, 1)),
        ((300, 400), Adaptive((17, 90))),
        ((300, 400), Global()),
        ((20, 3000), Sliding(2)),
        ((3000, 20), Sliding(2)),
        ((12, 12), Sliding(1)),
    ],
)
@pytest.mark.parametrize("kind", ["image", "npy"])
def test_pictures_fill_the_window_and_stay_within_it(
    kind: str, shape: tuple[int, int], geometry: Geometry, columns: int, lines: int
) -> None:
    x = np.resize(GREY, shape)
    text = ESCAPES.sub("", drawn(beside(x, "avg", geometry, kind=kind), columns, lines))
    shown = text.rstrip("\n").split("\n")
    assert max(map(len, shown)) <= columns
    assert len(shown) <= lines - 2
    blocks = [line for line in shown if "▀" in line]
    if not blocks:
        return  # numbers, where they fit
    full = len(blocks) >= lines - 9 or max(map(len, blocks)) >= columns - 18, blocks
    assert full or min(shape) < 40


def test_few_outputs_are_blocks_of_the_whole() -> None:
    x = np.zeros((320, 320), np.uint8)
    x[:160, 160:] = 200
    text = drawn(beside(x, "max", Sliding(32), kind="image"))
    before, after = pictures(text)
    assert "rows" not in ESCAPES.sub("", text)
    assert before.shape == after.shape == (30, 30, 3)
    np.testing.assert_array_equal(after[::3, ::3, 0], x[::32, ::32])
    np.testing.assert_array_equal(before, after)


def test_a_region_is_where_most_changes() -> None:
    x = np.full((300, 400), 9, np.uint8)
    x[120:128:2, 240:250:2] = 255
    at = place(ESCAPES.sub("", drawn(beside(x, kind="image"))))
    assert at.top <= 120
    assert at.bottom >= 128
    assert at.left <= 240
    assert at.right >= 250


def test_below_one_another_where_that_is_larger() -> None:
    text = ESCAPES.sub("", drawn(beside(PHOTO, kind="image", layout="HWC"), 40, 60))
    words = [line.strip() for line in text.split("\n") if "▀" not in line]
    assert words.index("before") < words.index("after")


@pytest.mark.parametrize(
    ("variables", "pattern"),
    [
        ({"COLORTERM": "", "TERM": "xterm-256color"}, r"\x1b\[38;5;\d+;48;5;\d+m▀"),
        ({"COLORTERM": "", "TERM": "xterm-16color"}, r"\x1b\[(3|9)\d;(4|10)\d+m▀"),
    ],
)
def test_as_many_colours_as_there_are(variables: dict[str, str], pattern: str) -> None:
    text = drawn(beside(PHOTO, kind="image", layout="HWC"), **variables)
    assert re.search(pattern, text)
    assert "38;2;" not in text


def test_letters_without_colours() -> None:
    x = np.zeros((300, 400), np.uint8)
    x[:, 200:] = 255
    text = drawn(beside(x, "max", Sliding(25), kind="image"), NO_COLOR="1")
    assert re.search(r"^   {9,}@{9,}  {9,}@{9,}$", ESCAPES.sub("", text), re.MULTILINE)
    assert not re.search(r"\x1b\[[0-9;]*[34][0-8][;m]", text)


# ------------------------------------------------------------------------------ heat maps


def hot(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """The colours of values, by the published map."""
    scaled = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
    return colours("viridis")[np.rint(scaled * 255).astype(int)]


def test_a_matrix_is_a_heat_map_with_its_ends() -> None:
    x = RNG.normal(size=(300, 400)).astype(np.float32)
    text = drawn(beside(x), 80, 24)
    plain = ESCAPES.sub("", text)
    whole, before, after = pictures(text)
    at = place(plain)
    cells = x[at.top : at.bottom, at.left : at.right]
    low, high = float(cells.min()), float(cells.max())
    assert f"  {low:.4g} " in plain
    assert plain.rstrip().endswith(f" {high:.4g}")
    np.testing.assert_allclose(before, hot(cells, low, high), atol=3)
    outputs = cells.reshape(len(cells) // 2, 2, -1, 2).max(axis=(1, 3))
    np.testing.assert_allclose(after[::2, ::2], hot(outputs, low, high), atol=3)
    assert whole.shape[1] == 19


def test_missing_values_have_colours_of_their_own() -> None:
    x = np.ones((64, 64))
    x[:8] = np.nan
    x[8:16] = -9999
    x[16:, 30:] = 5
    result = beside(x, "avg", Sliding(8), nan="skip", nodata=-9999.0)
    text = drawn(result, 36, 40)
    before, after = pictures(text)
    nan, nodata = (tuple(bytes.fromhex(colour[1:])) for colour in (NAN, NODATA))
    assert tuple(before[0, 0]) == nan
    assert tuple(before[len(before) // 5, 0]) == nodata
    assert tuple(after[0, 0]) == nodata  # as the result says it
    assert tuple(before[-1, -1]) == (253, 231, 37)
    legend = ESCAPES.sub("", text).rstrip().split("\n")[-1]
    assert legend.split()[0] == "1"
    assert "5   █ NaN   █ nodata" in legend


def test_what_goes_beyond_the_input_has_a_scale_of_its_own() -> None:
    text = ESCAPES.sub("", drawn(beside(GREY.astype(np.int64), "sum", Sliding(10))))
    assert re.search(r"before \d+ ▌+ \d+   after \d+ ▌+ \d+", text)


@pytest.mark.parametrize(
    ("layout", "shape", "index", "says"),
    [
        ("CHW", (5, 60, 90), (3,), "channel 3 of 5"),
        ("HWC", (60, 90, 5), (..., 3), "channel 3 of 5"),
        ("NCHW", (2, 5, 60, 90), (0, 3), "batch 0 of 2, channel 3 of 5"),
        ("NDHW", (1, 4, 60, 90), (0, 2), "depth 1 of 2"),
    ],
)
def test_of_several_planes_the_most_varied_is_shown_and_named(
    layout: str, shape: tuple[int, ...], index: Any, says: str
) -> None:
    x = np.zeros(shape, np.float32)
    x[index] = RNG.integers(0, 2, (60, 90))
    text = drawn(beside(x, "max", Sliding(2), layout=layout))
    plain = ESCAPES.sub("", text)
    assert f"{says}, the most varied" in " ".join(plain.split())
    assert {tuple(c) for c in pictures(text)[-2].reshape(-1, 3)} == {(68, 1, 84), (253, 231, 37)}


@pytest.mark.parametrize(
    ("x", "variables"),
    [
        (np.arange(400.0).reshape(20, 20), {}),
        (np.ones((300, 400)), {}),
        (np.zeros((3, 300)), {}),
        (GREY.astype(float), {"NO_COLOR": "1"}),
        (GREY.astype(float), {"COLORTERM": "", "TERM": "xterm-16color"}),
    ],
)
def test_where_numbers_tell_more_there_are_numbers(x: Any, variables: dict[str, str]) -> None:
    assert "▀" not in drawn(beside(x), **variables)
    assert "│" in drawn(beside(x), **variables)


def test_all_numbers_where_they_are_asked_for() -> None:
    result = beside(GREY.astype(float))
    assert "▀" not in terminal(result, full=True)


@pytest.mark.parametrize("order", ["C", "F"])
def test_of_a_stored_array_the_region_is_read(tmp_path: Path, order: Any) -> None:
    x = np.asarray(RNG.normal(size=(300, 400)), order=order)
    np.save(tmp_path / "x.npy", x)
    (source,) = formats.open_file(str(tmp_path / "x.npy")).sources()
    result = pooled(x, "min", Sliding(4))
    stored = result._replace(source=source.content)
    assert not isinstance(stored.source, np.ndarray)
    text = drawn(stored)
    plain = ESCAPES.sub("", text)
    found = re.search(r"rows (\d+)–(\d+), columns (\d+)–(\d+) of", plain)
    assert found is not None
    top, bottom, left, right = map(int, found.groups())
    part = x[top : bottom + 1, left : right + 1]
    fine = part.reshape(len(part) // 2, 2, -1, 2).mean(axis=(1, 3))  # two cells to a pixel
    *_, before, after = pictures(text)
    legend = re.search(r"  (\S+) ▌+ (\S+)$|before (\S+) ▌+ (\S+)", plain.rstrip())
    assert legend is not None
    low, high = (float(end) for end in legend.groups() if end)
    coarse = part.reshape(len(part) // 4, 4, -1, 4).min(axis=(1, 3))
    assert before.shape == after.shape
    assert fine.shape == before.shape[:2]
    if "before" not in plain.rstrip().split("\n")[-1]:
        np.testing.assert_allclose(after[::2, ::2].astype(int), hot(coarse, low, high), atol=9)
    np.testing.assert_allclose(before.astype(int), hot(fine, low, high), atol=9)


def test_a_window_that_is_hardly_there() -> None:
    for columns, lines in ((1, 1), (5, 3), (10, 8), (20, 5)):
        for kind in ("image", "npy"):
            text = drawn(beside(PHOTO[..., 0], kind=kind), columns, lines)
            assert "x" in ESCAPES.sub("", text)
            assert max(map(len, ESCAPES.sub("", text).split("\n"))) <= max(columns, 27)
