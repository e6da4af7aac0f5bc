"""Small pictures of every mode, and what is read back of a file by others."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from tests.helpers.program import Outcome

Run = Callable[..., Outcome]

HEIGHT, WIDTH = 12, 16
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}


def noise(*shape: int, dtype: str = "u1", seed: int = 5) -> np.ndarray:
    """Give random pixels, smooth enough that JPEG keeps them roughly."""
    random = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    return random.integers(0, top, shape, endpoint=True).astype(dtype)


def picture(mode: str, seed: int = 5) -> Image.Image:
    """Give a picture of one of Pillow's modes."""
    if mode in CHANNELS:
        shape = (HEIGHT, WIDTH, CHANNELS[mode])
        pixels = noise(*shape, seed=seed)
        return Image.frombytes(mode, (WIDTH, HEIGHT), pixels.tobytes())
    rgb = Image.frombytes("RGB", (WIDTH, HEIGHT), noise(HEIGHT, WIDTH, 3, seed=seed).tobytes())
    if mode == "P":
        return rgb.quantize(16)
    if mode == "I;16":
        return Image.fromarray(noise(HEIGHT, WIDTH, dtype="u2", seed=seed))
    if mode == "F":
        return Image.fromarray(noise(HEIGHT, WIDTH, seed=seed).astype(np.float32) / 255)
    return rgb.convert(mode)


@cache
def icc(space: str = "RGB") -> bytes:
    """Give an ICC profile that others find in order."""
    if space == "RGB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = space.encode("ascii").ljust(4)
    return bytes(profile)


def exif(orientation: int = 1) -> Image.Exif:
    """Give EXIF with a camera, a time of exposure, a size and a place."""
    notes = Image.Exif()
    notes[0x010F] = "Maker"
    notes[0x0112] = orientation
    notes[0x8298] = "nobody"
    notes.get_ifd(0x8769).update({0x829A: 0.5, 0xA002: WIDTH, 0xA003: HEIGHT, 0x9286: b"hello"})
    notes.get_ifd(0x8825).update({1: "N", 2: (10.0, 20.0, 30.0)})
    return notes


def opened(path: Path) -> Image.Image:
    """Give a picture as Pillow reads it, decoded."""
    with Image.open(path) as image:
        image.load()
        return image


def pixels(path: Path) -> np.ndarray:
    """Give the pixels as Pillow decodes them."""
    return np.asarray(opened(path))


def done(outcome: Outcome) -> Any:
    """Check that a run has ended well."""
    assert outcome.code == 0, outcome.err
    return outcome
