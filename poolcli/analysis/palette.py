"""The four colours of windows, and which window has which: for the terminal, pictures and pages.

Searched over the hues of Okabe and Ito for the largest smallest difference (CIEDE2000) between any
two, for normal, protan, deutan and tritan eyes (Machado, Oliveira & Fernandes 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Hue(NamedTuple):
    """One colour in its strengths."""

    strong: str
    """Of the winner, and of the window's result."""
    tint: str
    """Of the window's other cells, on white or with ink on it."""
    dark_tint: str
    """The same on a dark page."""


HUES = (
    Hue("#70caff", "#ceedff", "#375c72"),
    Hue("#f3b656", "#fbe6c6", "#695432"),
    Hue("#039f74", "#a9ded0", "#0e4b3d"),
    Hue("#cd6aa3", "#eecce0", "#5a374f"),
)
INK = "#16202b"
"""Of numbers on a hue or a tint."""
PAGE = "#ffffff"
PADDING = "#e9edf1"
"""Of padding, which holds no number."""
FAINT = "#7d8794"
"""Of what is not meant just now."""
HEAT = "viridis"
"""The colormap of heat maps: as far apart to any eye as the values are."""
NAN, NODATA = "#808080", "#ffffff"
"""Of NaN and of missing values in heat maps: colours that the colormap does not have."""
MARK = "#e8503a"
"""Of the frame around a part, on any picture."""


def hue_of(position: Sequence[int]) -> int:
    """Which of ``HUES`` the window of an output has: neighbours never share one.

    On a line of windows all four take turns, as more than two can overlap there; on a plane the
    parities of row and column decide, and the depth of a volume does not.

    >>> hue_of((0, 0)), hue_of((0, 1)), hue_of((1, 0)), hue_of((7, 1, 1)), hue_of((6,))
    (0, 1, 2, 3, 2)
    """
    if len(position) == 1:
        return position[0] % len(HUES)
    return 2 * (position[-2] % 2) + position[-1] % 2
