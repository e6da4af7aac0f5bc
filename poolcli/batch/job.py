"""One job: open the source, plan once, open a sink for the plan, run, commit."""

from __future__ import annotations

import itertools
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NoReturn

from poolcli import formats
from poolcli.batch.descriptions import of_result, pyramid_of, undescribed
from poolcli.batch.outputs import STDOUT, Job, is_special
from poolcli.batch.worker import Planned, Worker
from poolcli.engine.blocks import Memory
from poolcli.errors import InputError, OutputError, PoolError, UsageError, labelled
from poolcli.formats.base import Format, OpenFile, Source
from poolcli.formats.description import NOTHING_SAID, NewArray
from poolcli.formats.guard import shape_text
from poolcli.formats.sinks import Finished, ResultShape, Sink
from poolcli.formats.table import NPY, TABLE, is_written, refusal, row_of
from poolcli.operation import OperationPlan
from poolcli.outcomes import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.engine.arrays import Readable


class Task:
    """A job under way: its input is opened once, and for each array of it is planned once.

    What was opened and planned beforehand, to be weighed, is what is done afterwards.
    """

    def __init__(self, job: Job, worker: Worker) -> None:
        self.job, self.worker = job, worker
        self._file: OpenFile | None = None
        self._before: formats.Status | None = None
        self._planned: deque[Planned] | None = None
        self._problem: PoolError | None = None
        self._is_looked_at = False

    def close(self) -> None:
        """Close the input, and forget what was planned.

        One that results are shown beside is closed when these are forgotten.
        """
        if self._file is not None and not self._is_looked_at:
            self._file.close()
        self._file = self._planned = self._problem = None

    def prepare(self, *, read: int = 0) -> bool:
        """Open the input and plan as far as headers tell; whether all is planned.

        An input of up to ``read`` bytes is read where its header does not tell.
        """
        if self._planned is None and self._problem is None:
            try:
                file = self._open()
                if file.has_header or self._size <= read:
                    self._planned = deque()
                    self._planned += map(self._plan, file.sources())
            except PoolError as error:
                self._problem = error
        return self._planned is not None or self._problem is not None

    @property
    def planned(self) -> list[Planned]:
        """What was prepared."""
        return list(self._planned or ())

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What the open input says of all its arrays."""
        return {} if self._file is None else self._file.attributes

    @property
    def unplanned_bytes(self) -> int:
        """About how much memory an input takes that has to be read to be planned for."""
        return 0 if self._file is None else self._file.most_bytes

    @property
    def _size(self) -> int:
        return sys.maxsize if self._before is None else self._before.st_size

    def _open(self) -> OpenFile:
        if self._file is None:
            job, worker, path = self.job, self.worker, self.job.input.file
            settings = worker.images.reading(job.format, written=job.output is not None)
            # Before it is opened: what is written is the result of the file in this state.
            is_stored = path is not None and job.input.is_stored
            if path is not None and is_stored:
                self._before = formats.status(path, inside=worker.manifest is not None)
            self._file = job.input.open(settings._replace(max_bytes=worker.max_bytes))
        return self._file

    def _plan(self, source: Source) -> Planned:
        job, info = self.job, source.info
        format = job.format_of(info)
        try:
            with labelled(source.label):
                if format is not None and not is_written(format):
                    raise InputError(f"{refusal(format)}; say `format`")
                plan = self.worker.plan(info, format)
                if job.keeps_kind and info.row.pictures and not {*"HW"} <= {*plan.output_layout}:
                    format = NPY.extensions[0]  # it is no picture any more
                    plan = self.worker.plan(info, format)
                self._check_levels(plan, format)
                return Planned(source, format, plan)
        except PoolError as error:
            return Planned(source, format, None, error)

    def _check_levels(self, plan: OperationPlan, format: str | None) -> None:
        """Refuse overviews where there is no place for them."""
        row = row_of(format)
        if plan.coarser and (row is None or row.levels is None or not self._is_file):
            known = " and ".join(one.extensions[0] for one in TABLE if one.levels is not None)
            raise InputError(f"overviews are written to files of {known}, such as FILE.ome.zarr")

    @property
    def _is_file(self) -> bool:
        path = self.job.output
        return path is not None and path != STDOUT and not is_special(path)

    @property
    def _takes_one(self) -> bool:
        """Whether the outputs hold the result of one array."""
        return self.job.takes_one or (self._is_file and self.worker.operation.fills_files)

    def arrays(self) -> Iterator[Planned]:
        """Give the arrays of the input, each with its plan; let go of each before the next.

        Raises PoolError for what cannot be read.
        """
        if self._planned is None and self._problem is None:
            yield from map(self._plan, self._open().sources())
            return
        while self._planned:
            yield self._planned.popleft()
        if self._problem is not None:
            raise self._problem

    def only_array(self) -> Planned:
        """Give the array of an input that must hold one, because a file takes one."""
        arrays = self.arrays()
        first = next(arrays)
        if next(arrays, None) is not None:
            self._refuse_several()
        return first

    def _refuse_several(self) -> NoReturn:
        job = self.job
        path = next(iter(job.beside.values()), job.output)
        advice = "" if job.beside else "write an .npz, or "
        raise InputError(
            f"{job.input.label}: holds several arrays and {path} takes one; {advice}pool one of"
            " them"
        )

    def dry_run(self) -> Iterator[Result | InputError]:
        """Give what the job would give, without arrays; values are read only where headers end.

        Raises PoolErrors as :meth:`run` does, before it pools.
        """
        failures: list[InputError] = []
        try:
            for planned in [self.only_array()] if self._takes_one else self.arrays():
                try:
                    plan, info = planned.checked(), planned.source.info
                except InputError as error:
                    failures.append(error)
                else:
                    yield Result(info.label, plan, None, info.kind, written=self.job.output)
        finally:
            self.close()
        yield from failures

    def run(self) -> Iterator[Result | InputError]:
        """Do the job, giving each array's result, then what went wrong with others of them.

        Raises PoolErrors where nothing can come of the job, or no more of it.
        """
        failures: list[InputError] = []
        try:
            arrays = iter([self.only_array()]) if self._takes_one else self.arrays()
            several = _without_failures(arrays, failures)
            first = next(several, None)
            if first is not None:
                row, several = self.archived(first), itertools.chain([first], several)
                del first  # before the next array is read
                if row is None:
                    yield from self._singly(several, failures)
                else:
                    from poolcli.batch import archives  # late: most outputs hold one array

                    by_boxes = self._goes_on_disk(row)
                    fill = archives.box_by_box if by_boxes else archives.gathered
                    yield from fill(self, row, several, failures)
        finally:
            self.close()
        yield from failures

    def _singly(self, several: Iterator[Planned], failures: list[InputError]) -> Iterator[Result]:
        """Pool arrays, each of which goes where it goes by itself."""
        number = 0
        for planned in several:
            try:
                result = self.pool(planned, number)
            except InputError as error:
                failures.append(error)
            else:
                number += 1
                yield result
                del result
            del planned  # before the next array is read

    def pool(
        self,
        planned: Planned,
        number: int,
        kept: int = 0,
        into: AbstractContextManager[Sink] | None = None,
    ) -> Result:
        """Pool one array into its sink, where ``kept`` bytes are in use by other results.

        ``into`` is its place in an archive.
        """
        job, source, plan = self.job, planned.source, planned.checked()
        self.tick(0)
        with labelled(source.label):
            self.check_memory(planned, plan, kept)
        beside: dict[str, NDArray[Any]] = {}
        # First: once the result is written, nothing should be left to go wrong.
        if job.beside:
            content = source.content
            with labelled(source.label):
                beside = {name: _made_beside(name, plan, content) for name in job.beside}
        with into or self.sink(planned, plan, number) as sink:
            self.worker.images.run(plan, source, sink.content, self.tick, planned.format)
        result = self.result(planned, plan, sink)
        for name, values in beside.items():
            self._write_beside(job.beside[name], values)
        return result._replace(indices=job.indices, share=job.share)

    def result(self, planned: Planned, plan: OperationPlan, sink: Sink) -> Result:
        """Say what came of an array, once its sink is complete."""
        source, output, shown = planned.source, self.job.output, None
        if output is None:
            # Whoever draws it reads what of it is seen.
            shown, self._is_looked_at = source.content, True
        notes = (
            *source.notes,
            *getattr(plan, "notes", ()),
            *sink.lost,
            *([] if output == STDOUT else undescribed(source.info, planned.format)),
        )
        written = output if sink.is_written else None
        return Result(source.label, plan, sink.array, source.kind, written, None, shown, notes)

    def _write_beside(self, path: str, values: NDArray[Any]) -> None:
        self.make_folder(path)
        formats.write_file(
            path,
            values,
            overwrite=self.job.overwrite,
            format=NPY.extensions[0],
            ready=self.ready(path),
        )

    def goes_by_boxes(self, planned: Planned, plan: OperationPlan) -> bool:
        """Whether neither the array nor its result need fit in memory, as far as pooling goes."""
        return self.worker.images.go_by_boxes(plan, planned.source)

    def writes_boxes(self, planned: Planned, plan: OperationPlan) -> Format | None:
        """Give the format of the result where it is written box by box, else None."""
        row = row_of(planned.format)
        if row is None or not self._is_file:
            return None
        if plan.coarser:
            return row if row.levels is not None else None
        archived = self.archived(planned)
        if archived is not None:
            return archived if self._goes_on_disk(archived) else None
        if row.boxes is None or row.encode is None:
            return row if row.boxes is not None else None
        rendered = self.worker.images.rendering is not None
        return None if rendered or not self.goes_by_boxes(planned, plan) else row

    def archived(self, planned: Planned) -> Format | None:
        """Give the format of the archive that the result goes into, if it goes into one.

        An array without a name is all of a folder.
        """
        row, path = row_of(planned.format), self.job.output
        if row is None or row.pack is None or path is None or path == STDOUT:
            return None
        if self.worker.operation.fills_files:
            return None
        return row if row.folder is None or planned.source.member is not None else None

    def _goes_on_disk(self, row: Format) -> bool:
        """Whether arrays of an archive are written block by block: all of them are known before."""
        told, path = self._file is not None and self._file.has_header, str(self.job.output)
        return told and row.archive is not None and not is_special(path)

    def memory(self, planned: Planned, plan: OperationPlan) -> Memory:
        """About how much memory it takes to go from chunks to chunks; nothing without any."""
        chunks = planned.source.chunks
        if chunks is None and not plan.coarser:
            return Memory(0)
        # Those of the result are about the same, unless several are written at once.
        return plan.memory(chunks, planned.source.info.description.shards or chunks)

    def sink(
        self, planned: Planned, plan: OperationPlan, number: int = 0
    ) -> AbstractContextManager[Sink]:
        """Open what array ``number`` of the input is written to, which is complete at the end."""
        job, images, format = self.job, self.worker.images, planned.format
        shaped = ResultShape(plan.output_shape, plan.keepdims_shape, plan.output_dtype)
        row, path = row_of(format), job.output
        if path is None or self.archived(planned) is not None:
            return formats.memory_sink(shaped)
        by_boxes = self.writes_boxes(planned, plan)
        if by_boxes is not None:
            return self._boxed(planned, plan, by_boxes, path)
        if path == STDOUT:
            target = self._stdout(str(format))
        else:
            ready = self.ready(path)
            target = formats.to_path(
                path, overwrite=job.overwrite, ready=ready, packing=images.packing
            )

        def finish(array: NDArray[Any]) -> Finished:
            finished = images.finish(array, plan, planned.source, str(format), path)
            if path != STDOUT:
                self.make_folder(path)
                return finished
            self.worker.latch.make()
            if row is not None and row.is_text and array.ndim == 2 and number:
                # Without it the rows would be read as more of the matrix before.
                shape = f"# shape: {array.shape[0]}x{array.shape[1]}\n"
                sys.stdout.buffer.write(shape.encode("ascii"))
            return finished

        return formats.encoded_sink(shaped, str(format), target, finish)

    def _boxed(
        self, planned: Planned, plan: OperationPlan, row: Format, path: str
    ) -> AbstractContextManager[Sink]:
        new = self.new_array(planned, plan, path)
        _, lost = self.worker.images.said(plan, planned.source, new.extension)
        self.make_folder(path)
        overwrite, ready = self.job.overwrite, self.ready(path)
        return formats.box_sink(new, row, path, lost=lost, overwrite=overwrite, ready=ready)

    def new_array(self, planned: Planned, plan: OperationPlan, path: str) -> NewArray:
        """Say what is written box by box."""
        images, source, format = self.worker.images, planned.source, str(planned.format)
        row = row_of(format)
        assert row is not None, format
        # Of what is no picture nothing need be read to say it.
        metadata = images.said(plan, source, format)[0] if row.pictures is not None else None
        return NewArray(
            label=path,
            extension=format,
            shape=plan.output_shape,
            box_shape=plan.keepdims_shape,
            dtype=plan.output_dtype,
            layout=plan.output_layout,
            metadata=metadata,
            packing=images.packing,
            chunks=None if source.is_read_whole else source.chunks,
            description=of_result(source, plan) if row.describes else NOTHING_SAID,
            pyramid=pyramid_of(plan),
        )

    def _stdout(self, format: str) -> formats.OutputFile:
        if sys.stdout is None:
            raise OutputError("standard output is closed, and the result was to go there")
        row = row_of(format)
        if (row is None or not row.is_text) and sys.stdout.isatty():
            raise UsageError(
                "`output='-'` would write binary to the terminal; redirect it or use"
                " `output='FILE'`"
            )
        return formats.to_stream(sys.stdout.buffer, packing=self.worker.images.packing)

    def check_memory(self, planned: Planned, plan: OperationPlan, kept: int = 0) -> None:
        """Refuse what is too large for memory before anything is pooled."""
        limit = self.worker.max_bytes
        if plan.single is not None:
            what = f"a window, of which {plan.single.request.op} sees all cells at once,"
            formats.check_memory(plan.single.window_bytes, limit, what)
        by_boxes = self.writes_boxes(planned, plan) is not None
        if by_boxes and self.goes_by_boxes(planned, plan):
            what = f"holding its chunks, {shape_text(planned.source.chunks or ())} each,"
            advice = ""
            if plan.coarser:
                what, advice = (
                    "holding blocks of every level",
                    "; ask for fewer `levels` or `threads`",
                )
            formats.check_memory(self.memory(planned, plan).needed, limit, what, advice)
            return
        nbytes = (
            kept + ResultShape(plan.output_shape, plan.keepdims_shape, plan.output_dtype).nbytes
        )
        advice = ""
        if self.goes_by_boxes(planned, plan):
            advice = f"; `output='FILE{NPY.extensions[0]}'` writes it block by block"
        what = "its result, with those before it," if kept else "its result"
        formats.check_memory(nbytes, limit, what, advice)

    def tick(self, part: float) -> None:
        """Tell that a part of the input was pooled. Raises Stopped where that is to end."""
        self.worker.tick(self.job, part)

    def make_folder(self, path: str) -> None:
        """Make the folders of ``path``: that there is one to make them in was checked before."""
        self.worker.latch.make()
        formats.make_folder_of(path)

    def ready(self, path: str, *, whole: bool = True) -> formats.Ready:
        """Give what happens just before ``path`` gets its name; not ``whole``: some have failed."""
        source, manifest, before = self.job.input, self.worker.manifest, self._before

        def ready(output: formats.Status) -> None:
            self.tick(0)
            if manifest is not None and source.file is not None and before is not None:
                manifest.note(path, source.file, source.member, before, output, whole=whole)

        return ready


def _made_beside(name: str, plan: OperationPlan, content: Readable) -> NDArray[Any]:
    """Make what goes beside a result."""
    if name == "indices":
        return plan.winners(content)
    if plan.single is None:
        raise UsageError("only one pooling has shares; pool by windows that slide, for example")
    return plan.single.shares(content)


def _without_failures(arrays: Iterator[Planned], failures: list[InputError]) -> Iterator[Planned]:
    """Give the arrays that there are; what keeps others from being read is a failure."""
    while True:
        try:
            planned = next(arrays, None)
        except InputError as error:
            failures.append(error)
            continue
        if planned is None:
            return
        yield planned
        del planned
