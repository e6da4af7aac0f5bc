"""What stays and what moves when the input moves: a table, its lesson, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import IO, TYPE_CHECKING, Any

from poolcli.report.columns import (
    MARGIN,
    WIDTH,
    Line,
    columns,
    ratio,
    room,
    share,
    show_lines,
    title,
)
from poolcli.report.compare import shape_text, windows_text
from poolcli.report.json_lines import json_number, text

if TYPE_CHECKING:
    from poolcli.analysis.shift import Shifted
    from poolcli.plan import Plan

NO_POOLING = "no pooling"
AT_ONCE = {4: 72, 2: 48, 1: 0}  # shifts beside each other, and the columns that they take


def show_shifted(
    label: str,
    shape: Sequence[int],
    layout: str,
    found: Sequence[Shifted],
    *,
    stream: IO[str],
    terminal: bool,
) -> None:
    """Write a row for each op and a column for each shift, and below what follows from them."""
    lines = _lines(label, shape, layout, found, room(terminal))
    show_lines(lines, stream=stream, terminal=terminal)


def shifted_lines(label: str, found: Sequence[Shifted]) -> Iterator[str]:
    """Give one JSON object for each op and shift; without pooling the op is ``none``."""
    for row in found:
        record: dict[str, Any] = {
            "label": text(label),
            **({"op": "none", "windows": None} if row.plan is None else row.plan.as_json()),
            "axis": row.axis,
            "shift": row.shift,
            "cells_kept": row.cells_kept,
            "kept": row.kept,
            "kept_changed": row.kept_changed,
            "moved": row.moved,
            "change": json_number(row.change),
            "relative": json_number(row.relative),
        }
        yield json.dumps(record, allow_nan=False)


def _lines(
    label: str, shape: Sequence[int], layout: str, found: Sequence[Shifted], width: int
) -> Iterator[Line]:
    pooled = [row.plan for row in found if row.plan is not None]
    yield from title(
        [
            (label, "bold"),
            (shape_text(shape) + (f" {layout}" if len(layout) > 2 else ""), ""),
            (f"moved along the {found[0].axis}", ""),
            *([(windows_text(pooled[0]), "")] if pooled else []),
        ],
        width,
    )
    by_op: dict[str, list[Shifted]] = {}
    for row in found:
        by_op.setdefault(_name(row), []).append(row)
    count = len(by_op[NO_POOLING])
    step = next(shifts for shifts, columns in AT_ONCE.items() if width >= columns)
    for first in range(0, count, step):
        yield ()
        yield from _block({op: rows[first : first + step] for op, rows in by_op.items()}, width)
    lessons = list(_lessons(by_op))
    if lessons:
        yield ()
    for lesson in lessons:
        for line in wrap(lesson, width - len(MARGIN)):
            yield ((MARGIN, ""), (line, "dim"))


def _name(row: Shifted) -> str:
    return NO_POOLING if row.plan is None else row.plan.request.op


def _block(by_op: dict[str, list[Shifted]], width: int) -> list[Line]:
    shifts = [str(row.shift) for row in by_op[NO_POOLING]]
    heads = ["outputs that stay", *[""] * (len(shifts) - 1)]
    said = "change / spread of the outputs" if width >= WIDTH else "change / spread"
    changes = [said, *[""] * (len(shifts) - 1)]
    headings = [("", "moved by  ")]
    headings += list(zip(heads, shifts, strict=True))
    headings += [(" ", " ")]  # which keeps the two halves apart
    headings += list(zip(changes, shifts, strict=True))
    rows = [
        [op, *(share(row.kept) for row in rows), "", *(ratio(row.relative) for row in rows)]
        for op, rows in by_op.items()
    ]
    styles = [["dim" if op == NO_POOLING else "bold", *[""] * 2 * len(headings)] for op in by_op]
    return columns(headings, rows, styles, width)


def _lessons(by_op: dict[str, list[Shifted]]) -> Iterator[str]:
    pooled = [row for op, rows in by_op.items() if op != NO_POOLING for row in rows]
    moved = [row for row in pooled if row.moved is not None]
    if moved:
        yield _equivariance(moved)
    elif pooled and all(row.shift % _stride(row) for row in pooled):
        stride = _stride(pooled[0])
        yield f"No shift is a multiple of the stride {stride}, at which outputs only move along."
    largest = next((row for row in by_op.get("max", []) if _in_noise(row)), None)
    if largest is not None and largest.plan is not None:
        k, n = _window(largest.plan, largest.axis), largest.shift
        size = "×".join(str(w.largest) for w in largest.plan.windows)
        yield (
            f"In noise a {size} maximum stays with ({k} − {n}) / ({k} + {n}) = "
            f"{100 * (k - n) / (k + n):.0f} % when moved by {n}."
        )


def _equivariance(rows: Sequence[Shifted]) -> str:
    """Say of shifts by whole strides that outputs move along, and where they do not."""
    shifts, stride = sorted({row.shift for row in rows}), _stride(rows[0])
    multiples = "a multiple" if len(shifts) == 1 else "multiples"
    start = f"By {_listed([str(s) for s in shifts])}, {multiples} of the stride,"
    places = "place" if shifts == [stride] else "places"
    on = f"{_listed([str(shift // stride) for shift in shifts])} {places} on"
    least: dict[str, float] = {}
    for row in rows:
        least[_name(row)] = min(least.get(_name(row), 1.0), row.moved or 0.0)
    if all(part == 1 for part in least.values()):
        return f"{start} every output is found {on}."
    whole = [op for op, part in least.items() if part == 1]
    parts = [f"{share(part)} of {op}" for op, part in least.items() if part < 1]
    at_least = "at least " if len(shifts) > 1 else ""
    said = [f"every output of {_listed(whole)}"] if whole else []
    said += [f"{at_least}{_listed(parts)}"]
    at_edges = any(w.clipped() for row in rows if row.plan for w in row.plan.windows)
    why = "; windows that reach past an edge do not move along" if at_edges else ""
    return f"{start} {', and '.join(said)} is found {on}{why}."


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _stride(row: Shifted) -> int:
    w = _axis(row.plan, row.axis)
    return w.starts.step if isinstance(w.starts, range) else 0


def _window(plan: Plan, axis: str) -> int:
    return int(_axis(plan, axis).largest)


def _axis(plan: Plan | None, axis: str) -> Any:
    windows = () if plan is None else plan.windows
    return next(w for w in windows if w.axis == axis)


def _in_noise(row: Shifted) -> bool:
    """Whether the formula for noise holds: whole windows, of which some cells stay inside."""
    w = _axis(row.plan, row.axis)
    return w.dilation == 1 and w.largest > row.shift and not w.clipped()
