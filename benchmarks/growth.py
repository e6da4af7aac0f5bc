"""How the cost grows with the array, with the window and with the threads."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.in_memory import copying, features, pooling
from benchmarks.timing import Case, Way

SIDES = (64, 256, 1024, 4096, 8192)
KERNELS = (2, 3, 5, 9, 17, 33, 65)
THREAD_COUNTS = (1, 2, 4)


def by_size(quick: bool) -> Iterator[Case]:
    """Max 2×2/2 of one square plane, beside copying it."""
    for side in SIDES[:3] if quick else SIDES:
        x = features(1, side)
        ways = [
            copying(x),
            pooling(x, "max", 2, stride=2),
            pooling(x, "avg", 2, name="poolcli avg"),
        ]
        yield Case(str(side), [_alone(way) for way in ways], rounds=25)


def by_kernel(quick: bool) -> Iterator[Case]:
    """Windows of k×k at every cell of a 1×4×1024×1024 array."""
    x = features(4, 1024)
    for size in KERNELS[:4] if quick else KERNELS:
        ways = [
            pooling(x, "max", size, stride=1, name="max"),
            pooling(x, "avg", size, stride=1, name="avg"),
        ]
        yield Case(str(size), [_alone(way) for way in ways], rounds=9)


def by_threads(quick: bool) -> Iterator[Case]:
    """The same pooling with one thread and with more."""
    x = features(4, 1024) if quick else features(16, 2048)
    for op, size, stride in (("max", 2, 2), ("max", 3, 1), ("avg", 3, 1)):
        ways = [
            _alone(pooling(x, op, size, stride=stride, threads=n, name=str(n)))
            for n in THREAD_COUNTS
        ]
        yield Case(f"{op} {size}×{size}/{stride}", ways, rounds=9)


def _alone(way: Way) -> Way:
    return Way(way.name, way.run, way.bytes, answer=None)
