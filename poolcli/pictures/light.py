"""From coded values to light and back: the transfer function of sRGB (IEC 61966-2-1).

    light = code / 12.92                        up to 0.04045
    light = ((code + 0.055) / 1.055) ^ 2.4      above

with codes and light from 0 to 1. Whole numbers go through tables of all their values, and come back
to exactly the code that rounding would give.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# So many cells of light that no cell holds two edges between codes: the steepest part has 12.92
# times the peak of codes per unit.
_TIE = 1e-12
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
    edges *= np.where(np.arange(peak) % 2, 1 - _TIE, 1 + _TIE)
    starts = np.arange(_CELLS[peak] + 1) / _CELLS[peak]
    return np.append(edges, np.inf), np.searchsorted(edges, starts, "right").astype(np.uint32)


def nearest_codes(light: Floats, peak: int) -> NDArray[np.uint32]:
    """The codes from 0 to ``peak`` (255 or 65535) nearest to light on the same scale."""
    edges, starts = _edges(peak)
    scaled = np.clip(light * (1 / peak), 0, 1)
    codes = starts[(scaled * _CELLS[peak]).astype(np.intp)]
    return np.asarray(codes + (scaled >= edges[codes]), np.uint32)
