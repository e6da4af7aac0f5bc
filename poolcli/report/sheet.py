"""A contact sheet: what several ops make of one picture, side by side in one size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poolcli.analysis.region import Part, strongest_part
from poolcli.formats.lettering import lettering
from poolcli.report.columns import number
from poolcli.report.compare import windows_text
from poolcli.report.glyphs import safe
from poolcli.report.pixels import Ends, first_frame, rgb

if TYPE_CHECKING:
    from poolcli.analysis.compare import Measurement
    from poolcli.windows import Windows

Pixels = NDArray[np.uint8]

INK, GREY, GROUND, EDGE = (
    (0x16, 0x20, 0x2B),
    (0x5B, 0x66, 0x73),
    (255, 255, 255),
    (0xC9, 0xD1, 0xD9),
)
SIDE, NARROWEST = 256, 24  # pixels of a thumbnail
GAP, CAPTION, TITLE = 24, 16, 20
LEAST = 4  # pixels of an output, so that it can be seen
MARK = (0x03, 0x9F, 0x74)
COLUMNS = (4, 3)


def draw_sheet(label: str, x: NDArray[Any], found: Sequence[Measurement]) -> Pixels:
    """A picture, (height, width, 3), of ``x`` and of the outputs, each with its name and PSNR.

    Outputs are enlarged to the size of the input, a cell as a block. Where a block would be too
    small to be seen a part is shown, the one with most in it, and the whole first. Of a stack it is
    the first picture, of many channels the first.
    """
    plan = found[0].plan
    picture = first_frame(_with_height(x, plan.layout), _letters(plan.layout))
    ends = _ends(picture, found[0])
    part = _part(picture, plan.windows)
    tiles = []
    if part is not None:
        size = _size(*picture.shape[:2])
        page = _enlarged(picture, size, ends)
        _frame(page, _place(part, size, picture.shape, plan.windows))
        tiles.append(_tile(page, "whole", _shape(x.shape)))
    shown = picture if part is None else _cut(picture, part, plan.windows)
    size = _size(*shown.shape[:2])
    tiles.append(_tile(_enlarged(shown, size, ends), "input", _shape(shown.shape[:2])))
    for row in found:
        tiles.append(_of_output(row, part, size, ends))
    return _page(f"{safe(label)}   {_ascii(windows_text(plan))}", tiles)


def _of_output(
    row: Measurement, part: Part | None, size: tuple[int, int], ends: tuple[float, float]
) -> Pixels:
    if row.output is None:
        raise ValueError("the outputs were not kept")
    output = first_frame(_with_height(row.output, row.plan.layout), _letters(row.plan.layout))
    own = ends if row.psnr is not None else _ends(output, None)
    said = "" if row.psnr is None else f"{_ascii(number(row.psnr, 1))} dB"
    shown = output if part is None else output[part]
    return _tile(_enlarged(shown, size, own), row.plan.request.op, said)


def _part(picture: NDArray[Any], windows: Sequence[Windows]) -> Part | None:
    """The outputs to show, as rows and columns, where they are too many to be seen."""
    most = SIDE // LEAST
    if max(w.out for w in windows[-2:]) <= most or len(windows) < 2:
        return None
    outputs = [w.out for w in windows[-2:]]
    return strongest_part(outputs, (most, most), lambda part: _cut(picture, part, windows))


def _cut(picture: NDArray[Any], part: Part, windows: Sequence[Windows]) -> NDArray[Any]:
    """The cells that some outputs are at."""
    return picture[tuple(_cells(w, outs) for w, outs in zip(windows[-2:], part, strict=True))]


def _cells(w: Windows, outs: slice) -> slice:
    """From the first cell of the first window up to where the window after the last begins."""
    last = min(outs.stop, w.out) - 1
    after = w.starts[last + 1] if last + 1 < w.out else w.end(last)
    return slice(max(0, w.starts[outs.start]), min(w.n, after))


def _place(
    part: Part, size: tuple[int, int], shape: tuple[int, ...], windows: Sequence[Windows]
) -> tuple[slice, slice]:
    """Where a part lies in the whole picture, shown in a size."""
    cuts = (_cells(w, outs) for w, outs in zip(windows[-2:], part, strict=True))
    rows, columns = (
        slice(cut.start * wanted // there, cut.stop * wanted // there)
        for cut, wanted, there in zip(cuts, size, shape, strict=False)
    )
    return rows, columns


def _frame(page: Pixels, place: tuple[slice, slice]) -> None:
    """Draw a line around a place, between two lighter ones so that it is seen on any ground."""
    for inset, colour in enumerate((GROUND, MARK, GROUND)):
        rows, columns = (slice(cut.start + inset, cut.stop - inset) for cut in place)
        for edge in (0, -1):
            page[rows, columns][edge] = colour
            page[rows, columns][:, edge] = colour


def _letters(layout: str) -> str:
    return layout if "H" in layout else layout.replace("W", "HW")


def _with_height(x: NDArray[Any], layout: str) -> NDArray[Any]:
    """A row of values as a picture one pixel high."""
    return x if "H" in layout else np.expand_dims(x, layout.index("W"))


def _size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of a thumbnail of the same proportions."""
    scale = SIDE / max(height, width)
    return max(NARROWEST, round(height * scale)), max(NARROWEST, round(width * scale))


