"""What one pooling does to arrays of one shape and dtype."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli.dtypes import result_dtype
from poolcli.engine.arrays import (
    Gathered,
    Readable,
    Writable,
    allocate,
    input_view,
    memory_order,
    output_view,
    read_whole,
    refuse_out,
    shape_of,
    view_order,
    write_whole,
)
from poolcli.engine.blocks import Memory, Progress, count_blocks, memory_of, run
from poolcli.engine.chunks import Outline
from poolcli.engine.gather import gathered_bytes, positions_of
from poolcli.engine.kernels import Kernel
from poolcli.engine.masked import MaskedView
from poolcli.engine.native import Missing
from poolcli.engine.repeat import Repeat
from poolcli.engine.worker import NanFound, Task, is_shared
from poolcli.errors import InputError, UsageError
from poolcli.families import JsonObject
from poolcli.layout import AXIS_NAMES, Layout, show_shape
from poolcli.missing import marker_of, missing_cells, refuse_empty
from poolcli.ops import OPS, MakeKernel, find_op
from poolcli.recent import Recent
from poolcli.windows import Grid, Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.request import Request

# Stored arrays of up to so many bytes are read at once, and so are their results written.
SMALL_BYTES = 1 << 17

Chunks = tuple[int, ...] | None
"""The shape of what is read or written at once; None where a box of any shape is as good."""


@dataclass(frozen=True)
class Plan:
    """What one request does to arrays of one shape and dtype."""

    request: Request
    layout: str
    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    keepdims_shape: tuple[int, ...]
    """The shape of the result with all axes kept."""
    output_dtype: np.dtype[Any]
    windows: tuple[Windows, ...]
    kernel: Kernel
    warning: str | None
    """Why the layout, which nobody said, may be the wrong one."""
    part_of: tuple[Plan, tuple[int, ...]] | None = None
    """For some of the windows only: the plan of all, and which are the first of these."""
    blocks: tuple[int, int] | None = None
    """Where others do the rest: of the blocks that an array is cut into, these alone."""
    mask: NDArray[np.bool_] | None = field(default=None, compare=False)
    """True for cells that do not count, one for each cell of the input."""
    weights: NDArray[np.float64] | None = field(default=None, compare=False)
    """How much each cell counts."""

    @cached_property
    def output_layout(self) -> str:
        """The axis letters of the result; empty where one number is left."""
        return self.layout if self.request.keepdims else Layout(self.layout).without_spatial

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return tuple(
            n
            for letter, n in zip(self.layout, self.keepdims_shape, strict=True)
            if letter in self.output_layout
        )

    @property
    def window_bytes(self) -> int:
        """About how much memory one window takes by itself: much only where it is seen whole.

        So are those that share what they overlap in.
        """
        axes, itemsize = Layout(self.layout), self.input_dtype.itemsize
        lead, order = view_order(axes.spatial, tuple(range(len(self.layout))))
        inner = math.prod(self.input_shape[axis] for axis in order[lead + len(axes.spatial) :])
        if self.kernel.sees_whole(self.input_dtype):
            return inner * gathered_bytes(self.windows, itemsize)
        if not is_shared(self.kernel, self.windows, itemsize):
            return 0
        reach = (min(w.n, (w.largest - 1) * w.dilation + 1) for w in self.windows)
        return inner * itemsize * math.prod(reach)

    def memory(self, read: Chunks, written: Chunks) -> Memory:
        """About how much memory pooling takes by itself.

        ``read`` and ``written`` are the chunks of the input and of what is written.
        """
        x = Outline(self.input_shape, self.input_dtype, read)
        out = Outline(self.keepdims_shape, self.output_dtype, written)
        return memory_of(self._task(self.kernel, x, out), threads=self.request.threads)

    @property
    def grids(self) -> dict[str, Grid]:
        """The grid of the result over the input's cells, by axis letter."""
        letters = Layout(self.layout).spatial_letters if self.request.keepdims else ""
        return {letter: w.grid for letter, w in zip(letters, self.windows, strict=False)}

    @property
    def nodata(self) -> float | None:
        """The value that means missing in the result."""
        return self.request.nodata

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that no window covers, by axis name, where there are any."""
        return {w.axis: w.dropped for w in self.windows if w.dropped}

    @property
    def single(self) -> Plan:
        """This plan: there is no more to it."""
        return self

    @property
    def coarser(self) -> tuple[Plan, ...]:
        """The plans of overviews: there are none."""
        return ()

    @property
    def index_convention(self) -> str:
        """What positions count."""
        return self.request.index_convention

    @property
    def parts(self) -> tuple[Plan, ...]:
        """The plans whose results are joined: this alone."""
        return (self,)

    def replanned(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        layout: str | None = None,
        keepdims: bool | None = None,
        nodata: float | None = None,
    ) -> Plan:
        """The plan of the same windows over another array, whose results are stored as they are.

        With ``nodata`` that value marks what does not count, and one cell that does is enough.
        """
        request = replace(
            self.request,
            layout=self.layout if layout is None else layout,
            keepdims=self.request.keepdims if keepdims is None else keepdims,
            dtype=None,
            fit="exact",
            index="plane",
            nodata=self.request.nodata if nodata is None else nodata,
            min_valid=self.request.min_valid if nodata is None else 0.0,
        )
        (placement,) = request.geometry.parts
        return request.plan_part(placement, shape, dtype)

    def describe(self, times: str = "x") -> str:
        """Say the op and its windows as they were asked for."""
        return self.request.describe([self.windows], times)

    def as_json(self) -> JsonObject:
        """A record's ``op`` and ``windows``."""
        return self.request.as_json([self.windows])

    def run(
        self,
        x: Readable,
        out: NDArray[Any] | None = None,
        *,
        block_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> NDArray[Any]:
        """Pool ``x``, into ``out`` if given (of the output's shape and dtype, not overlapping)."""
        self._check_input(x)
        if out is None:
            out = allocate(self.output_shape, self.output_dtype)
        else:
            refuse_out(out, self.output_shape, self.output_dtype, x)
        self._run(self.kernel, x, out, block_bytes, progress)
        return out

    def run_into(
        self,
        x: Readable,
        out: Writable,
        *,
        block_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Pool ``x`` into what is written in boxes that have all axes (``keepdims_shape``)."""
        self._run(self.kernel, x, out, block_bytes, progress)

    def winners(self, x: Readable, *, block_bytes: int | None = None) -> NDArray[np.int64]:
        """The position of each window's winner: the first one on ties, the first NaN if NaN won.

        Raises UsageError where the op picks no cell by its value.
        """
        return self._positions(winner_of(self.request.op), x, block_bytes)

    def shares(self, x: Readable) -> NDArray[np.float32]:
        """The share of each window's cells that have its value, of those that count; else NaN.

        Raises UsageError where the op picks no value that several cells may have.
        """
        op = find_op(self.request.op)
        if op.share is None:
            known = ", ".join(op.name for op in OPS.values() if op.share is not None)
            raise UsageError(f"{op.name} has no share: {known} has one")
        out = allocate(self.output_shape, np.dtype(np.float32))
        self._run(op.share(self.request.op_params), x, out, None, None)
        return out

    def picked(self, x: Readable) -> NDArray[np.int64] | None:
        """The position of the cell that is (or is nearest to) each window's result, as winners are.

        None where the op gives no cells. Stochastic pooling draws the same cells as in ``run``.
        """
        op = find_op(self.request.op)
        make = op.winner or op.picked
        if make is not None:
            return self._positions(make, x)
        if not op.gives_cells(self.request.op_params):
            return None
        return self._picked_cells(x)

    def part(self, first: tuple[int, ...], stop: tuple[int, ...]) -> Plan:
        """The same plan for the windows ``first .. stop-1`` of each spatial axis alone.

        Of an array it reads no more than these need, and their results are the same to the bit.
        """
        windows = tuple(w.part(a, b) for w, a, b in zip(self.windows, first, stop, strict=True))
        kept = list(self.keepdims_shape)
        for axis, w in zip(Layout(self.layout).spatial, windows, strict=True):
            kept[axis] = w.out
        return replace(self, windows=windows, keepdims_shape=tuple(kept), part_of=(self, first))

    def task(self, x: Readable, out: Writable) -> Task:
        """What the engine is asked to do: to pool ``x`` into ``out``, which has all axes."""
        return self._task(self.kernel, x, out)

    def refusal_of(self, found: NanFound, x: Readable) -> InputError:
        """Say where in ``x`` a NaN is that must not be there."""
        position = dict(zip(self._view(x)[1], found.position, strict=True))
        letters = Layout(self.layout).letters
        where = ", ".join(f"{AXIS_NAMES[c]} {position[i]}" for i, c in enumerate(letters))
        return InputError(f"NaN at {where}; use `nan='skip'` or `nan='propagate'`")

    def count_blocks(self, x: Readable, out: Writable) -> int:
        """How many blocks ``x`` is cut into, by which several processes can share its pooling.

        That depends on the number of threads, which should be asked for.
        """
        return count_blocks(self._task(self.kernel, x, out), threads=self.request.threads)

    def missing(self) -> Missing | None:
        """Which cells do not count, where some may not."""
        result = result_dtype(self.kernel.result, self.input_dtype, self.output_dtype)
        return self._missing(self.kernel, result, self.output_dtype)

    def _positions(
        self, make: MakeKernel, x: Readable, block_bytes: int | None = None
    ) -> NDArray[np.int64]:
        out = allocate(self.output_shape, np.dtype(np.int64))
        self._run(make(self.request.op_params), x, out, block_bytes, None)
        return out

    def _picked_cells(self, x: Readable) -> NDArray[np.int64]:
        """The positions of the cells whose values the results are."""
        values = allocate(self.output_shape, result_dtype(self.kernel.result, self.input_dtype))
        self._run(self.kernel, x, values, None, None)
        out, order = allocate(self.output_shape, np.dtype(np.int64)), self._view(x)[1]
        results, positions = (self._with_all_axes(a).transpose(order) for a in (values, out))
        positions[...] = positions_of(self._task(self.kernel, x, values), results)
        return out

    def _view(self, x: Readable) -> tuple[int, tuple[int, ...]]:
        """How many lead axes the engine's view has, and the order of its axes."""
        return view_order(Layout(self.layout).spatial, memory_order(x))

    def _with_all_axes(self, out: NDArray[Any]) -> NDArray[Any]:
        if self.request.keepdims:
            return out
        return np.expand_dims(out, Layout(self.layout).spatial)

    def _task(self, kernel: Kernel, x: Readable, out: Writable) -> Task:
        request = self.request
        lead, order = self._view(x)
        whole, first = self.part_of or (self, (0,) * len(self.windows))
        if isinstance(out, np.ndarray):
            out = self._with_all_axes(out)
        wanted = out.dtype if kernel is self.kernel else None
        result = result_dtype(kernel.result, self.input_dtype, wanted)
        source = input_view(x, order)
        if self.mask is not None:
            marker, unused = marker_of(request.nodata, self.input_dtype), request.nodata is None
            source = MaskedView(source, self.mask.transpose(order), marker, unused=unused)
        return Task(
            name=request.op,
            kernel=kernel,
            result=result,
            source=source,
            target=output_view(out, order),
            windows=whole.windows,
            ranges=tuple((a, a + w.out) for a, w in zip(first, self.windows, strict=True)),
            lead=lead,
            cell_coefs=self._coefficients(self._index_order(), self.input_shape, order),
            window_coefs=self._coefficients("NCDHW", whole.keepdims_shape, order),
            missing=self._missing(kernel, result, out.dtype),
            weights=None if self.weights is None else input_view(self.weights, order),
            refuse_nan=self._refuses_nan and kernel is self.kernel,
            divisor=request.divisor,
            count_include_pad=request.counts_padding,
            fit=request.fit,
        )

    def _run(
        self,
        kernel: Kernel,
        x: Readable,
        out: Writable,
        block_bytes: int | None,
        progress: Progress | None,
    ) -> None:
        if not isinstance(x, np.ndarray) and block_bytes is None and self._is_small:
            cells = read_whole(x)
            x.finish()
            x = cells
        if not isinstance(out, np.ndarray) and block_bytes is None and self._is_small:
            results = allocate(self.output_shape, np.dtype(out.dtype))
            self._run(kernel, x, results, None, progress)
            write_whole(out, results)
            return
        out = out.array if isinstance(out, Gathered) else out
        key = None
        if isinstance(x, np.ndarray) and isinstance(out, np.ndarray) and block_bytes is None:
            key = kernel is self.kernel, x.strides, out.strides
            small = self._repeats.get(key)
            if small is not None and small.run(x, out):
                if progress is not None:
                    progress(1.0)
                return
        task = self._task(kernel, x, out)
        if kernel is self.kernel:
            refuse_empty(self, task.target.dtype)
        alone = not isinstance(x, np.ndarray) and x.sequential
        threads = 1 if alone else self.request.threads
        try:
            work = run(
                task,
                threads=threads,
                block_bytes=block_bytes,
                some=self.blocks,
                progress=progress,
            )
            if work is not None and isinstance(x, np.ndarray) and isinstance(out, np.ndarray):
                self._repeats.put(key, Repeat(work, x, out))
            if not isinstance(x, np.ndarray):
                x.finish()
        except NanFound as found:
            raise self.refusal_of(found, x) from None

    @property
    def _is_small(self) -> bool:
        """Whether cells and results are read and written whole: boxes of them would be no less."""
        if self.part_of is not None:  # which needs no more than a part, and may be given no more
            return False
        cells = math.prod(self.input_shape) * self.input_dtype.itemsize
        return cells <= SMALL_BYTES and 8 * math.prod(self.keepdims_shape) <= SMALL_BYTES

    @cached_property
    def _repeats(self) -> Recent[Repeat]:
        """Runs over small arrays, by how these lie in memory."""
        return Recent(4)

    @property
    def _refuses_nan(self) -> bool:
        nodata = self.request.nodata
        marks = nodata is not None and math.isnan(nodata)  # then a NaN is nothing but missing
        return self.request.nan == "error" and self.input_dtype.kind == "f" and not marks

    def _index_order(self) -> str:
        """The letters in whose order indices count the cells."""
        convention = self.index_convention
        return {"plane": "DHW", "tensor": self.layout, "channels-last": "DHWC"}[convention]

    def _coefficients(
        self, letters: str, shape: tuple[int, ...], order: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Coefficients, for the view's axes, that number cells in C order of ``letters``."""
        coefficients, step = dict.fromkeys(self.layout, 0), 1
        for letter in reversed(letters):
            if letter in self.layout:
                coefficients[letter] = step
                step *= shape[self.layout.index(letter)]
        return tuple(coefficients[self.layout[axis]] for axis in order)

    def _check_input(self, x: Readable) -> None:
        if x.dtype != self.input_dtype or shape_of(x) != self.input_shape:
            raise InputError(
                f"planned for {show_shape(self.input_shape)} {self.input_dtype}, "
                f"got {show_shape(x.shape)} {x.dtype}"
            )

    def _missing(
        self, kernel: Kernel, result: np.dtype[Any], target: np.dtype[Any]
    ) -> Missing | None:
        request, skips = self.request, self.request.nan == "skip" and self.input_dtype.kind == "f"
        masked = self.mask is not None
        if request.nodata is None and not skips and not masked:
            return None
        return missing_cells(
            request,
            self.input_dtype,
            result,
            target,
            skips_nan=skips,
            masked=masked,
            fills=kernel is self.kernel,
        )


def winner_of(name: str) -> MakeKernel:
    """The kernel of the position of an op's winner. Raises UsageError where there is none."""
    op = find_op(name)
    if op.winner is None:
        known = ", ".join(op.name for op in OPS.values() if op.winner is not None)
        raise UsageError(f"{op.name} picks no cell, so it has no indices; {known} do")
    return op.winner
