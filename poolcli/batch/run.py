"""The work, failure by failure: one job's leaves the others alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from poolcli import formats
from poolcli.batch.inputs import STDIN
from poolcli.batch.job import Beginning, Worker, refuse_several
from poolcli.batch.outputs import STDOUT, Job
from poolcli.batch.pictures import Pictures
from poolcli.errors import InputError, OutputError, PoolError, UsageError
from poolcli.operation import Operation
from poolcli.outcomes import (
    Failed,
    Outcome,
    Result,
    Settings,
    Skipped,
    Stopped,
    Watch,
    without_arrays,
)

if TYPE_CHECKING:
    from poolcli.batch.manifest import Manifest

# Inputs of which no header tells are read beforehand, to be planned for, up to this size.
SOON_READ = 1 << 24


def run(
    jobs: Sequence[Job],
    operation: Operation,
    layouts: Mapping[int, str],
    settings: Settings = Settings(),  # noqa: B008 (it is immutable)
    *,
    pictures: Pictures = Pictures(),  # noqa: B008 (it is immutable)
    manifest: Manifest | None = None,
    watch: Watch = Watch(),  # noqa: B008 (it has no state)
) -> Generator[Outcome, None, None]:
    """Do the jobs, giving each result, or the error that stopped one job; others go on.

    ``layouts`` are assumed, by number of axes, for arrays whose file does not tell. ``pictures``
    says how pictures are read, pooled and written. ``manifest`` notes what is done. Who stops
    listening stops the jobs at work, which then leave nothing.

    Raises
    ------
    UsageError: the request itself means nothing, and nothing was done. What an input shows to mean
        nothing when others are done is an error of that input.
    """
    if manifest is not None:
        _check_usage(jobs, Worker(operation, layouts, settings.max_bytes, pictures))
        manifest.begin()
    for folder in {os.path.dirname(path) for job in jobs for path in job.paths}:
        formats.sweep(folder)
    stop = threading.Event()

    def tick(job: Job, part: float) -> None:
        if stop.is_set():
            raise Stopped
        watch.tick(job, part)

    beginning = Beginning(made=manifest is not None)
    worker = Worker(operation, layouts, settings.max_bytes, pictures, manifest, tick, beginning)
    at_once = min(settings.at_once or processors(), len(jobs))
    # A stream is read, or written, by one after the other.
    streams = any(job.output == STDOUT or _is_stream(job) for job in jobs)
    try:
        if at_once < 2 or streams:
            yield from _one_by_one(jobs, worker, settings, watch)
        else:
            from poolcli.batch.parallel import Crew, most_at_once  # late: one job needs none

            at_once = min(at_once, most_at_once())
            threads = max(1, processors() // at_once)
            worker = worker._replace(operation=operation.with_threads(threads))
            yield from Crew(jobs, worker, do_job, settings, watch, stop, at_once).outcomes()
    finally:
        if manifest is not None:
            manifest.close()


def _check_usage(jobs: Sequence[Job], worker: Worker) -> None:
    """Plan for the first input for which that can be done, so that nothing is made in vain.

    Raises UsageError.
    """
    for job in jobs:
        if job.skip or _is_stream(job):
            continue
        with suppress(InputError, OutputError, OSError):  # which are that input's own
            if _is_soon_told(job) and any(isinstance(r, Result) for r in dry_run(job, worker)):
                return


def _is_soon_told(job: Job) -> bool:
    """Whether a header tells what an input is, or it is read quickly."""
    path, file = job.source.path, job.source.file
    if path is None or file is None:
        return False
    return os.path.getsize(file) <= SOON_READ or formats.describe_by_header(path) is not None


def _is_stream(job: Job) -> bool:
    """Whether reading may wait for somebody to write: a thread in that cannot be stopped."""
    file = job.source.file
    named_pipe = file is not None and os.path.exists(file) and not os.path.isfile(file)
    return job.source.label == STDIN or named_pipe


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _one_by_one(
    jobs: Sequence[Job], worker: Worker, settings: Settings, watch: Watch
) -> Iterator[Outcome]:
    for job in jobs:
        how: type[Outcome] = Result
        for outcome in do_job(job, worker):
            how = type(outcome)
            # What is kept here would be in memory as long as the next job is at work.
            outcome = outcome if job.output is None else without_arrays(outcome)
            yield outcome
        watch.end(job, how)
        if settings.fail_fast and how is Failed:
            return


def do_job(job: Job, worker: Worker) -> Iterator[Outcome]:
    """Do one job; what goes wrong with it, whatever it is, is an outcome, and the last one."""
    if job.skip:
        yield Skipped(job)
        return
    try:
        for came in worker.do(job):
            worker.beginning.make()
            yield came if isinstance(came, Result) else Failed(job, came)
    except UsageError as error:
        if worker.beginning.refuse():
            raise
        yield Failed(job, InputError(f"{job.source.label}: {error}"))
    except OutputError as error:
        # Another run with the same aim may have been quicker.
        yield Skipped(job) if _is_done_meanwhile(job, worker.manifest) else Failed(job, error)
    except PoolError as error:
        yield Failed(job, error)
    except (BrokenPipeError, Stopped):
        raise
    except Exception as error:
        yield Failed(job, _unforeseen(error, job.source.label))


def _is_done_meanwhile(job: Job, manifest: Manifest | None) -> bool:
    if manifest is None:
        return False
    with suppress(OutputError):  # whatever keeps it from being read; the failure is told anyway
        manifest.refresh()
    return manifest.is_done(job.source.file, job.source.member, job.paths)


def _unforeseen(error: Exception, label: str) -> InputError:
    """Make one line of what nobody thought of, so that the other inputs still get their turn."""
    what = f"unexpected {type(error).__name__}: {error}; `debug` shows where"
    if isinstance(error, MemoryError):
        what = "there is not enough memory to pool it"
    failure = InputError(f"{label}: {what}")
    failure.__cause__ = error
    return failure


def dry_run(job: Job, worker: Worker) -> Iterator[Result | InputError]:
    """Give what a job would give, without arrays; values are read only where headers end.

    Raises
    ------
    UsageError: for standard input, which can be read only once.
    PoolError: what the job itself would raise before it pools.
    """
    failures: list[InputError] = []
    for number, described in enumerate(_describe(job, worker)):
        if number and job.takes_one:
            refuse_several(job)
        format = None if job.output is None else job.format or described.format
        try:
            plan = worker.plan(described, format)
        except InputError as error:
            failures.append(InputError(f"{described.label}: {error}"))
        else:
            yield Result(described.label, plan, None, described.kind, written=job.output)
    yield from failures


def _describe(job: Job, worker: Worker) -> Iterator[formats.Described]:
    source = job.source
    if source.label == STDIN:
        raise UsageError("`dry_run`: what standard input holds shows only when it is read, once")
    if source.path is None or source.fails:
        for loaded in source.read():
            yield formats.described_as(loaded)
    else:
        yield from formats.describe_file(
            source.path, pictures=worker.pictures.reading(job), members=source.members
        )