def _ends(picture: NDArray[Any], row: Measurement | None) -> tuple[float, float]:
    """The values that are black and white."""
    if row is not None and picture.dtype.name in ("uint8", "uint16"):
        return 0.0, row.data_range
    finite = picture[np.isfinite(picture)].astype(np.float64)
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _enlarged(picture: NDArray[Any], size: tuple[int, int], ends: tuple[float, float]) -> Pixels:
    """A picture in a size, each pixel of it as a block, and its colours between two ends."""
    rows, columns = (
        np.arange(wanted) * there // wanted
        for wanted, there in zip(size, picture.shape[:2], strict=True)
    )
    pixels = picture[rows[:, None], columns].astype(np.float64)
    low, high = ends
    with np.errstate(all="ignore"):
        scaled = (pixels / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
    return rgb(np.nan_to_num(scaled), Ends(0.0, 1.0))


def _tile(shown: Pixels, name: str, said: str) -> Pixels:
    return np.concatenate([_framed(shown), _caption(shown.shape[1], name, said)])


def _framed(pixels: Pixels) -> Pixels:
    return np.pad(pixels, ((1, 1), (1, 1), (0, 0))) + _edge(pixels.shape)


def _edge(shape: tuple[int, ...]) -> Pixels:
    """A line around a picture, so that white ones have an end."""
    line = np.zeros((shape[0] + 2, shape[1] + 2, 3), np.uint8)
    for side in (line[0], line[-1], line[:, 0], line[:, -1]):
        side[...] = EDGE
    return line


def _caption(width: int, name: str, said: str) -> Pixels:
    left, right = lettering(name, CAPTION), lettering(said, CAPTION)
    page = np.full((len(left) + 8, width + 2, 3), GROUND, np.uint8)
    _write(page, left, 6, 0, INK)
    if left.shape[1] + right.shape[1] <= width:
        _write(page, right, 6, width + 2 - right.shape[1], GREY)
    return page


def _write(
    page: Pixels, ink: NDArray[np.float64], top: int, left: int, colour: tuple[int, int, int]
) -> None:
    """Put words on a page; what is too wide for it ends at its edge."""
    ink = ink[:, : page.shape[1] - left]
    part = page[top : top + len(ink), left : left + ink.shape[1]]
    mixed = part + (np.array(colour) - part.astype(np.float64)) * ink[: len(part), :, None]
    part[...] = np.rint(mixed).astype(np.uint8)


def _page(head: str, tiles: Sequence[Pixels]) -> Pixels:
    height, width = (max(tile.shape[axis] for tile in tiles) for axis in (0, 1))
    across = min(len(tiles), min(COLUMNS, key=lambda n: (-len(tiles) % n, -n)))
    down = math.ceil(len(tiles) / across)
    top = GAP + round(TITLE * 1.3) + GAP // 2
    shape = (top + down * (height + GAP), GAP + across * (width + GAP), 3)
    page = np.full(shape, GROUND, np.uint8)
    _write(page, lettering(head, TITLE), GAP - 4, GAP, INK)
    for i, tile in enumerate(tiles):
        y = top + i // across * (height + GAP)
        x = GAP + i % across * (width + GAP)
        page[y : y + len(tile), x : x + tile.shape[1]] = tile
    return page


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _ascii(text: str) -> str:
    """Text in signs that the font has."""
    return text.replace("×", "x").replace("∞", "inf").replace("–", "-")
