"""Windows over mirrored edges: which cell a place beyond the edge is, and what it weighs.

An axis of n cells that is mirrored at both ends repeats after 2·(n − 1) places. So a window of more
places than that meets the same cells in the same order again, and is as good as one of a single
period, in which every place has the weights of all that stand for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from poolcli.engine.arrays import Array
from poolcli.errors import InputError
from poolcli.windows import Windows

# Binomial weights are computed as whole numbers, the largest of about so many bits; those that come
# to less than one are less than the smallest float64.
_BITS = 1280

# Larger windows are weighed only where all places of a period weigh the same.
MOST = 1 << 32

# From this many periods squared on they do: each is then within 2·exp(−π²·16/2) < 1e-33 of that.
_EVEN = 16


def mirror(index: Array, n: int) -> Array:
    """Reflect indices into 0 … n-1 without repeating the edge: … 2 1 | 0 1 2 … n-1 | n-2 …

    >>> mirror(np.array([-2, -1, 0, 3, 4]), 3).tolist()
    [2, 1, 0, 1, 0]
    """
    if n == 1:
        return np.zeros_like(index)
    turn = 2 * (n - 1)
    index = index % turn
    return np.asarray(np.minimum(index, turn - index))


def mirror_period(n: int, dilation: int) -> int:
    """After how many places, ``dilation`` cells apart, a mirrored axis of n cells repeats.

    >>> mirror_period(3, 1), mirror_period(3, 2), mirror_period(1, 1)
    (4, 2, 1)
    """
    turn = 2 * (n - 1) if n > 1 else 1
    return turn // math.gcd(turn, dilation)


def refuse_weights(w: Windows) -> None:
    """Refuse windows whose binomial weights would take too long to compute."""
    if MOST < w.largest < _EVEN * mirror_period(w.n, w.dilation) ** 2:
        raise InputError(
            f"{w.axis}: size {w.largest} has too many binomial weights for {w.n} mirrored cells; "
            f"use at most {MOST}"
        )


@lru_cache(maxsize=16)
def binomial_weights(size: int, period: int) -> Array:
    """The binomial filter of ``size`` taps, folded to its first ``period`` places if it has more.

    Every weight is the nearest float64, and those that are less than any are 0.

    >>> binomial_weights(3, 4).tolist(), binomial_weights(6, 4).tolist()
    ([0.25, 0.5, 0.25], [0.1875, 0.1875, 0.3125, 0.3125])
    """
    last, count = size - 1, min(size, period)
    if size >= _EVEN * period**2:
        return _shared(np.full(count, 1 / period))
    sums: dict[int, int] = {}

    def add(m: int, weight: int) -> None:
        sums[m % period] = sums.get(m % period, 0) + weight

    # From the middle outwards: each binomial coefficient is the one before times a small fraction.
    # Large ones are known but for a common factor, and as good as nothing from some place on.
    middle = last // 2
    top = math.comb(last, middle) if last < _BITS else 1 << _BITS
    add(middle, top)
    weight, m = top, middle
    while weight and m < last:
        weight = weight * (last - m) // (m + 1)
        m += 1
        add(m, weight)
    weight, m = top, middle
    while weight and m > 0:
        weight = weight * m // (last - m + 1)
        m -= 1
        add(m, weight)
    total, weights = sum(sums.values()), np.zeros(count)
    for place, share in sums.items():
        weights[place] = share / total
    return _shared(weights)


def _shared(weights: Array) -> Array:
    weights.flags.writeable = False
    return weights


def table_shape(w: Windows) -> tuple[int, int]:
    """A row for each size from the largest down, of as many places as differ."""
    smallest = w.sizes if isinstance(w.sizes, int) else min(w.sizes)
    return w.largest - smallest + 1, min(w.largest, mirror_period(w.n, w.dilation))


def binomial_tables(windows: Sequence[Windows]) -> list[Array]:
    """The weights of the cells of each axis' windows, which sum to 1, for ``native.Work``."""
    tables = []
    for w in windows:
        table = np.zeros(table_shape(w))
        for row in range(len(table)):
            some = binomial_weights(w.largest - row, mirror_period(w.n, w.dilation))
            table[row, : len(some)] = some
        tables.append(table)
    return tables
