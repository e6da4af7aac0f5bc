"""Selection networks: certain ranks of k values by minima and maxima alone.

Batcher's odd-even merge sort gives a sorting network for any k; exchanges that the wanted ranks do
not depend on are then pruned from the end, and of the others only the needed half is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

Step = tuple[int, int, bool, bool]
"""Wires i < j, and whether the minimum (to i) and the maximum (to j) are needed."""


@lru_cache(maxsize=256)
def selection_network(size: int, ranks: tuple[int, ...]) -> tuple[Step, ...]:
    """The steps after which wire r holds the value of rank r, for each wanted rank.

    >>> selection_network(2, (0,))
    ((0, 1, True, False),)
    """
    needed = set(ranks)
    steps: list[Step] = []
    for i, j in reversed(list(_odd_even_merge_sort(size))):
        low, high = i in needed, j in needed
        if low or high:
            steps.append((i, j, low, high))
            needed |= {i, j}
    return tuple(reversed(steps))


def _odd_even_merge_sort(size: int) -> Iterator[tuple[int, int]]:
    """The exchanges of Batcher's network (1968), as in Knuth, TAOCP 3, 5.2.2, algorithm M."""
    top = 1 << (size - 1).bit_length() >> 1
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(size - d):
                if i & p == r:
                    yield i, i + d
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
