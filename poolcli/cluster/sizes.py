"""How large tasks are: by headers at first, then by how long tasks have really taken."""

from __future__ import annotations

from typing import NamedTuple

from poolcli.batch.job import Task
from poolcli.batch.worker import Planned
from poolcli.operation import OperationPlan

# Seconds that a task takes: below, what it costs besides its work shows; above, what a death costs.
LEAST, MOST = 1.0, 5.0
# Tasks for each thread, where there is so much to do: the last ones end at about the same time.
EACH = 4
MOST_FILES = 1000
# Bytes a second: of pictures, which are unpacked and packed, of what is parsed, and of boxes.
_PICTURES, _PARSED, _BOXES = 40e6, 10e6, 500e6
# Seconds that any file takes.
_FILE = 0.002


class Weight(NamedTuple):
    """About how many seconds a job takes, and its array where that can go by boxes."""

    seconds: float
    boxes: tuple[Planned, OperationPlan] | None = None


def weigh(task: Task) -> Weight:
    """Weigh a job by what its headers tell. It is left open; one that is broken weighs little."""
    if not task.prepare():
        return Weight(_FILE + task.unplanned_bytes / _PARSED)
    seconds, boxes = _FILE, None
    planned = task.planned
    for array in planned:
        info, plan = array.source.info, array.plan
        if plan is None:
            continue
        row = task.writes_boxes(array, plan)
        by_boxes = row is not None or info.row.pictures is None
        seconds += info.nbytes / (_BOXES if by_boxes else _PICTURES)
        shared = row is not None and row.shared is not None and plan.single is not None
        shared = shared and task.archived(array) is None
        if shared and len(planned) == 1 and not task.job.beside:
            boxes = (array, plan)
    return Weight(seconds, boxes)


class Pace:
    """How long tasks should be and how many times as long as expected they take."""

    def __init__(self, jobs: int) -> None:
        self._left, self._weighed, self._seconds = jobs, 0, 0.0
        self._factor = 1.0

    def add(self, weight: Weight) -> None:
        """Count a job that was weighed."""
        self._left -= 1
        self._weighed += 1
        self._seconds += weight.seconds

    def learn(self, expected: float, real: float) -> None:
        """Take into account how long a task has taken."""
        now = min(max(real / max(expected, 1e-6), 0.02), 50.0)
        self._factor += 0.3 * (now - self._factor)

    def expect(self, seconds: float) -> float:
        """How long so much really takes."""
        return seconds * self._factor

    def aim(self, threads: int) -> float:
        """How many seconds a task should take."""
        mean = self._seconds / max(1, self._weighed)
        left = self.expect(self._seconds + mean * self._left)
        return min(max(left / (EACH * max(1, threads)), LEAST), MOST)
