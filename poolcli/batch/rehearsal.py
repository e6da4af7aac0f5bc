"""What jobs would do, told without doing them."""

from __future__ import annotations

from collections.abc import Iterator

from poolcli import files
from poolcli.batch.lists import STDIN
from poolcli.batch.outputs import Job
from poolcli.batch.work import Worker, refuse_several
from poolcli.errors import InputError, UsageError
from poolcli.report import Result


def rehearse(job: Job, worker: Worker) -> Iterator[Result | InputError]:
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


def _describe(job: Job, worker: Worker) -> Iterator[files.Described]:
    source = job.source
    if source.label == STDIN:
        raise UsageError("--dry-run: what standard input holds shows only when it is read, once")
    if source.path is None or source.fails:
        for loaded in source.read():
            yield files.described_as(loaded)
    else:
        yield from files.describe_file(
            source.path, pictures=worker.pictures.reading(job), members=source.members
        )
