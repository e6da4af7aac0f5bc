"""Animations of numbers in cells: drawn, and written as GIF or APNG, by Pillow alone.

What is to be seen is told as a :class:`Storyboard`; here it gets pixels. All frames share one
palette without dithering, so that nothing flickers, and the same storyboard gives the same bytes.
"""

from __future__ import annotations

import io
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from poolcli.errors import OutputError
from poolcli.formats.drawing import ARROW_INK, FINE, Pen, text_length, wrapped

WIDEST, TALLEST, NARROWEST = 1200, 1000, 480
MANY_FRAMES, WIDEST_OF_MANY = 20, 880
"""Long animations are smaller pictures: they would be large files."""
MOST_BYTES = 300_000
LARGEST_CELL = 88
SMALLEST_LEGIBLE_CELL = 34
"""Below this, cells are drawn without their numbers."""
SMALLEST_CELL = 7

_COLOURS = 48
_MARGIN, _ARROW, _BETWEEN = 28, 132, 26
_TITLE, _CAPTION, _NOTE = 28, 27, 18
_LINE = 1.3
_AROUND = 190  # above and below the cells: a title, and a caption of three lines
_GREY, _BORDER, _INK = "#5b6672", "#c9cfd6", "#16202b"


class Tile(NamedTuple):
    """One cell: ``ground`` None has no colour of its own, and ``border`` is drawn instead."""

    text: str
    ground: str | None = None
    ink: str = _GREY
    bold: bool = False
    border: bool = False
    struck: bool = False
    note: str = ""
    """In small letters below the number."""


class Outline(NamedTuple):
    """Around some cells of a panel."""

    panel: int
    row: int
    column: int
    rows: int = 1
    columns: int = 1


class Frame(NamedTuple):
    """What is seen at one time. ``tiles`` are by panel, row and column."""

    tiles: Mapping[tuple[int, int, int], Tile]
    outlines: Sequence[Outline]
    caption: str
    is_quiet: bool
    """Whether the caption is no arithmetic, and grey."""
    milliseconds: int


class Panels(NamedTuple):
    """Grids of cells as (rows, columns): those before an arrow, and those after it.

    Several of them stand side by side, or one below the other where ``stacks`` says so. With
    ``falls`` the arrow points down. ``row_gaps`` and ``column_gaps`` are the rows and columns of
    the panels before the arrow that stand a little apart from those before them.
    """

    before: Sequence[tuple[int, int]]
    after: Sequence[tuple[int, int]]
    falls: bool = False
    stacks: bool = False
    row_gaps: frozenset[int] = frozenset()
    column_gaps: frozenset[int] = frozenset()


class Storyboard(NamedTuple):
    """A whole animation."""

    title: str
    panels: Panels
    frames: Sequence[Frame]


def encode_animation(board: Storyboard, extension: str) -> bytes:
    """Write an animation as ``.gif`` or as ``.png`` (APNG), which goes round for ever.

    Raises OutputError where the cells are more than a picture can show.
    """
    cell = cell_size(board.panels, len(board.frames))
    if cell == 0:
        raise OutputError("its windows are of more cells than a picture can show")
    data = _encoded(board, cell, extension)
    # Many long numbers are much to pack, and drawn smaller they are less.
    while len(data) > MOST_BYTES and (cell := round(cell * 0.85)) >= SMALLEST_LEGIBLE_CELL:
        data = _encoded(board, cell, extension)
    return data


def _encoded(board: Storyboard, cell: int, extension: str) -> bytes:
    layout = _Layout(board, cell)
    palette, indexed = _indexed([layout.draw(frame) for frame in board.frames])
    changed = (np.where(b == a, _UNCHANGED, b) for a, b in itertools.pairwise(indexed))
    shown = [indexed[0], *changed]
    images = [Image.fromarray(index.astype(np.uint8), "P") for index in shown]
    for image in images:
        image.putpalette([0, 0, 0, *palette])
        image.info["transparency"] = _UNCHANGED
    stream = io.BytesIO()
    images[0].save(
        stream,
        save_all=True,
        append_images=images[1:],
        duration=[frame.milliseconds for frame in board.frames],
        loop=0,
        **_ENCODERS[extension],
    )
    return stream.getvalue()


# Each frame is laid over those before it, and holds nothing but what has changed.
_UNCHANGED = 0
_ENCODERS: Mapping[str, Mapping[str, Any]] = {
    ".gif": {
        "format": "GIF",
        "transparency": _UNCHANGED,
        "disposal": 1,
        "optimize": False,
    },
    ".png": {
        "format": "PNG",
        "transparency": _UNCHANGED,
        "disposal": 0,
        "blend": 1,
        "compress_level": 9,
    },
}


