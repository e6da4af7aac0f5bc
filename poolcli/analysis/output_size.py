"""How many windows an axis has, as a formula with the numbers in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from poolcli.geometry import Adaptive, Fractional, Geometry, Global, Sliding
from poolcli.ops import Op
from poolcli.windows import Windows

MOST_LISTED = 6
"""Windows of uneven sizes are listed up to so many."""


class AxisFormula(NamedTuple):
    """The output size of one axis: its numbers, and the formula that they stand in.

    ``size`` is a list where windows are of several sizes, ``stride`` None where they do not stand
    at even steps. ``effective_text`` says how a dilated window comes to its ``effective`` size.
    """

    axis: str
    input: int
    padding: tuple[int, int]
    size: int | list[int]
    dilation: int
    effective: int | list[int]
    stride: int | None
    ceil_mode: bool
    output: int
    text: str
    effective_text: str | None = None


def axis_formulas(
    geometry: Geometry, windows: tuple[Windows, ...], op: Op
) -> tuple[AxisFormula, ...]:
    """The formula of each spatial axis.

    >>> from poolcli.ops import find_op
    >>> plane = Sliding(3, padding=1, stride=2)
    >>> axis_formulas(plane, plane.resolve(["width"], [4]), find_op("max"))[0].text
    '⌊(4 + 1 + 1 − 3) / 2⌋ + 1 = 2'
    """
    return tuple(_FORMULAS[type(geometry)](geometry, w, op) for w in windows)


def _sliding(geometry: Any, w: Windows, op: Op) -> AxisFormula:
    padding = op.padding if geometry.padding is None else geometry.padding
    # Padding that is a word comes to numbers that need no ceiling.
    ceil_mode = geometry.ceil_mode and not isinstance(padding, str)
    size, stride = w.largest, _stride(w) or 1
    effective = (size - 1) * w.dilation + 1
    pads = f" + {w.pad_before} + {w.pad_after}" if w.pad_before or w.pad_after else ""
    quotient = f"({w.n}{pads} − {effective}) / {stride}"
    text = f"⌈{quotient}⌉ + 1" if ceil_mode else f"⌊{quotient}⌋ + 1"
    if ceil_mode and -((effective - w.n - w.pad_before - w.pad_after) // stride) + 1 > w.out:
        text += " − 1"  # the last window would hold no cell
    if ceil_mode and effective - w.n - w.pad_before - w.pad_after >= stride:
        text = f"max(1, {text})"  # larger than the axis, and one window all the same
    dilated = f"({size} − 1) · {w.dilation} + 1 = {effective}" if w.dilation > 1 else None
    return _formula(w, f"{text} = {w.out}", ceil_mode=ceil_mode, effective_text=dilated)


def _global(_: Any, w: Windows, _op: Op) -> AxisFormula:
    return _formula(w, f"one window of all {w.n} = 1")._replace(stride=None)


def _adaptive(geometry: Any, w: Windows, _op: Op) -> AxisFormula:
    if isinstance(w.sizes, int) and isinstance(w.starts, range):
        windows, cells = "window" + "s" * (w.out > 1), "cell" + "s" * (w.sizes > 1)
        return _formula(w, f"{w.out} {windows} of {w.n} / {w.out} = {w.sizes} {cells}")
    if geometry.by_area:
        rule = f"i · {w.n} / {w.out} … (i + 1) · {w.n} / {w.out}"
        return _formula(w, f"{w.out} windows of {w.n} / {w.out} cells, {rule}: in {_spans(w)}")
    rule = f"⌊i · {w.n} / {w.out}⌋ … ⌈(i + 1) · {w.n} / {w.out}⌉ − 1"
    return _formula(w, f"{w.out} windows of the cells {rule}: {_spans(w)}")


def _fractional(_: Any, w: Windows, _op: Op) -> AxisFormula:
    rule = f"⌊(i + u) · α⌋ − ⌊u · α⌋, α = ({w.n} − {w.largest}) / ({w.out} − 1)"
    if w.out == 1:
        return _formula(w, f"one window, the last {w.largest} of {w.n}: {_spans(w)}")
    return _formula(w, f"{w.out} windows from {rule}: {_spans(w)}")


_FORMULAS: Mapping[type, Callable[[Any, Windows, Op], AxisFormula]] = {
    Sliding: _sliding,
    Global: _global,
    Adaptive: _adaptive,
    Fractional: _fractional,
}


def unpooled_formula(w: Windows, wanted: int | None) -> AxisFormula:
    """The formula of an axis that is unpooled to ``w.n`` cells, by those windows.

    ``wanted``: the size that was asked for instead of what the windows come to.
    """
    stride = _stride(w) or 1
    natural = (w.out - 1) * stride - w.pad_before - w.pad_after + w.largest
    pads = f" − {w.pad_before} − {w.pad_after}" if w.pad_before or w.pad_after else ""
    text = f"({w.out} − 1) · {stride}{pads} + {w.largest} = {natural}"
    if wanted is not None and wanted != natural:
        text += f", {wanted} as asked"
    return _formula(w, text)._replace(input=w.out, output=w.n)


def placed_formula(axis: str, n: int, out: int) -> AxisFormula:
    """The formula of an axis that values are put back on without any windows."""
    return AxisFormula(axis, n, (0, 0), 1, 1, 1, None, False, out, f"{out} as asked")


def _formula(
    w: Windows, text: str, *, ceil_mode: bool = False, effective_text: str | None = None
) -> AxisFormula:
    sizes = [w.size(i) for i in range(w.out)] if not isinstance(w.sizes, int) else w.sizes
    effective: int | list[int] = (
        [(size - 1) * w.dilation + 1 for size in sizes]
        if isinstance(sizes, list)
        else (sizes - 1) * w.dilation + 1
    )
    padding = (w.pad_before, w.pad_after)
    return AxisFormula(
        *(w.axis, w.n, padding, sizes, w.dilation, effective, _stride(w), ceil_mode, w.out, text),
        effective_text,
    )


def _stride(w: Windows) -> int | None:
    return w.starts.step if isinstance(w.starts, range) else None


def _spans(w: Windows) -> str:
    """``0–1, 1–3, 3–4``, the cells of each window; only the first of many."""
    spans = []
    for i in range(min(w.out, MOST_LISTED)):
        low, high = w.starts[i], w.end(i) - 1
        spans.append(f"{low}–{high}" if high > low else str(low))
    return ", ".join(spans) + (", …" if w.out > MOST_LISTED else "")
