"""Previews on a terminal: in half blocks, two pixels to a cell; as real pixels; or in letters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style
from rich.text import Text

from poolcli.analysis.palette import HEAT, NAN, NODATA
from poolcli.outcomes import Result
from poolcli.report.compared import Compared, picture_of, plane_of
from poolcli.report.glyphs import Glyphs
from poolcli.report.numbers import cell_format
from poolcli.report.pixels import Colours, Ends, ends_of, grey_ends, heat, rgb, shared
from poolcli.report.preview import Canvas, Preview, Tile, framed, preview

MARGIN, GAP = 2, 2  # columns
PIXELS = 2  # one below the other in a cell
RAMP = " .:-=+*#%@"
"""From dark to bright, where there are no colours."""
SCALE = 16  # columns of a legend
LEAST = 4  # cells along an axis of a heat map


def show_picture(result: Result, console: Console, glyphs: Glyphs, lines: int) -> None:
    """Print a summary of the values and the picture before and after, in so many lines."""
    plan = result.plan
    console.print(Text(f"  {_summary(result.array, plan.output_layout)}", "dim"))
    drawing = _preview(picture_of(result), console, lines - 1, None)
    if drawing is None:
        return
    pixels = [np.nan_to_num(t.pixels, nan=0.0, posinf=0.0, neginf=0.0) for t in drawing.tiles]
    colours = [
        rgb(p, ends) for p, ends in zip(pixels, grey_ends(pixels, plan.input_dtype), strict=True)
    ]
    _print(drawing, colours, console, glyphs)


def show_heat_map(result: Result, console: Console, glyphs: Glyphs, lines: int) -> bool:
    """Print one plane of numbers before and after as a heat map with its legend, if there is one.

    Without colours there is none: numbers tell more than letters that stand for them.
    """
    if not glyphs.half_block or not _has_colours(console) or console.color_system == "standard":
        return False
    compared = plane_of(result)
    if compared is None or min(compared.after.shape[:2]) < LEAST:
        return False
    nodata = getattr(getattr(result.plan, "request", None), "nodata", None)
    drawing = _preview(compared, console, lines - 1, nodata)
    if drawing is None:
        return False
    planes = [tile.pixels[..., 0] for tile in drawing.tiles]
    if not _differ(planes):
        return False
    ends = _heat_ends(drawing.tiles, planes)
    colours = [
        heat(plane, e, tile.nodata)
        for plane, e, tile in zip(planes, ends, drawing.tiles, strict=True)
    ]
    _print(drawing, colours, console, glyphs)
    console.print(_legend(drawing.tiles, planes, ends, compared.plane, glyphs), soft_wrap=True)
    return True


def _preview(
    compared: Compared, console: Console, lines: int, nodata: float | None
) -> Preview | None:
    inline = _cell_pixels(console)
    wide, high = inline or (1, PIXELS)
    columns = console.width - MARGIN
    return preview(compared, Canvas(columns * wide, lines * high, GAP * wide, high), nodata)


def _has_colours(console: Console) -> bool:
    return console.color_system is not None and not console.no_color


def _cell_pixels(console: Console) -> tuple[int, int] | None:
    """The size of a cell where the terminal shows real pixels."""
    from poolcli.report.inline import support

    found = support(console) if _has_colours(console) else None
    return None if found is None else found.cell


def _summary(array: NDArray[Any], layout: str) -> str:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    words = []
    if finite.size:
        low, high = (cell_format(finite)(value) for value in (finite.min(), finite.max()))
        words = [f"min {low}", f"max {high}", f"mean {finite.mean(dtype=np.float64):.5g}"]
    if finite.size < array.size:
        words.append(f"{array.size - finite.size} NaN or infinite")
    frames = dict(zip(layout, array.shape, strict=True)).get("N", 1)
    if frames > 1:
        words.append(f"drawn: the first of {frames} frames")
    return "  ".join(words)


def _differ(planes: Sequence[NDArray[np.float64]]) -> bool:
    """Whether there is more to see than one number could tell."""
    return any(e.low < e.high for e in map(ends_of, planes))


def _heat_ends(tiles: Sequence[Tile], planes: Sequence[NDArray[np.float64]]) -> list[Ends]:
    """Return the ends of the scale of each tile: the same for all where the outputs allow that."""
    before = [ends_of(plane) for tile, plane in zip(tiles, planes, strict=True) if tile.is_before]
    after = ends_of(planes[-1])
    if not before:
        return [after]
    around = Ends(min(e.low for e in before), max(e.high for e in before))
    first, last = shared([around, after])
    return [*[first] * len(before), last]


def _legend(
    tiles: Sequence[Tile],
    planes: Sequence[NDArray[np.float64]],
    ends: Sequence[Ends],
    plane: str,
    glyphs: Glyphs,
) -> Text:
    """Return the scales, what stands for no value, and which plane is shown."""
    scales = {"": ends[-1]} if len(set(ends)) == 1 else {"before ": ends[0], "after ": ends[-1]}
    parts = [_scale(name, e, glyphs) for name, e in scales.items()]
    block = "█"
    if any((np.isnan(p) & ~t.nodata).any() for p, t in zip(planes, tiles, strict=True)):
        parts.append(Text.assemble((block, NAN), (" NaN", "dim")))
    if any(t.nodata.any() for t in tiles):
        parts.append(Text.assemble((block, NODATA), (" nodata", "dim")))
    if plane:
        parts.append(Text(f"{plane}, the most varied", "dim"))
    return Text("  ") + Text("   ").join(parts)


def _scale(name: str, ends: Ends, glyphs: Glyphs) -> Text:
    from poolcli.images.colormaps import colours

    some = colours(HEAT)[np.linspace(0, 255, 2 * SCALE).astype(int)]
    bar = Text()
    for left, right in some.reshape(SCALE, 2, 3).tolist():
        bar.append("▌", Style(color=Color.from_rgb(*left), bgcolor=Color.from_rgb(*right)))
    return Text.assemble((f"{name}{ends.low:.4g} ", "dim"), bar, (f" {ends.high:.4g}", "dim"))


def _print(drawing: Preview, colours: Sequence[Colours], console: Console, glyphs: Glyphs) -> None:
    """Print pictures with their names below them, and where in the whole they are."""
    from poolcli.report import inline

    pictures = [framed(c, t.frame) for c, t in zip(colours, drawing.tiles, strict=True)]
    names = [tile.name for tile in drawing.tiles]
    terminal = inline.support(console) if _has_colours(console) else None
    every = list(range(len(pictures)))
    for some in [every] if drawing.side_by_side else [[i] for i in every]:
        shown, said = [pictures[i] for i in some], [names[i] for i in some]
        if terminal is not None:
            inline.show(shown, said, console, terminal, MARGIN, GAP)
        else:
            _print_row(shown, said, console, glyphs)
    if drawing.place:
        place = drawing.place if glyphs.half_block else drawing.place.translate(_IN_ASCII)
        console.print(Text(f"{' ' * MARGIN}{place}", "dim"))


_IN_ASCII = str.maketrans({"–": "-", "×": "x"})


def _print_row(
    pictures: Sequence[Colours], names: Sequence[str], console: Console, glyphs: Glyphs
) -> None:
    """Print pictures of characters beside each other, and their names below."""
    in_blocks = glyphs.half_block if _has_colours(console) else None
    drawn = [_half_blocks(p, in_blocks) if in_blocks else _letters(p) for p in pictures]
    widths = [picture.shape[1] for picture in pictures]
    # Not as Text in a table: of so many colours that takes ten times as long.
    for lines in itertools.zip_longest(*drawn):
        for number, (line, width) in enumerate(zip(lines, widths, strict=True)):
            blank = "" if line else " " * width
            ahead = Segment(" " * (GAP if number else MARGIN) + blank)
            console.print(Segments([ahead, *(line or ())]), end="")
        console.print()
    if any(names):
        said = (name[:width].ljust(width) for name, width in zip(names, widths, strict=True))
        console.print(Text(" " * MARGIN + (" " * GAP).join(said).rstrip(), "dim"), soft_wrap=True)


def _half_blocks(colours: Colours, half_block: str) -> list[list[Segment]]:
    lines = []
    for row in range(0, len(colours), PIXELS):
        pairs = colours[row : row + PIXELS].swapaxes(0, 1).tolist()
        lines.append([Segment(half_block, _style(*map(tuple, pair))) for pair in pairs])
    return lines


@lru_cache(1 << 14)
def _style(above: tuple[int, int, int], below: tuple[int, int, int] | None = None) -> Style:
    behind = None if below is None else Color.from_rgb(*below)
    return Style(color=Color.from_rgb(*above), bgcolor=behind)


def _letters(colours: Colours) -> list[list[Segment]]:
    """Return a letter for each two pixels, as dense as they are bright."""
    grey = colours.astype(np.float64) @ [0.299, 0.587, 0.114]
    means = [grey[row : row + PIXELS].mean(axis=0) for row in range(0, len(grey), PIXELS)]
    return [[Segment("".join(_letters_of(row)))] for row in means]


def _letters_of(row: NDArray[np.float64]) -> Iterator[str]:
    for value in row:
        yield RAMP[min(len(RAMP) - 1, int(value / 256 * len(RAMP)))]
