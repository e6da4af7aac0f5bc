"""The work, failure by failure: one job's leaves the others alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from poolcli import formats
from poolcli.batch.inputs import STDIN, Input
from poolcli.batch.job import Task
from poolcli.batch.outputs import STDOUT, Job, is_special
from poolcli.batch.worker import StartLatch, Worker
from poolcli.errors import InputError, OutputError, PoolError, UsageError, code_of
from poolcli.images.options import ImageOptions
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
    images: ImageOptions = ImageOptions(),  # noqa: B008 (it is immutable)
    manifest: Manifest | None = None,
    watch: Watch = Watch(),  # noqa: B008 (it has no state)
    alone: bool = True,
) -> Generator[Outcome, None, None]:
    """Do the jobs, giving each result, or the error that stopped one job; others go on.

    ``layouts`` are assumed, by number of axes, for arrays whose file does not tell. ``images``
    says how pictures are read, pooled and written. ``manifest`` notes what is done; ``alone``: it
    may merge what other runs have noted. Who stops listening stops the jobs at work, which then
    leave nothing.

    Raises
    ------
    UsageError: the request itself means nothing, and nothing was done. What an input shows to mean
        nothing when others are done is an error of that input.
    """
    stop = threading.Event()

    def tick(job: Job, part: float) -> None:
        if stop.is_set():
            raise Stopped
        watch.tick(job, part)

    latch = StartLatch(made=manifest is not None)
    worker = Worker(operation, layouts, settings.max_bytes, images, manifest, tick, latch)
    at_once = min(settings.at_once or processors(), len(jobs))
    # A stream is read, or written, by one after the other.
    if any(job.output == STDOUT or _is_stream(job) for job in jobs):
        at_once = 1
    if at_once > 1:
        from poolcli.batch.parallel import JobPool, most_at_once  # late: one job needs none

        at_once = min(at_once, most_at_once())
        threads = max(1, processors() // at_once)
        worker = worker._replace(operation=operation.with_threads(threads))
    tasks = [Task(job, worker) for job in jobs]
    if manifest is not None:
        check_usage(tasks)
        if not all(job.skip for job in jobs):
            manifest.begin(merge=alone)
    for folder in {os.path.dirname(path) for job in jobs for path in job.paths}:
        formats.sweep(folder)
    try:
        if at_once < 2:
            yield from _one_by_one(tasks, settings, watch)
        else:
            yield from JobPool(tasks, do_task, settings, watch, stop, at_once).outcomes()
    finally:
        if manifest is not None:
            manifest.close()


def check_usage(tasks: Sequence[Task]) -> None:
    """Plan for the first input for which that can be done, so that nothing is made in vain.

    Raises UsageError.
    """
    for task in tasks:
        if task.job.skip or _is_stream(task.job) or not task.prepare(read=SOON_READ):
            continue
        for planned in task.planned:
            if isinstance(planned.problem, UsageError):
                raise planned.problem
            if planned.problem is None:
                return
        task.close()  # others may be as broken, and so many files cannot be open


def _is_stream(job: Job) -> bool:
    """Whether reading may wait for somebody to write: a thread in that cannot be stopped."""
    file = job.input.file
    named_pipe = file is not None and is_special(file)
    return job.input.label == STDIN or named_pipe


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _one_by_one(tasks: Sequence[Task], settings: Settings, watch: Watch) -> Iterator[Outcome]:
    for task in tasks:
        how: type[Outcome] = Result
        for outcome in do_task(task):
            how = type(outcome)
            # What is kept here would be in memory as long as the next job is at work.
            outcome = outcome if task.job.output is None else without_arrays(outcome)
            yield outcome
        watch.end(task.job, how)
        if settings.fail_fast and how is Failed:
            return


def do_task(task: Task) -> Iterator[Outcome]:
    """Do one job; what goes wrong with it, whatever it is, is an outcome, and the last one."""
    job, worker = task.job, task.worker
    if job.skip:
        yield Skipped(job)
        return
    try:
        for came in task.run():
            worker.latch.make()
            yield came if isinstance(came, Result) else Failed(job, came)
    except UsageError as error:
        if worker.latch.refuse():
            raise
        yield Failed(job, InputError(f"{job.input.label}: {error}", code="usage"))
    except OutputError as error:
        # Another run with the same aim may have been quicker.
        yield Skipped(job) if _is_done_meanwhile(job, worker.manifest) else Failed(job, error)
    except PoolError as error:
        yield Failed(job, error)
    except (BrokenPipeError, Stopped):
        raise
    except Exception as error:
        yield Failed(job, _unforeseen(error, job.input.label))


def _is_done_meanwhile(job: Job, manifest: Manifest | None) -> bool:
    if manifest is None:
        return False
    with suppress(OutputError):  # whatever keeps it from being read; the failure is told anyway
        manifest.refresh()
    return manifest.is_done(job.input.file, job.input.member, job.paths)


def _unforeseen(error: Exception, label: str) -> InputError:
    """Make one line of what nobody thought of, so that the other inputs still get their turn."""
    what = f"unexpected {type(error).__name__}: {error}; `debug` shows where"
    if isinstance(error, MemoryError):
        what = "there is not enough memory to pool it"
    failure = InputError(f"{label}: {what}", code=code_of(error))
    failure.__cause__ = error
    return failure


def dry_run(job: Job, worker: Worker) -> Iterator[Result | InputError]:
    """Give what a job would give, without arrays; values are read only where headers end.

    Raises
    ------
    UsageError: for standard input, which can be read only once.
    PoolError: what the job itself would raise before it pools.
    """
    source = job.input
    if source.label == STDIN:
        raise UsageError("`dry_run`: what standard input holds shows only when it is read, once")
    if _is_stream(job):
        raise InputError(
            f"{source.label}: it is a pipe, and what comes through it can be read only once"
        )
    return Task(job, worker).dry_run()


def measure(item: Input, worker: Worker) -> dict[str, int] | None:
    """Give the width and height of an input's result, as far as it has them, from its header.

    None for an input that cannot be pooled. Raises UsageError for what can be read only once.
    """
    if not item.is_stored:
        what = f"the size of the result for {item.label} shows only when it is read, once"
        raise UsageError(f"`name_template`: {what}")
    try:
        came = next(dry_run(Job(item, None, None, False), worker))
    except PoolError:
        return None  # whatever it is written as: the run says why
    if isinstance(came, InputError):
        return None
    cells = dict(zip(came.plan.output_layout, came.plan.output_shape, strict=True))
    return {name: cells[axis] for name, axis in (("width", "W"), ("height", "H")) if axis in cells}
