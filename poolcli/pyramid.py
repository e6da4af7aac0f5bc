"""Spatial pyramid pooling: the results of several adaptive poolings in one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.errors import UsageError
from poolcli.layout import Layout


def join_levels(levels: Sequence[NDArray[Any]], axes: Layout) -> NDArray[Any]:
    """Join arrays that differ in their spatial axes only.

    The cells of each level, in C order, and the levels one after another stand in one axis, where
    the first spatial axis was. Raises UsageError where there is no level.

    >>> join_levels([np.ones((3, 1, 1)), np.ones((3, 2, 2))], Layout("CHW")).shape
    (3, 5)
    """
    if not levels:
        raise UsageError("levels: give at least one, such as 1,2,4")
    first, count = axes.spatial[0], len(axes.spatial)
    flat = []
    for level in levels:
        together = np.moveaxis(level, axes.spatial, range(first, first + count))
        shape = together.shape
        flat.append(together.reshape(*shape[:first], -1, *shape[first + count :]))
    return np.concatenate(flat, axis=first)
