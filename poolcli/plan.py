"""From what is asked (a Request) to what will be done to one array (a Plan)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli import checks
from poolcli.dtypes import FITS, as_cell, as_typed, number_type, result_dtype
from poolcli.engine.arrays import (
    Gathered,
    Readable,
    Writable,
    allocate,
    input_view,
    memory_order,
    output_view,
    read_whole,
    view_order,
)
from poolcli.engine.blocks import Memory, Progress, count_blocks, memory_of, run
from poolcli.engine.chunks import Outline
from poolcli.engine.gather import gathered_bytes, positions_of
from poolcli.engine.kernels import Kernel
from poolcli.engine.native import Missing
from poolcli.engine.worker import NanFound, Task
from poolcli.errors import InputError, UnknownParameter, UsageError
from poolcli.families import JsonObject, Parts, family_of
from poolcli.frameworks.defaults import INDEX_CONVENTIONS, find_preset
from poolcli.layout import AXIS_NAMES, Layout, doubtful, find_layout, show_shape
from poolcli.ops import OPS, MakeKernel, find_op
from poolcli.windows import Geometry, Grid, Placement, Windows, whole_number

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from poolcli.joined import JoinedPlan


_CHECKS: Mapping[type, Callable[[str, Any], object]] = {
    bool: checks.flag,
    int: checks.whole,
    float: checks.real,
    str: checks.word,
}
# Counts of cells are added and multiplied in 64 bits.
_MOST_COUNTED = 2**62

Chunks = tuple[int, ...] | None
"""The shape of what is read or written at once; None where a box of any shape is as good."""

NAN_POLICIES = ("propagate", "skip", "error")


@dataclass(frozen=True)
class Request:
    """Pooling as asked for, before any array is seen.

    ``fit`` says how results enter an integer ``dtype``: ``exact``, ``round`` (half to even, must
    fit) or ``clip`` (rounded and saturated). ``like`` is the name of a preset that fills in what
    is None here. ``index`` is the convention of the winners' positions.
    """

    op: str
    geometry: Geometry
    layout: str | None = None
    like: str | None = None
    nan: str = "propagate"
    nodata: float | None = None
    min_valid: float = 0.0
    count_include_pad: bool | None = None
    divisor: float | None = None
    index: str | None = None
    dtype: DTypeLike | None = None
    fit: str = "exact"
    keepdims: bool = True
    threads: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        op = find_op(self.op)
        find_preset(self.like)
        checks.one_of("nan", self.nan, NAN_POLICIES)
        checks.one_of("fit", self.fit, FITS)
        if self.index is not None:
            checks.one_of("index", self.index, INDEX_CONVENTIONS)
        for name in ("nodata", "min_valid", "divisor"):
            if getattr(self, name) is not None or name == "min_valid":
                checks.real(name, getattr(self, name))
        for name in ("count_include_pad", "keepdims"):
            if getattr(self, name) is not None:
                checks.flag(name, getattr(self, name))
        if not op.divides and (self.count_include_pad or self.divisor is not None):
            raise UsageError(f"{op.name} divides by nothing: no count_include_pad and no divisor")
        if self.divisor is not None and not (math.isfinite(self.divisor) and self.divisor != 0):
            raise UsageError(f"divisor {self.divisor}: must be a number other than 0")
        if not 0 <= self.min_valid <= 1:
            raise UsageError(f"min_valid {self.min_valid}: must be a fraction from 0 to 1")
        if self.threads is not None:
            whole_number("threads", self.threads, least=1)
        unknown = set(self.params) - {param.name for param in op.params}
        if unknown:
            raise UnknownParameter(op.name, min(unknown))
        for param in op.params:
            if param.name in self.params:
                _CHECKS[param.type](param.name, self.params[param.name])

    def with_nodata(self, nodata: float) -> Request:
        """Ask the same with this value missing, where none was said to be."""
        return self if self.nodata is not None else replace(self, nodata=nodata)

    def with_results(self, dtype: DTypeLike | None, fit: str) -> Request:
        """Ask the same, with the results stored in this way."""
        return replace(self, dtype=dtype, fit=fit)

    def with_threads(self, threads: int) -> Request:
        """Ask the same of so many threads, where no number was asked for."""
        return self if self.threads is not None else replace(self, threads=threads)

    def plan(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> Plan | JoinedPlan:
        """What pooling an array of this shape and dtype will do.

        ``layout`` is what the file itself tells; the request's own layout wins over it.

        Raises UsageError for a request that means nothing and InputError where the windows or the
        layout do not fit the array.
        """
        placements = self.geometry.parts
        plans = tuple(self.plan_part(part, shape, dtype, layout) for part in placements)
        if not family_of(self.geometry).joins:
            return plans[0]
        from poolcli.joined import JoinedPlan  # late: few requests have several parts

        return JoinedPlan(self, plans)

    def plan_alone(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> Plan:
        """What pooling will do where the geometry has one part; see :meth:`plan`."""
        (placement,) = self.geometry.parts
        return self.plan_part(placement, shape, dtype, layout)

    def plan_part(
        self,
        placement: Placement,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        layout: str | None = None,
    ) -> Plan:
        """What pooling by one part of the geometry will do; see :meth:`plan`."""
        dtype = np.dtype(dtype)
        if dtype.kind not in "biuf" or dtype.itemsize > 8:
            raise InputError(
                f"dtype {dtype} cannot be pooled; bool, integers and floats of up to 64 bits can"
            )
        preset = find_preset(self.like)
        chosen = layout if self.layout is None else self.layout
        axes = find_layout(chosen, shape, preset.layouts)
        warning = None if chosen or self.like else doubtful(axes, shape)
        padding = find_op(self.op).padding
        placed = placement.completed(unit_stride=preset.unit_stride, padding=padding)
        windows = placed.resolve(axes.spatial_names, [shape[i] for i in axes.spatial])
        kernel = find_op(self.op).kernel(self.op_params)
        if kernel.mirrors:
            from poolcli.engine.mirrored import refuse_weights  # late: one op mirrors

            for w in windows:
                refuse_weights(w)
        self._refuse_counts(windows)
        wanted = None if self.dtype is None else number_type(self.dtype)
        target = result_dtype(kernel.result, dtype) if wanted is None else wanted
        kept = list(shape)
        for axis, w in zip(axes.spatial, windows, strict=True):
            kept[axis] = w.out
        request = self if placement is self.geometry else replace(self, geometry=placement)
        return Plan(
            request, axes.letters, shape, dtype, tuple(kept), target, windows, kernel, warning
        )

    def _refuse_counts(self, windows: tuple[Windows, ...]) -> None:
        """Refuse windows whose padding would be counted, and is too much for 64 bits."""
        most = math.prod(w.largest for w in windows)
        if self.counts_padding and most > _MOST_COUNTED:
            raise InputError(
                f"windows of {show_shape([w.largest for w in windows])} hold more than 2^62 cells "
                "to divide by; leave padding out of the count or use smaller windows"
            )

    @property
    def counts_padding(self) -> bool:
        """Whether averages count explicit padding: as said, or else by the preset."""
        said = self.count_include_pad
        if said is None:
            said = find_preset(self.like).count_include_pad
        return said and find_op(self.op).divides

    def describe(self, parts: Parts, times: str = "x") -> str:
        """Say what is asked for; ``parts`` are the windows that it came to."""
        family = family_of(self.geometry)
        said = [] if family.slides else [family.name]
        said += [self.op, *family.describe(self.geometry, parts, times, self.params)]
        if self.count_include_pad:
            said.append("counting padding")
        elif self.count_include_pad is False and self.like is not None:
            said.append("not counting padding")
        if self.divisor is not None:
            said.append(f"divisor {_short(self.divisor)}")
        if self.nan != "propagate":
            said.append(f"nan {self.nan}")
        if self.nodata is not None:
            said.append(f"nodata {_short(self.nodata)}")
        if self.min_valid:
            said.append(f"min-valid {_short(self.min_valid)}")
        said += [f"{name} {value}" for name, value in self.params.items()]
        return " ".join(said if self.like is None else [*said, f"like {self.like}"])

    def as_json(self, parts: Parts) -> JsonObject:
        """A record's ``op`` and ``windows``; ``parts`` are the windows that it came to."""
        family = family_of(self.geometry)
        windows = {"kind": family.name, **family.as_json(self.geometry, parts)}
        return {"op": self.op, "windows": windows}

    @property
    def index_convention(self) -> str:
        """What positions count: as said, or else by the preset."""
        return self.index or find_preset(self.like).index

    @property
    def op_params(self) -> dict[str, Any]:
        """The op's own parameters: as said, or else by the preset, or else the op's defaults."""
        op, preset = find_op(self.op), find_preset(self.like).params
        said = {p.name: preset.get(p.name, p.default) for p in op.params} | dict(self.params)
        return {p.name: p.type(said[p.name]) for p in op.params}


