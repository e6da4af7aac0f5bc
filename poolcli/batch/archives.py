"""Archives as outputs: gathered and written when all is there, or each array block by block."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from poolcli import formats
from poolcli.errors import InputError
from poolcli.formats.base import Format
from poolcli.formats.description import NewArray
from poolcli.formats.guard import writing
from poolcli.outcomes import Result

if TYPE_CHECKING:
    from poolcli.batch.job import Task
    from poolcli.batch.worker import Planned


def gathered(
    task: Task, row: Format, several: Iterator[Planned], failures: list[InputError]
) -> Iterator[Result]:
    """Pool arrays into an archive that is written when all of them are there."""
    arrays: dict[str, Any] = {}
    results: list[Result] = []
    path, images = str(task.job.output), task.worker.images
    for planned in several:
        try:
            result = task.pool(planned, 0, kept=sum(array.nbytes for array in arrays.values()))
        except InputError as error:
            failures.append(error)
        else:
            # Those that have failed count: a number says which array of a pipe it was.
            name = planned.source.member or f"arr_{len(arrays) + len(failures)}"
            arrays[name] = result.array
            format = str(planned.format)
            lost = images.finish(result.array, result.plan, planned.source, format, path).lost
            results.append(result._replace(written=path, notes=(*result.notes, *lost)))
            del result
        del planned  # before the next array is read
    if not arrays and failures:
        return
    task.make_folder(path)
    ready = task.ready(path, whole=not failures)
    overwrite = task.job.overwrite
    formats.write_archive(path, arrays, row, task.attributes, overwrite=overwrite, ready=ready)
    yield from results


def box_by_box(
    task: Task, row: Format, several: Iterator[Planned], failures: list[InputError]
) -> Iterator[Result]:
    """Pool arrays into an archive in which each is written block by block."""
    path = str(task.job.output)
    waiting: deque[tuple[str, Planned]] = deque()
    members: dict[str, NewArray] = {}
    for number, planned in enumerate(several):
        name = planned.source.member or f"arr_{number}"
        try:
            members[name] = task.new_array(planned, planned.checked(), path)
        except InputError as error:
            failures.append(error)
        else:
            waiting.append((name, planned))
    if not members:
        return
    done: dict[str, Result] = {}

    def ready(output: formats.Status) -> None:
        task.ready(path, whole=not failures)(output)

    task.make_folder(path)
    how: dict[str, Any] = {"overwrite": task.job.overwrite, "ready": ready}
    with (
        suppress(_Nothing),
        formats.archive_sink(members, row, path, task.attributes, **how) as archive,
    ):
        while waiting:
            name, planned = waiting.popleft()
            try:
                lost = task.worker.images.said(
                    planned.checked(), planned.source, str(planned.format)
                )[1]
                member = formats.member_sink(archive, name, path, lost)
                done[name] = task.pool(planned, len(done), into=member)
            except InputError as error:
                failures.append(error)
            del planned  # before the next array is read
        if not done:
            raise _Nothing
        with writing(path):
            archive.finish(done)
    yield from done.values()


class _Nothing(Exception):
    """No array of an archive came to a good end: it is not written."""
