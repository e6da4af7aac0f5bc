"""Whole processes: their wall time, from start to end, and the most memory they had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_LAUNCH = str(Path(__file__).with_name("launch.py"))


@dataclass(frozen=True)
class Ran:
    """What one process took: seconds, and bytes of resident memory at its peak."""

    seconds: float
    peak: int


def run(command: list[str]) -> Ran:
    """Run a command with its output thrown away; RuntimeError where it fails."""
    launcher = [sys.executable, "-IS", _LAUNCH, *command]
    done = subprocess.run(launcher, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    if told["code"]:
        raise RuntimeError(f"{' '.join(command)} ended with {told['code']}: {done.stderr}")
    return Ran(told["seconds"], told["peak"])


def memory_over_time(command: list[str], every: float) -> list[tuple[float, int]]:
    """Run a command and look at its resident memory: (seconds, bytes) pairs. Needs /proc."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = []
    page = os.sysconf("SC_PAGE_SIZE")
    while process.poll() is None:
        try:
            resident = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * page
        except (OSError, IndexError):
            break
        if resident:
            seen.append((time.perf_counter() - start, resident))
        time.sleep(every)
    if process.wait():
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return seen
