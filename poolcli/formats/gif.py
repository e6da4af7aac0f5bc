"""Animated GIFs with transparency: every frame alone, on a canvas that the one before has cleared.

Pillow would draw each frame over those before, which then shine through. Told to clear, it does not
say of opaque frames that what they leave is transparent, and decoders differ in what that means.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

LONGEST = 655_350  # milliseconds that a frame can be shown
_CLEAR = 2  # the way to dispose of a frame: nothing is left of it
_COLOURS = 255  # and one index for what is transparent


def encode_frames(frames: np.ndarray, durations: Sequence[int], loop: int | None) -> bytes:
    """Encode RGBA frames, (N, H, W, 4), whose pixels are opaque or not seen at all.

    ``durations`` are in milliseconds, a frame each; ``loop`` is how often to play them, 0 for ever,
    None for once.
    """
    from PIL.GifImagePlugin import getdata

    height, width = frames.shape[1:3]
    # No table of colours for all frames: each has its own.
    pieces = [b"GIF89a", struct.pack("<HHBBB", width, height, 0x70, 0, 0)]
    if loop is not None:
        pieces.append(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", loop, 0))
    for frame, duration in _distinct(frames, durations):
        image, clear = _with_palette(frame)
        pieces += getdata(
            image,
            transparency=clear,
            disposal=_CLEAR,
            duration=min(duration, LONGEST),
            include_color_table=True,
        )
    return b"".join([*pieces, b";"])


def _distinct(frames: np.ndarray, durations: Sequence[int]) -> Iterator[tuple[np.ndarray, int]]:
    """Give the frames that differ from the one before; those that do not make that last longer."""
    shown, total = frames[0], 0
    for frame, duration in zip(frames, durations, strict=True):
        if not np.array_equal(frame, shown):
            yield shown, total
            shown, total = frame, 0
        total += duration
    yield shown, total


def _with_palette(frame: np.ndarray) -> tuple[Any, int]:
    """Return a frame as an image with a palette, and the index that stands for transparent."""
    from PIL import Image

    hidden = frame[..., 3] == 0
    colours = frame[..., :3].copy()
    colours[hidden] = 0 if hidden.all() else colours[~hidden][0]  # what nobody sees takes no colour
    image = Image.fromarray(colours).quantize(_COLOURS)
    places = np.asarray(image).copy()
    clear = int(places.max()) + 1
    palette = image.getpalette() or []
    places[hidden] = clear
    image = Image.fromarray(places)
    image.putpalette([*palette[: 3 * clear], 0, 0, 0])
    return image, clear
