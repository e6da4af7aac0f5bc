"""One place that turns whatever a decoder raises into one line, and knows what fits in memory.

Readers below the doors raise ``InputError`` without a label, or let what NumPy, zipfile and Pillow
raise pass. The doors wrap each piece of work in ``reading(label)`` or ``writing(label)`` once.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType

from poolcli.errors import InputError, OutputError

LITTLE = 1 << 16  # bytes, for which there is always room
CAUSE_LENGTH = 200
MAX_PIXELS = 178_956_970  # as Pillow: three bytes each of half a gibibyte
READABLE_ERRORS = (
    ValueError,
    OSError,
    SyntaxError,
    EOFError,
    MemoryError,
)  # written for people to read


@contextmanager
def reading(label: str) -> Iterator[None]:
    """Raise every failure inside as one ``InputError`` line that starts with the label.

    What decoders raise on damaged input has no common base (zlib.error, struct.error, SyntaxError,
    AttributeError, ...), so everything is caught that is not an order to stop.
    """
    try:
        yield
    except Exception as error:
        raise InputError(f"{label}: {explain_error(error)}") from error


@contextmanager
def writing(label: str) -> Iterator[None]:
    """Raise every failure inside as one ``OutputError`` line; a closed pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception as error:
        raise OutputError(f"{label}: {explain_error(error)}") from error


def cause_of(error: BaseException) -> str:
    """Return what went wrong, where it is said already that something is damaged."""
    return explain_error(error).removeprefix("it is damaged ").strip("()")


def explain_error(error: BaseException) -> str:
    """Return what went wrong in one line of at most ``CAUSE_LENGTH`` characters."""
    if isinstance(error, (InputError, OutputError)):
        return one_line(str(error))
    # imageio and others hide the real reason below; a struct.error there says nothing to people.
    while error.__cause__ is not None and isinstance(error.__cause__, READABLE_ERRORS):
        error = error.__cause__
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    text = one_line(str(error))
    if isinstance(error, READABLE_ERRORS) and text:
        return text
    return f"it is damaged ({one_line(text or type(error).__name__)})"


def one_line(text: str) -> str:
    """Return the text with runs of white space as one space, cut to ``CAUSE_LENGTH``."""
    line = " ".join(text.split())
    return line if len(line) <= CAUSE_LENGTH else line[: CAUSE_LENGTH - 1] + "…"


def need(module: str, extra: str, what: str) -> ModuleType:
    """Import a library that not everybody has. Raises InputError with what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"{what} needs {module}, which is not installed; pip install 'poolcli[{extra}]'"
        ) from error


def check_memory(nbytes: int, max_bytes: int | None, what: str = "it", advice: str = "") -> None:
    """Refuse ``nbytes`` that exceed ``max_bytes`` (None: what this machine has free now)."""
    if nbytes <= LITTLE and max_bytes is None:  # asking takes as long as pooling a small file
        return
    limit = available_memory() if max_bytes is None else max_bytes
    if nbytes > limit:
        raise InputError(
            f"{what} needs {size_text(nbytes)} of memory, and {size_text(limit)} are available"
            f"{advice}"
        )


def check_count(size: tuple[int, int], max_pixels: int | None) -> None:
    """Refuse more pixels (width, height) than are asked for, or than is usual."""
    width, height = size
    limit = MAX_PIXELS if max_pixels is None else max_pixels
    if width * height > limit:
        raise InputError(
            f"it claims {height}x{width} pixels; more than {limit} are refused as a possible"
            f" decompression bomb; `max_pixels={width * height}` reads it"
        )


def available_memory() -> int:
    """Return the bytes a process may still take; a huge number where the system does not say."""
    limits = [sys.maxsize]
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            limits += [int(line.split()[1]) * 1024 for line in lines if line[:12] == "MemAvailable"]
    except OSError:
        with suppress(AttributeError, ValueError, OSError):
            limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with (
        suppress(OSError, ValueError),  # ValueError: "max", where there is no limit
        open("/sys/fs/cgroup/memory.max", encoding="ascii") as share,
    ):
        limits.append(int(share.read()))
    return min(limits)


def size_text(nbytes: int) -> str:
    """Return a byte count for people.

    >>> size_text(64), size_text(4 * 2**40)
    ('64 bytes', '4.0 TiB')
    """
    if nbytes < 2**20:
        return f"{nbytes} bytes"
    for unit, power in (("MiB", 20), ("GiB", 30), ("TiB", 40)):
        if nbytes < 2 ** (power + 10):
            return f"{nbytes / 2**power:.1f} {unit}"
    return f"{nbytes:.1e} bytes" if nbytes < 10**300 else "more than 1e300 bytes"


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape for people: ``2x3x4``, ``0-d`` for a single number."""
    return "x".join(map(str, shape)) or "0-d"
