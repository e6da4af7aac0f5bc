"""Animations: what each frame shows, and that their files are small, steady and read by eyes."""

from __future__ import annotations

import colorsys
import difflib
import io
import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from poolcli.analysis.animate import MOST_WINDOWS, make_storyboard
from poolcli.analysis.explain import explain
from poolcli.analysis.palette import HUES
from poolcli.errors import InputError, UsageError
from poolcli.formats import animation
from poolcli.formats.animation import Storyboard, _Layout, cell_size, encode_animation
from poolcli.geometry import Adaptive, Fractional, Global, Pyramid, Sliding
from poolcli.ops import OPS
from poolcli.request import Request
from poolcli.unpooling import Unpool
from tests.helpers.every import every

MATRIX = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]])
SUMS = np.array([[2, 3, 1, 4], [1, 7, 0, 2], [9, 6, 3, 4], [2, 8, 1, 7]])
NOISE = np.random.default_rng(0)
TYPES = (".gif", ".png")


def board_of(asked: Any, x: Any, **settings: Any) -> Storyboard:
    return make_storyboard(explain(asked, x), "title", **settings)[0]


def frames_of(data: bytes) -> list[tuple[Any, float]]:
    """Every frame as RGB, with how many seconds it is seen."""
    image, frames = Image.open(io.BytesIO(data)), []
    for number in range(image.n_frames):
        image.seek(number)
        frames.append((np.asarray(image.convert("RGB")), image.info["duration"] / 1000))
    return frames


CASES = {
    "max": (Request("max", Sliding(2)), MATRIX, 4),
    "sum": (Request("sum", Sliding(3, 1)), SUMS, 4),
    "padding": (Request("avg", Sliding(3, 2, 1)), MATRIX, 4),
    "dilation": (Request("max", Sliding(2, 1, 0, 2)), MATRIX, 4),
    "dropped": (Request("max", Sliding(3)), NOISE.integers(-9, 9, (7, 7)), 4),
    "ceil": (Request("max", Sliding(3, 2, 0, 1, True)), MATRIX, 4),
    "row": (Request("max", Sliding(3, 2)), np.array([2, 7, 1, 4, 9, 3, 5]), 3),
    "volume": (Request("max", Sliding(2), layout="DHW"), NOISE.integers(0, 9, (4, 4, 4)), 8),
    "global": (Request("avg", Global()), SUMS, 1),
    "adaptive": (Request("max", Adaptive(3)), NOISE.random((7, 7)), 9),
    "fractional": (Request("max", Fractional(3)), NOISE.integers(0, 9, (5, 5)), 9),
    "pyramid": (Request("max", Pyramid((1, 2))), MATRIX, 5),
    "unpool": (Unpool(np.array([[5, 3], [9, 15]]), 2), np.array([[6, 4], [4, 4]]), 4),
    "anywhere": (
        Unpool(np.array([[5, 3], [9, 15]]), output_size=4),
        np.array([[6, 4], [4, 4]]),
        4,
    ),
    "stochastic": (Request("stochastic", Sliding(2)), MATRIX, 4),
    "nodata": (Request("avg", Sliding(2), nodata=4), MATRIX, 4),
    "nan": (Request("avg", Sliding(2), nan="skip"), np.where(MATRIX == 4, np.nan, MATRIX), 4),
    "channels": (Request("max", Sliding(2)), NOISE.integers(0, 255, (4, 6, 3), np.uint8), 6),
    "many": (Request("max", Sliding(2, 1)), NOISE.integers(-9, 9, (5, 8)), 28),
    "long": (Request("avg", Sliding(2)), NOISE.normal(0, 1e4, (6, 6)), 9),
}