def _short(value: float) -> str:
    """Write a number as people would: 4 for 4.0, but 1e+300 for that."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e16 else str(value)


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

    @property
    def output_layout(self) -> str:
        """The axis letters of the result; empty where one number is left."""
        return self.layout if self.request.keepdims else Layout(self.layout).without_spatial

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return tuple(
            n
            for letter, n in zip(self.layout, self.keepdims_shape, strict=True)
            if letter in self.output_layout
        )

    @property
    def window_bytes(self) -> int:
        """About how much memory one window takes by itself: much only where it is seen whole."""
        if not self.kernel.sees_whole(self.input_dtype):
            return 0
        axes = Layout(self.layout)
        lead, order = view_order(axes.spatial, tuple(range(len(self.layout))))
        inner = math.prod(self.input_shape[axis] for axis in order[lead + len(axes.spatial) :])
        return inner * gathered_bytes(self.windows, self.input_dtype.itemsize)

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
        if out is None:
            out = allocate(self.output_shape, self.output_dtype)
        self._check(x, out)
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
        op = find_op(self.request.op)
        if op.winner is None:
            known = ", ".join(op.name for op in OPS.values() if op.winner is not None)
            raise UsageError(f"{op.name} picks no cell, so it has no indices; {known} do")
        return self._positions(op.winner, x, block_bytes)

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
        lead, order = self._view(x)
        out = allocate(self.output_shape, np.dtype(np.int64))
        results, positions = (self._with_all_axes(a).transpose(order) for a in (values, out))
        task = self._task(self.kernel, x, values)
        positions[...] = positions_of(
            results,
            read_whole(x).transpose(order),
            task.windows,
            task.ranges,
            lead,
            task.cell_coefs,
            task.missing,
        )
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
        return Task(
            name=request.op,
            kernel=kernel,
            result=result,
            source=input_view(x, order),
            target=output_view(out, order),
            windows=whole.windows,
            ranges=tuple((a, a + w.out) for a, w in zip(first, self.windows, strict=True)),
            lead=lead,
            cell_coefs=self._coefficients(self._index_order(), self.input_shape, order),
            window_coefs=self._coefficients("NCDHW", whole.keepdims_shape, order),
            missing=self._missing(kernel, result, out.dtype),
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
        out = out.array if isinstance(out, Gathered) else out
        task = self._task(kernel, x, out)
        alone = not isinstance(x, np.ndarray) and x.sequential
        threads = 1 if alone else self.request.threads
        try:
            run(
                task,
                threads=threads,
                block_bytes=block_bytes,
                some=self.blocks,
                progress=progress,
            )
            if not isinstance(x, np.ndarray):
                x.finish()
        except NanFound as found:
            position = dict(zip(self._view(x)[1], found.position, strict=True))
            letters = Layout(self.layout).letters
            where = ", ".join(f"{AXIS_NAMES[c]} {position[i]}" for i, c in enumerate(letters))
            raise InputError(f"NaN at {where}; use `nan='skip'` or `nan='propagate'`") from None

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

    def _check(self, x: Readable, out: NDArray[Any]) -> None:
        if x.dtype != self.input_dtype or math.prod(x.shape) != math.prod(self.input_shape):
            raise InputError(
                f"planned for {show_shape(self.input_shape)} {self.input_dtype}, "
                f"got {show_shape(x.shape)} {x.dtype}"
            )
        if not isinstance(out, np.ndarray):
            raise UsageError(f"out {checks.shown(out)}: a NumPy array to write to is meant")
        if out.shape != self.output_shape or out.dtype != self.output_dtype:
            raise UsageError(
                f"out has shape {out.shape} and dtype {out.dtype}; the result has "
                f"{self.output_shape} and {self.output_dtype}"
            )
        if not out.flags.writeable:
            raise UsageError("out is read-only; give an array that can be written")
        if isinstance(x, np.ndarray) and np.may_share_memory(x, out):
            raise UsageError("out shares memory with the input; give an array of its own")

    def _missing(
        self, kernel: Kernel, result: np.dtype[Any], target: np.dtype[Any]
    ) -> Missing | None:
        request, skips = self.request, self.request.nan == "skip" and self.input_dtype.kind == "f"
        if request.nodata is None and not skips:
            return None
        # As typed, and in whole numbers: 7 of 25 cells are 0.28, and 0.28 · 25 as floats is more.
        share = as_typed(request.min_valid).limit_denominator(10**9)
        least = (share.numerator, share.denominator)
        if request.nodata is None:
            fill: Any = np.nan if result.kind == "f" else -1
            return Missing(True, None, fill, least)
        value = as_cell(request.nodata, self.input_dtype, "input")
        fill = -1
        if kernel is self.kernel:
            # Of integers into integers nothing need pass through a float.
            whole = self.input_dtype.kind in "iu" and target.kind in "iu"
            fill = as_cell(request.nodata, target if whole else result, "result")
        if isinstance(value, np.floating) and np.isnan(value):
            return Missing(True, None, fill, least)
        return Missing(skips, value, fill, least)
