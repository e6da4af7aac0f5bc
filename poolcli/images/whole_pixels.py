"""One value decides and the whole pixel is taken, so that no new colours come up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.dtypes import convert
from poolcli.errors import InputError, UsageError
from poolcli.images.alpha import wider
from poolcli.plan import Plan

Array = NDArray[Any]

# Rec. ITU-R BT.709, in ten-thousandths: whole numbers have no rounding that could break a tie.
LUMA = (2126, 7152, 722)
_LETTERS = "RGBA"


def check_key(by: str) -> None:
    """Raise UsageError for what is no key, before any picture is seen."""
    if by.lower() != "luma" and by.upper() not in tuple(_LETTERS) and not _is_number(by):
        raise UsageError(f"`by` {by!r}: must be luma, R, G, B, A or the number of a channel from 0")


def pick_whole(plan: Plan, array: Array, by: str, *, alpha: bool) -> Array:
    """Give each window the pixel whose key wins, with all its channels.

    ``alpha``: the last channel says how opaque a pixel is; one that nobody sees wins only where all
    of its window are such, or where alpha itself decides.

    ``by``: "luma" (0.2126 R + 0.7152 G + 0.0722 B of the coded values), a letter, or a channel's
    number. Raises InputError where the picture has no such channel.
    """
    layout = plan.layout
    order = [layout.index(letter) for letter in "NDHWC" if letter in layout]
    pixels = array.transpose(order)
    if "C" not in layout:
        pixels = pixels[..., np.newaxis]
    key = _key(pixels, by)
    letters = "".join(letter for letter in "NDHW" if letter in layout)
    keys = plan.replanned(key.shape, key.dtype, layout=letters, keepdims=True)
    winners = keys.winners(key)
    if alpha and keys.request.nodata is None and not _is_alpha(by, pixels.shape[-1]):
        winners = _among_visible(keys, key, pixels[..., -1] > 0, winners)
    picked = _take(pixels, winners, "N" in layout)
    if "C" not in layout:
        picked = picked[..., 0]
    # Back into the order of the layout, and then without what the plan drops.
    picked = picked.transpose(np.argsort(order)).reshape(plan.output_shape)
    if picked.dtype == plan.output_dtype:
        return np.ascontiguousarray(picked)
    out = np.empty(plan.output_shape, plan.output_dtype)
    convert(picked, out, plan.request.fit)
    return out


def _key(pixels: Array, by: str) -> Array:
    """The number of each pixel that decides, without the axis of channels."""
    channels = pixels.shape[-1]
    if by.lower() == "luma":
        if channels <= 2:
            return pixels[..., 0]
        if channels > 4:
            raise InputError(
                f"`by='luma'` needs red, green and blue, and this has {channels} channels;"
                f" use `by=0` to {channels - 1}"
            )
        wide = np.dtype(np.uint32 if pixels.dtype.name in ("uint8", "uint16") else np.float64)
        parts = [pixels[..., i].astype(wide) * wide.type(part) for i, part in enumerate(LUMA)]
        return np.asarray(parts[0] + parts[1] + parts[2])
    number = int(by) if _is_number(by) else _LETTERS.index(by.upper())
    known = channels in (3, 4) or _is_number(by)
    if number >= channels or not known:
        raise InputError(f"`by` {by}: this has {channels} channels; use `by=0` to {channels - 1}")
    return np.asarray(pixels[..., number])


def _is_alpha(by: str, channels: int) -> bool:
    return by.upper() == "A" or (_is_number(by) and int(by) == channels - 1)


def _among_visible(
    keys: Plan, key: Array, seen: NDArray[np.bool_], every: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The winners among the pixels that are ``seen``; those of ``every`` pixel where none is."""
    found = wider(key.dtype)
    if found is None or seen.all():
        return every
    wide, mark = found
    marked = np.where(seen, key.astype(wide), wide.type(mark))
    winners = keys.replanned(key.shape, wide, nodata=mark).winners(marked)
    return np.where(winners < 0, every, winners)


def _take(pixels: Array, winners: NDArray[np.int64], many: bool) -> Array:
    """The pixels at flat ``winners`` in their planes; NaN where there is no winner (-1)."""
    frames = pixels.shape[0] if many else 1
    spatial = pixels.shape[1 if many else 0 : -1]
    flat = pixels.reshape(frames, math.prod(spatial), pixels.shape[-1])
    index = winners.reshape(frames, -1)
    taken = flat[np.arange(frames)[:, np.newaxis], index]
    if pixels.dtype.kind == "f":
        taken[index < 0] = np.nan
    return taken.reshape(*winners.shape, pixels.shape[-1])


def _is_number(by: str) -> bool:
    return by.isascii() and by.isdigit() and len(by) < 6
