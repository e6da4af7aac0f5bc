"""Shards: the same command on many machines, each of which takes its part of the inputs.

Which part it is follows from the names of all inputs alone, so that nobody has to talk to anybody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from poolcli.errors import UsageError
from poolcli.notation import shorten

AUTO = "auto"
_NUMBER = r"\d{1,9}"


class Shard(NamedTuple):
    """Part ``number``, from 0, of so many ``parts``."""

    number: int
    parts: int

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"

    def takes(self, labels: Sequence[str]) -> set[int]:
        """Say which inputs, by their places among the ``labels`` of all, belong to this shard.

        In the order of their labels, input i goes to shard i mod ``parts``.

        >>> sorted(Shard(1, 2).takes(["d", "a", "c", "b"]))
        [0, 3]
        """
        order = sorted(range(len(labels)), key=lambda place: labels[place])
        return set(order[self.number :: self.parts])


class Array(NamedTuple):
    """The variables by which a scheduler tells a task its number in an array of tasks.

    ``tasks``: how many there are; ``first``, ``last`` and ``step``: the numbers they have.
    """

    task: str
    tasks: str | None = None
    first: str | None = None
    last: str | None = None
    step: str | None = None


ARRAYS = (
    Array(
        *("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"),
        *("SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP"),
    ),
    Array("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"),
    Array("JOB_COMPLETION_INDEX"),
)


def parse_shard(text: str, environ: Mapping[str, str] = os.environ) -> Shard:
    """Read ``I/N``, ``auto`` or ``auto/N``.

    ``auto`` takes both numbers from the variables of the scheduler that started this process, and
    ``auto/N`` only the task's own number, as it stands.

    Raises UsageError.

    >>> parse_shard("3/16")
    Shard(number=3, parts=16)
    >>> parse_shard("auto/16", {"JOB_COMPLETION_INDEX": "3"})
    Shard(number=3, parts=16)
    """
    wanted, slash, parts = text.strip().partition("/")
    if wanted == AUTO and (not slash or re.fullmatch(_NUMBER, parts)):
        return _checked(*_of_array(environ, int(parts) if slash else None))
    if not (re.fullmatch(_NUMBER, wanted) and re.fullmatch(_NUMBER, parts)):
        raise UsageError(
            f"`shard` {shorten(text)}: say which of how many, such as 0/16 to 15/16, or auto"
        )
    return _checked(int(wanted), int(parts), "")


def _checked(index: int, count: int, of: str) -> Shard:
    if count < 1:
        raise UsageError(f"`shard` {index}/{count}: there is at least one shard")
    if index >= count:
        raise UsageError(
            f"`shard` {index}/{count}: {of}shards count from 0, so {count} of them are 0/{count}"
            f" to {count - 1}/{count}"
        )
    return Shard(index, count)


def _of_array(environ: Mapping[str, str], parts: int | None) -> tuple[int, int, str]:
    array = next((array for array in ARRAYS if array.task in environ), None)
    if array is None:
        known = ", ".join(array.task for array in ARRAYS)
        raise UsageError(f"`shard` auto: this is no task of an array; none of {known} is set")
    numbers = {
        part: _number(environ, name)
        for part, name in array._asdict().items()
        if name is not None and name in environ
    }
    index = numbers["task"]
    if parts is not None:
        return index, parts, f"{array.task} is {index}, and "
    if "tasks" not in numbers:
        raise UsageError(f"`shard` auto: {array.task} is {index} of how many? say auto/N")
    count, first, step = numbers["tasks"], numbers.get("first", 0), numbers.get("step", 1)
    end = first + count * step
    if index not in range(first, end, step) or numbers.get("last", end - step) != end - step:
        raise UsageError(
            f"`shard` auto: the numbers of the {count} tasks have gaps, and {index} is which of"
            " them? say auto/N, where they count from 0 to N-1"
        )
    return (index - first) // step, count, f"{array.task} is {index}, and "


def _number(environ: Mapping[str, str], name: str) -> int:
    if not re.fullmatch(_NUMBER, environ[name]):
        raise UsageError(f"{name} {shorten(environ[name])}: is no number of a task")
    return int(environ[name])
