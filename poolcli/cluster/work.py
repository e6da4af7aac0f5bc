"""What is sent to workers and what they do: requests, which can be pickled, and plain results.

A worker does a batch as one machine does its jobs, in its own process: were that killed, a child
would live on. What goes wrong with a file is a result like others.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

from poolcli import formats
from poolcli.batch.job import Task
from poolcli.batch.manifest import Manifest
from poolcli.batch.outputs import Job
from poolcli.batch.run import do_task
from poolcli.batch.worker import StartLatch, Worker
from poolcli.cluster.software import difference, software
from poolcli.engine.arrays import read_whole
from poolcli.errors import InputError, OutputError, PoolError, UsageError
from poolcli.formats.table import BY_EXTENSION
from poolcli.images.options import ImageOptions
from poolcli.operation import Operation
from poolcli.outcomes import Failed, Outcome, Result, Skipped, Stopped, without_arrays

# Seconds between two messages of how far a batch is.
EVERY = 0.5
# Bytes of an input that is sent, to be drawn beside a result that is only shown.
SHOWN = 1 << 20


class Sight(NamedTuple):
    """A file as the client sees it; of one without a size it only counts that it is there."""

    path: str
    size: int | None = None
    mtime_ns: int | None = None


class Notes(NamedTuple):
    """Where outputs are noted: the manifest's folder and fingerprint."""

    folder: str
    fingerprint: Mapping[str, str]


class Common(NamedTuple):
    """What all batches of a run, which is called ``run``, have in common.

    ``software`` is what the client pools with; None where workers may have another. ``sights`` are
    some of the files that all of them should see.
    """

    run: str
    operation: Operation
    layouts: Mapping[int, str]
    images: ImageOptions
    max_bytes: int | None
    notes: Notes | None
    software: Mapping[str, str] | None
    sights: tuple[Sight, ...] = ()


class Batch(NamedTuple):
    """Jobs, by their places among all jobs of the run."""

    jobs: Mapping[int, Job]


class Band(NamedTuple):
    """Some of the blocks of one large array, ``first`` to ``stop - 1`` of ``blocks``.

    They are written into what the client has begun to write at ``path``, in the format of
    extension ``format``.
    """

    place: int
    job: Job
    format: str
    path: str
    first: int
    stop: int
    blocks: int


class Problem(NamedTuple):
    """What went wrong with a job. Its own error may not be one that can be sent."""

    kind: str
    message: str

    @classmethod
    def of(cls, error: PoolError) -> Problem:
        """Describe an error."""
        kinds = (UsageError, InputError, OutputError)
        kind = next((kind for kind in kinds if isinstance(error, kind)), InputError)
        return cls(kind.__name__, str(error))

    def error(self) -> PoolError:
        """The error again."""
        kinds = {kind.__name__: kind for kind in (UsageError, InputError, OutputError)}
        return kinds[self.kind](self.message)


Came = Result | Problem | None
"""What came of a job; None: another run had done it already."""


class Done(NamedTuple):
    """What came of a batch: for each place the outcomes. ``begun`` and ``ended`` are in seconds."""

    came: Mapping[int, Sequence[Came]]
    begun: float
    ended: float


class Differs(Exception):
    """A worker that has another software, or does not see the files; says which and how."""


class Ways(NamedTuple):
    """How a batch that is being done is heard of, and how it hears.

    ``tell`` is told which places have ended since last told, and what part of a large input was
    pooled. ``is_stopped`` says whether the batch is no longer wanted. ``max_bytes`` is the memory
    that there is for it.
    """

    tell: Callable[[Sequence[int], float], None]
    is_stopped: Callable[[], bool]
    max_bytes: int | None = None


def do(common: Common, work: Batch | Band, ways: Ways) -> Done:
    """Do a batch or a band. Raises Differs, before anything is done, and Stopped."""
    begun = time.time()
    with runs.working(common) as manifest:
        if isinstance(work, Batch):
            came = _do_batch(work, _worker(common, ways, manifest), ways)
        else:
            came = {work.place: _do_band(work, _worker(common, ways, manifest, is_told=True))}
    return Done(came, begun, time.time())


def _do_batch(batch: Batch, worker: Worker, ways: Ways) -> Mapping[int, Sequence[Came]]:
    """Do the jobs of a batch, one after another."""
    came = {}
    ended: list[int] = []
    last = time.monotonic()
    for place, job in batch.jobs.items():
        came[place] = [_sendable(outcome) for outcome in _do_again(job, worker)]
        ended.append(place)
        if time.monotonic() - last >= EVERY:
            ways.tell(ended, 0.0)
            ended, last = [], time.monotonic()
    return came


