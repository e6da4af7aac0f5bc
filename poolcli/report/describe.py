"""What was done to one input, on one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from poolcli.report.glyphs import ASCII, Glyphs, safe

if TYPE_CHECKING:
    from poolcli.outcomes import Result

# Singular and plural of what an axis is made of, by the names that a plan uses.
_CELLS = {
    "height": ("row", "rows"),
    "width": ("column", "columns"),
    "depth": ("slice", "slices"),
}


class Line(NamedTuple):
    """The report line in its parts, so that a terminal can colour them."""

    label: str
    shapes: str
    operation: str
    notes: str

    def __str__(self) -> str:
        return "  ".join(part for part in self if part)


def report_line(result: Result, glyphs: Glyphs = ASCII) -> Line:
    """Say what went in, what came out and what was asked, on one line."""
    plan = result.plan
    before = [_shape(plan.input_shape, glyphs), plan.layout, plan.input_dtype.name]
    before = [word for word in before if word]
    after = [_shape(plan.output_shape, glyphs), plan.output_dtype.name]
    if plan.output_layout != plan.layout and plan.output_layout:
        after.insert(1, plan.output_layout)
    notes = [f"{dropped_text(plan.dropped)} dropped"] if plan.dropped else []
    if result.written is not None:
        notes.append(f"written to {safe(result.written)}")
    if result.indices is not None:
        notes.append(f"{plan.index_convention} indices to {safe(result.indices)}")
    if result.share is not None:
        notes.append(f"shares to {safe(result.share)}")
    return Line(
        safe(result.label),
        " ".join([*before, glyphs.arrow, *after]),
        plan.describe(glyphs.times) + _over(plan.layout),
        "".join(f"({', '.join(notes)})" if notes else ""),
    )


def _over(layout: str) -> str:
    """Say which axes were pooled, where there are others."""
    pooled = "".join(letter for letter in layout if letter in "DHW")
    return f" over {pooled}" if pooled and pooled != layout else ""


def _shape(shape: Sequence[int], glyphs: Glyphs) -> str:
    return glyphs.times.join(map(str, shape)) if shape else "scalar"


def dropped_text(dropped: Mapping[str, int]) -> str:
    """Say how many rows and columns no window covers: ``1 row and 2 columns``."""
    counts = []
    for name, cells in dropped.items():
        axis, gap, where = name.partition(" ")
        one, many = _CELLS.get(axis, (f"{axis} cell", f"{axis} cells"))
        counts.append(f"{cells} {one if cells == 1 else many}{gap}{where}")
    return " and ".join(counts)
