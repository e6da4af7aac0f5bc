"""Pillow: averages of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere import Run


def prepare(function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None) -> Run:
    """A method of Pillow's images: ``reduce`` takes a ``factor``."""
    from PIL import Image

    method = getattr(Image.fromarray(x), function)
    return lambda: method(**args)
