"""The end of the process while other threads are still writing files.

A thread cannot be ended, only left behind, wherever it is. What it has begun is removed first, and
from then on no file is begun or gets its name.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# A file system that does not answer must not keep the process.
PATIENCE = 1.0

unfinished: set[str] = set()
"""The temporary files that there are."""

_changed = threading.Condition()
_inside = 0
_is_over = False


@contextmanager
def held_off() -> Iterator[None]:
    """Let the end wait while a file is begun or gets its name; after the end, wait for ever."""
    global _inside
    with _changed:
        _changed.wait_for(lambda: not _is_over)
        _inside += 1
    try:
        yield
    finally:
        with _changed:
            _inside -= 1
            _changed.notify_all()


def abandon() -> None:
    """Remove what is unfinished, just before the process ends without its other threads."""
    global _is_over
    with _changed:
        _is_over = True
        _changed.wait_for(lambda: not _inside, PATIENCE)
        for path in unfinished:
            with suppress(OSError):
                os.unlink(path)