def cell_size(panels: Panels, frames: int) -> int:
    """The pixels of a cell with which the panels fit a picture; 0 where they cannot.

    >>> cell_size(Panels([(4, 4)], [(2, 2)]), 6), cell_size(Panels([(400, 400)], [(9, 9)]), 83)
    (88, 0)
    """
    widest = WIDEST if frames < MANY_FRAMES else WIDEST_OF_MANY
    for cell in range(LARGEST_CELL, SMALLEST_CELL - 1, -1):
        width, height = _Placed(panels, cell).size
        if width + 2 * _MARGIN <= widest and height + _AROUND <= TALLEST:
            return cell
    return 0


class _Placed:
    """Where panels and their cells stand when cells have a certain size, from the first at 0, 0."""

    def __init__(self, panels: Panels, cell: int) -> None:
        self.panels, self.cell = panels, cell
        self.gap = max(2, round(cell * 0.07))
        before = [self._extent(*grid) for grid in panels.before]
        after = [self._extent(*grid) for grid in panels.after]
        # Gaps between windows are in what stands before the arrow only.
        wide, high = (2 * self.gap * len(g) for g in (panels.column_gaps, panels.row_gaps))
        before = [(width + wide, height + high) for width, height in before]
        sides = _row(before, False), _row(after, panels.stacks)
        (left, first), (right, second) = sides
        if panels.falls:
            width = max(left[0], right[0])
            self.size = width, left[1] + _ARROW // 2 + right[1]
            shifts = (0, 0), (0, left[1] + _ARROW // 2)
            self.arrow = (min(left[0], right[0]) / 2, left[1] + _ARROW / 4)
        else:
            height = max(left[1], right[1])
            self.size = left[0] + _ARROW + right[0], height
            shifts = (
                (0, (height - left[1]) // 2),
                (left[0] + _ARROW, (height - right[1]) // 2),
            )
            self.arrow = (left[0] + _ARROW / 2, height / 2)
        self.corners = [
            (x + shift[0], y + shift[1])
            for shift, places in zip(shifts, (first, second), strict=True)
            for x, y in places
        ]

    def _extent(self, rows: int, columns: int) -> tuple[int, int]:
        step = self.cell + self.gap
        return columns * step - self.gap, rows * step - self.gap

    def box(self, panel: int, row: int, column: int) -> tuple[int, int, int, int]:
        """The edges of a cell: left, top, right, bottom."""
        x, y = self.corners[panel]
        step = self.cell + self.gap
        if panel < len(self.panels.before):
            x += 2 * self.gap * sum(at <= column for at in self.panels.column_gaps)
            y += 2 * self.gap * sum(at <= row for at in self.panels.row_gaps)
        x, y = x + column * step, y + row * step
        return x, y, x + self.cell, y + self.cell


def _row(
    sizes: Sequence[tuple[int, int]], stacks: bool
) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """How large panels beside or below each other are, and where each of them begins."""
    along = 1 if stacks else 0
    places, at = [], 0
    for size in sizes:
        places.append((0, at) if stacks else (at, 0))
        at += size[along] + _BETWEEN
    across = max(size[1 - along] for size in sizes)
    total = at - _BETWEEN
    return ((across, total) if stacks else (total, across)), places


class _Layout:
    """Draws the frames of one storyboard, all of one size."""

    def __init__(self, board: Storyboard, cell: int) -> None:
        self.placed = _Placed(board.panels, cell)
        width, height = self.placed.size
        wide = max(NARROWEST, width + 2 * _MARGIN)
        title_width = math.ceil(text_length(board.title, _TITLE, bold=True)) + 2 * _MARGIN + 4
        self.width = min(WIDEST, max(wide, title_width))
        self.room = self.width - 2 * _MARGIN
        self.title = wrapped(board.title, _TITLE, self.room, bold=True)
        self.captions = {f.caption: wrapped(f.caption, _CAPTION, self.room) for f in board.frames}
        lines = max(map(len, self.captions.values()))
        self.top = _MARGIN + round(len(self.title) * _TITLE * _LINE) + 14
        self.below = self.top + height + 22
        self.height = self.below + round(lines * _CAPTION * _LINE) + _MARGIN - 6
        self.sizes = self._text_sizes(board)
        self.left = (self.width - width) // 2 if width + 2 * _MARGIN < NARROWEST else _MARGIN

    def _text_sizes(self, board: Storyboard) -> dict[bool, float]:
        """How large numbers are before and after the arrow, so that the longest fits its cell."""
        cell, sizes = self.placed.cell, {}
        for is_after in (False, True):
            texts = {
                tile.text
                for frame in board.frames
                for (panel, _, _), tile in frame.tiles.items()
                if (panel >= len(board.panels.before)) is is_after
            }
            longest = max(text_length(text, 100, bold=True) for text in {"00", *texts})
            # What is longer than this makes only itself small.
            longest = min(longest, text_length("−0.000", 100, bold=True))
            sizes[is_after] = min(cell * 0.42, 100 * (cell - 10) / longest)
        return sizes

    def draw(self, frame: Frame) -> Image.Image:
        image = Image.new("RGB", (self.width * FINE, self.height * FINE), "white")
        pen = Pen(ImageDraw.Draw(image))
        for number, line in enumerate(self.title):
            y = _MARGIN + _TITLE * (0.85 + number * _LINE)
            pen.write(_MARGIN, y, line, _TITLE, _INK, bold=True)
        for place, tile in frame.tiles.items():
            size = self.sizes[place[0] >= len(self.placed.panels.before)]
            self._draw_tile(pen, self._box(*place), tile, size)
        for outline in frame.outlines:
            self._draw_outline(pen, outline)
        x, y = self.placed.arrow
        pen.arrow(self.left + x, self.top + y, falls=self.placed.panels.falls)
        for number, line in enumerate(self.captions[frame.caption]):
            y = self.below + _CAPTION * (0.85 + number * _LINE)
            ink = ARROW_INK if frame.is_quiet else _INK
            pen.write(_MARGIN, y, line, _CAPTION, ink)
        return image.reduce(FINE)

    def _box(self, panel: int, row: int, column: int) -> tuple[int, int, int, int]:
        x0, y0, x1, y1 = self.placed.box(panel, row, column)
        return x0 + self.left, y0 + self.top, x1 + self.left, y1 + self.top

    def _draw_tile(self, pen: Pen, box: tuple[int, int, int, int], tile: Tile, size: float) -> None:
        cell = self.placed.cell
        pen.tile(box, cell * 0.09, tile.ground, _BORDER if tile.border else None)
        if cell < SMALLEST_LEGIBLE_CELL or not tile.text:
            return
        left, top, right, bottom = box
        middle, y = (left + right) / 2, (top + bottom) / 2
        size *= min(1.0, (cell - 6) / text_length(tile.text, size, tile.bold))
        if tile.note:
            y -= cell * 0.12
            small = min(_NOTE, cell * 0.22)
            pen.write_middle(middle, bottom - cell * 0.18, tile.note, small, tile.ink)
        pen.write_middle(middle, y, tile.text, size, tile.ink, tile.bold)
        if tile.struck:
            half = text_length(tile.text, size) / 2 + 5
            pen.line([(middle - half, y), (middle + half, y)], 2, tile.ink)

    def _draw_outline(self, pen: Pen, outline: Outline) -> None:
        first = self._box(outline.panel, outline.row, outline.column)
        last = self._box(
            outline.panel,
            outline.row + outline.rows - 1,
            outline.column + outline.columns - 1,
        )
        around = min(3, self.placed.gap / 2)
        box = (first[0] - around, first[1] - around, last[2] + around, last[3] + around)
        width = 3 if self.placed.cell >= SMALLEST_LEGIBLE_CELL else 2
        pen.outline(box, self.placed.cell * 0.09 + around, _INK, width)


def _indexed(pictures: Sequence[Image.Image]) -> tuple[list[int], list[Any]]:
    """One palette for all pictures: their most frequent colours; rare shades take the nearest.

    Indices count from 1.
    """
    counts: Counter[Any] = Counter()
    for picture in pictures:
        for count, colour in picture.getcolors(picture.width * picture.height) or ():
            counts[colour] += count
    colours = np.array(sorted(counts), np.int64)
    # The most frequent first, and of as frequent ones the darkest: the order is always the same.
    ranked = sorted(counts, key=lambda colour: (-counts[colour], colour))
    kept = np.array(ranked[: _COLOURS - 1], np.int64)
    nearest = ((colours[:, None] - kept[None]) ** 2).sum(axis=2).argmin(axis=1) + 1
    table = np.zeros(1 << 24, np.uint8)
    table[_packed(colours)] = nearest
    return kept.ravel().tolist(), [table[_packed(np.asarray(p))] for p in pictures]


def _packed(colours: Any) -> Any:
    """Each colour, along the last axis, as one number."""
    red, green, blue = (colours[..., channel].astype(np.int64) for channel in range(3))
    return red << 16 | green << 8 | blue
