"""Several jobs at a time, within bounded memory."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from poolcli import formats
from poolcli.batch.job import Task
from poolcli.batch.worker import Planned
from poolcli.formats.table import row_of
from poolcli.outcomes import Failed, Outcome, Result, Settings, Stopped, Watch, without_arrays

if TYPE_CHECKING:
    from concurrent.futures import Future

# What the program takes before there is any array: Python, NumPy, Pillow and tifffile.
PROGRAM = 48 << 20
# Of the C library: where memory is not returned to the system, and where it never was its own.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGEST_OF_ITS_OWN = 1 << 25


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


# One thread's blocks, and what goes with opening and writing any file.
_BLOCKS, _LEAST = 8 << 20, 1 << 18


def estimate_memory(task: Task) -> int:
    """Estimate the memory that a job takes at most, in bytes; it is opened and planned for that."""
    if task.job.skip or task.job.input.path is None:
        return 0
    if not task.prepare():
        return _LEAST + task.unplanned_bytes if task.unplanned_bytes else 0
    arrays = [planned for planned in task.planned if planned.plan is not None]
    # What cannot be read or planned takes nothing.
    return _LEAST + sum(_bytes_of(planned, task) for planned in arrays) if arrays else 0


def _bytes_of(planned: Planned, task: Task) -> int:
    plan, source = planned.checked(), planned.source
    info, images = source.info, task.worker.images
    count: int = math.prod(plan.output_shape)
    result: int = count * plan.output_dtype.itemsize
    held = info.nbytes
    blocks: int = min(_BLOCKS, held + result)
    if not source.is_read_whole and task.goes_by_boxes(planned, plan):
        held = 0
        if source.chunks is not None:
            blocks = min(sum(task.memory(planned, plan)), info.nbytes + result)
        if task.writes_boxes(planned, plan) is not None:
            return blocks  # it goes from file to file
    decoding = held * info.row.decoded
    pooling = blocks + result + images.bytes_beside(info, plan)
    pooling += 8 * count * len(task.job.beside)
    row = row_of(planned.format) or info.row
    return math.ceil(max(decoding, held + pooling, held + row.encoded * result))


# Jobs that are begun before the first of them is done, beyond those at work.
AHEAD = 2
# Descriptors that a job may have open, and those that the program has for itself.
DESCRIPTORS, DESCRIPTORS_OF_OURS = 6, 16
# Seconds that jobs at work are given to notice that the run is over.
GRACE = 0.5


class JobPool:
    """Threads that do jobs: decoders, encoders and NumPy let each other work meanwhile.

    Processes are no faster at that, and know nothing of each other's memory.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        do_task: Callable[[Task], Iterator[Outcome]],
        settings: Settings,
        watch: Watch,
        stop: threading.Event,
        size: int,
    ) -> None:
        self._tasks, self._do_task = tasks, do_task
        self._settings, self._watch, self._stop, self._size = settings, watch, stop, size
        limit = settings.max_bytes
        self._limit = formats.available_memory() // 2 if limit is None else limit
        self._budget = Budget(self._limit - PROGRAM)

    def outcomes(self) -> Iterator[Outcome]:
        """Do the jobs. Who stops listening stops them, and waits a moment for those at work.

        One that does not notice, as it is in a sort that takes minutes, is left behind at work; it
        ends without a result.
        """
        from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

        running: dict[Future[_Done], int] = {}
        finished: dict[int, _Done] = {}
        begun = given = 0
        failed = False
        keep_freed_memory(self._limit)
        pool = ThreadPoolExecutor(self._size)
        try:
            while True:
                while begun < len(self._tasks) and not failed and self._room(running, finished):
                    running[pool.submit(self._do, begun)] = begun
                    begun += 1
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    number, done = running.pop(future), future.result()
                    finished[number] = done
                    self._watch.end(self._tasks[number].job, done.how)
                    failed |= self._settings.fail_fast and done.how is Failed
                while finished and (given in finished or not self._settings.in_order):
                    done = finished.pop(given if self._settings.in_order else min(finished))
                    given += 1
                    yield from done.outcomes
                    if done.held is not None:
                        self._budget.give_back(done.held)
        finally:
            self._stop.set()
            self._budget.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            at_work = [future for future in running if not future.cancelled()]
            if not wait(at_work, GRACE).not_done:
                pool.shutdown(wait=True)

    def _room(self, running: Mapping[Future[_Done], int], finished: Mapping[int, _Done]) -> bool:
        # Outcomes that wait for their turn may be many, if the first job is long; arrays may not.
        waiting = sum(done.held is not None for done in finished.values())
        return len(running) + waiting < self._size + AHEAD

    def _do(self, number: int) -> _Done:
        task = self._tasks[number]
        need = estimate_memory(task)
        self._budget.take(number, need)
        if task.job.output is None:
            return _Done(list(self._do_task(task)), need)  # arrays that will be shown
        outcomes = [without_arrays(outcome) for outcome in self._do_task(task)]
        self._budget.give_back(need)
        return _Done(outcomes, None)


class _Done(NamedTuple):
    """What came of a job, and the memory that is still held for it."""

    outcomes: Sequence[Outcome]
    held: int | None

    @property
    def how(self) -> type[Outcome]:
        """How the job ended: an error is that even where results came before it."""
        return type(self.outcomes[-1]) if self.outcomes else Result


def most_at_once() -> int:
    """How many jobs may be at work before the files that they have open are too many."""
    try:
        import resource
    except ImportError:  # Windows
        return sys.maxsize
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, (limit - DESCRIPTORS_OF_OURS) // DESCRIPTORS)
