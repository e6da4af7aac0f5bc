"""Where the time of one thread goes: a profile of each kind of pooling."""

from __future__ import annotations

import cProfile
import pstats
from dataclasses import dataclass

from benchmarks.in_memory import CASES, features, pooling

# The functions around a block's ufunc calls, by what they are for. All other time is Python's:
# walking blocks, choosing steps, making views.
PARTS = {
    "combine": ("combine",),
    "load": ("load", "read", "_native"),
    "finish": ("finish", "_divide", "convert", "results"),
    "check": ("reduce", "_tidy", "isfinite"),
}


@dataclass(frozen=True)
class Profile:
    """Seconds of one run, by part; ``rest`` is all that is none of them."""

    title: str
    parts: dict[str, float]
    rest: float


def profiles(quick: bool) -> list[Profile]:
    """Of every case of the windows section, with one thread."""
    x = features(4, 1024) if quick else features(16, 2048)
    found = []
    for op, size, stride in (*CASES, ("max", 31, 1), ("avg", 31, 1)):
        run = pooling(x, op, size, stride=stride, threads=1).run
        profile = cProfile.Profile()
        profile.runcall(run)
        times = dict.fromkeys(PARTS, 0.0)
        total = 0.0
        for (_, _, function), numbers in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
            own = numbers[2]
            total += own
            for part, names in PARTS.items():
                if any(name in function for name in names):
                    times[part] += own
                    break
        rest = total - sum(times.values())
        found.append(Profile(f"{op} {size}×{size}/{stride}", times, rest))
    return found
