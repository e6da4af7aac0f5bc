"""OpenCV: pictures, H×W or H×W×C."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere import Run
from tests.elsewhere.scipy import inside


def prepare(function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None) -> Run:
    """``medianBlur`` (``size``, ``stride``), or ``INTER_AREA``: averages of ``factor``² pixels."""
    import cv2

    if threads is not None:
        cv2.setNumThreads(threads)
    if function == "medianBlur":
        size, stride = args["size"], args["stride"]
        return lambda: inside(cv2.medianBlur(x, size), size, stride)
    height, width = (n // args["factor"] for n in x.shape[:2])
    return lambda: cv2.resize(x, (width, height), interpolation=getattr(cv2, function))


def use_threads(threads: int) -> Run:
    """What lets OpenCV use so many threads from now on; -1 is all."""
    import cv2

    return lambda: cv2.setNumThreads(threads)
