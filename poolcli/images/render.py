"""Numbers as a picture: scaled to 0..255, coloured, and many planes side by side in a grid."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolcli.errors import OutputError, UsageError
from poolcli.images import colormaps

Array = NDArray[Any]
Bytes = NDArray[np.uint8]
Range = str | tuple[float, float]
Nan = Literal["transparent", "colour", "black"]

GAP = 255  # the value between the planes of a grid, in every channel


class Rendering(NamedTuple):
    """How numbers are to be seen.

    colormap: the name of one; None for grey, or for the colours that the channels are
    normalize: "minmax", "each" (minmax of every plane by itself), two percentiles, or None
    columns: of the grid; 0 to have about as many pixels across as down; None for a grid only where
        the channels are no colours
    """

    colormap: str | None = None
    normalize: Range | None = None
    columns: int | None = None

    def check(self) -> None:
        """Raise UsageError for what is not known."""
        if self.colormap is not None:
            colormaps.check_name(self.colormap)


def parse_normalize(text: str) -> Range:
    """Return the range of values that ``normalize`` says.

    >>> parse_normalize("2,98")
    (2.0, 98.0)
    """
    if text in ("minmax", "each"):
        return text
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 <= low < high <= 100:
        raise UsageError(f"`normalize` {text!r}: use minmax, each, or two percentiles such as 2,98")
    return low, high


def render(
    values: Array, layout: str, rendering: Rendering, *, alpha: np.dtype[Any] | None, nan: Nan
) -> tuple[Bytes, str]:
    """Return a result as the bytes of a picture, and their layout.

    ``alpha``: the last channel is opacity, on the scale of this dtype. ``nan``: what NaN becomes,
    as far as the picture can: transparent, of a colour of its own, or black where there is only
    grey. Infinities are the ends of the scale.

    Raises OutputError where there is no plane to see.
    """
    if "W" not in layout or 0 in values.shape:
        shape = "x".join(map(str, values.shape)) or "one number"
        raise OutputError(
            f"there is no plane to see in {shape}; write .npy or .csv", code="not_held"
        )
    channels = values.shape[layout.index("C")] if "C" in layout else 1
    plain = "D" not in layout and "H" in layout and (channels in (1, 3) or alpha is not None)
    if rendering.colormap is None and rendering.columns is None and plain:
        return _scaled_picture(values, layout, rendering, alpha, nan)
    planes = _planes(values, layout)
    parts = list(planes) if rendering.normalize == "each" else [planes]
    scaled = np.stack([_scaled(part, *_range(part, rendering.normalize)) for part in parts])
    scaled = scaled.reshape(planes.shape)
    pixels = _coloured(scaled, rendering.colormap, nan)
    grid = _grid(pixels, rendering.columns or 0)
    return grid, "HW" if grid.ndim == 2 else "HWC"


def _scaled_picture(
    values: Array, layout: str, rendering: Rendering, alpha: np.dtype[Any] | None, nan: Nan
) -> tuple[Bytes, str]:
    """Scale the colours alike, or each channel by itself; a pixel with NaN is not seen."""
    channels_last = (
        np.moveaxis(values, layout.index("C"), -1) if "C" in layout else values[..., None]
    )
    count = channels_last.shape[-1] - (alpha is not None)
    out = np.empty(channels_last.shape, np.uint8)
    missing = np.zeros(channels_last.shape[:-1], bool)
    parts = range(count) if rendering.normalize == "each" else [slice(0, count)]
    for part in parts:
        chosen = channels_last[..., part]
        scaled = _scaled(chosen, *_range(chosen, rendering.normalize))
        out[..., part] = np.rint(np.nan_to_num(scaled) * 255)
        lost = np.isnan(scaled)
        missing |= lost if lost.ndim == missing.ndim else lost.any(axis=-1)
    if alpha is not None:
        peak = np.iinfo(alpha).max if alpha.kind in "iu" else 1
        opacity = np.nan_to_num(channels_last[..., -1] * (255 / peak))
        out[..., -1] = np.where(missing, 0, np.rint(np.clip(opacity, 0, 255)))
    elif missing.any() and nan != "black":
        # A picture of many colours has none to spare for what is missing.
        is_grey = count == 1
        pixels = np.repeat(out, 3, axis=-1) if is_grey else out
        colour = colormaps.nan_colour(None) if is_grey else (0, 0, 0)
        return _left_out(pixels, missing, colour, nan), layout.replace("C", "") + "C"
    return (np.moveaxis(out, -1, layout.index("C")) if "C" in layout else out[..., 0]), layout


def _left_out(
    pixels: Bytes, missing: NDArray[np.bool_], colour: tuple[int, int, int], nan: Nan
) -> Bytes:
    """Give some of the pixels a colour, and make them transparent where there is a way to."""
    pixels[missing] = colour
    if nan != "transparent":
        return pixels
    opacity = np.where(missing, 0, 255).astype(np.uint8)
    return np.concatenate([pixels, opacity[..., np.newaxis]], axis=-1)


def _planes(values: Array, layout: str) -> Array:
    """Return the planes of an array as (planes, height, width)."""
    order = [layout.index(letter) for letter in "NDCHW" if letter in layout]
    moved = values.transpose(order)
    if "H" not in layout:
        moved = moved[..., np.newaxis, :]
    return moved.reshape(-1, *moved.shape[-2:])


def _range(values: Array, how: Range | None) -> tuple[float, float]:
    """Return the values that become 0 and 255."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        return 0.0, 1.0
    if isinstance(how, tuple):
        low, high = np.percentile(finite.astype(np.float64), how)
    else:
        low, high = finite.min(), finite.max()
    return float(low), float(high)


def _scaled(values: Array, low: float, high: float) -> NDArray[np.float64]:
    """Return values on a scale from 0 to 1, and NaN; everything alike is 0."""
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):
        # Half of each first: the difference of two large numbers may be beyond all numbers.
        scaled = (wide / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
    return np.asarray(np.clip(scaled, 0, 1))


def _coloured(scaled: NDArray[np.float64], colormap: str | None, nan: Nan) -> Bytes:
    """Return grey, RGB or (where there is NaN and a way to leave it out) RGBA pixels."""
    missing = np.isnan(scaled)
    levels = np.rint(np.nan_to_num(scaled) * 255).astype(np.uint8)
    if colormap is None and (nan == "black" or not missing.any()):
        return levels
    pixels = colormaps.colours(colormap or "grey")[levels]
    if not missing.any():
        return pixels
    return _left_out(pixels, missing, colormaps.nan_colour(colormap), nan)


def _grid(planes: Bytes, columns: int) -> Bytes:
    """Return planes side by side, row after row, with one pixel between them."""
    count, height, width = planes.shape[:3]
    if columns == 0:
        columns = round(math.sqrt(count * (height + 1) / (width + 1)))
    columns = min(max(columns, 1), count)
    rows = math.ceil(count / columns)
    shape = (rows * (height + 1) - 1, columns * (width + 1) - 1, *planes.shape[3:])
    grid = np.full(shape, GAP, np.uint8)
    for number, plane in enumerate(planes):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        grid[top : top + height, left : left + width] = plane
    return grid
