"""A picture on a terminal: half-block characters, two pixels in each, in true colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from poolcli.outcomes import Result
from poolcli.report.glyphs import Glyphs
from poolcli.report.numbers import cell_format

SMALL = 8  # up to this many pixels a side, numbers tell more than colours
WIDEST = 60
TALLEST = 44  # pixels, two to a line


def picture_size(array: NDArray[Any], layout: str) -> tuple[int, int]:
    """Return (height, width) of an array that came from a picture; 1 where an axis is gone."""
    sizes = dict(zip(layout, array.shape, strict=True))
    return sizes.get("H", 1), sizes.get("W", 1)


def show_picture(result: Result, console: Console, glyphs: Glyphs) -> None:
    """Print a summary of the values and, where there are colours, a thumbnail."""
    plan = result.plan
    console.print(Text(f"  {_summary(result.array, plan.output_layout)}", "dim"))
    if console.color_system is None or console.no_color or not glyphs.half_block:
        return
    pictures = [("", result.array, plan.output_layout)]
    if result.source is not None:
        pictures = [
            ("before", result.source, plan.layout),
            ("after", result.array, plan.output_layout),
        ]
    room = (min(console.width - 2, WIDEST) - 2 * (len(pictures) - 1)) // len(pictures)
    if room < 4:
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    drawn = []
    for _, array, layout in pictures:
        pixels = fit(first_frame(array, layout), room)
        drawn.append(_half_blocks(rgb(pixels, plan.input_dtype), glyphs.half_block))
    grid.add_row("", *drawn)
    if len(pictures) > 1:
        grid.add_row("", *(Text(caption, "dim") for caption, _, _ in pictures))
    console.print(grid)


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


def first_frame(array: NDArray[Any], layout: str) -> NDArray[Any]:
    """Return the first picture of ``array`` as (height, width, channels), a view."""
    array = array[tuple(slice(None) if letter in "HWC" else 0 for letter in layout)]
    letters = [letter for letter in layout if letter in "HWC"]
    array = array.transpose([letters.index(letter) for letter in "HWC" if letter in letters])
    return array if "C" in letters else array[..., np.newaxis]


def fit(picture: NDArray[Any], columns: int) -> NDArray[np.float64]:
    """Return ``picture`` (height, width, channels) at most ``columns`` wide and TALLEST high."""
    height, width = picture.shape[:2]
    scale = min(columns / width, TALLEST / height)
    if scale < 1:
        return shrink(picture, max(1, round(height * scale)), max(1, round(width * scale)))
    # A few pixels: draw each as a square of several.
    return shrink(picture, height, width).repeat(int(scale), axis=0).repeat(int(scale), axis=1)


def _half_blocks(colours: NDArray[np.uint8], half_block: str) -> Text:
    lines = []
    for row in range(0, len(colours), 2):
        line = Text()
        for above, *below in colours[row : row + 2].swapaxes(0, 1).tolist():
            behind = Color.from_rgb(*below[0]) if below else None
            line.append(half_block, Style(color=Color.from_rgb(*above), bgcolor=behind))
        lines.append(line)
    return Text("\n").join(lines)


def shrink(picture: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """Return ``picture`` averaged down to (height, width, channels)."""
    # A few samples for each cell are as good to the eye as all of them, and quick.
    picture = picture[:: max(1, len(picture) // (4 * height))]
    picture = picture[:, :: max(1, picture.shape[1] // (4 * width))].astype(np.float64)
    picture = np.nan_to_num(picture, nan=0.0, posinf=0.0, neginf=0.0)
    for axis, cells in enumerate((height, width)):
        starts = np.arange(cells) * picture.shape[axis] // cells
        counts = np.diff([*starts, picture.shape[axis]])
        sums = np.add.reduceat(picture, starts, axis=axis)
        picture = sums / counts.reshape([-1 if a == axis else 1 for a in range(3)])
    return picture


def rgb(pixels: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    """Return (height, width, 3) bytes to show ``pixels`` that stem from a picture of ``dtype``.

    8-bit and 1-bit pictures keep their brightness; any others, and sums past that range, are
    stretched so that their darkest value is black and their brightest white. Alpha fades to
    black; of five and more channels the first is shown as grey.
    """
    peak = {"bool": 1.0, "uint8": 255.0}.get(dtype.name, 0.0)
    low, high = float(pixels.min()), float(pixels.max())
    black, white = (0.0, peak) if peak and low >= 0 and high <= peak else (low, high)
    values = (pixels - black) / ((white - black) or 1.0)
    if values.shape[2] in (2, 4):
        values = values[..., :-1] * values[..., -1:]
    colours = values if values.shape[2] == 3 else values[..., :1].repeat(3, axis=2)
    return np.asarray(np.rint(colours * 255), dtype=np.uint8)
