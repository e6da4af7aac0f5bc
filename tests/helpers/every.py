"""Tables within one test, and how many random cases a test draws."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

Row = TypeVar("Row")
FUZZ = int(os.environ.get("POOLCLI_FUZZ") or 1)


def every(
    rows: Iterable[Row], check: Callable[[Row], object], *, told: Callable[[Row], str] = str
) -> None:
    """Check all rows, where a test for each would cost more than what it tests.

    Those that fail are told together, by what they are (``told``) and what was wrong with them.
    """
    count, failures = 0, []
    for row in rows:
        count += 1
        try:
            check(row)
        except (Exception, pytest.fail.Exception) as error:
            failures.append((row, error))
    assert count, "a table without rows"
    if failures:
        lines = [f"{told(row)}: {type(error).__name__}: {error}" for row, error in failures]
        raise AssertionError("\n".join([f"{len(failures)} of {count}:", *lines])) from failures[0][
            1
        ]


def draws(count: int, first: int = 0) -> range:
    """Seeds of so many random cases from one on: `make fuzz` draws many times as many."""
    return range(first * FUZZ, (first + count) * FUZZ)