@pytest.fixture
def drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the frames of a storyboard once for all the types of files that they are written as."""
    pictures: dict[Any, Any] = {}
    palettes: dict[Any, Any] = {}
    draw, indexed = animation._Layout.draw, animation._indexed

    def draw_once(layout: Any, frame: Any) -> Any:
        key = id(frame), layout.placed.cell
        if key not in pictures:
            pictures[key] = draw(layout, frame)
        return pictures[key]

    def index_once(drawn: Any) -> Any:
        key = tuple(map(id, drawn))
        if key not in palettes:
            palettes[key] = indexed(drawn)
        return palettes[key]

    monkeypatch.setattr(animation._Layout, "draw", draw_once)
    monkeypatch.setattr(animation, "_indexed", index_once)


@pytest.mark.parametrize("name", CASES)
def test_one_frame_for_each_window(name: str, drawn_once: None) -> None:
    asked, x, windows = CASES[name]
    board = board_of(asked, x)

    def check(extension: str) -> None:
        data = encode_animation(board, extension)
        frames = frames_of(data)
        assert len(frames) == windows + 2
        assert [seconds for _, seconds in frames] == [0.7, *[0.9] * windows, 2.5]
        assert Image.open(io.BytesIO(data)).info["loop"] == 0
        assert len(data) <= 300_000
        height, width, _ = frames[0][0].shape
        assert 480 <= width <= 1200
        assert height <= 1000
        for (before, _), (after, _) in itertools.pairwise(frames):
            assert (before != after).any()
        # Nothing flickers: what is outside all cells and words is white throughout.
        for pixels, _ in frames:
            for corner in (pixels[:12], pixels[-8:], pixels[:, :12], pixels[:, -12:]):
                assert (corner == 255).all()

    every(TYPES, check)


@pytest.mark.parametrize("extension", TYPES)
def test_the_same_input_gives_the_same_bytes(extension: str) -> None:
    asked, x, _ = CASES["stochastic"]
    first, second = (encode_animation(board_of(asked, x), extension) for _ in range(2))
    assert first == second


def test_the_frames_tell_the_steps() -> None:
    board, part = make_storyboard(explain(Request("max", Sliding(2)), MATRIX), "max 2×2 stride 2")
    assert part.is_whole
    assert [frame.caption for frame in board.frames] == [
        "the largest value of each window",
        "max(1, 3, 5, 6) = 6",
        "max(2, 4, 1, 2) = 4",
        "max(2, 4, 1, 2) = 4",
        "max(0, 1, 3, 4) = 4",
        "4×4 → 2×2",
    ]
    second = board.frames[2].tiles
    assert second[0, 0, 3].ground == HUES[1].strong
    assert second[0, 0, 2].ground == HUES[1].tint
    assert [second[1, i, j].text for i in range(2) for j in range(2)] == ["6", "4", "", ""]
    assert second[1, 0, 1].ground == HUES[1].strong


@pytest.mark.parametrize("extension", TYPES)
def test_the_four_windows_have_four_hues(extension: str) -> None:
    data = encode_animation(board_of(Request("max", Sliding(2)), MATRIX), extension)
    last = Image.fromarray(frames_of(data)[-1][0])
    large = {colour for count, colour in last.getcolors(1 << 24) if count > 1000}
    for hue in HUES:
        for colour in (hue.strong, hue.tint):
            assert tuple(bytes.fromhex(colour[1:])) in large
    hues = sorted(
        colorsys.rgb_to_hsv(*(channel / 255 for channel in bytes.fromhex(hue.strong[1:])))[0] * 360
        for hue in HUES
    )
    gaps = [b - a for a, b in zip(hues, [*hues[1:], hues[0] + 360], strict=True)]
    assert min(gaps) >= 30


@pytest.mark.parametrize("op", OPS)
def test_every_op(op: str) -> None:
    board = board_of(Request(op, Sliding(2)), MATRIX[:2, :2])
    assert len(frames_of(encode_animation(board, ".png"))) == len(board.frames) == 3


@pytest.mark.parametrize(
    ("asked", "x"),
    [
        (Request("max", Sliding(2)), NOISE.integers(0, 255, (512, 512))),
        (Request("max", Sliding(2)), NOISE.integers(0, 9, (16, 16, 16))[None, ..., None]),
        (Request("max", Sliding(2)), NOISE.integers(0, 9, 400)),
        (Request("max", Sliding(3, 1)), NOISE.normal(size=(64, 64))),
        (Request("max", Sliding(64)), NOISE.integers(0, 9, (512, 512))),
        (Request("max", Global()), NOISE.integers(0, 9, (60, 60))),
        (Request("max", Sliding((1, 16))), NOISE.integers(0, 9, (64, 64))),
        (Request("max", Pyramid((1, 4, 16))), NOISE.integers(0, 9, (64, 64))),
    ],
    ids=lambda value: "x".join(map(str, value.shape)) if isinstance(value, np.ndarray) else "",
)
def test_large_inputs_are_shown_in_part(asked: Any, x: Any) -> None:
    board, part = make_storyboard(explain(asked, x), "title")
    assert len(board.frames) <= MOST_WINDOWS + 2
    data = encode_animation(board, ".gif")  # the larger of the two
    assert len(data) <= 300_000
    assert 480 <= Image.open(io.BytesIO(data)).width <= 1200
    if not part.is_whole:
        assert "here the first" in board.frames[-1].caption


def test_windows_of_more_cells_than_a_picture_can_show() -> None:
    with pytest.raises(InputError, match="200×200 cells are more than a picture can show"):
        board_of(Request("max", Sliding(200)), np.zeros((400, 400)))


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 61])
def test_seconds_that_are_none(seconds: float) -> None:
    with pytest.raises(UsageError, match=r"seconds .*: use 0.1 to 60"):
        board_of(Request("max", Sliding(2)), MATRIX, seconds=seconds)


def test_seconds() -> None:
    board = board_of(Request("max", Sliding(2)), MATRIX, seconds=1.8)
    seen = [seconds for _, seconds in frames_of(encode_animation(board, ".gif"))]
    assert seen == [1.4, 1.8, 1.8, 1.8, 1.8, 5]


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
@pytest.mark.parametrize("name", ["max", "sum", "padding"])
def test_what_is_written_can_be_read(name: str, tmp_path: Path) -> None:
    asked, x, _ = CASES[name]
    board = board_of(asked, x)
    explained = explain(asked, x)[0]
    data = encode_animation(board, ".gif")
    for number, (pixels, _) in enumerate(frames_of(data)[1:-1]):
        # A reader for scanned pages takes one plus or another for a 4: nearly all has to be right.
        found, written = (
            re.sub(r"[ ≈%]", "", text.replace("≈", "="))
            for text in (read(pixels[-75:], tmp_path), board.frames[number + 1].caption)
        )
        assert difflib.SequenceMatcher(None, found, written).ratio() >= 0.9, (found, written)
        # Every output so far, in its cell.
        results = [float(step.result) for step in explained.steps()][: number + 1]
        assert read_cells(board, pixels, tmp_path, number) == pytest.approx(results, abs=5e-4)


def read(pixels: Any, folder: Path, mode: str = "7") -> str:
    """What is written; a cell that stays as it is from frame to frame is read once."""
    key = pixels.shape, pixels.tobytes(), mode
    if key not in READ:
        path = folder / "crop.png"
        Image.fromarray(pixels).save(path)
        done = subprocess.run(
            ["tesseract", str(path), "-", "--psm", mode],
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        READ[key] = done.stdout.strip()
    return READ[key]


READ: dict[Any, str] = {}


def read_cells(board: Storyboard, pixels: Any, folder: Path, last: int) -> list[float]:
    layout, found = _Layout(board, cell_size(board.panels, len(board.frames))), []
    columns = board.panels.after[0][1]
    for number in range(last + 1):
        place = (len(board.panels.before), number // columns, number % columns)
        left, top, right, bottom = layout._box(*place)
        cell = pixels[top + 6 : bottom - 6, left + 4 : right - 4].max(axis=2)
        ink = np.where(cell < 70, 0, 255).astype(np.uint8)
        padded = np.pad(ink, 20, constant_values=255)
        lone = len(board.frames[-1].tiles[place].text) == 1
        text = read(np.repeat(padded[..., None], 3, axis=2), folder, "10" if lone else "7")
        found.append(float(re.sub(r"[^0-9.]", "", text) or "nan"))
    return found
