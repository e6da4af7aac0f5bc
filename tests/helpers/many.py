"""How a batch of very many small pictures goes: memory, progress, and taking it up again.

``python -m tests.helpers.many 10000`` makes the pictures, pools them and prints the figures.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

PROJECT = Path(__file__).parents[2]
COUNTS = re.compile(rb"(\d+)/(\d+) files")

# What a process says of its own memory, in the end, is its peak.
CHILD = """
import sys
from poolcli.cli import main
from tests.helpers.memory import peak_kib
try:
    main(sys.argv[1:])
finally:
    with open("peak", "w") as file:
        file.write(str(peak_kib()))
"""


class Figures(NamedTuple):
    """What a run came to; ``counts`` are what the bar showed, one after another."""

    code: int
    seconds: float
    peak: int
    counts: list[tuple[int, int]]
    summary: str


def make(folder: Path, count: int, side: int = 48) -> None:
    """Write so many small pictures."""
    from PIL import Image

    folder.mkdir(parents=True)
    y, x = np.mgrid[:side, :side]
    for number in range(count):
        array = np.stack([x + number, y * 3 + number, x * y], axis=-1).astype(np.uint8)
        Image.fromarray(array).save(folder / f"{number:06}.png", compress_level=1)


def run(folder: Path, *options: str) -> Figures:
    """Pool ``in`` into ``out`` of a folder, with a terminal looking on; ``peak`` is in KiB."""
    leader, follower = os.openpty()
    shown = bytearray()
    listener = threading.Thread(target=_listen, args=(leader, shown), daemon=True)
    listener.start()
    begun = time.monotonic()
    try:
        code = subprocess.call(
            [sys.executable, "-c", CHILD, "avg", "-k", "2", "in", "-o", "out/", *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "120"},
            stderr=follower,
        )
    finally:
        os.close(follower)
    seconds = time.monotonic() - begun
    listener.join()
    os.close(leader)
    counts = [(int(done), int(total)) for done, total in COUNTS.findall(shown)]
    summary = shown.decode().rstrip().splitlines()[-1]
    return Figures(code, seconds, int((folder / "peak").read_text()), counts, summary)


def _listen(leader: int, shown: bytearray) -> None:
    while True:
        try:
            shown += os.read(leader, 65536)
        except OSError:
            return


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        for number in (100, count):
            folder = Path(name, str(number))
            make(folder / "in", number)
            for options in ((), ("--resume",)):
                figures = run(folder, *options)
                print(
                    f"{number} pictures {' '.join(options):9} exit {figures.code}  "
                    f"{figures.seconds:.1f} s  peak {figures.peak / 1024:.0f} MiB  "
                    f"{figures.summary.rpartition('poolcli: ')[2]}"
                )


if __name__ == "__main__":
    main(int(sys.argv[1]))
