"""Timing several ways to do one thing, in turns, so that a slow moment hits all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.load import Watch
from benchmarks.processes import Ran

# Ways that take so many times as long as the middle one are timed in a few rounds only, so that
# there is time for many rounds of the others.
SLOW = 8
FEW = 3

# Processors' worth of other programs' work from which a round does not count.
DISTURBED = 0.15


@dataclass(frozen=True)
class Way:
    """One way to do it: ``run`` is timed; ``before`` and ``after`` each run are not.

    ``bytes`` is the input that one run goes through. Ways of one case with the same ``answer``
    must give the same numbers, up to ``tolerance`` relative to the largest of them; ``look`` gets
    them from what ``run`` returns. Where that is a ``Ran`` process, its own seconds are taken.
    """

    name: str
    run: Callable[[], Any]
    bytes: int
    answer: str | None = "result"
    before: Callable[[], Any] = lambda: None
    after: Callable[[], Any] = lambda: None
    look: Callable[[Any], Any] = lambda result: result


@dataclass(frozen=True)
class Target:
    """How ``of`` should compare with ``to``.

    ``least``: at least so many times as fast (``per_byte``: as many bytes per second).
    ``most``: takes at most so many times the time. ``memory``: takes at most so many megabytes;
    then there is no ``to``.
    """

    to: str = ""
    least: float | None = None
    most: float | None = None
    memory: float | None = None
    of: str = "poolcli"
    per_byte: bool = False

    def __str__(self) -> str:
        if self.memory is not None:
            return f"{self.of}: peak memory at most {self.memory:g} MB"
        if self.least is not None:
            rate = "bytes per second" if self.per_byte else "speed"
            return f"{self.of}: at least {self.least:g} × the {rate} of {self.to}"
        return f"{self.of}: at most {self.most:g} × the time of {self.to}"


@dataclass(frozen=True)
class Case:
    """Several ways to do the same work, and how they should compare."""

    title: str
    ways: list[Way]
    targets: list[Target] = field(default_factory=list)
    tolerance: float = 0.0
    rounds: int = 15


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured."""

    case: str
    target: Target
    ratio: float
    disturbed: bool = False

    @property
    def brief(self) -> str:
        """The target in a few signs: ``torch ≥ 2:``."""
        target = self.target
        if target.memory is not None:
            return f"≤ {target.memory:g} MB:"
        of = "" if target.of == "poolcli" else f"{target.of} beside "
        if target.least is not None:
            return f"{of}{target.to} ≥ {target.least:.3g}:"
        return f"{of}{target.to}, time ≤ {target.most:.3g}:"

    @property
    def met(self) -> bool:
        if self.target.least is not None:
            return self.ratio >= self.target.least
        bound = self.target.most if self.target.memory is None else self.target.memory
        return bound is not None and self.ratio <= bound


@dataclass(frozen=True)
class Times:
    """The seconds that each way of a case took, in each round.

    The case itself, with its arrays, can go. ``bytes`` are those of each way's input.
    ``peaks``: bytes of memory that it took at most, where it is a process of its own.
    ``disturbed``: other programs worked at the same time, so that even ratios may be off.
    """

    title: str
    targets: list[Target]
    bytes: dict[str, int]
    seconds: dict[str, list[float]]
    peaks: dict[str, int]
    disturbed: bool = False

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def rate(self, name: str) -> float:
        """Gigabytes of input per second, by the median."""
        return self.bytes[name] / self.median(name) / 1e9

    def verdicts(self) -> list[Verdict]:
        """The targets whose ways were all measured."""
        known = [t for t in self.targets if {t.of, t.to} - {""} <= set(self.seconds)]
        return [
            Verdict(self.title, target, self._ratio(target), self.disturbed) for target in known
        ]

    def _ratio(self, target: Target) -> float:
        if target.memory is not None:
            return self.peaks[target.of] / 1e6
        if target.per_byte:
            return self.rate(target.of) / self.rate(target.to)
        ratio = self.median(target.to) / self.median(target.of)
        return ratio if target.least is not None else 1 / ratio


def measure(case: Case, budget: float) -> Times:
    """Check that the ways agree (which warms them up), then time them in turns.

    There are ``case.rounds`` rounds, fewer where they would take longer than ``budget`` seconds,
    but at least three, which is how many slow ways have in any case. Rounds in which other programs
    worked are made again, for up to the same time once more; they only count where fewer than three
    others are there.
    """
    agree(case)
    quiet: list[dict[str, float]] = []
    others: list[dict[str, float]] = []
    peaks: dict[str, int] = {}
    start = time.perf_counter()
    while len(quiet) < case.rounds and len(others) < 2 * case.rounds:
        watch = Watch()
        seconds = _round([way for way in case.ways if _is_due(way, quiet)], peaks)
        (quiet if watch.others() < DISTURBED else others).append(seconds)
        done = len(quiet) + len(others)
        spent = time.perf_counter() - start + sum(seconds.values())
        if spent > budget * (1 if len(quiet) >= FEW else 2) and done >= FEW:
            break
    rounds = quiet if len(quiet) >= FEW else quiet + others
    times = {way.name: [one[way.name] for one in rounds if way.name in one] for way in case.ways}
    sizes = {way.name: way.bytes for way in case.ways}
    return Times(case.title, case.targets, sizes, times, peaks, disturbed=rounds is not quiet)


def _is_due(way: Way, rounds: list[dict[str, float]]) -> bool:
    """Whether a way is timed in the next round: slow ones are not, once they have a few."""
    if len(rounds) < FEW:
        return True
    middle = statistics.median(rounds[0].values())
    return statistics.median(one[way.name] for one in rounds[:FEW]) <= SLOW * middle


def _round(ways: list[Way], peaks: dict[str, int]) -> dict[str, float]:
    """The seconds of every way, once; ``peaks`` are raised to what processes needed."""
    seconds = {}
    for way in ways:
        way.before()
        began = time.perf_counter()
        result = way.run()
        seconds[way.name] = time.perf_counter() - began
        if isinstance(result, Ran):
            seconds[way.name] = result.seconds
            peaks[way.name] = max(result.peak, peaks.get(way.name, 0))
        del result  # before the next way needs memory
        way.after()
    return seconds


def agree(case: Case) -> None:
    """Raise AssertionError where two ways give different numbers."""
    answers: dict[str, tuple[str, Any]] = {}
    for way in case.ways:
        way.before()
        result = way.run()
        # A copy: the next run may use its memory again.
        got = None if way.answer is None else np.array(way.look(result))
        del result
        way.after()
        if way.answer is None or got is None:
            continue
        if way.answer not in answers:
            answers[way.answer] = way.name, got
            continue
        first, expected = answers[way.answer]
        pair = f"{case.title}: {way.name} and {first}"
        if got.size != expected.size:
            raise AssertionError(f"{pair} give {got.shape} and {expected.shape}")
        apart = np.abs(got.reshape(expected.shape).astype(np.float64) - expected)
        if apart.max() > case.tolerance * max(1.0, np.abs(expected.astype(np.float64)).max()):
            raise AssertionError(f"{pair} give numbers that are {apart.max()} apart")
