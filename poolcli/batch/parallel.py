"""Several jobs at a time, within bounded memory."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from poolcli import formats
from poolcli.batch.job import Worker
from poolcli.batch.outputs import Job
from poolcli.errors import PoolError
from poolcli.formats.image_writer import FORMATS
from poolcli.outcomes import (
    Failed,
    Outcome,
    Result,
    Settings,
    Stopped,
    Watch,
    without_arrays,
)

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


# Decoding takes so many times the pixels: its own, their bytes in pieces, and joined.
_DECODED = {".webp": 6.2}
_DECODED_ELSE = 3.5
# Writing takes so many times the result: a copy in the encoder's order, and the bytes of the file.
_ENCODED = {".tif": 4.0, ".tiff": 4.0}
_ENCODED_PICTURE, _ENCODED_ELSE = 3.5, 1.5
# Numbers as text become so many times the bytes of it.
_PARSED = 8
# Of arrays that are pooled as they are read, no more is in memory at once.
_READ_AT_ONCE = {"npy": 0, "npz": 1 << 25}
# One thread's blocks, and what goes with opening and writing any file.
_BLOCKS, _LEAST = 8 << 20, 1 << 18


def need_of(job: Job, worker: Worker) -> int:
    """Estimate the memory that a job takes at most, in bytes."""
    path = job.source.path
    if job.skip or path is None:
        return 0
    try:
        described = formats.describe_at_most(path, worker.pictures.reading(job), job.source.members)
        if described is None:
            return _LEAST + _PARSED * os.path.getsize(str(job.source.file))
    except (PoolError, OSError):
        return 0  # reading it will fail, too
    need = _LEAST
    with suppress(PoolError):  # as will reading other arrays of it
        for one in described:
            with suppress(PoolError):  # as will pooling this one, and the others go on
                need += _need_of_array(one, job, worker)
    return need


def _need_of_array(described: formats.Described, job: Job, worker: Worker) -> int:
    format = job.format or described.format
    plan = worker.plan(described, format)
    count: int = math.prod(plan.output_shape)
    result: int = count * plan.output_dtype.itemsize
    source = described.nbytes
    blocks: int = min(_BLOCKS, source + result)
    if plan.single is not None and not worker.pictures.are_concerned(described):
        if described.kind == "npy" and format == ".npy" and job.output is not None:
            return blocks  # it goes from file to file
        source = min(source, _READ_AT_ONCE.get(described.kind, source))
    decoding = float(source)
    if described.kind == "image":
        decoding *= _DECODED.get(described.format, _DECODED_ELSE)
    pooling = blocks + result + worker.pictures.bytes_beside(described, plan)
    if job.indices is not None:
        pooling += 8 * count
    encoding = _ENCODED.get(format, _ENCODED_PICTURE if format in FORMATS else _ENCODED_ELSE)
    return math.ceil(max(decoding, source + pooling, source + encoding * result))


# Jobs that are begun before the first of them is done, beyond those at work.
AHEAD = 2
# Descriptors that a job may have open, and those that the program has for itself.
DESCRIPTORS, DESCRIPTORS_OF_OURS = 6, 16
# Seconds that jobs at work are given to notice that the run is over.
GRACE = 0.5


class Crew:
    """Threads that do jobs: decoders, encoders and NumPy let each other work meanwhile.

    Processes are no faster at that, and know nothing of each other's memory.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        worker: Worker,
        do_job: Callable[[Job, Worker], Iterator[Outcome]],
        settings: Settings,
        watch: Watch,
        stop: threading.Event,
        size: int,
    ) -> None:
        self._jobs, self._worker, self._do_job = jobs, worker, do_job
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
        begun = told = 0
        failed = False
        keep_freed_memory(self._limit)
        pool = ThreadPoolExecutor(self._size)
        try:
            while True:
                while begun < len(self._jobs) and not failed and self._room(running, finished):
                    running[pool.submit(self._do, begun)] = begun
                    begun += 1
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    number, done = running.pop(future), future.result()
                    finished[number] = done
                    self._watch.end(self._jobs[number], done.how)
                    failed |= self._settings.fail_fast and done.how is Failed
                while finished and (told in finished or not self._settings.in_order):
                    done = finished.pop(told if self._settings.in_order else min(finished))
                    told += 1
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
        job = self._jobs[number]
        need = need_of(job, self._worker)
        self._budget.take(number, need)
        if job.output is None:
            return _Done(list(self._do_job(job, self._worker)), need)  # arrays that will be shown
        outcomes = [without_arrays(outcome) for outcome in self._do_job(job, self._worker)]
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
