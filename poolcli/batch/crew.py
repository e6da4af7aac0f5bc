"""Several jobs at a time, within bounded memory."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from poolcli import files
from poolcli.batch.memory import PROGRAM, Budget, keep_freed_memory
from poolcli.batch.needs import need_of
from poolcli.batch.outcomes import Failed, Outcome, Settings, Watch, without_arrays
from poolcli.batch.outputs import Job
from poolcli.batch.work import Worker
from poolcli.report import Result

if TYPE_CHECKING:
    from concurrent.futures import Future

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
        self._limit = files.available_memory() // 2 if limit is None else limit
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
