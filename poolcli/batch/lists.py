"""Lists of inputs, as ``find -print0`` and ``ls`` write them."""

from __future__ import annotations

import os
import sys

from poolcli.errors import UsageError

STDIN = "-"


def read_list(name: str) -> list[str]:
    """Give the names in a list: separated by NUL if there is one in it, else by line ends.

    They are taken as they stand: a name may begin with ``-``, and is no pattern.

    Raises UsageError where the list cannot be read or names nothing.
    """
    try:
        if name == STDIN:
            data = b"" if sys.stdin is None else sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:
                data = file.read()
    except OSError as error:
        raise UsageError(f"--files-from {name}: {error.strerror or error}") from error
    names = [os.fsdecode(line) for line in data.split(b"\0" if b"\0" in data else b"\n") if line]
    if not names:
        raise UsageError(f"--files-from {name}: names no file")
    return names
