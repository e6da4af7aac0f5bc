"""From coded values to light and back: the transfer function of sRGB (IEC 61966-2-1).

    light = code / 12.92                        up to 0.04045
    light = ((code + 0.055) / 1.055) ^ 2.4      above

with codes and light from 0 to 1. Whole numbers go through tables of all their values, and come back
to exactly the code that rounding would give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.dtypes import convert
from poolcli.engine.arrays import Box
from poolcli.errors import InputError
from poolcli.ops import find_op
from poolcli.plan import Plan

Floats = NDArray[np.float64]

# So many cells of light that no cell holds two edges between codes: the steepest part has 12.92
# times the peak of codes per unit.
_HALF_TIE = 1e-12
_CELLS = {255: 1 << 12, 65535: 1 << 20}


def to_light(codes: Floats) -> Floats:
    """Light of codes, both from 0 to 1."""
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def from_light(light: Floats) -> Floats:
    """Codes of light, both from 0 to 1."""
    power = np.maximum(light, 0.0031308) ** (1 / 2.4)
    return np.where(light <= 0.0031308, light * 12.92, power * 1.055 - 0.055)


@cache
def light_table(dtype: np.dtype[Any]) -> Floats:
    """The light of every value of uint8 or uint16, on the values' own scale (255 stays 255)."""
    peak = np.iinfo(dtype).max
    return np.asarray(to_light(np.arange(peak + 1) / peak) * peak)


@cache
def _edges(peak: int) -> tuple[Floats, NDArray[np.uint32]]:
    """The light at which each code goes over into the next, and the code of each cell's start."""
    edges = to_light((np.arange(peak) + 0.5) / peak)
    # A half goes to the even code, also where the last digit of a mean was rounded.
    edges *= np.where(np.arange(peak) % 2, 1 - _HALF_TIE, 1 + _HALF_TIE)
    starts = np.arange(_CELLS[peak] + 1) / _CELLS[peak]
    return np.append(edges, np.inf), np.searchsorted(edges, starts, "right").astype(np.uint32)


def nearest_codes(light: Floats, peak: int) -> NDArray[np.uint32]:
    """The codes from 0 to ``peak`` (255 or 65535) nearest to light on the same scale."""
    edges, starts = _edges(peak)
    scaled = np.clip(light * (1 / peak), 0, 1)
    codes = starts[(scaled * _CELLS[peak]).astype(np.intp)]
    return np.asarray(codes + (scaled >= edges[codes]), np.uint32)


Array = NDArray[Any]

# Where weights are whole numbers sums are exact: of all that is done after them, three roundings,
# none may decide which way a half goes. Other means have more roundings than that.
_TIE_OF_SUMS, _TIE = 2.0**-51, 2.0**-40
# So many numbers at a time become values again: few enough for a cache.
_PIECE = 1 << 16


class Weighted:
    """A picture as the numbers to pool: light for codes, colours times alpha, block by block.

    ``channels`` is the axis of the channels, of which the last is alpha; None: there is no alpha.
    ``full`` is the alpha whose colours stay as they are.
    """

    sequential = False
    chunks = None

    def __init__(self, array: Array, channels: int | None, full: float, linear: bool) -> None:
        self._array, self._channels, self._full = array, channels, full
        self._table = light_table(array.dtype) if linear else None
        self.shape, self.dtype = array.shape, np.dtype(np.float64)
        self.axes = tuple(range(array.ndim))

    def finish(self) -> None:
        """Nothing is left to do."""

    def keep(self, nbytes: int) -> None:
        """Nothing is decoded."""

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
        _scale(planes[: min(high, last) - low], alpha * (1 / self._full))
        if high > last:
            planes[-1] = alpha


def pool_weighted(plan: Plan, array: Array, *, alpha: bool, linear: bool) -> Array:
    """Pool a picture as ``plan`` says, with weights by its alpha and in linear light.

    ``linear`` is for uint8 and uint16. Raises InputError for other types.
    """
    if linear and array.dtype.name not in ("uint8", "uint16"):
        raise InputError(
            f"`linear` knows the light of 8 and 16 bits; this picture is {array.dtype}"
        )
    channels = plan.layout.index("C") if "C" in plan.layout else None
    if alpha and not linear and _is_opaque(array, channels):
        return plan.run(array)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    sums = find_op(plan.request.op).whole_weights and not linear
    full = 1.0 if sums else peak_of(array.dtype)
    weighted = Weighted(array, channels if alpha else None, full, linear)
    means = plan.replanned(weighted.shape, weighted.dtype)
    pooled = means.run(weighted)
    same = pooled.dtype == plan.output_dtype
    out = pooled if same else np.empty(plan.output_shape, plan.output_dtype)
    place = plan.output_layout.index("C") if alpha else None
    for piece in _pieces(pooled.shape, place):
        values = pooled[piece]
        if place is not None:
            _unweight(values, place, full)
        colours = values if place is None else np.moveaxis(values, place, 0)[:-1]
        if linear:
            _give_codes(colours, peak_of(array.dtype), whole=out.dtype.kind != "f")
        elif out.dtype.kind != "f":
            _settle_halves(colours, _TIE_OF_SUMS if sums else _TIE)
        if not same:
            convert(values, out[piece], plan.request.fit)
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


def _pieces(
    shape: tuple[int, ...], channels: int | None
) -> Iterator[tuple[slice | EllipsisType, ...]]:
    """Give parts of an array that hold all channels, one after another."""
    along = next((axis for axis, size in enumerate(shape) if size > 1 and axis != channels), None)
    if along is None:
        yield (...,)  # an array also of one number, which () would give as a number
        return
    step = max(1, _PIECE * shape[along] // max(1, math.prod(shape)))
    for start in range(0, shape[along], step):
        yield (*(slice(None),) * along, slice(start, start + step))


def _unweight(values: Array, channels: int, full: float) -> None:
    """Divide pooled colours by the pooled alpha, in place; where nothing is seen, all is black."""
    planes = np.moveaxis(values, channels, 0)
    colours, weight = planes[:-1], planes[-1] * (1 / full)
    seen = weight > 0
    for channel in range(len(colours)):
        plane = colours[channel, ...]  # an array also where it is one number
        np.divide(plane, weight, out=plane, where=seen)
        np.copyto(plane, 0, where=~seen)


def _give_codes(values: Array, peak: float, *, whole: bool) -> None:
    """Turn light into codes, in place; ``whole``: into the nearest."""
    if whole:
        values[...] = nearest_codes(values, int(peak))
    else:
        values[...] = from_light(values / peak) * peak


def _settle_halves(values: Array, tie: float) -> None:
    """Make halves of what is one but for some roundings, in place: so they go to the even number.

    A mean that is none is farther off, as long as the weights of a window do not come to 2⁵⁰.
    """
    halves = np.floor(values) + 0.5
    np.copyto(values, halves, where=np.abs(values - halves) <= tie * np.abs(halves))
