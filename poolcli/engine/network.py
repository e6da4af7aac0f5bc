"""Selection networks: certain ranks of a window's cells by minima and maxima alone.

The cells of a window are ``columns`` lists of ``length`` cells each (a list runs along the first
spatial axis). Each list is sorted first; windows that overlap along later axes share their sorted
lists. Then lists are merged two by two. Both steps are Batcher's (1968, "Sorting networks and
their applications"); exchanges that the wanted ranks do not depend on are pruned from the end, and
of the others only the needed half is computed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

Exchange = tuple[int, int]
Step = tuple[int, int, bool, bool]
"""Wires i and j, and whether the minimum (to i) and the maximum (to j) are needed."""


class Network(NamedTuple):
    """Steps that sort one list, then steps that merge all, and where the wanted ranks end up.

    Wire ``c·length + r`` holds cell r of list c at first.
    """

    sort: tuple[Step, ...]
    merge: tuple[Step, ...]
    wires: tuple[int, ...]


@lru_cache(maxsize=64)
def selection_network(columns: int, length: int, ranks: tuple[int, ...]) -> Network:
    """The network for these ranks of ``columns`` · ``length`` cells.

    >>> selection_network(1, 2, (0,))
    Network(sort=((0, 1, True, False),), merge=(), wires=(0,))
    """
    sorts: list[Exchange] = []
    order = _sort(list(range(length)), sorts)
    lists = [[c * length + wire for wire in order] for c in range(columns)]
    merges: list[Exchange] = []
    while len(lists) > 1:
        lists.sort(key=len)
        first, second, *others = lists
        lists = [*others, _merge(first, second, merges)]
    wires = tuple(lists[0][rank] for rank in ranks)
    needed = set(wires)
    merge = _pruned(merges, needed)
    # All lists go through one sort: it gives what any of them needs.
    sort = _pruned(sorts, {wire % length for wire in needed})
    return Network(sort, merge, wires)


def _pruned(exchanges: list[Exchange], needed: set[int]) -> tuple[Step, ...]:
    """The exchanges that matter for ``needed``, which becomes the wires needed before them."""
    steps: list[Step] = []
    for i, j in reversed(exchanges):
        low, high = i in needed, j in needed
        if low or high:
            steps.append((i, j, low, high))
            needed |= {i, j}
    return tuple(reversed(steps))


def _sort(wires: list[int], exchanges: list[Exchange]) -> list[int]:
    if len(wires) < 2:
        return wires
    half = len(wires) // 2
    return _merge(_sort(wires[:half], exchanges), _sort(wires[half:], exchanges), exchanges)


def _merge(a: list[int], b: list[int], exchanges: list[Exchange]) -> list[int]:
    """Odd-even merge of two sorted lists of wires of any lengths; the wires in their new order."""
    if not a or not b:
        return a + b
    if len(a) == len(b) == 1:
        exchanges.append((a[0], b[0]))
        return [a[0], b[0]]
    evens = _merge(a[0::2], b[0::2], exchanges)
    odds = _merge(a[1::2], b[1::2], exchanges)
    merged = [evens[0]]
    for odd, even in zip(odds, evens[1:], strict=False):
        exchanges.append((odd, even))
        merged += [odd, even]
    paired = min(len(odds), len(evens) - 1)
    return merged + odds[paired:] + evens[1 + paired :]
