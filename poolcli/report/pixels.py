"""Arrays as colours: which of their cells each pixel shows, and what colour that has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Colours = NDArray[np.uint8]
"""(height, width, 3), or (height, width) where colours are shades of grey."""

# A few samples for each pixel are as good to the eye as all of them, and quick.
SAMPLES = 4


class Ends(NamedTuple):
    """The values that have the first and the last colour."""

    low: float
    high: float


def first_frame(array: NDArray[Any], layout: str) -> NDArray[Any]:
    """Return the first picture of ``array`` as (height, width, channels), a view."""
    array = array[tuple(slice(None) if letter in "HWC" else 0 for letter in layout)]
    letters = [letter for letter in layout if letter in "HWC"]
    array = array.transpose([letters.index(letter) for letter in "HWC" if letter in letters])
    return array if "C" in letters else array[..., np.newaxis]


def resampled(cells: NDArray[Any], rows: ArrayLike, columns: ArrayLike) -> NDArray[np.float64]:
    """Return pixels of (height, width, channels) cells: the mean of those in each, or the nearest.

    ``rows`` and ``columns`` are where pixels begin, counted in cells, and where the last one ends.
    What lies outside the cells shows those at the edge. Missing values of a pixel do not count;
    where all of them are missing it is NaN.

    >>> resampled(np.array([[[1.0], [3.0], [5.0], [7.0]]]), (0, 1), (0, 2, 4))[..., 0].tolist()
    [[2.0, 6.0]]
    """
    picked = cells
    indices = []
    for axis, edges in enumerate((rows, columns)):
        n = cells.shape[axis]
        # A hair more, as thirds of cells are no exact numbers.
        along = np.asarray(edges, np.float64)
        places = np.clip(np.floor(along + 1e-6).astype(np.int64), 0, n - 1)
        starts, ends = places[:-1], np.maximum(places[:-1] + 1, places[1:])
        ends[-1] = max(starts[-1] + 1, min(n, round(float(along[-1]))))
        step = max(1, int((ends - starts).min()) // SAMPLES)
        chosen = [np.arange(a, b, step) for a, b in zip(starts, ends, strict=True)]
        picked = np.take(picked, np.concatenate(chosen), axis=axis)
        indices.append(np.cumsum([0, *map(len, chosen[:-1])]))
    values = picked.astype(np.float64)
    there = ~np.isnan(values)
    totals = np.where(there, values, 0.0)
    counts = there.astype(np.float64)
    with np.errstate(all="ignore"):  # infinities of both signs have no mean
        for axis, starts in enumerate(indices):
            totals = np.add.reduceat(totals, starts, axis=axis)
            counts = np.add.reduceat(counts, starts, axis=axis)
        return np.asarray(totals / counts)


def grey_ends(pictures: Sequence[NDArray[np.float64]], dtype: np.dtype[Any]) -> list[Ends]:
    """Return what is black and white in pixels that stem from a picture of ``dtype``.

    8-bit and 1-bit pictures keep their brightness; any others, and sums past that range, are
    stretched so that their darkest value is black and their brightest white, all in the same way if
    none goes beyond the first.
    """
    peak = {"bool": 1.0, "uint8": 255.0}.get(dtype.name, 0.0)
    found = [ends_of(picture) for picture in pictures]
    if peak:
        found = [Ends(0.0, peak) if e.low >= 0 and e.high <= peak else e for e in found]
    return shared(found)


def ends_of(values: NDArray[Any]) -> Ends:
    """Return the least and the largest value that is finite; zeros where none is."""
    finite = values[np.isfinite(values)]
    return Ends(float(finite.min()), float(finite.max())) if finite.size else Ends(0.0, 0.0)


def shared(found: Sequence[Ends]) -> list[Ends]:
    """Return the ends of the first for all, unless another goes beyond them."""
    first = found[0]
    within = all(first.low <= e.low and e.high <= first.high for e in found)
    return [first] * len(found) if within else list(found)


def rgb(pixels: NDArray[np.float64], ends: Ends) -> Colours:
    """Return (height, width, 3) bytes to show ``pixels`` of (height, width, channels).

    Alpha fades to black; of five and more channels the first is shown as grey.
    """
    values = _scaled(pixels, ends)
    if values.shape[2] in (2, 4):
        values = values[..., :-1] * values[..., -1:]
    colours = values if values.shape[2] == 3 else values[..., :1].repeat(3, axis=2)
    return np.asarray(np.rint(colours * 255), dtype=np.uint8)


def heat(pixels: NDArray[np.float64], ends: Ends, nodata: NDArray[np.bool_]) -> Colours:
    """Return (height, width, 3) bytes that show (height, width) ``pixels`` as a heat map.

    Infinities have the colours of the ends. NaN has a colour of its own, and so have the pixels
    that ``nodata`` marks.
    """
    from poolcli.analysis.palette import HEAT, NAN, NODATA
    from poolcli.images.colormaps import colours

    known = np.nan_to_num(pixels, nan=ends.low, posinf=ends.high, neginf=ends.low)
    shown = colours(HEAT)[np.rint(_scaled(known, ends) * 255).astype(np.intp)]
    for mask, colour in ((np.isnan(pixels), NAN), (nodata, NODATA)):
        shown[mask] = tuple(bytes.fromhex(colour[1:]))
    return shown


def _scaled(values: NDArray[np.float64], ends: Ends) -> NDArray[np.float64]:
    """Return values between two ends as 0 to 1."""
    span = ends.high / 2 - ends.low / 2  # halved, as the difference may be infinite
    return np.clip((values / 2 - ends.low / 2) / (span or 1.0), 0.0, 1.0)
