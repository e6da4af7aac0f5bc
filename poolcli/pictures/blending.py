"""Means of colours: weighted by their opacity, and of light where that is asked for.

A transparent pixel has a colour that nobody sees. So colours are multiplied by their alpha, pooled,
and divided by the pooled alpha: what is not seen has no weight (Porter & Duff 1984).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine.cast import convert
from poolcli.engine.storage import Box
from poolcli.errors import InputError
from poolcli.pictures import light
from poolcli.plan import Plan

Array = NDArray[Any]

# Two roundings must not decide which way a half goes.
_DECIMALS = 9


class Weighted:
    """A picture as the numbers to pool: light for codes, colours times alpha, block by block.

    ``channels`` is the axis of the channels, of which the last is alpha; None: there is no alpha.
    """

    sequential = False

    def __init__(self, array: Array, channels: int | None, linear: bool) -> None:
        self._array, self._channels = array, channels
        self._table = light.light_table(array.dtype) if linear else None
        self._peak = peak_of(array.dtype)
        self.shape, self.dtype = array.shape, np.dtype(np.float64)
        self.axes = tuple(range(array.ndim))

    def finish(self) -> None:
        """Nothing is left to do."""

    def read_box(self, box: Box, out: Array) -> None:
        """Fill ``out`` with the weighted colours, and the alpha as it is, of a box."""
        cells = self._array[tuple(slice(*part) for part in box)]
        if self._table is not None:
            np.take(self._table, cells, out=out, mode="clip")
        else:
            out[...] = cells
        if self._channels is None:
            return
        low, high = box[self._channels]
        last = self._array.shape[self._channels] - 1
        place: list[Any] = [slice(*part) for part in box]
        place[self._channels] = last
        alpha = self._array[tuple(place)]
        planes = np.moveaxis(out, self._channels, 0)
        _scale(planes[: min(high, last) - low], alpha * (1 / self._peak))
        if high > last:
            planes[-1] = alpha


def blend(plan: Plan, array: Array, *, alpha: bool, linear: bool) -> Array:
    """Pool a picture as ``plan`` says, with weights by its alpha and in linear light.

    ``linear`` is for uint8 and uint16. Raises InputError for other types.
    """
    if linear and array.dtype.name not in ("uint8", "uint16"):
        raise InputError(
            f"--linear knows the light of 8 and 16 bits; this picture is {array.dtype}"
        )
    channels = plan.layout.index("C") if "C" in plan.layout else None
    if alpha and not linear and _is_opaque(array, channels):
        return plan.run(array)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    request = replace(plan.request, dtype=None, fit="exact", layout=plan.layout)
    weighted = Weighted(array, channels if alpha else None, linear)
    pooled = request.plan(array.shape, weighted.dtype).run(weighted)
    place = plan.output_layout.index("C") if alpha else None
    _unweight(pooled, place, peak_of(array.dtype), linear, plan.output_dtype.kind != "f")
    if pooled.dtype == plan.output_dtype:
        return pooled
    out = np.empty(plan.output_shape, plan.output_dtype)
    convert(pooled, out, plan.request.fit)
    return out


def peak_of(dtype: np.dtype[Any]) -> float:
    """What stands for full: the largest integer, or 1."""
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


def _is_opaque(array: Array, channels: int | None) -> bool:
    assert channels is not None
    return bool((array.take(-1, axis=channels) == peak_of(array.dtype)).all())


def _scale(planes: Array, factor: Array) -> None:
    """Multiply each plane in place: many times faster than all of them, where they are inmost."""
    for plane in planes:
        plane *= factor


def _unweight(pooled: Array, place: int | None, peak: float, linear: bool, whole: bool) -> None:
    """Turn pooled numbers into values again, in place; ``whole``: they will be rounded."""
    colours = pooled
    if place is not None:
        planes = np.moveaxis(pooled, place, 0)
        colours, alpha = planes[:-1], planes[-1]
        seen = alpha > 0
        _scale(colours, np.divide(peak, alpha, out=np.zeros_like(alpha), where=seen))
        np.copyto(colours, 0, where=~seen)
    if linear and whole:
        colours[...] = light.nearest_codes(colours, int(peak))
    elif linear:
        colours[...] = light.from_light(colours / peak) * peak
    elif whole:
        np.round(colours, _DECIMALS, out=colours)
