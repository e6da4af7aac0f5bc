"""Ops side by side on the same windows: a table of what each makes of them, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from poolcli.report.columns import (
    MARGIN,
    Line,
    columns,
    decimals_for,
    number,
    ratio,
    room,
    share,
    show_lines,
    signed,
    title,
)
from poolcli.report.json_lines import json_array, json_number, text

if TYPE_CHECKING:
    from poolcli.analysis.compare import Measurement
    from poolcli.plan import Plan

TIMES, ARROW = "×", "→"
HEADINGS = (
    *(("", ""), ("", "values"), ("", "mean"), ("put back", "PSNR"), ("", "SSIM")),
    *(("peaks", "kept"), ("one", "outlier"), ("noise", "σ"), ("", "bias")),
)
LEGEND = (
    ("put back", "each output on the cells of its window again, against the input"),
    ("peaks kept", "windows with one of the strongest 1 % of cells that still show it"),
    ("outlier", "change of an output when one cell of its window rises by the range"),
    ("noise", "what noise of σ = 1 does: rms of the changes, and their mean (bias)"),
)


def show_compared(
    label: str, found: Sequence[Measurement], *, stream: IO[str], terminal: bool
) -> None:
    """Write what each op makes of one input, a row an op."""
    show_lines(_lines(label, found, room(terminal)), stream=stream, terminal=terminal)


def compared_lines(label: str, found: Sequence[Measurement]) -> Iterator[str]:
    """Give one JSON object for each op; a figure without a meaning is null."""
    for row in found:
        plan = row.plan
        record: dict[str, Any] = {
            "label": text(label),
            **plan.as_json(),
            "input": json_array(plan.input_shape, plan.input_dtype, plan.layout),
            "output": json_array(plan.output_shape, plan.output_dtype, plan.output_layout),
            "data_range": json_number(row.data_range),
            "min": json_number(row.low),
            "max": json_number(row.high),
            "mean": json_number(row.mean),
            "psnr": json_number(row.psnr),
            "ssim": json_number(row.ssim),
            "peaks": json_number(row.peaks),
            "outlier": json_number(row.outlier),
            "noise": json_number(row.noise),
            "noise_bias": json_number(row.noise_bias),
        }
        yield json.dumps(record, allow_nan=False)


def shape_text(shape: Sequence[int]) -> str:
    """A shape as tables show it.

    >>> shape_text((512, 512))
    '512×512'
    """
    return TIMES.join(map(str, shape)) or "scalar"


def windows_text(plan: Plan) -> str:
    """The windows as they were asked for, without the op that they are for."""
    said = plan.describe(TIMES)
    return said.removeprefix(plan.request.op).strip()


def _lines(label: str, found: Sequence[Measurement], width: int) -> Iterator[Line]:
    first, usual = found[0].plan, _usual_output(found)
    axes = f" {first.layout}" if len(first.layout) > 2 else ""
    span = number(found[0].data_range, decimals_for(found[0].data_range), short=True)
    yield from title(
        [
            (label, "bold"),
            (shape_text(first.input_shape) + axes, ""),
            (f"{windows_text(usual)} {ARROW} {shape_text(usual.output_shape)}", ""),
            (f"data range {span}", "dim"),
        ],
        width,
    )
    yield ()
    best = max((row.psnr for row in found if row.psnr is not None), default=None)
    styles = [
        ["bold", "", "", "bold" if row.psnr is not None and row.psnr == best else ""] + [""] * 5
        for row in found
    ]
    yield from columns(HEADINGS, list(_rows(found)), styles, width)
    yield ()
    legend = [*LEGEND, *_other_windows(found, usual)]
    yield from explained(legend, width)


def explained(words: Sequence[tuple[str, str]], width: int) -> Iterator[Line]:
    """Words and what they mean, beside each other."""
    names = max(len(name) for name, _ in words)
    for name, meaning in words:
        for i, line in enumerate(wrap(meaning, max(10, width - names - len(MARGIN) - 1))):
            yield ((MARGIN, ""), (f"{(name if i == 0 else '').ljust(names)} {line}", "dim"))


def _rows(found: Sequence[Measurement]) -> Iterator[list[str]]:
    ends = [abs(end) for row in found for end in (row.low, row.high) if end is not None]
    decimals = decimals_for(max((end for end in ends if np.isfinite(end)), default=0.0))
    finer = 1 if decimals == 0 else decimals
    for row in found:
        low, high = (number(end, decimals, short=True) for end in (row.low, row.high))
        yield [
            row.plan.request.op,
            low if row.low is None or low == high else f"{low}…{high}",
            number(row.mean, finer),
            number(row.psnr, 1),
            number(row.ssim, 2),
            share(row.peaks),
            ratio(row.outlier),
            ratio(row.noise),
            signed(row.noise_bias),
        ]


def _usual_output(found: Sequence[Measurement]) -> Plan:
    """The plan whose windows most ops have."""
    plans = [row.plan for row in found]
    return max(plans, key=lambda plan: sum(other.windows == plan.windows for other in plans))


def _other_windows(found: Sequence[Measurement], usual: Plan) -> Iterator[tuple[str, str]]:
    """Tell of ops whose windows stand elsewhere, as their own padding places them."""
    for plan in (row.plan for row in found):
        if plan.windows != usual.windows:
            pads = TIMES.join(f"{w.pad_before}+{w.pad_after}" for w in plan.windows)
            said = (
                f"with {pads} cells of padding of its own {ARROW} {shape_text(plan.output_shape)}"
            )
            yield plan.request.op, said
