"""What other programs do to the machine while something is measured."""

from __future__ import annotations

import os
import time
from pathlib import Path


class Watch:
    """Tells how busy other programs kept the processors since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._busy = _busy()
        self._own = _own()

    def others(self) -> float:
        """Processors' worth of other programs' work; 0 where the system does not tell."""
        seconds = time.perf_counter() - self._start
        return max(0.0, _busy() - self._busy - (_own() - self._own)) / seconds


def _busy() -> float:
    """Seconds that all processors together have worked (or were taken away) so far."""
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return 0.0
    user, nice, system, _idle, _wait, irq, soft, stolen, *_ = map(int, first.split()[1:])
    return (user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
