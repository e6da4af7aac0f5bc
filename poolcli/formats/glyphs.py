"""Signs that Pillow's own font lacks, as strokes: fractions of the size, up from the base line.

A font that has them would be many times as large as all the rest of what is installed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Stroke = Sequence[tuple[float, float]]


class Glyph(NamedTuple):
    """One sign: lines to draw, or a letter to raise."""

    advance: float
    strokes: Sequence[Stroke] = ()
    raised: str = ""


def _wave(y: float) -> Stroke:
    steps = range(13)
    return [(0.09 + 0.42 * i / 12, y + 0.055 * math.sin(2 * math.pi * i / 12)) for i in steps]


def _ring(x: float, radius: float) -> Stroke:
    angles = [math.pi * i / 8 for i in range(17)]
    return [(x + radius * math.cos(a), 0.24 + 0.24 * math.sin(a)) for a in angles]


def _bracket(side: float, foot: float, y: float) -> Stroke:
    """A bracket that is open at one end: its foot is at the height ``y``."""
    ends = (-0.1, 0.78)
    other = ends[1] if y == ends[0] else ends[0]
    return [(side, other), (side, y), (foot, y)]


STROKES = {
    " ": Glyph(0.34),  # the font's own is so narrow that 3 + 1 reads as 3+1
    "×": Glyph(0.56, [[(0.12, 0.18), (0.44, 0.5)], [(0.12, 0.5), (0.44, 0.18)]]),
    "−": Glyph(0.56, [[(0.1, 0.34), (0.46, 0.34)]]),
    "–": Glyph(0.5, [[(0.06, 0.3), (0.44, 0.3)]]),
    "÷": Glyph(0.56, [[(0.1, 0.34), (0.46, 0.34)], [(0.28, 0.56)] * 2, [(0.28, 0.12)] * 2]),
    "≈": Glyph(0.6, [_wave(0.44), _wave(0.23)]),
    "→": Glyph(0.98, [[(0.1, 0.32), (0.86, 0.32)], [(0.64, 0.54), (0.86, 0.32), (0.64, 0.1)]]),
    "⌊": Glyph(0.32, [_bracket(0.12, 0.27, -0.1)]),
    "⌋": Glyph(0.32, [_bracket(0.2, 0.05, -0.1)]),
    "⌈": Glyph(0.32, [_bracket(0.12, 0.27, 0.78)]),
    "⌉": Glyph(0.32, [_bracket(0.2, 0.05, 0.78)]),
    "Σ": Glyph(0.62, [[(0.5, 0.7), (0.1, 0.7), (0.34, 0.36), (0.1, 0.0), (0.52, 0.0)]]),
    "√": Glyph(0.6, [[(0.04, 0.3), (0.14, 0.36), (0.26, 0.0), (0.46, 0.78), (0.6, 0.78)]]),
    "σ": Glyph(0.58, [_ring(0.27, 0.19), [(0.27, 0.49), (0.54, 0.49)]]),
    "α": Glyph(0.6, [_ring(0.24, 0.17), [(0.5, 0.48), (0.42, 0.2), (0.54, 0.01)]]),
    "²": Glyph(0.36, raised="2"),
    "³": Glyph(0.36, raised="3"),
    "ˣ": Glyph(0.36, raised="x"),
}
