"""One job: read, pool, write."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

from poolcli import formats
from poolcli.batch.outputs import STDOUT, Job, is_special
from poolcli.batch.pictures import Pictures
from poolcli.errors import InputError, OutputError, UsageError
from poolcli.formats.base import Loaded
from poolcli.formats.table import TEXTS
from poolcli.operation import Operation, OperationPlan
from poolcli.outcomes import Result, Stopped
from poolcli.plan import Plan

if TYPE_CHECKING:
    from poolcli.batch.manifest import Manifest

SMALL = 1000  # cells of an input that can be shown beside its result


class Beginning:
    """Whether something was done, after which a mistake in the usage is one of an input.

    Any thread may ask; of one that begins and one that refuses at the same time, one comes first.
    """

    def __init__(self, *, made: bool = False) -> None:
        self._made, self._refused = made, False
        self._lock = threading.Lock()

    def make(self) -> None:
        """Let something be made. Raises Stopped where the run was refused meanwhile."""
        with self._lock:
            if self._refused:
                raise Stopped
            self._made = True

    def refuse(self) -> bool:
        """Refuse the whole run, which is possible as long as nothing was made."""
        with self._lock:
            self._refused = not self._made
            return self._refused


class Worker(NamedTuple):
    """Does jobs, one at a time in each thread.

    ``layouts`` are assumed, by number of axes, for arrays whose file does not tell. ``max_bytes``
    bounds the memory of one input, and ``pictures`` says what is asked of pictures. ``manifest`` is
    told of outputs before they get their names. ``tick`` is called again and again with the job
    and what part of its input was pooled since; by raising it ends the job, which leaves nothing.
    ``beginning`` is told before anything is made.
    """

    operation: Operation
    layouts: Mapping[int, str]
    max_bytes: int | None = None
    pictures: Pictures = Pictures()
    manifest: Manifest | None = None
    tick: Callable[[Job, float], None] = lambda _job, _part: None
    beginning: Beginning = Beginning(made=True)

    def do(self, job: Job) -> Iterator[Result | InputError]:
        """Do a job, giving each array's result, then what went wrong with others of them.

        Raises PoolErrors where nothing can come of the job, or no more of it.
        """
        failures: list[InputError] = []
        if job.takes_one:
            yield self._do_single(job)
        elif job.output is not None and job.output != STDOUT:
            yield from self._write_archive(job, failures)
        else:
            first = True
            for loaded, result in self._pool_each(job, failures, keeps=False):
                if job.output is not None:
                    result = self._write_stdout(job, loaded, result, first=first)
                    first = False
                yield result
        yield from failures

    def _pool_each(
        self, job: Job, failures: list[InputError], *, keeps: bool
    ) -> Iterator[tuple[Loaded, Result]]:
        """Pool every array of a source, putting aside what goes wrong with one of them.

        ``keeps`` says that all results stay in memory until the last of them is there.
        """
        arrays, kept = self._read(job), 0
        while True:
            try:
                loaded = next(arrays, None)
                if loaded is None:
                    return
                result = self._pool(loaded, job, kept)
            except InputError as error:
                failures.append(error)
            else:
                kept += result.array.nbytes if keeps else 0
                yield loaded, result

    def _read(self, job: Job) -> Iterator[Loaded]:
        return job.source.read(max_bytes=self.max_bytes, pictures=self.pictures.reading(job))

    def _do_single(self, job: Job) -> Result:
        """Do a job whose source must hold one array, because a file takes one."""
        ready = self._ready(job)
        loaded = self._only_array(job)
        if job.output is not None and job.format is None:
            job = job._replace(format=loaded.format)
        if job.indices is None:
            return self._pool_and_write(job, loaded, ready)
        with _labelled(loaded):
            # Positions first: once the result is written, nothing should be left to go wrong.
            plan = self.plan(formats.described_as(loaded), job.format)
            winners = plan.winners(loaded.content)
        result = self._pool_and_write(job, loaded, ready)
        self._make_folder(job.indices)
        formats.write_file(
            job.indices,
            winners,
            overwrite=job.overwrite,
            format=".npy",
            ready=ready(job.indices),
        )
        return result._replace(indices=job.indices)

    def _only_array(self, job: Job) -> Loaded:
        arrays = self._read(job)
        loaded = next(arrays)
        if next(arrays, None) is not None:
            refuse_several(job)
        return loaded

    def _pool_and_write(self, job: Job, loaded: Loaded, ready: _ReadyFor) -> Result:
        path = job.output
        if path is None:
            return self._pool(loaded, job)
        if path == STDOUT:
            result = self._pool(loaded, job)
            return self._write_stdout(job, loaded, result, first=True)
        plainly = not self.pictures.are_concerned(loaded)
        if job.format == ".npy" and plainly and not is_special(path):
            with _labelled(loaded):
                plan = self.plan(formats.described_as(loaded), ".npy")
            if plan.single is not None:
                return self._stream(job, loaded, plan.single, path, ready)
        result = self._pool(loaded, job)
        self._make_folder(path)
        format = str(job.format)
        written = self.pictures.writable(result.array, result.plan, loaded, format, path)
        if format == ".npz":
            formats.write_npz(
                path,
                {loaded.member or "arr_0": result.array},
                overwrite=job.overwrite,
                ready=ready(path),
            )
        else:
            formats.write_file(
                path,
                written.array,
                layout=written.layout,
                overwrite=job.overwrite,
                format=format,
                notes=written.notes,
                how=self.pictures.packing,
                ready=ready(path),
            )
        return result._replace(written=path, notes=(*result.notes, *written.lost))

    def _stream(self, job: Job, loaded: Loaded, plan: Plan, path: str, ready: _ReadyFor) -> Result:
        """Pool into a new .npy file block by block: neither array need fit in memory."""
        with _labelled(loaded):
            self._check_window(plan)
        self._make_folder(path)
        with (
            formats.npy_output(
                path,
                plan.output_shape,
                plan.kept_shape,
                plan.output_dtype,
                overwrite=job.overwrite,
                ready=ready(path),
            ) as output,
            _labelled(loaded),
        ):
            plan.run_into(loaded.content, output, progress=lambda part: self.tick(job, part))
        return Result(loaded.label, plan, None, loaded.kind, written=path)

    def _write_archive(self, job: Job, failures: list[InputError]) -> Iterator[Result]:
        path = str(job.output)
        ready = self._ready(job)
        results: list[Result] = []
        arrays: dict[str, Any] = {}
        for loaded, result in self._pool_each(job, failures, keeps=True):
            # Those that have failed count, so that a number says which array of a pipe it was.
            arrays[loaded.member or f"arr_{len(arrays) + len(failures)}"] = result.array
            lost = self.pictures.writable(result.array, result.plan, loaded, ".npz", path).lost
            results.append(result._replace(written=path, notes=(*result.notes, *lost)))
        if not arrays and failures:
            return
        self._make_folder(path)
        formats.write_npz(
            path, arrays, overwrite=job.overwrite, ready=ready(path, whole=not failures)
        )
        yield from results

    def _pool(self, loaded: Loaded, job: Job, kept: int = 0) -> Result:
        """Pool into memory, where ``kept`` bytes are in use by other results of the job."""
        self.tick(job, 0)
        with _labelled(loaded):
            plan = self.plan(formats.described_as(loaded), job.format)
            self._check_memory(plan, loaded, kept)
        loaded = self.pictures.as_planned(plan, loaded)
        # Only a plan of windows and nothing else can pool an array that is still on disk.
        if plan.single is None:
            array = loaded.array
            with _labelled(loaded):
                pooled = plan.run(array)
        else:
            if self.pictures.are_concerned(loaded):
                loaded = loaded._replace(content=loaded.array)  # whose errors have a label
            with _labelled(loaded):
                pooled = self.pictures.pool(plan.single, loaded, lambda part: self.tick(job, part))
        shows = loaded.kind == "image" or math.prod(loaded.shape) <= SMALL
        source = loaded.array if shows else None
        notes = getattr(plan, "notes", ())
        return Result(loaded.label, plan, pooled, loaded.kind, source=source, notes=notes)

    def _check_memory(self, plan: OperationPlan, loaded: Loaded, kept: int) -> None:
        """Refuse a result that is too large for memory before anything is pooled."""
        self._check_window(plan)
        nbytes = kept + math.prod(plan.output_shape) * plan.output_dtype.itemsize
        streams = plan.single is not None and not self.pictures.are_concerned(loaded)
        advice = "; `output='FILE.npy'` writes it block by block" if streams else ""
        what = "its result, with those before it," if kept else "its result"
        formats.check_memory(nbytes, self.max_bytes, what, advice)

    def _check_window(self, plan: OperationPlan) -> None:
        if plan.single is not None:
            what = f"a window, of which {plan.single.request.op} sees all cells at once,"
            formats.check_memory(plan.single.window_bytes, self.max_bytes, what)

    def _write_stdout(self, job: Job, loaded: Loaded, result: Result, *, first: bool) -> Result:
        if sys.stdout is None:
            raise OutputError("standard output is closed, and the result was to go there")
        format = _stream_format(job, loaded)
        if format not in TEXTS and sys.stdout.isatty():
            raise UsageError(
                "`output='-'` would write binary to the terminal; redirect it or use"
                " `output='FILE'`"
            )
        self.beginning.make()
        array, stream = result.array, sys.stdout.buffer
        if format in TEXTS and array.ndim == 2 and not first:
            # Without it the rows would be read as more of the matrix before.
            stream.write(f"# shape: {array.shape[0]}x{array.shape[1]}\n".encode("ascii"))
        written = self.pictures.writable(array, result.plan, loaded, format, STDOUT)
        formats.write_stream(
            stream,
            written.array,
            format=format,
            layout=written.layout,
            notes=written.notes,
            how=self.pictures.packing,
        )
        return result._replace(written=STDOUT, notes=(*result.notes, *written.lost))

    def _make_folder(self, path: str) -> None:
        """Make the folders of ``path``: that there is one to make them in was checked before."""
        self.beginning.make()
        folder = os.path.dirname(path)
        try:
            if folder:
                formats.make_folders(folder)
        except OSError as error:
            raise OutputError(f"{folder}: {error.strerror or error}") from error

    def plan(self, described: formats.Described, format: str | None) -> OperationPlan:
        """Say what will be done to an array whose result is written in ``format``."""
        shape = described.shape
        if described.beside:
            from poolcli.batch.unchanged import UnchangedPlan  # late: most inputs are no archives

            return UnchangedPlan(shape, described.dtype)
        layout = described.layout or self.layouts.get(len(shape))
        described = self.pictures.pooled_as(self.operation, format, described, layout)
        try:
            operation = self.pictures.ask(self.operation, format, described)
        except OutputError as error:
            raise OutputError(f"{described.label}: {error}") from error
        return operation.plan(shape, described.dtype, layout)

    def _ready(self, job: Job) -> _ReadyFor:
        """Prepare what happens just before an output gets its name."""
        source, manifest = job.source.file, self.manifest
        before = None if source is None or not os.path.isfile(source) else os.stat(source)

        def ready_for(path: str, whole: bool = True) -> formats.Ready:
            def ready(output: os.stat_result) -> None:
                self.tick(job, 0)
                if manifest is not None and source is not None and before is not None:
                    manifest.note(path, source, job.source.member, before, output, whole=whole)

            return ready

        return ready_for


def refuse_several(job: Job) -> NoReturn:
    """Say that a source holds more arrays than its output takes."""
    path = job.indices or job.output
    advice = "" if path == job.indices else "write an .npz, or "
    raise InputError(
        f"{job.source.label}: holds several arrays and {path} takes one; {advice}pool one of them"
    )


class _ReadyFor(Protocol):
    """Gives what happens before ``path`` gets its name; not ``whole``: some arrays have failed."""

    def __call__(self, path: str, whole: bool = True) -> formats.Ready: ...


def _stream_format(job: Job, loaded: Loaded) -> str:
    """Text gives text and everything else .npy, unless another format was asked for."""
    return job.format or (loaded.format if loaded.format in TEXTS else ".npy")


@contextmanager
def _labelled(loaded: Loaded) -> Iterator[None]:
    """Name the input in what goes wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{loaded.label}: {error}") from error
