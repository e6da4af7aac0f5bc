"""Single keys from the keyboard, as they are pressed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# What terminals send for keys of more than one byte, and what the key is called.
_SEQUENCES = {
    b"\x1b[C": "right",
    b"\x1bOC": "right",
    b"\x1b[D": "left",
    b"\x1bOD": "left",
    b"\x1b[H": "home",
    b"\x1bOH": "home",
    b"\x1b[1~": "home",
    b"\x1b[F": "end",
    b"\x1bOF": "end",
    b"\x1b[4~": "end",
    b"\x1b": "escape",
    b"\x03": "interrupt",
    b"": "closed",
}
_ON_WINDOWS = {"M": "right", "K": "left", "G": "home", "O": "end"}
WAIT = 0.05  # seconds in which the rest of a key's bytes arrives


@contextmanager
def keyboard() -> Iterator[Keyboard | None]:
    """Give the keyboard with each key as it is pressed, or None where there is none.

    Standard input may be an input of pooling: then it is the terminal itself that is asked.
    """
    if os.name == "nt":
        yield _WindowsKeyboard() if sys.stdin is not None and sys.stdin.isatty() else None
        return
    import termios
    import tty

    try:
        descriptor = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        yield None
        return
    try:
        before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor, termios.TCSANOW)
        try:
            yield Keyboard(descriptor)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
    finally:
        os.close(descriptor)


class Keyboard:
    """Keys that a terminal sends as bytes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def key(self) -> str:
        """Wait for a key: its character, or ``right``, ``left``, ``home``, ``end``, ``closed``."""
        import select

        data = os.read(self._descriptor, 1)
        while data.startswith(b"\x1b") and len(data) < 8:
            ready, _, _ = select.select([self._descriptor], [], [], WAIT)
            if not ready or (data in _SEQUENCES and data != b"\x1b"):
                break
            data += os.read(self._descriptor, 1)
        return _SEQUENCES.get(data, data.decode("latin-1"))


class _WindowsKeyboard(Keyboard):
    def __init__(self) -> None:
        super().__init__(0)

    def key(self) -> str:
        """Wait for a key."""
        import msvcrt  # Windows has it, and only there does mypy know its functions

        char: str = msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
        if char in "\x00\xe0":
            return _ON_WINDOWS.get(msvcrt.getwch(), "")  # type: ignore[attr-defined,unused-ignore]
        return char
