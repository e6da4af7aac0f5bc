"""How long each window is seen where windows are shown one after another."""

from __future__ import annotations

from poolcli import checks
from poolcli.errors import UsageError

SECONDS = 0.9
SHORTEST, LONGEST = 0.1, 60.0


def check_seconds(seconds: float) -> float:
    """``seconds``, or a UsageError where nobody could follow.

    >>> check_seconds(0.5)
    0.5
    """
    number = checks.real("seconds", seconds)
    if not SHORTEST <= number <= LONGEST:
        raise UsageError(f"seconds {number:g}: use {SHORTEST:g} to {LONGEST:g}")
    return number
