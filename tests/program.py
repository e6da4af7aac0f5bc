"""Running the program as a process of its own, and what a run came to."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
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


def on_a_terminal(
    *arguments: object, program: Sequence[str] = ("-m", "poolcli"), stdout: bool = False
) -> tuple[int, str]:
    """Run the program with a terminal as its standard error; give its code and what it showed.

    ``stdout``: results go to the same terminal. ``program`` is what Python is to run.
    """
    leader, follower = os.openpty()
    shown: list[bytes] = []

    def listen() -> None:
        while True:
            try:
                shown.append(os.read(leader, 65536))
            except OSError:
                return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        code = subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            stdout=follower if stdout else subprocess.DEVNULL,
            stderr=follower,
            timeout=HANGS,
        ).returncode
    finally:
        os.close(follower)
    listener.join()
    os.close(leader)
    return code, b"".join(shown).decode()


def npy_bytes(array: np.ndarray) -> bytes:
    """Give the bytes of an .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def with_keys(
    *arguments: object,
    columns: int = 80,
    lines: int = 24,
    keys: Sequence[tuple[str, bytes]] = (),
    **variables: str,
) -> Outcome:
    """Run the program in a window of its own, keyboard included: what it draws, and its code.

    ``keys`` are pressed one after another, each once the text beside it has been drawn.
    """
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {
        **{key: value for key, value in os.environ.items() if key not in LOOKS},
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(PROJECT),
        **variables,
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "poolcli", *map(str, arguments)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(follower)
    drawn, seen, todo = b"", 0, list(keys)
    try:
        while select.select([leader], [], [], HANGS)[0]:
            try:
                data = os.read(leader, 65536)
            except OSError:  # what Linux says where the other end is closed
                break
            drawn += data
            while todo and (at := drawn.find(todo[0][0].encode(), seen)) >= 0:
                seen = at + len(todo[0][0].encode())
                os.write(leader, todo.pop(0)[1])
            if not data:
                break
        code = program.wait(HANGS)
    finally:
        program.kill()
        os.close(leader)
    return Outcome(code, drawn.replace(b"\r\n", b"\n"), "")


LOOKS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "POOLCLI_LAYOUT", "POOLCLI_LIKE")
