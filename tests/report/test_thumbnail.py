"""Thumbnails of pictures in half-block characters."""

from __future__ import annotations

import re

import numpy as np
import pytest

from poolcli.outcomes import Result
from tests.helpers.results import ESCAPES, SEED, identity, pooled, terminal


def cells(text: str) -> list[list[str]]:
    """Return the escape sequence before each half block, line by line."""
    lines = [re.findall(r"\x1b\[([0-9;]*)m▀", line) for line in text.split("\n")]
    return [line for line in lines if line]


def test_thumbnail_shows_the_colours() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:20, :, 0] = 255
    picture[20:, :, 2] = 200
    text = terminal(identity(picture, kind="image"), escapes=True)
    drawn = cells(text)
    assert (len(drawn), len(drawn[0])) == (20, 40)
    assert set(drawn[0]) == {"38;2;255;0;0;48;2;255;0;0"}
    assert set(drawn[-1]) == {"38;2;0;0;200;48;2;0;0;200"}
    assert "min 0  max 255  mean 75.833" in text


@pytest.mark.parametrize("width", [12, 30, 80, 200])
@pytest.mark.parametrize("shape", [(500, 300), (9, 3000), (3000, 9), (9, 9), (480, 640, 4)])
def test_thumbnail_fits(width: int, shape: tuple[int, ...]) -> None:
    text = terminal(identity(np.ones(shape, np.uint8), kind="image"), width, escapes=True)
    drawn = cells(text)
    assert 1 <= len(drawn) <= 25
    assert len({len(line) for line in drawn}) == 1
    assert 1 <= len(drawn[0]) <= width - 2
    few = max(shape[:2]) < 40  # which are squares of whole pixels
    assert few or len(drawn) >= 22 or len(drawn[0]) == width - 2
    pixels = 2 * len(drawn) / len(drawn[0])  # two pixels a line: their ratio is the picture's
    if max(shape[:2]) < 100 * min(shape[:2]):
        assert pixels == pytest.approx(shape[0] / shape[1], rel=0.15)


def test_thumbnail_averages_what_it_shrinks() -> None:
    stripes = np.zeros((96, 156), np.uint8)
    stripes[:, ::2] = 200
    drawn = cells(terminal(identity(stripes, kind="image"), escapes=True))
    assert {cell for line in drawn for cell in line} == {"38;2;100;100;100;48;2;100;100;100"}


@pytest.mark.parametrize(
    ("dtype", "dark", "bright"),
    [("bool", 0, 1), ("uint16", 300, 4000), ("float32", -1.0, 1.0), ("int32", 0, 70000)],
)
def test_thumbnail_of_other_depths_spans_black_to_white(
    dtype: str, dark: float, bright: float
) -> None:
    picture = np.full((20, 20), dark, dtype)
    picture[10:] = bright
    drawn = cells(terminal(identity(picture, kind="image"), escapes=True))
    assert drawn[0][0] == "38;2;0;0;0;48;2;0;0;0"
    assert drawn[-1][0] == "38;2;255;255;255;48;2;255;255;255"


def test_thumbnail_keeps_the_brightness_of_an_average() -> None:
    picture = np.full((40, 40), 51, np.uint8)
    result = pooled(picture, "avg", kind="image")
    assert result.array.dtype == np.float64
    drawn = cells(terminal(result, escapes=True))
    assert drawn[0][0] == "38;2;51;51;51;48;2;51;51;51"


def test_thumbnail_of_missing_values() -> None:
    picture = np.ones((20, 20), np.float32)
    picture[:10] = np.nan
    picture[10, 0], picture[10, 1] = np.inf, -np.inf
    text = terminal(identity(picture, kind="image"), escapes=True)
    assert "min 1  max 1  mean 1  202 NaN or infinite" in text
    assert cells(text)[0][0] == "38;2;0;0;0;48;2;0;0;0"
    assert cells(text)[-1][0] == "38;2;255;255;255;48;2;255;255;255"
    assert "400 NaN or infinite" in terminal(identity(picture * np.nan, kind="image"))


def test_transparent_is_black() -> None:
    picture = np.full((20, 20, 4), 255, np.uint8)
    picture[:10, :, 3] = 0
    drawn = cells(terminal(identity(picture, kind="image"), escapes=True))
    assert drawn[0][0] == "38;2;0;0;0;48;2;0;0;0"
    assert drawn[-1][0] == "38;2;255;255;255;48;2;255;255;255"


def test_picture_beside_its_source() -> None:
    picture = np.full((40, 40), 51, np.uint8)
    small = pooled(picture, kind="image")
    both = Result("x", small.plan, small.array, "image", source=picture)
    text = terminal(both, escapes=True)
    assert re.search(r"before +after", ESCAPES.sub("", text))
    assert len(cells(text)[0]) == 38 + 38


def test_small_pictures_are_numbers() -> None:
    text = terminal(identity(np.arange(64, dtype=np.uint8).reshape(8, 8), kind="image"))
    assert "▀" not in text
    assert "│  0   1   2   3   4   5   6   7 │" in text


def test_frames_are_counted() -> None:
    frames = np.zeros((5, 20, 20, 3), np.uint8)
    frames[0] = 255
    text = terminal(identity(frames, kind="image"), escapes=True)
    assert "the first of 5 frames" in text
    assert cells(text)[0][0] == "38;2;255;255;255;48;2;255;255;255"


def test_no_color() -> None:
    picture = identity(np.zeros((20, 20, 3), np.uint8), kind="image")
    text = terminal(picture, escapes=True, NO_COLOR="1")
    assert "▀" not in text
    assert "min 0  max 0  mean 0" in text
    assert "@" not in text
    bright = identity(np.full((20, 20, 3), 255, np.uint8), kind="image")
    assert f"  {'@' * 40}\n" in terminal(bright, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*[34][0-8][;m]", text)
    coloured = terminal(pooled(SEED), escapes=True)
    assert re.search(r"\x1b\[36m", coloured)
    assert not re.search(r"\x1b\[36m", terminal(pooled(SEED), escapes=True, NO_COLOR="1"))
