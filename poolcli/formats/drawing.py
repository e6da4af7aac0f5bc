"""Shapes and text on pictures, by Pillow and its own font: drawn finer than they are seen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from PIL import ImageDraw, ImageFont

from poolcli.formats.glyphs import STROKES, Glyph

FINE = 2
"""Everything is drawn so many times as large, for the picture to be reduced by."""
ARROW_INK = "#6b7682"
_BOLD = 0.026  # how far bold letters, which the font has not, are thickened on either side


class Pen:
    """Draws in pixels of the final picture, finer than they are."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def tile(
        self, box: Sequence[float], radius: float, ground: str | None, border: str | None
    ) -> None:
        if ground is not None or border is not None:
            scaled = _scaled(box)
            self._draw.rounded_rectangle(
                (*scaled[:2], scaled[2] - 1, scaled[3] - 1), radius * FINE, ground, border, FINE
            )

    def outline(self, box: Sequence[float], radius: float, ink: str, width: int) -> None:
        scaled = _scaled(box)
        edges = (*scaled[:2], scaled[2] - 1, scaled[3] - 1)
        self._draw.rounded_rectangle(edges, radius * FINE, None, ink, width * FINE)

    def line(self, points: Sequence[tuple[float, float]], width: float, ink: str) -> None:
        scaled = [(x * FINE, y * FINE) for x, y in points]
        self._draw.line(scaled, ink, round(width * FINE), "curve")
        half = width * FINE / 2
        for x, y in (scaled[0], scaled[-1]):
            self._draw.ellipse((x - half, y - half, x + half, y + half), ink)

    def arrow(self, x: float, y: float, *, falls: bool) -> None:
        long, head = (22, 10) if falls else (30, 11)
        shaft = [(-long, 0.0), (long, 0.0)]
        tip = [(long - head, -head), (long, 0), (long - head, head)]
        for points in (shaft, tip):
            turned = [(x + b, y + a) if falls else (x + a, y + b) for a, b in points]
            self.line(turned, 3, ARROW_INK)

    def write_middle(
        self, x: float, y: float, text: str, size: float, ink: str, bold: bool = False
    ) -> None:
        """Write with the middle of the digits at a point."""
        self.write(x - text_length(text, size, bold) / 2, y + size * 0.36, text, size, ink, bold)

    def write(
        self, x: float, y: float, text: str, size: float, ink: str, bold: bool = False
    ) -> None:
        """Write from ``x`` on, on the base line ``y``."""
        thick = size * _BOLD if bold else 0.0
        font = _font(round(size * FINE))
        for run in text if bold else _runs(text):
            glyph = STROKES.get(run)
            if glyph is None:
                at = ((x + thick) * FINE, y * FINE)
                stroke = round(thick * FINE) if bold else 0
                self._draw.text(at, run, ink, font, "ls", stroke_width=stroke, stroke_fill=ink)
            else:
                self._strokes(x + thick, y, glyph, size, ink, thick)
            x += text_length(run, size, bold)

    def _strokes(
        self, x: float, y: float, glyph: Glyph, size: float, ink: str, thick: float
    ) -> None:
        for stroke in glyph.strokes:
            points = [(x + a * size, y - b * size) for a, b in stroke]
            self.line(points, max(1.5, size * 0.075) + 2 * thick, ink)
        if glyph.raised:
            self.write(x, y - size * 0.33, glyph.raised, size * 0.62, ink, thick > 0)


def _scaled(box: Sequence[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (edge * FINE for edge in box)
    return left, top, right, bottom


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(max(4, size))


def _runs(text: str) -> list[str]:
    """The text cut where signs stand that the font does not have."""
    runs: list[str] = []
    for sign in text:
        if runs and sign not in STROKES and runs[-1] not in STROKES:
            runs[-1] += sign
        else:
            runs.append(sign)
    return runs


def text_length(text: str, size: float, bold: bool = False) -> float:
    """How many pixels a text is long."""
    font, total = _font(round(size * FINE)), 0.0
    for run in text if bold else _runs(text):
        glyph = STROKES.get(run)
        own = font.getlength(run) / FINE if glyph is None else glyph.advance * size
        total += own + (2 * size * _BOLD if bold else 0)
    return total


def wrapped(text: str, size: float, room: float, *, bold: bool = False) -> list[str]:
    """The text in lines, broken at spaces only."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and text_length(longer, size, bold) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
