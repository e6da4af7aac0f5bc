"""The memory that all jobs take together: a bound on it, and its use from job to job."""

from __future__ import annotations

import threading
from contextlib import suppress

# What the program takes before there is any array: Python, NumPy, Pillow and tifffile.
PROGRAM = 48 << 20
# Of the C library: where memory is not returned to the system, and where it never was its own.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGEST_OF_ITS_OWN = 1 << 25


class Stopped(Exception):
    """The run is over before its time; a job that was waiting or at work ends without a result."""


class Budget:
    """Lets jobs in, in the order of their numbers, while their needs fit what is left.

    One alone is always let in: whether it fits by itself is the reader's to say.
    """

    def __init__(self, nbytes: int) -> None:
        self._left, self._inside = nbytes, 0
        self._next = 0
        self._stopped = False
        self._changed = threading.Condition()

    def take(self, number: int, need: int) -> None:
        """Wait until job ``number``, which needs so many bytes, may begin.

        Every number from 0 on must come. Raises Stopped where there is no more waiting.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._may_begin(number, need))
            if self._stopped:
                raise Stopped
            self._left -= need
            self._inside += 1
            self._next += 1
            self._changed.notify_all()

    def give_back(self, need: int) -> None:
        """Return what a job has taken."""
        with self._changed:
            self._left += need
            self._inside -= 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _may_begin(self, number: int, need: int) -> bool:
        return number == self._next and (not self._inside or need <= self._left)


def keep_freed_memory(limit: int) -> None:
    """Let the pixels of one picture be freed for the next instead of for the system.

    Getting them back from there, page by page, is a third of the time of two threads that pool
    photographs. What one thread has freed is for all, and only what is small beside the ``limit``
    of all memory is kept. Only glibc can be told; what is larger than 32 MiB goes back anyway.
    """
    kept = min(_LARGEST_OF_ITS_OWN, limit // 16)
    with suppress(AttributeError, OSError, TypeError):
        import ctypes

        tune = ctypes.CDLL(None).mallopt
        tune(_ARENA_MAX, 1)
        tune(_MMAP_THRESHOLD, kept)
        tune(_TRIM_THRESHOLD, 4 * kept)
