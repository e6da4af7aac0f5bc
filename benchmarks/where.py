"""Where the time goes: a sampling profile of a few works, by the library that was at work.

``perf`` looks at a process of its own some thousand times a second; without it there is no profile.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# What perf calls them, and what they do.
PARTS = {
    "kernels": r"^_native\.",
    "Python": r"^(lib)?python|^_ctypes|^libffi|^math\.",
    "NumPy": r"_umath|numpy",
    "system": r"^\[",
}
# Seconds that a process has to start and to make its array, which are not looked at.
START = 3.0
WORKS = {
    "max 2/2 of 256 MB": ("max", 2, 2, (1, 16, 2048, 2048)),
    "avg 3/1 of 256 MB": ("avg", 3, 1, (1, 16, 2048, 2048)),
    "max 3/2 of 3 MB": ("max", 3, 2, (1, 64, 112, 112)),
    "max 2/2 of 12 kB": ("max", 2, 2, (1, 3, 32, 32)),
}
SCRIPT = """
import sys, time
end = time.perf_counter() + float(sys.argv[4])
import numpy as np, poolcli
op, size, stride, seconds, *shape = sys.argv[1:]
x = np.random.default_rng(5).standard_normal(tuple(map(int, shape)), np.float32)
options = dict(stride=int(stride), layout="NCHW", threads=1)
while time.perf_counter() < end:
    poolcli.pool(x, op, int(size), **options)
"""


@dataclass(frozen=True)
class Profile:
    """What part of one run's time each of ``PARTS`` took, in percent; ``rest`` is all other."""

    title: str
    parts: dict[str, float]

    @property
    def rest(self) -> float:
        return max(0.0, 100 - sum(self.parts.values()))


def profiles(seconds: float) -> list[Profile]:
    """Of every work, with one thread and a new result each time; none where there is no perf."""
    found = []
    for title, (op, size, stride, shape) in WORKS.items():
        arguments = [op, *map(str, (size, stride, START + seconds, *shape))]
        shares = _shares([sys.executable, "-c", SCRIPT, *arguments])
        if shares is None:
            return []
        parts = {
            part: sum(share for name, share in shares.items() if re.search(pattern, name))
            for part, pattern in PARTS.items()
        }
        found.append(Profile(title, parts))
    return found


def _shares(command: list[str]) -> dict[str, float] | None:
    """Percent of the samples by library."""
    perf = shutil.which("perf")
    if perf is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "perf.data")
        wait = str(int(START * 1000))
        record = [perf, "record", "-q", "-D", wait, "-F", "2000", "-o", data, *command]
        report = [perf, "report", "-q", "-i", data, "--stdio", "--sort", "dso"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        try:
            subprocess.run(record, check=True, capture_output=True, env=environment)
            done = subprocess.run(report, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError):  # a kernel that lets nobody look
            return None
    shares: dict[str, float] = {}
    for line in done.stdout.splitlines():
        match = re.match(r"\s*([\d.]+)%\s+(.+?)\s*$", line)
        if match:
            shares[match[2]] = shares.get(match[2], 0.0) + float(match[1])
    return shares or None
