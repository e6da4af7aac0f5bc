"""Colours as people write them."""

from __future__ import annotations

from poolcli.errors import UsageError


def parse_colour(text: str) -> tuple[int, int, int]:
    """Read a colour by its name or its numbers, as CSS writes them.

    Raises UsageError for what is none, or lets something through.

    >>> parse_colour("white"), parse_colour("#f80")
    ((255, 255, 255), (255, 136, 0))
    """
    from PIL import ImageColor  # late: few runs have a background

    try:
        red, green, blue, *alpha = ImageColor.getrgb(text.strip())
    except ValueError:
        red, green, blue, alpha = 0, 0, 0, [0]
    if alpha and alpha[0] < 255:
        raise UsageError(
            f"`background` {text!r}: use a colour such as white, '#ff8000' or 'rgb(255, 128, 0)'"
        )
    return red, green, blue
