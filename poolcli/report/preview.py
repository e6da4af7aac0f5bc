"""Pictures before and after pooling, as large as a window holds them.

Where the outputs are many enough to be seen as pixels, or few enough to be blocks, all of the plane
is shown. Where a picture of all of it would hide what was pooled, a region is: each of its outputs
is a block that is as large as the cells beside it that it came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolcli.analysis.palette import MARK
from poolcli.analysis.region import Part, strongest_part
from poolcli.report.compared import Before, Compared, Range
from poolcli.report.pixels import Colours, resampled

LEAST_SEEN = 2.0  # pixels of an output that is seen as a block
CRISP, NEARLY = 3.0, 0.8  # blocks are all of one size if so small, or if that takes little room
FEWEST, MOST = 8, 64  # outputs along an axis of a region, as far as they can be chosen
LOCATOR = 4  # of the width, one part shows where the region lies
LEAST_LOCATOR = 18  # pixels
MOSTLY = 0.75  # of all outputs, which need no locator


class Canvas(NamedTuple):
    """How much room there is, in pixels; ``gap`` between pictures, ``line`` for a line of text."""

    width: int
    height: int
    gap: int
    line: int


class Tile(NamedTuple):
    """A picture, (height, width, channels) pixels, with a word below it.

    ``frame``: rows and columns of it that are marked; ``is_before``: whether it shows the input.
    """

    name: str
    pixels: NDArray[np.float64]
    nodata: NDArray[np.bool_]
    is_before: bool
    frame: Part | None = None


class Preview(NamedTuple):
    """Pictures side by side, or one below the other, and what there is to say of them."""

    tiles: list[Tile]
    side_by_side: bool
    place: str = ""
    part: Part | None = None
    """The outputs that are shown, where these are not all."""


def preview(compared: Compared, canvas: Canvas, nodata: float | None = None) -> Preview | None:
    """Return what is shown of outputs and the cells before; None where there is no room."""
    after, before = compared.after, compared.before
    if canvas.width < 4 or canvas.height - canvas.line < 2 or 0 in after.shape:
        return None
    if before is None:
        size = _enlarged(after.shape[:2], (1, 1), (canvas.height, canvas.width))
        return Preview([_tile("", after, _even(after.shape[:2], size), nodata, False)], True)
    steps = (before.grids[0].step, before.grids[1].step)
    room, side_by_side = _room(after.shape[:2], steps, canvas)
    blocks = [
        _scale(after.shape[:2], steps, room) * step
        for step, out in zip(steps, after.shape[:2], strict=True)
        if out > 1
    ]
    if min(blocks, default=math.inf) < min(LEAST_SEEN, max(1.0, *steps)):
        return _region(compared, before, canvas, nodata)
    size = _enlarged(after.shape[:2], steps, room)
    edges = _even(after.shape[:2], size)
    tiles = [_tile("after", after, edges, nodata, False)]
    cells = _cells_at(before, edges)
    if before.can_read(*map(_reach, cells, before.shape)):
        tiles.insert(0, _read_tile("before", before, cells, nodata))
    return Preview(tiles, side_by_side)


Edges = tuple[NDArray[Any], NDArray[Any]]
"""Where the rows and the columns of pixels begin, and where the last ones end."""


def _room(
    outputs: Sequence[int], steps: tuple[float, float], canvas: Canvas
) -> tuple[tuple[int, int], bool]:
    """Return the height and width of one of two pictures, and whether they stand side by side."""
    beside = (canvas.height - canvas.line, (canvas.width - canvas.gap) // 2)
    below = (canvas.height // 2 - canvas.line, canvas.width)
    if below[0] < 2 or _scale(outputs, steps, beside) >= _scale(outputs, steps, below):
        return beside, True
    return below, False


def _scale(outputs: Sequence[int], steps: tuple[float, float], room: tuple[int, int]) -> float:
    """Return the pixels of a cell where the cells of all outputs fill the room."""
    return min(n / (out * step) for n, out, step in zip(room, outputs, steps, strict=True))


def _enlarged(
    outputs: Sequence[int], steps: tuple[float, float], room: tuple[int, int]
) -> tuple[int, int]:
    """Return the height and width in pixels of all outputs, in the proportions of their cells."""
    scale = _scale(outputs, steps, room)
    least = scale * min(steps)
    if least >= 1 and (least < CRISP or math.floor(least) / least > NEARLY):
        scale *= math.floor(least) / least
    height, width = (
        min(n, max(1, round(out * step * scale)))
        for n, out, step in zip(room, outputs, steps, strict=True)
    )
    return height, width


def _even(outputs: Sequence[int], size: tuple[int, int]) -> Edges:
    rows, columns = (np.arange(n + 1) * (out / n) for n, out in zip(size, outputs, strict=True))
    return rows, columns


def _region(
    compared: Compared, before: Before, canvas: Canvas, nodata: float | None
) -> Preview | None:
    """Return a part of the outputs as blocks, the cells that they came from, and where that is."""
    after = compared.after
    outputs = after.shape[:2]
    width = canvas.width
    locator = canvas.width // LOCATOR
    beside = (canvas.height - 2 * canvas.line, (width - canvas.gap) // 2)
    below = (canvas.height // 2 - canvas.line - canvas.line // 2, width)
    side_by_side = min(beside) >= min(below)
    steps = (before.grids[0].step, before.grids[1].step)
    room = beside if side_by_side else below
    blocks, most = _blocks(steps, outputs, room)
    is_most = min(n / out for n, out in zip(most, outputs, strict=True)) > MOSTLY
    every = ((0, before.shape[0]), (0, before.shape[1]))
    locates = side_by_side and locator >= LEAST_LOCATOR and not is_most and before.can_read(*every)
    if locates:
        room = (room[0], (width - locator - 2 * canvas.gap) // 2)
        blocks, most = _blocks(steps, outputs, room)
    part = strongest_part(outputs, most, lambda part: _seen(after, before, part, nodata))
    rows, columns = (
        cut.start + np.arange((cut.stop - cut.start) * block + 1) / block
        for cut, block in zip(part, blocks, strict=True)
    )
    edges = rows, columns
    cells = _cells_at(before, edges)
    reach = [_reach(e, n) for e, n in zip(cells, before.shape, strict=True)]
    tiles = [
        _read_tile("before", before, cells, nodata),
        _tile("after", after, edges, nodata, False),
    ]
    if locates:
        tiles.insert(0, _locator(before, reach, (room[0], locator), nodata))
    place = (
        f"rows {reach[0][0]}–{reach[0][1] - 1}, columns {reach[1][0]}–{reach[1][1] - 1}"
        f" of {before.shape[0]}×{before.shape[1]}"
    )
    return Preview(tiles, side_by_side, place, part)


def _blocks(
    steps: tuple[float, float], outputs: Sequence[int], room: tuple[int, int]
) -> tuple[list[int], list[int]]:
    """Return the pixels of an output along each axis, and how many outputs there is room for.

    They are as many pixels as cells, or as can be seen.
    """
    few = min(n / (FEWEST * step) for n, step in zip(room, steps, strict=True))
    many = max(n / (MOST * step) for n, step in zip(room, steps, strict=True))
    blocks = [_block(step, max(min(1.0, few), many)) for step in steps]
    sizes = zip(outputs, room, blocks, strict=True)
    return blocks, [max(1, min(out, n // block)) for out, n, block in sizes]


def _block(step: float, scale: float) -> int:
    """Return the pixels along a block: where cells are made smaller, of equally many each."""
    block = max(1, round(step * scale), math.ceil(min(step, LEAST_SEEN)))
    even = [n for n in range(2, block + 1) if step % n == 0]
    return max(even, default=block) if scale < 1 else block


def _seen(after: NDArray[Any], before: Before, part: Part, nodata: float | None) -> NDArray[Any]:
    """What a part is chosen by: its cells where they are in memory, else its outputs."""
    seen = _cells_of(before, part) if before.is_near else after[part]
    return seen if nodata is None else np.where(seen == nodata, np.nan, seen)


def _cells_of(before: Before, part: Part) -> NDArray[Any]:
    reach = (
        _reach(np.array([g.origin + g.step * cut.start, g.origin + g.step * cut.stop]), n)
        for g, cut, n in zip(before.grids, part, before.shape, strict=True)
    )
    return before.read(*reach)


def _cells_at(before: Before, edges: Edges) -> Edges:
    """Return where edges of outputs lie over the cells."""
    rows, columns = (g.origin + g.step * e for g, e in zip(before.grids, edges, strict=True))
    return rows, columns


def _reach(edges: NDArray[np.float64], n: int) -> Range:
    """Return the first cell that edges enclose, and the one after the last."""
    low = min(max(0, math.floor(edges[0] + 1e-6)), n - 1)
    return low, max(low + 1, min(n, math.ceil(edges[-1] - 1e-6)))


def _read_tile(name: str, before: Before, edges: Edges, nodata: float | None) -> Tile:
    (top, bottom), (left, right) = (_reach(e, n) for e, n in zip(edges, before.shape, strict=True))
    cells = before.read((top, bottom), (left, right))
    return _tile(name, cells, (edges[0] - top, edges[1] - left), nodata, True)


def _tile(
    name: str, cells: NDArray[Any], edges: Edges, nodata: float | None, is_before: bool
) -> Tile:
    if nodata is None or nodata != nodata:
        pixels = resampled(cells, *edges)
        return Tile(name, pixels, np.zeros(pixels.shape[:2], bool), is_before)
    missing = cells == nodata
    pixels = resampled(np.where(missing, np.nan, cells), *edges)
    marked = np.isnan(pixels) & (resampled(missing, *edges) > 0)
    return Tile(name, pixels, marked[..., 0], is_before)


def _locator(
    before: Before, reach: Sequence[Range], room: tuple[int, int], nodata: float | None
) -> Tile:
    """Return all cells, with a frame around those that are shown."""
    size = _enlarged(before.shape, (1, 1), room)
    tile = _read_tile("whole", before, _even(before.shape, size), nodata)
    rows, columns = (
        slice(low * n // whole, max(low * n // whole + 3, -(-high * n // whole)))
        for (low, high), n, whole in zip(reach, size, before.shape, strict=True)
    )
    return tile._replace(frame=(rows, columns))


def framed(colours: Colours, frame: Part | None) -> Colours:
    """Return colours with a line around a part of them."""
    if frame is None:
        return colours
    drawn = colours.copy()
    height, width = drawn.shape[:2]
    top, left = (min(cut.start, n - 1) for cut, n in zip(frame, (height, width), strict=True))
    bottom, right = (min(cut.stop, n) - 1 for cut, n in zip(frame, (height, width), strict=True))
    mark = tuple(bytes.fromhex(MARK[1:]))
    for row in (top, bottom):
        drawn[row, left : right + 1] = mark
    for column in (left, right):
        drawn[top : bottom + 1, column] = mark
    return drawn
