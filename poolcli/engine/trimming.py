"""Windows that reach far over padding, as smaller ones of the same trees.

A fold builds each window's tree over all of its places (see ``trees``), and those over padding hold
the identity, which leaves a state as it is. So of a tree only the subtree counts that holds every
real cell, and of its two halves only what lies between the middle and the last real cell: whatever
the window's nominal size, a tree of at most some times its real cells gives the same bytes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.errors import InputError
from poolcli.windows import Windows

# Trimmed windows stand at uneven steps, and are listed one by one.
MOST = 1 << 20


def refuse_far(w: Windows) -> None:
    """Refuse more windows that reach far over padding than can be listed."""
    if w.out > MOST and w.reaches_far:
        raise InputError(
            f"{w.axis}: {w.out} windows reach far over padding, at most {MOST} can; "
            "use less padding or a larger stride"
        )


@lru_cache(maxsize=16)
def trimmed(w: Windows, least: int) -> Windows:
    """Evenly spaced windows whose folds are the same to the last bit, in as few places as can be.

    The first ``least`` places of a tree may be a leaf, and are then left together.
    """
    starts = np.arange(w.out, dtype=np.int64) * (w.starts[1] - w.starts[0] if w.out > 1 else 0)
    starts += w.starts[0]
    first = np.maximum(0, -(starts // w.dilation))
    last = np.minimum(w.largest - 1, (w.n - 1 - starts) // w.dilation)
    begin, size = _subtrees(first, last, w.largest)
    half = _power_from(size) // 2
    middle = begin + half
    right = np.minimum(size - half, _power_from(np.maximum(1, last - middle + 1)))
    left = np.maximum(_power_from(np.maximum(1, middle - first)), _power_from(right))
    left = np.maximum(left, np.minimum(least, half))
    both = size > 1  # of a single cell there are no halves
    begin = np.where(both, middle - left, begin)
    size = np.where(both, left + right, size)
    places = tuple((starts + begin * w.dilation).tolist())
    sizes = tuple(size.tolist())
    if w.out == 1:
        return w._replace(starts=range(places[0], places[0] + 1), sizes=sizes[0])
    return w._replace(starts=places, sizes=sizes, in_order=False)


def _subtrees(first: Array, last: Array, size: int) -> tuple[Array, Array]:
    """Where in each window's tree the smallest subtree with all its real cells begins; its size."""
    begin, sizes = np.zeros_like(first), np.full_like(first, size)
    while True:
        half = _power_from(sizes) // 2
        before, after = last < begin + half, first >= begin + half
        inside = (sizes > 1) & (before | after)
        if not inside.any():
            return begin, sizes
        begin = np.where(inside & after, begin + half, begin)
        sizes = np.where(inside, np.where(before, half, sizes - half), sizes)


def _power_from(sizes: Array) -> Array:
    """The smallest power of two that is not less than each size.

    >>> _power_from(np.array([1, 2, 3, 8, 9])).tolist()
    [1, 2, 4, 8, 16]
    """
    bits = sizes - 1
    for shift in (1, 2, 4, 8, 16, 32):
        bits = bits | bits >> shift
    return np.asarray(bits + 1)
