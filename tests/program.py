"""Running the program as a process of its own, and what a run came to."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

HANGS = 120  # seconds
PROJECT = Path(__file__).parents[1]


class Outcome(NamedTuple):
    """What a run of the program came to."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


def start(*arguments: object, **settings: object) -> subprocess.Popen[bytes]:
    """Start the program as a process of its own."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {"env": {**os.environ, "PYTHONPATH": str(PROJECT)}}
    return subprocess.Popen(
        [sys.executable, "-m", "poolcli", *map(str, arguments)],
        **{**pipes, **environment, **settings},  # type: ignore[arg-type]
    )


def finished(*arguments: object, given: bytes | None = None, **settings: object) -> Outcome:
    """Run the program as a process of its own to its end; one that hangs is a failure."""
    with start(*arguments, **settings) as program:
        try:
            out, err = program.communicate(given, timeout=HANGS)
        except subprocess.TimeoutExpired:
            program.kill()
            raise
    return Outcome(program.returncode, out or b"", (err or b"").decode())


def npy_bytes(array: np.ndarray) -> bytes:
    """Give the bytes of an .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()
