"""Tables within one test tell every row that fails."""

from __future__ import annotations

import pytest

from tests.helpers.every import FUZZ, draws, every


def below(limit: int, number: int) -> None:
    assert number < limit, f"{number} is too much"


def test_all_rows_that_fail_are_told() -> None:
    every([1, 2, 3], lambda number: below(4, number))
    with pytest.raises(AssertionError, match=r"(?s)^2 of 4:\n3: AssertionError: 3 is.*\n4: .*4 is"):
        every([3, 1, 4, 2], lambda number: below(3, number))


def test_what_is_not_raised_and_other_errors_fail_too() -> None:
    def refused(divisor: int) -> None:
        with pytest.raises(ZeroDivisionError):
            _ = 1 / divisor

    every([0], refused)
    with pytest.raises(AssertionError, match=r"1 of 2:\n<1>: Failed: DID NOT RAISE"):
        every([0, 1], refused, told=lambda row: f"<{row}>")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        every([0], lambda row: 1 / row)


def test_no_rows_are_no_test() -> None:
    with pytest.raises(AssertionError, match="without rows"):
        every([], print)


def test_drawn_cases_of_all_parts_are_different() -> None:
    drawn = [seed for first in range(0, 100, 50) for seed in draws(50, first)]
    assert drawn == list(range(100 * FUZZ))
