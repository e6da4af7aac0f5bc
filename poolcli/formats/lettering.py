"""Words in pictures, by the font that Pillow brings along."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


def lettering(text: str, height: int) -> NDArray[np.float64]:
    """How much ink each pixel of one line of text has, from 0 to 1, as (rows, columns).

    ``height`` is the size of the font; lines of one size have as many rows, whatever their text.
    """
    from PIL import Image, ImageDraw

    font = _font(height)
    width = max(1, round(font.getlength(text)) + 2)
    page = Image.new("L", (width, round(height * 1.3)), 0)
    ImageDraw.Draw(page).text((1, 0), text, fill=255, font=font)
    return np.asarray(page, dtype=np.float64) / 255


@cache
def _font(height: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(height)
