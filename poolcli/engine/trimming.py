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
from poolcli.engine.kernel import Fold
from poolcli.errors import InputError
from poolcli.windows import Windows

# Windows of up to so many times the real cells stay as they are, and so do smaller ones that span
# together up to so many times what there is, cells and results.
FAR = 4
SPANNED = 1 << 20

# Trimmed windows stand at uneven steps, and are listed one by one.
MOST = 1 << 20


def trimmed_windows(fold: Fold, windows: tuple[Windows, ...]) -> tuple[Windows, ...]:
    """Windows whose folds are the same to the last bit, and whose sizes follow their real cells.

    Only evenly spaced windows can reach over padding; all others are as they were.
    """
    least = 1 if fold.start is None else fold.start_cells
    return tuple(_trimmed(w, least) if _is_far(w) else w for w in windows)


def refuse_far(w: Windows) -> None:
    """Refuse more windows that reach far over padding than can be listed."""
    if w.out > MOST and _is_far(w):
        raise InputError(
            f"{w.axis}: {w.out} windows reach far over padding, at most {MOST} can; "
            "use less padding or a larger stride"
        )


def _is_far(w: Windows) -> bool:
    if not (isinstance(w.starts, range) and isinstance(w.sizes, int)):
        return False
    low, high = w.span(0, w.out)
    one = (w.sizes - 1) * w.dilation + 1
    return one > FAR * w.n and (high - low > FAR * (w.n + w.out) or high - low > SPANNED)


@lru_cache(maxsize=16)
def _trimmed(w: Windows, least: int) -> Windows:
    """The smallest such windows; at most the first ``least`` places of a tree are one leaf's."""
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
