"""The work: read, pool, write; one input's failure leaves the others alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from poolcli import files
from poolcli.batch.formats import PICTURES
from poolcli.batch.outputs import STDOUT, Job
from poolcli.errors import InputError, OutputError, PoolError, UsageError
from poolcli.files import Loaded
from poolcli.plan import Plan, Request
from poolcli.report import Result

if TYPE_CHECKING:
    import numpy as np


def run(
    jobs: Sequence[Job], request: Request, layouts: Mapping[int, str]
) -> Iterator[Result | PoolError]:
    """Do the jobs in turn, giving each result, or the error that stopped one job; others go on.

    ``layouts`` are assumed, by number of axes, for arrays whose file does not tell.

    Raises
    ------
    UsageError: the request itself means nothing, whatever the input.
    """
    for job in jobs:
        try:
            yield from _run_job(job, request, layouts)
        except UsageError:
            raise
        except PoolError as error:
            yield error
        except BrokenPipeError:
            raise
        except Exception as error:
            yield _unforeseen(error, job.source.label)


def _unforeseen(error: Exception, label: str) -> InputError:
    """Make one line of what nobody thought of, so that the other inputs still get their turn."""
    what = f"unexpected {type(error).__name__}: {error}; --debug shows where"
    if isinstance(error, MemoryError):
        what = "there is not enough memory to pool it"
    failure = InputError(f"{label}: {what}")
    failure.__cause__ = error
    return failure


def _run_job(job: Job, request: Request, layouts: Mapping[int, str]) -> Iterator[Result]:
    if job.output is None or job.output == STDOUT:
        for loaded in job.source.read():
            result = _pool(loaded, request, job.format, layouts)
            if job.output is not None:
                _write_stdout(result, str(job.format))
            yield replace(result, written=job.output)
    elif job.format == ".npz":
        yield from _write_archive(job, request, layouts)
    else:
        yield _write_single(job, request, layouts)


def _write_single(job: Job, request: Request, layouts: Mapping[int, str]) -> Result:
    path, arrays = str(job.output), job.source.read()
    loaded = next(arrays)
    if next(arrays, None) is not None:
        raise InputError(
            f"{job.source.label}: holds several arrays and {path} takes one; write an .npz, "
            "or pool one of them"
        )
    format = job.format or loaded.format
    if format == ".npy" and (not os.path.exists(path) or os.path.isfile(path)):
        return _stream(loaded, request, job, layouts)
    result = _pool(loaded, request, format, layouts)
    _make_folder(path)
    files.write_file(
        path,
        result.array,
        layout=result.plan.output_layout,
        overwrite=job.overwrite,
        format=format,
    )
    return replace(result, written=path)


def _write_archive(job: Job, request: Request, layouts: Mapping[int, str]) -> Iterator[Result]:
    path = str(job.output)
    results, arrays = [], {}
    for number, loaded in enumerate(job.source.read()):
        name = loaded.member or f"arr_{number}"
        if name in arrays:
            raise InputError(f"{loaded.label}: a second array of this name; {path} holds one each")
        result = _pool(loaded, request, job.format, layouts)
        arrays[name] = result.array
        results.append(replace(result, written=path))
    _make_folder(path)
    files.write_npz(path, arrays, overwrite=job.overwrite)
    yield from results


def _write_stdout(result: Result, format: str) -> None:
    if sys.stdout is None:
        raise OutputError("standard output is closed, and the result was to go there")
    layout = result.plan.output_layout
    files.write_stream(sys.stdout.buffer, result.array, format=format, layout=layout)
    sys.stdout.buffer.flush()


def _make_folder(path: str) -> None:
    """Make the last folder of ``path``: that the one above exists was checked before any work."""
    folder = os.path.dirname(path)
    try:
        if folder:
            os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}") from error


def _pool(
    loaded: Loaded, request: Request, format: str | None, layouts: Mapping[int, str]
) -> Result:
    with _labelled(loaded):
        plan = _plan(loaded, request, format, layouts)
        pooled = plan.run(loaded.content)
    source = loaded.array if loaded.kind == "image" else None
    return Result(loaded.label, plan, pooled, loaded.kind, source=source)


def _stream(loaded: Loaded, request: Request, job: Job, layouts: Mapping[int, str]) -> Result:
    """Pool into a new .npy file block by block: neither array need fit in memory."""
    path = str(job.output)
    with _labelled(loaded):
        plan = _plan(loaded, request, ".npy", layouts)
    _make_folder(path)
    with (
        files.npy_output(
            path, plan.output_shape, plan.kept_shape, plan.output_dtype, overwrite=job.overwrite
        ) as output,
        _labelled(loaded),
    ):
        plan.stream(loaded.content, output)
    return Result(loaded.label, plan, None, loaded.kind, written=path)


@contextmanager
def _labelled(loaded: Loaded) -> Iterator[None]:
    """Name the input in what goes wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{loaded.label}: {error}") from error


def _plan(loaded: Loaded, request: Request, format: str | None, layouts: Mapping[int, str]) -> Plan:
    shape, dtype = loaded.shape, loaded.content.dtype
    try:
        request = _for_target(request, format, dtype)
    except OutputError as error:
        raise OutputError(f"{loaded.label}: {error}") from error
    return request.plan(shape, dtype, loaded.layout or layouts.get(len(shape)))


def _for_target(request: Request, format: str | None, source: np.dtype[Any]) -> Request:
    """Ask for what a picture can hold: rounded values of the depth it had, or that was asked."""
    if format is None or format not in PICTURES:
        return request
    fit = "clip" if request.fit == "clip" else "round"
    return replace(request, fit=fit, dtype=request.dtype or files.target_dtype(format, source))
