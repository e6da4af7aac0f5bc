"""Geometry and layout of the readable specification: the cells of a window (S1, S2, S9, S12).

A *geometry* maps the spatial shape to one list of `Window`s per axis.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

DEFAULT_LAYOUTS = {1: "W", 2: "HW", 3: "HWC", 4: "NHWC", 5: "NDHWC"}
AXIS_NAMES = {"D": "depth", "H": "height", "W": "width"}


class Refused(Exception):
    """The rules give no answer: the program must raise a PoolError."""


class Window(NamedTuple):
    """One window on one axis."""

    cells: list[int]  # the real cells it covers, in order
    padded: int  # its positions inside the input *and its explicit padding* (S3)


Geometry = Callable[[tuple[int, ...]], list[list[Window]]]


def sliding_axis(
    n: int, size: int, stride: int, padding: Any, dilation: int, ceil_mode: bool
) -> list[Window]:
    """S1, S2 for one axis of n cells; `padding` is (before, after), "same(-lower)" or "valid"."""
    effective = (size - 1) * dilation + 1
    if padding in ("same", "same-upper", "same-lower"):
        out = math.ceil(Fraction(n, stride))
        total = max((out - 1) * stride + effective - n, 0)
        odd_after = padding != "same-lower"
        before = total // 2 if odd_after else total - total // 2
        after = total - before
    else:
        before, after = (0, 0) if padding == "valid" else padding
        room = n + before + after - effective
        if room < 0 and not ceil_mode:
            raise Refused(f"effective kernel {effective} exceeds padded input {n + before + after}")
        out = (math.ceil if ceil_mode else math.floor)(Fraction(room, stride)) + 1
        out = max(out, 1)  # S2: in ceil mode a window larger than the axis is one window
        if ceil_mode and (out - 1) * stride >= n + before:
            out -= 1
    windows = []
    for i in range(out):
        positions = [i * stride - before + j * dilation for j in range(size)]
        cells = [p for p in positions if 0 <= p < n]
        padded = [p for p in positions if -before <= p < n + after]
        windows.append(Window(cells, len(padded)))
    return windows


def sliding(
    size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Geometry:
    """S1: one number for all axes or one each; padding also (before, after) pairs, or a word."""

    def windows(shape: tuple[int, ...]) -> list[list[Window]]:
        axes = len(shape)
        sizes, dilations = per_axis(size, axes), per_axis(dilation, axes)
        strides = sizes if stride is None else per_axis(stride, axes)
        pads = [padding] * axes if isinstance(padding, str) else per_axis(padding, axes)
        pads = [(p, p) if isinstance(p, int) else p for p in pads]
        if min((*sizes, *strides, *dilations)) < 1:
            raise Refused("sizes, strides and dilations start at 1")
        if any(isinstance(p, tuple) and min(p) < 0 for p in pads):
            raise Refused("padding starts at 0")
        return [
            sliding_axis(*axis, ceil_mode=ceil_mode)
            for axis in zip(shape, sizes, strides, pads, dilations, strict=True)
        ]

    return windows


def per_axis(value: Any, axes: int) -> list[Any]:
    if isinstance(value, int):
        return [value] * axes
    if len(value) != axes:
        raise Refused(f"{len(value)} values for {axes} spatial axes")
    return list(value)


def whole() -> Geometry:
    """S12, global: one window that holds the plane."""
    return lambda shape: [[Window(list(range(n)), n)] for n in shape]


def adaptive(output_size: Any) -> Geometry:
    """S12: output i covers [floor(i n / o), ceil((i + 1) n / o))."""

    def axis(n: int, o: int) -> list[Window]:
        if o < 1:
            raise Refused("output sizes start at 1")
        spans = [range(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]
        return [Window(list(span), len(span)) for span in spans]

    return lambda shape: [
        axis(n, o) for n, o in zip(shape, per_axis(output_size, len(shape)), strict=True)
    ]


def fractional_axis(n: int, size: int, o: int, u: float) -> list[Window]:
    """S12: start i = floor((i + u) a) - floor(u a), a = (n - k) / (o - 1); the last is n - k."""
    if size > n or o < 1 or o + size - 1 > n:
        raise Refused(f"{o} windows of {size} do not fit {n} cells")
    starts = [n - size]
    if o > 1:
        alpha = Fraction(n - size, o - 1)
        first = [math.floor((i + Fraction(u)) * alpha) for i in range(o - 1)]
        starts = [s - math.floor(Fraction(u) * alpha) for s in first] + starts
    return [Window(list(range(s, s + size)), size) for s in starts]


def fractional(size: Any, output_size: Any, samples: Sequence[float]) -> Geometry:
    """S12, `samples` is one u in [0, 1) for each spatial axis."""
    return lambda shape: [
        fractional_axis(*axis)
        for axis in zip(
            shape,
            per_axis(size, len(shape)),
            per_axis(output_size, len(shape)),
            samples,
            strict=True,
        )
    ]


def dropped(geometry: Geometry, shape: tuple[int, ...]) -> list[int]:
    """S1: for each spatial axis, how many cells no window covers."""
    return [
        n - len({cell for window in windows for cell in window.cells})
        for n, windows in zip(shape, geometry(shape), strict=True)
    ]


def layout_of(ndim: int, layout: str | None) -> str:
    """S9: W, HW or DHW in that order, N and C anywhere, at most once: one letter for each axis."""
    if layout is None:
        if ndim not in DEFAULT_LAYOUTS:
            raise Refused(f"no layout for {ndim} dimensions")
        return DEFAULT_LAYOUTS[ndim]
    spatial = "".join(letter for letter in layout if letter in AXIS_NAMES)
    if spatial not in ("W", "HW", "DHW") or len(set(layout)) != len(layout):
        raise Refused(f"layout {layout}")
    if set(layout) - set("NCDHW") or len(layout) != ndim:
        raise Refused(f"layout {layout} for {ndim} dimensions")
    return layout


def spatial_axes(layout: str) -> list[int]:
    return [axis for axis, letter in enumerate(layout) if letter in AXIS_NAMES]
