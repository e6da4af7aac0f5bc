"""From coded values to light and back: the transfer function of sRGB (IEC 61966-2-1).

    light = code / 12.92                        up to 0.04045
    light = ((code + 0.055) / 1.055) ^ 2.4      above

with codes and light from 0 to 1. Whole numbers go through tables of all their values, and come back
to exactly the code that rounding would give.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import cache
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolcli.dtypes import convert
from poolcli.engine.arrays import Box, Readable, StoredInput, StoredOutput, read_stored
from poolcli.engine.blocks import Progress
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


class Weights(NamedTuple):
    """How codes and alpha become what is pooled, and results codes again.

    ``channels`` is the axis of the channels, of which the last is alpha; None: there is no alpha.
    ``full`` is the alpha whose colours stay as they are, ``peak`` the largest code. ``sums``:
    results are sums of whole numbers with whole weights, divided once.
    """

    channels: int | None
    full: float
    peak: float
    linear: bool
    sums: bool

    def give_back(self, pooled: Array, out: Array, fit: str) -> None:
        """Make results of what was pooled, which is changed, with all its axes or without any.

        ``out`` may be the same array.
        """
        if self.channels is not None:
            _unweight(pooled, self.channels, self.full)
            colours = np.moveaxis(pooled, self.channels, 0)[:-1]
        else:
            colours = pooled
        if self.linear:
            _give_codes(colours, self.peak, whole=out.dtype.kind != "f")
        elif out.dtype.kind != "f":
            _settle_halves(colours, _TIE_OF_SUMS if self.sums else _TIE)
        if out is not pooled:
            convert(pooled, out, fit)


class Weighted:
    """A picture as the numbers to pool: light for codes, colours times alpha, block by block."""

    def __init__(self, cells: Readable, weights: Weights) -> None:
        self._cells, self._full = cells, weights.full
        self._table = light_table(cells.dtype.newbyteorder("=")) if weights.linear else None
        self.shape, self.dtype = cells.shape, np.dtype(np.float64)
        stored = None if isinstance(cells, np.ndarray) else cells
        self._stored = stored
        self.axes = tuple(range(len(cells.shape))) if stored is None else stored.axes
        self.chunks = None if stored is None else stored.chunks
        self.sequential = stored is not None and stored.sequential
        self._channels = None if weights.channels is None else self.axes[weights.channels]

    def finish(self) -> None:
        """Tell the picture."""
        if self._stored is not None:
            self._stored.finish()

    def keep(self, nbytes: int) -> None:
        """Tell the picture, whose cells are smaller."""
        if self._stored is not None:
            self._stored.keep(nbytes * self._stored.dtype.itemsize // self.dtype.itemsize)

    def read_box(self, box: Box, out: Array) -> None:
        """Fill ``out`` with the weighted colours, and the alpha as it is, of a box."""
        cells = read_stored(self._cells, box)
        if self._table is not None:
            np.take(self._table, cells, out=out, mode="clip")
        else:
            out[...] = cells
        if self._channels is None:
            return
        low, high = box[self._channels]
        last = self.shape[self._channels] - 1
        if high > last:
            alpha = np.moveaxis(cells, self._channels, 0)[-1]
        else:
            place = (*box[: self._channels], (last, last + 1), *box[self._channels + 1 :])
            alpha = np.moveaxis(read_stored(self._cells, place), self._channels, 0)[0]
        planes = np.moveaxis(out, self._channels, 0)
        _scale(planes[: min(high, last) - low], alpha * (1 / self._full))
        if high > last:
            planes[-1] = alpha


class Unweighted:
    """Takes what was pooled of a weighted picture, and writes colours box by box."""

    def __init__(self, out: StoredOutput, weights: Weights, fit: str) -> None:
        self._out, self._weights, self._fit = out, weights, fit
        self.shape, self.dtype = out.shape, np.dtype(np.float64)
        # Colours are divided by their alpha: a box has all channels.
        chunks = list((1,) * len(self.shape) if out.chunks is None else out.chunks)
        if weights.channels is not None:
            chunks[weights.channels] = self.shape[weights.channels]
        self.chunks = tuple(chunks)

    def write_box(self, box: Box, values: Array) -> None:
        """Write a box of ``values``, which are changed."""
        results = np.empty(values.shape, self._out.dtype)
        self._weights.give_back(values, results, self._fit)
        self._out.write_box(box, results)

    def complete(self) -> None:
        """Tell the output."""
        self._out.complete()


def pool_weighted(plan: Plan, array: Array, *, alpha: bool, linear: bool) -> Array:
    """Pool a picture as ``plan`` says, with weights by its alpha and in linear light.

    ``linear`` is for uint8 and uint16. Raises InputError for other types.
    """
    weights = _weights_of(plan, array.dtype, alpha=alpha, linear=linear)
    if alpha and not linear and is_opaque(array, plan.layout.index("C")):
        return plan.run(array)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    weighted = Weighted(array, weights)
    pooled = plan.replanned(weighted.shape, weighted.dtype).run(weighted)
    same = pooled.dtype == plan.output_dtype
    out = pooled if same else np.empty(plan.output_shape, plan.output_dtype)
    place = plan.output_layout.index("C") if alpha else None
    here = weights._replace(channels=place)
    for piece in _pieces(pooled.shape, place):
        values = pooled[piece]
        here.give_back(values, values if same else out[piece], plan.request.fit)
    return out


def pool_weighted_into(
    plan: Plan,
    picture: StoredInput,
    out: StoredOutput,
    *,
    alpha: bool,
    linear: bool,
    progress: Progress | None = None,
) -> None:
    """Do what :func:`pool_weighted` does to a picture on disk, box by box.

    An opaque picture of many chunks is decoded twice: nobody knows before that it is one.
    """
    weights = _weights_of(plan, picture.dtype, alpha=alpha, linear=linear)
    if alpha and not linear and is_opaque(picture, plan.layout.index("C")):
        plan.run_into(picture, out, progress=progress)
        return
    weighted = Weighted(picture, weights)
    means = plan.replanned(plan.input_shape, weighted.dtype)
    means.run_into(weighted, Unweighted(out, weights, plan.request.fit), progress=progress)


def _weights_of(plan: Plan, dtype: np.dtype[Any], *, alpha: bool, linear: bool) -> Weights:
    if linear and dtype.name not in ("uint8", "uint16"):
        raise InputError(f"`linear` knows the light of 8 and 16 bits; this picture is {dtype}")
    sums = find_op(plan.request.op).whole_weights and not linear
    full = 1.0 if sums else peak_of(dtype)
    channels = plan.layout.index("C") if alpha else None
    return Weights(channels, full, peak_of(dtype), linear, sums)


def peak_of(dtype: np.dtype[Any]) -> float:
    """What stands for full: the largest integer, or 1."""
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


def is_opaque(picture: Readable, channels: int) -> bool:
    """Whether the last channel, alpha, hides nothing; decoded only as far as it takes to know."""
    peak = peak_of(picture.dtype)
    if isinstance(picture, np.ndarray):
        return bool((picture.take(-1, axis=channels) == peak).all())
    axis = picture.axes[channels]
    last = picture.shape[axis] - 1
    steps = picture.shape if picture.chunks is None else picture.chunks
    grid = [range(0, n, step) for n, step in zip(picture.shape, steps, strict=True)]
    grid[axis] = range(last, last + 1)
    for place in itertools.product(*grid):
        box = tuple(
            (low, min(low + step, n))
            for low, step, n in zip(place, steps, picture.shape, strict=True)
        )
        if not (read_stored(picture, box) == peak).all():
            return False
    return True


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
