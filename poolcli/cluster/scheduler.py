"""The only door to Dask: a connection to a scheduler, and what its workers call.

Who uses it submits numbered work and hears what becomes of it as messages.
"""

from __future__ import annotations

import logging
import pickle
import queue
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import distributed
from distributed.scheduler import KilledWorker

from poolcli.cluster.work import Band, Batch, Common, Differs, Done, Ways, check, do, runs
from poolcli.errors import PoolError

# Seconds to wait: for the scheduler, for a first worker, and for the last words of a run.
CONNECTING, STARTING, LEAVING = 10.0, 60.0, 2.0
# A worker's memory is for all its threads, and for what is not counted.
_SHARE = 2


class ClusterError(PoolError):
    """The cluster does not do what it is there for; other runs may."""


class Began(NamedTuple):
    """A worker has begun with work; that of a worker that has died is begun again by another."""

    number: int
    worker: str
    when: float


class Progress(NamedTuple):
    """Which of its places have ended since last told, and what part of a band was pooled."""

    number: int
    ended: Sequence[int]
    part: float


class Finished(NamedTuple):
    """What came of work."""

    number: int
    done: Done


class Died(NamedTuple):
    """The scheduler gives up work, as too many workers have died over it."""

    number: int


class Broken(NamedTuple):
    """Something that ends the run."""

    error: PoolError


Message = Began | Progress | Finished | Died | Broken


class Scheduler:
    """A scheduler that is there already, for one run. Close it, whatever happens."""

    def __init__(self, address: str, run: str) -> None:
        """Connect. Raises ClusterError where that takes longer than 10 seconds."""
        self.address, self._run = address, run
        self._futures: dict[int, Any] = {}
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        _hush()
        try:
            self._client = distributed.Client(
                address, timeout=CONNECTING, set_as_default=False, name="poolcli"
            )
        except Exception as error:  # of many kinds, from the network's to TLS's
            reason = str(error).split("\n")[0] or type(error).__name__
            raise ClusterError(
                f"{address}: no scheduler answers within {CONNECTING:.0f} s ({reason})"
            ) from error
        self._client.subscribe_topic(_topic(run), self._hear)

    @property
    def threads(self) -> int:
        """How many tasks all workers together can do at once; 0: there is no worker."""
        if self._client.status != "running":
            return 0
        with suppress(Exception):
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
            return sum(worker["nthreads"] for worker in workers)
        return 0

    def wait_for_workers(self) -> None:
        """Wait until there is a worker. Raises ClusterError after 60 seconds."""
        try:
            self._client.wait_for_workers(1, timeout=STARTING)
        except Exception as error:
            raise ClusterError(
                f"{self.address}: it has no workers, and none came within {STARTING:.0f} s"
            ) from error

    def check(self, common: Common) -> None:
        """Let every worker see whether it would do the same as we. Raises ClusterError."""
        said = self._client.run(_check, pickle.dumps(common), on_error="return")
        for worker, problem in said.items():
            if isinstance(problem, str):
                raise ClusterError(f"{worker}: {problem}")
            if problem is not None:
                raise self._unforeseen(problem, worker)

    def submit(self, number: int, common: Common, work: Batch | Band) -> None:
        """Have it done by some worker. Raises ClusterError where the scheduler is gone."""
        key, pickled = f"poolcli-{self._run}-{number}", pickle.dumps((common, work))
        try:
            future = self._client.submit(_perform, number, pickled, key=key, pure=False)
        except Exception as error:
            if self._client.status == "running":
                raise
            raise self._gone() from error
        self._futures[number] = future
        future.add_done_callback(lambda future: self._end(number, future))

    def cancel(self, number: int) -> None:
        """Want it no more: it is not begun, and if it is at work, it ends soon without a result."""
        future = self._futures.pop(number, None)
        if future is not None:
            with suppress(Exception):
                future.cancel()

    def message(self, seconds: float) -> Message | None:
        """Wait for the next message; None where none comes within so many seconds."""
        try:
            return self._messages.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Cancel what is left, and let workers forget the run."""
        futures, self._futures = list(self._futures.values()), {}
        with suppress(Exception):
            if self._client.status == "running":
                if futures:
                    self._client.cancel(futures)
                self._client.run(_forget, self._run, on_error="ignore", wait=False)
        with suppress(Exception):
            self._client.close(timeout=LEAVING)

    def _hear(self, event: tuple[float, Any]) -> None:
        when, (kind, number, *rest) = event
        if kind == "began":
            self._messages.put(Began(number, rest[0], when))
        else:
            self._messages.put(Progress(number, rest[0], rest[1]))

    def _end(self, number: int, future: Any) -> None:
        """Take what came of work; called by a thread of Dask's.

        Where the worker that has it died, this waits until another has done the work again, or
        until it is cancelled, as is heard of in the meantime.
        """
        if not self._wants(number, future):
            return
        try:
            status = future.status
            if status == "finished":
                message: Message = Finished(number, future.result())
            elif status == "cancelled":
                message = Broken(self._gone())
            else:
                message = self._failure(number, future.exception())
        except OSError:  # as all of Dask's that say that a connection is closed
            message = Broken(self._gone())
        except Exception as error:
            message = Broken(self._unforeseen(error))
        if not self._wants(number, future):
            return
        self._futures.pop(number, None)  # so that the cluster need not keep it
        self._messages.put(message)

    def _wants(self, number: int, future: Any) -> bool:
        return number in self._futures and self._futures[number] is future

    def _failure(self, number: int, error: BaseException) -> Message:
        if isinstance(error, KilledWorker):
            return Died(number)
        if isinstance(error, Differs):
            return Broken(ClusterError(str(error)))
        return Broken(error if isinstance(error, PoolError) else self._unforeseen(error))

    def _gone(self) -> ClusterError:
        return ClusterError(f"{self.address}: the scheduler is gone; what was finished stays")

    def _unforeseen(self, error: BaseException, where: str | None = None) -> ClusterError:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ImportError):
                return ClusterError(
                    f"{where or self.address}: this poolcli is not installed there ({cause})"
                )
            cause = cause.__cause__
        text = " ".join(str(error).split())
        failure = ClusterError(f"{where or self.address}: {type(error).__name__}: {text}")
        failure.__cause__ = error
        return failure


def _hush() -> None:
    """Keep Dask from saying in many lines what we say in one."""
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _topic(run: str) -> str:
    return f"poolcli-{run}"


def _check(pickled: bytes) -> str | None:
    """In a worker: say what differs."""
    try:
        check(pickle.loads(pickled))
    except Differs as differs:
        return str(differs)
    return None


async def _forget(run: str) -> None:
    """In a worker: a run is over. As it is a coroutine, nobody has to wait for it."""
    runs.forget(run)


def _perform(number: int, pickled: bytes) -> Done:
    """In a worker: do work, in this process, and tell how it goes."""
    common, work = pickle.loads(pickled)
    worker = distributed.get_worker()
    key, topic = worker.get_current_task(), _topic(common.run)

    def is_stopped() -> bool:
        state = worker.state.tasks.get(key)
        return state is None or state.state not in ("executing", "long-running")

    def tell(ended: Sequence[int], part: float) -> None:
        worker.log_event(topic, ("progress", number, list(ended), part))

    worker.log_event(topic, ("began", number, worker.address))
    memory = worker.memory_manager.memory_limit
    share = None if memory is None else memory // (_SHARE * worker.state.nthreads)
    try:
        return do(common, work, Ways(tell, is_stopped, share))
    except Differs as differs:
        raise Differs(f"{worker.address}: {differs}") from differs
