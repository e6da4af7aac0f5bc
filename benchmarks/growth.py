"""How the cost grows with the array, with the window and with the threads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.arrays import numbers
from benchmarks.peers import Work, copy
from benchmarks.timing import Case, Way
from poolcli import pool

SIDES = (16, 64, 256, 1024, 4096)
KERNELS = (2, 3, 5, 9, 17, 33, 65, 129)
THREAD_COUNTS = (1, 2, 4)


def by_size() -> Iterator[Case]:
    """2×2/2 of one square plane, beside copying it."""
    for side in SIDES:
        x = numbers(1, 1, side, side)()
        ways = [
            Way("copy", copy(x, Work("max", 2)).run, x.nbytes, None),
            *(Way(op, Work(op, 2).ours(x), x.nbytes, None) for op in ("max", "avg")),
        ]
        yield Case(f"{side}×{side}", ways, rounds=25)


def by_kernel() -> Iterator[Case]:
    """Windows of k×k at every cell of a 1×4×1024×1024 array."""
    x = numbers(1, 4, 1024, 1024)()
    for size in KERNELS:
        ways = [
            Way(op, Work(op, size, 1).ours(x), x.nbytes, None) for op in ("max", "avg", "median")
        ]
        yield Case(f"{size}×{size}", ways if size < 65 else ways[:2], rounds=9)


def by_threads() -> Iterator[Case]:
    """The same pooling with one thread and with more."""
    x = numbers(1, 16, 2048, 2048)()
    for op, size, stride in (("max", 2, 2), ("max", 3, 1), ("avg", 3, 1)):
        once = partial(pool, x, op, size, stride=stride, layout="NCHW")
        out = np.zeros_like(once())
        ways = [
            Way(str(n), partial(once, out=out, threads=n), x.nbytes, None) for n in THREAD_COUNTS
        ]
        yield Case(f"{op} {size}/{stride}", ways, rounds=9)
