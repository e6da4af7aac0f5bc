"""The jobs of a run on a cluster: told apart, sent, heard of, tried again, and put in order."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from poolcli import formats
from poolcli.batch.job import Task
from poolcli.batch.outputs import Job
from poolcli.batch.run import check_usage, do_task
from poolcli.batch.worker import Planned, StartLatch, Worker
from poolcli.cluster import scheduler as door
from poolcli.cluster.scheduler import ClusterError, Message, Scheduler
from poolcli.cluster.sizes import MOST_FILES, Pace, weigh
from poolcli.cluster.software import software
from poolcli.cluster.work import Band, Batch, Came, Common, Notes, Problem, Sight
from poolcli.errors import InputError, PoolError, UsageError
from poolcli.images.options import ImageOptions
from poolcli.operation import Operation, OperationPlan
from poolcli.outcomes import Failed, Outcome, Result, Settings, Skipped, Watch, without_arrays

if TYPE_CHECKING:
    from poolcli.batch.manifest import Manifest

# Work that is sent ahead: at least so much, and so much for each thread there is.
AHEAD, AHEAD_EACH = 64, 4
# So many workers may die over one file before it is to blame.
DEATHS = 3
# Inputs that every worker looks at before it begins.
LOOKED_AT = 16


class Cluster(NamedTuple):
    """Which cluster: the address of its scheduler; ``mixed``: its workers may have other software.

    ``listen`` hears every message, and when.
    """

    address: str
    mixed: bool = False
    listen: Callable[[Message], None] = lambda _message: None


def run(
    jobs: Sequence[Job],
    operation: Operation,
    layouts: Mapping[int, str],
    settings: Settings = Settings(),  # noqa: B008 (it is immutable)
    *,
    cluster: Cluster,
    images: ImageOptions = ImageOptions(),  # noqa: B008 (it is immutable)
    manifest: Manifest | None = None,
    watch: Watch = Watch(),  # noqa: B008 (it has no state)
    alone: bool = True,
) -> Generator[Outcome, None, None]:
    """Do the jobs on a cluster; otherwise as :func:`poolcli.batch.run`, and with the same results.

    Raises
    ------
    UsageError: an input or an output is no file, but an address.
    ClusterError: there is no scheduler or no worker, they differ from this machine, or are lost.
    """
    for address in (name for job in jobs for _, name in _names(job) if formats.is_address(name)):
        raise UsageError(
            f"{address}: a cluster shares files that all its machines see; addresses go by `shard`"
        )
    latch = StartLatch(made=manifest is not None)
    worker = Worker(
        *(operation.with_threads(1), layouts, settings.max_bytes, images, manifest, watch.tick),
        latch,
    )
    if manifest is not None:
        check_usage([Task(job, worker) for job in jobs])
    if all(job.skip for job in jobs):
        yield from _skipped(jobs, watch)
        return
    if manifest is not None:
        manifest.begin(merge=alone)
    folders = {os.path.dirname(path) for job in jobs for path in job.paths}
    name = formats.own_name()
    try:
        for folder in folders:
            formats.sweep(folder)
        common = Common(
            *(name, operation, layouts, images, settings.max_bytes),
            None if manifest is None else Notes(*manifest.kept_for),
            None if cluster.mixed else software(),
            tuple(_sights(jobs, manifest)),
        )
        scheduler = Scheduler(cluster.address, name)
        try:
            scheduler.wait_for_workers()
            scheduler.check(common)
            yield from _Run(jobs, common, worker, settings, watch, scheduler, cluster).outcomes()
        finally:
            scheduler.close()
            for folder in folders:  # what workers have left that died
                formats.sweep(folder)
    finally:
        if manifest is not None:
            manifest.close()


def _skipped(jobs: Sequence[Job], watch: Watch) -> Iterator[Outcome]:
    for job in jobs:
        yield Skipped(job)
        watch.end(job, Skipped)


def _sights(jobs: Sequence[Job], manifest: Manifest | None) -> Iterator[Sight]:
    """Give what every worker should see: some inputs, and where outputs go."""
    files = [job.input.file for job in jobs if not job.skip and job.input.is_stored]
    for file in files[:: max(1, len(files) // LOOKED_AT)]:
        info = os.stat(str(file))
        yield Sight(os.path.abspath(str(file)), info.st_size, info.st_mtime_ns)
    if manifest is not None:
        yield Sight(os.path.abspath(manifest.file))
        return
    for folder in {os.path.dirname(os.path.abspath(path)) for job in jobs for path in job.paths}:
        yield Sight(folder)


@dataclass
class _Sent:
    """Work that was sent. ``after`` are jobs of a batch that has failed, which are done singly."""

    work: Batch | Band
    seconds: float
    begun: int = 0
    deaths: int = 0
    after: deque[int] = field(default_factory=deque)

    @property
    def places(self) -> list[int]:
        return list(self.work.jobs) if isinstance(self.work, Batch) else [self.work.place]


@dataclass
class _Shared:
    """An array of which several workers pool bands into one output, which is written meanwhile."""

    task: Task
    planned: Planned
    plan: OperationPlan
    sink: formats.Sink
    end: ExitStack
    bands: int


class _Run:
    def __init__(
        self,
        jobs: Sequence[Job],
        common: Common,
        worker: Worker,
        settings: Settings,
        watch: Watch,
        scheduler: Scheduler,
        cluster: Cluster,
    ) -> None:
        self._jobs, self._common, self._worker = jobs, common, worker
        self._settings, self._watch, self._scheduler = settings, watch, scheduler
        self._listen = cluster.listen
        self._pace = Pace(len(jobs))
        self._threads = scheduler.threads
        self._place = self._number = self._told = 0
        self._sent: dict[int, _Sent] = {}
        self._bands: deque[tuple[Band, float]] = deque()
        self._shared: dict[int, _Shared] = {}
        self._finished: dict[int, Sequence[Outcome]] = {}
        self._failed = False
        self._idle = 0.0

    def outcomes(self) -> Iterator[Outcome]:
        """Do all jobs, giving what comes of them."""
        try:
            while True:
                self._send_more()
                yield from self._ready()
                if not self._sent:
                    if self._place == len(self._jobs) or self._is_over:
                        return
                    continue
                message = self._scheduler.message(1.0)
                if message is None:
                    self._look_after()
                else:
                    self._idle = 0.0
                    self._listen(message)
                    self._take(message)
        finally:
            for shared in self._shared.values():
                _discard(shared)

    @property
    def _is_over(self) -> bool:
        return self._failed and self._settings.fail_fast

    def _ready(self) -> Iterator[Outcome]:
        """Give what has come and can be told."""
        in_order = self._settings.in_order
        while self._finished and (self._told in self._finished or not in_order):
            yield from self._finished.pop(self._told if in_order else min(self._finished))
            self._told += 1

    def _look_after(self) -> None:
        """Nothing was heard for a second: see whether there is anybody."""
        self._threads = self._scheduler.threads
        self._idle = 0.0 if self._threads else self._idle + 1.0
        if self._idle > door.STARTING:
            left = sum(len(sent.places) for sent in self._sent.values())
            raise ClusterError(
                f"{self._scheduler.address}: all workers are gone, and none came back within"
                f" {door.STARTING:.0f} s; {left} inputs were at work, `resume` does what is left"
            )

    # What is sent.

    def _send_more(self) -> None:
        room = max(AHEAD, AHEAD_EACH * self._threads)
        while len(self._sent) < room:
            new = self._next()
            if new is None:
                return
            self._send(new)

    def _send(self, sent: _Sent) -> None:
        self._number += 1
        self._sent[self._number] = sent
        self._scheduler.submit(self._number, self._common, sent.work)

    def _next(self) -> _Sent | None:
        """Form the next work: some small jobs, or a band of a large one; None: there is no more."""
        if self._bands:
            band, seconds = self._bands.popleft()
            return _Sent(band, seconds)
        chosen: dict[int, Job] = {}
        total, aim = 0.0, self._pace.aim(self._threads)
        while self._place < len(self._jobs) and not self._is_over:
            place, job = self._place, self._jobs[self._place]
            if job.skip or not job.input.is_stored:
                self._place += 1
                self._do_here(place)
                continue
            task = Task(job, self._worker)
            weight = weigh(task)
            expected = self._pace.expect(weight.seconds)
            shared = weight.boxes is not None and expected >= 2 * aim
            if shared and chosen:
                task.close()
                break
            self._place += 1
            self._pace.add(weight)
            if shared and weight.boxes is not None:
                self._share(place, task, *weight.boxes, weight.seconds, aim)
                if self._bands:
                    return self._next()
                continue
            task.close()
            if self._worker.manifest is None and job.output is not None:
                self._do_here(place)  # one file, and nobody notes what a dead worker has done
                continue
            chosen[place] = _absolute(job)
            total += weight.seconds
            if self._pace.expect(total) >= aim or len(chosen) >= MOST_FILES:
                break
        return _Sent(Batch(chosen), total) if chosen else None

    def _do_here(self, place: int) -> None:
        """Do what is no file, or has failed already, in this process."""
        outcomes = list(do_task(Task(self._jobs[place], self._worker)))
        written = self._jobs[place].output is not None
        self._end(place, [without_arrays(o) if written else o for o in outcomes])

    def _share(
        self,
        place: int,
        task: Task,
        planned: Planned,
        plan: OperationPlan,
        seconds: float,
        aim: float,
    ) -> None:
        """Begin the output of a large array, and cut it into bands."""
        single = plan.single
        assert single is not None
        end = ExitStack()
        try:
            end.callback(task.close)
            task.check_memory(planned, plan)
            sink = end.enter_context(task.sink(planned, plan))
            blocks = single.count_blocks(planned.source.content, sink.content)
        except PoolError as error:
            end.close()
            self._end(place, [Failed(self._jobs[place], error)])
            return
        count = max(1, min(blocks, math.ceil(self._pace.expect(seconds) / aim)))
        edges = [i * blocks // count for i in range(count + 1)]
        job = _absolute(self._jobs[place])
        for first, stop in pairwise(edges):
            assert isinstance(sink, formats.BoxSink)
            path = os.path.abspath(sink.path)
            band = Band(place, job, str(planned.format), path, first, stop, blocks)
            self._bands.append((band, seconds / count))
        self._shared[place] = _Shared(task, planned, plan, sink, end, count)

    # What is heard.

    def _take(self, message: Message) -> None:
        if isinstance(message, door.Broken):
            raise message.error
        sent = self._sent.get(message.number)
        if sent is None:
            return  # cancelled meanwhile
        if isinstance(message, door.Began):
            sent.begun += 1
            if sent.begun > 1:
                self._try_again(message.number, sent, given_up=False)
        elif isinstance(message, door.Progress):
            for place in message.ended:
                self._watch.tick(self._jobs[place], 1.0)
            if isinstance(sent.work, Band):
                self._watch.tick(self._jobs[sent.work.place], message.part)
        elif isinstance(message, door.Died):
            self._try_again(message.number, sent, given_up=True)
        else:
            del self._sent[message.number]
            done = message.done
            self._pace.learn(sent.seconds, done.ended - done.begun)
            for place, came in done.came.items():
                if isinstance(sent.work, Band):
                    self._end_band(place, [self._outcome(place, one) for one in came])
                else:
                    self._end(place, [self._outcome(place, one) for one in came])
            self._go_on(sent)

    def _try_again(self, number: int, sent: _Sent, *, given_up: bool) -> None:
        """A worker has died over work: find out over which of its files, one by one."""
        sent.deaths += 1
        is_one = isinstance(sent.work, Band) or len(sent.work.jobs) == 1
        if is_one and sent.deaths < DEATHS and not given_up:
            return  # another worker is at it
        self._scheduler.cancel(number)
        del self._sent[number]
        if not is_one:
            self._go_on(_Sent(sent.work, 0.0, deaths=1, after=deque(sent.places)))
        elif sent.deaths < DEATHS:
            self._send(_Sent(sent.work, sent.seconds, deaths=sent.deaths, after=sent.after))
        else:
            for place in sent.places:
                failed = Failed(self._jobs[place], self._blame(place, sent.deaths))
                if isinstance(sent.work, Band):
                    self._end_band(place, [failed])
                else:
                    self._end(place, [failed])
            self._go_on(sent)

    def _blame(self, place: int, deaths: int) -> InputError:
        return InputError(
            f"{self._jobs[place].input.label}: {deaths} workers died while they were at it; they"
            " may have too little memory for it"
        )

    def _go_on(self, sent: _Sent) -> None:
        """Send the next of the jobs that are done singly."""
        if sent.after and not self._is_over:
            place = sent.after.popleft()
            single = Batch({place: _absolute(self._jobs[place])})
            self._send(_Sent(single, 0.0, deaths=1, after=sent.after))

    def _end_band(self, place: int, outcomes: Sequence[Outcome]) -> None:
        shared = self._shared.get(place)
        if shared is None:
            return  # another band has failed
        shared.bands -= 1
        if not outcomes and shared.bands:
            return
        del self._shared[place]
        if outcomes:
            for number in [n for n, sent in self._sent.items() if sent.places == [place]]:
                self._scheduler.cancel(number)
                del self._sent[number]
            self._bands = deque(item for item in self._bands if item[0].place != place)
            _discard(shared)
        else:
            outcomes = [self._complete(place, shared)]
        self._end(place, outcomes)

    def _complete(self, place: int, shared: _Shared) -> Outcome:
        """Give an output its name of which all bands are written."""
        assert isinstance(shared.sink, formats.BoxSink)
        try:
            with suppress(OSError):  # what this machine knows of its state may be old
                os.utime(shared.sink.path)
            shared.end.close()
            return shared.task.result(shared.planned, shared.plan, shared.sink)
        except PoolError as error:
            return Failed(self._jobs[place], error)

    def _outcome(self, place: int, came: Came) -> Outcome:
        """Say what came in the words of this machine, where files may have shorter names."""
        job = self._jobs[place]
        if came is None:
            return Skipped(job)
        names = tuple(_names(job))
        if isinstance(came, Problem):
            return Failed(job, came._replace(message=_renamed(came.message, names)).error())
        return came._replace(
            label=_renamed(came.label, names),
            notes=tuple(_renamed(note, names) for note in came.notes),
            written=None if came.written is None else job.output,
            indices=None if came.indices is None else job.indices,
            share=None if came.share is None else job.share,
        )

    def _end(self, place: int, outcomes: Sequence[Outcome]) -> None:
        self._finished[place] = outcomes
        how = type(outcomes[-1]) if outcomes else Result
        self._failed |= how is Failed
        self._watch.end(self._jobs[place], how)


def _discard(shared: _Shared) -> None:
    """Leave nothing of an output."""
    with suppress(_Discarded), shared.end:
        raise _Discarded


class _Discarded(Exception):
    """An output is not wanted."""


def _absolute(job: Job) -> Job:
    """The same job for a process that works in another folder."""
    path = os.path.abspath(str(job.input.path))
    opener = partial(formats.open_file, path, streams=False)
    item = job.input._replace(path=path, opener=opener)
    output, indices, share = (
        None if name is None else os.path.abspath(name)
        for name in (job.output, job.indices, job.share)
    )
    return job._replace(input=item, output=output, indices=indices, share=share)


def _names(job: Job) -> Iterator[tuple[str, str]]:
    for name in (job.input.path, job.output, *job.beside.values()):
        if name is not None:
            yield os.path.abspath(name), name


def _renamed(text: str, names: Sequence[tuple[str, str]]) -> str:
    for absolute, name in names:
        text = text.replace(absolute, name)
    return text
