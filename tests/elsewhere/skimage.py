"""scikit-image: windows that touch, and none that overlap."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere import Run


def prepare(function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None) -> Run:
    """A function of ``skimage.measure``; ``func`` is the name of a function of NumPy."""
    from skimage import measure

    pool = getattr(measure, function)
    args = {**args, "func": getattr(np, args["func"])}
    return lambda: pool(x, **args)