def _do_band(band: Band, worker: Worker) -> Sequence[Came]:
    """Pool some of the blocks of an array; nothing came of it but what is written."""
    task = Task(band.job, worker)
    try:
        planned = task.only_array()
        plan = planned.checked().single
        assert plan is not None
        new = task.new_array(planned, plan, str(band.job.output))
        with formats.shared(new, BY_EXTENSION[band.format], band.path) as out:
            content = planned.source.content
            if plan.count_blocks(content, out) != band.blocks:
                raise Differs(f"{band.job.input.label} is cut there into other blocks than here")
            some = replace(plan, blocks=(band.first, band.stop))
            worker.images.run(some, planned.source, out, task.tick)
    except PoolError as error:
        return [Problem.of(error)]
    finally:
        task.close()
    return []


def _worker(
    common: Common, ways: Ways, manifest: Manifest | None, *, is_told: bool = False
) -> Worker:
    """Give what jobs here have in common; ``is_told``: the client hears how far one of them is."""
    part, last = 0.0, time.monotonic()

    def tick(_job: Job, done: float) -> None:
        nonlocal part, last
        if ways.is_stopped():
            raise Stopped
        part += done
        if is_told and time.monotonic() - last >= EVERY:
            ways.tell((), part)
            part, last = 0.0, time.monotonic()

    max_bytes = ways.max_bytes if common.max_bytes is None else common.max_bytes
    operation = common.operation.with_threads(1)
    shared = (max_bytes, common.images, manifest, tick, StartLatch(made=True))
    return Worker(operation, common.layouts, *shared)


def _do_again(job: Job, worker: Worker) -> Iterator[Outcome]:
    """Do a job that may have been done by a worker that died before it could say so."""
    for outcome in do_task(Task(job, worker)):
        if isinstance(outcome, Skipped):
            with suppress(PoolError):
                done = [came for came in Task(job, worker).dry_run() if isinstance(came, Result)]
                yield from done
                continue
        yield outcome if job.output is None else without_arrays(outcome)


def _sendable(outcome: Outcome) -> Came:
    if isinstance(outcome, Failed):
        return Problem.of(outcome.error)
    if not isinstance(outcome, Result) or outcome.source is None:
        return outcome if isinstance(outcome, Result) else None
    source = outcome.source
    nbytes = math.prod(source.shape) * source.dtype.itemsize
    return outcome._replace(source=read_whole(source) if nbytes <= SHOWN else None)


def check(common: Common) -> None:
    """See that this process would do the same as the client. Raises Differs."""
    if common.software is not None and (said := difference(common.software, software())):
        raise Differs(f"{said}; bytes of results may differ, which `mixed` allows")
    for sight in common.sights:
        if said := _unlike(sight, same=common.software is not None):
            raise Differs(f"{said}; workers need the same files under the same names")


def _unlike(sight: Sight, *, same: bool) -> str | None:
    """Say how a file differs from what the client sees; None where it does not."""
    try:
        info = os.stat(sight.path)
    except OSError as error:
        return f"{sight.path}: {error.strerror or error}"
    if sight.size is None or not same:
        return None
    if info.st_size != sight.size:
        return f"{sight.path}: has {info.st_size} bytes there, here {sight.size}"
    if info.st_mtime_ns != sight.mtime_ns:
        return f"{sight.path}: has another time there than here"
    return None


class _Runs:
    """The runs that this process works for, one after another mostly; threads share them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checked: set[str] = set()
        self._manifests: dict[str, Manifest] = {}
        self._batches: dict[str, int] = {}

    @contextmanager
    def working(self, common: Common) -> Iterator[Manifest | None]:
        """Check this process, where that was not done, and give what outputs are noted in."""
        with self._lock:
            if common.run not in self._checked:
                check(common)
                self._checked.add(common.run)
            # Those that have ended without a word, as their client has died.
            for run in [run for run in self._manifests if run != common.run]:
                if not self._batches.get(run):
                    self._manifests.pop(run).close()
            manifest = self._manifests.get(common.run)
            if manifest is None and common.notes is not None:
                manifest = Manifest(*common.notes, writer="worker", read=False)
                manifest.begin(merge=False)
                self._manifests[common.run] = manifest
            self._batches[common.run] = self._batches.get(common.run, 0) + 1
        try:
            yield manifest
        finally:
            with self._lock:
                self._batches[common.run] -= 1

    def forget(self, run: str) -> None:
        """A run is over: close what is open for it."""
        with self._lock:
            self._checked.discard(run)
            self._batches.pop(run, None)
            manifest = self._manifests.pop(run, None)
        if manifest is not None:
            manifest.close()


runs = _Runs()
