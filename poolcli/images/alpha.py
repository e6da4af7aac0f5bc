"""Pixels that nobody sees are as padding to ops that pick or compare, unless all of a window are.

A fully transparent pixel has a colour, often white or black, that means nothing. As the largest or
smallest of a window it would come out beside an alpha of another pixel, and be seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.dtypes import convert
from poolcli.engine.arrays import Box
from poolcli.ops import find_op
from poolcli.plan import Plan
from poolcli.request import Request

Array = NDArray[Any]


class MarkedTransparent:
    """A picture in a wider type, block by block, with ``mark`` for the colours nobody sees.

    ``channels`` is the axis of the channels, of which the last is alpha.
    """

    sequential = False
    chunks = None

    def __init__(self, array: Array, channels: int, wide: np.dtype[Any], mark: float) -> None:
        self._array, self._channels, self._mark = array, channels, wide.type(mark)
        self.shape, self.dtype = array.shape, wide
        self.axes = tuple(range(array.ndim))

    def finish(self) -> None:
        """Nothing is left to do."""

    def keep(self, nbytes: int) -> None:
        """Nothing is decoded."""

    def read_box(self, box: Box, out: Array) -> None:
        """Fill ``out`` with a box, marked."""
        parts = [slice(*part) for part in box]
        out[...] = self._array[tuple(parts)]
        low, high = box[self._channels]
        last = self._array.shape[self._channels] - 1
        parts[self._channels] = slice(last, None)
        transparent = np.moveaxis(self._array[tuple(parts)], self._channels, 0) == 0
        colours = np.moveaxis(out, self._channels, 0)[: min(high, last) - low]
        np.copyto(colours, self._mark, where=transparent)


def put_on(pixels: Array, colour: tuple[int, int, int]) -> Array:
    """Give pixels, whose last axis ends with alpha, as they look on a background of this colour.

    Grey stays grey on grey. ``colour`` is of 0 to 255 each, whatever the dtype; floats go up to 1.
    """
    peak = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
    colours, opacity = pixels[..., :-1].astype(np.float64), pixels[..., -1:] / peak
    behind = np.array(colour) * (peak / 255)
    if colours.shape[-1] == 1 and len(set(colour)) == 1:
        behind = behind[:1]
    seen = colours * opacity + behind * (1 - opacity)
    if pixels.dtype.kind in "iu":
        seen = np.rint(seen)
    return np.asarray(seen.astype(pixels.dtype))


def wider(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], float] | None:
    """A type that holds all of ``dtype`` and a number that is none of it; None where none does.

    >>> wider(np.dtype("u1"))
    (dtype('int32'), -1073741824.0)
    """
    if dtype.kind == "f" and dtype.itemsize < 8:
        return np.dtype(np.float64), -(2.0**1000)
    if dtype.kind in "iu" and dtype.itemsize < 8:
        bits = 32 if dtype.itemsize <= 2 else 64
        return np.dtype(f"i{bits // 8}"), -(2.0 ** (bits - 2))
    return None


def pool_visible(plan: Plan, array: Array) -> Array:
    """Pool a picture whose last channel is alpha as ``plan`` says, without what nobody sees."""
    channels, found = plan.layout.index("C"), wider(array.dtype)
    alpha = array.take([-1], axis=channels)
    if found is None or find_op(plan.request.op).by_position or alpha.all():
        return plan.run(array)
    wide, mark = found
    request = replace(plan.request, dtype=None, fit="exact", layout=plan.layout, min_valid=0.0)
    among_seen = replace(request, nodata=mark)
    values = among_seen.plan(array.shape, wide).run(MarkedTransparent(array, channels, wide, mark))
    seen = _any_in_window(request, alpha > 0)
    if not seen.all():
        every = request.plan(array.shape, wide).run(array.astype(wide))
        values = np.where(seen, values, every)
    out = np.empty(plan.output_shape, plan.output_dtype)
    convert(values, out, plan.request.fit)
    return out


def _any_in_window(request: Request, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any cell of each window of ``request`` is true."""
    largest = Request(
        "max",
        request.geometry,
        layout=request.layout,
        like=request.like,
        keepdims=request.keepdims,
        threads=request.threads,
    )
    return largest.plan(cells.shape, cells.dtype).run(cells)
