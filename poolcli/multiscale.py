"""Overviews: an array at several resolutions, each of them pooled from the array itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from poolcli.checks import whole_number
from poolcli.dtypes import convert, result_dtype
from poolcli.engine.arrays import Readable, Writable, memory_order, read_whole, view_order
from poolcli.engine.blocks import Memory, processors
from poolcli.engine.chunks import Outline
from poolcli.engine.levels import Level, Walk, run_levels, walk_of
from poolcli.engine.worker import NanFound
from poolcli.errors import InputError, UsageError
from poolcli.geometry import Sliding, axis_values
from poolcli.layout import Layout, show_shape
from poolcli.ops import find_op
from poolcli.plan import Plan
from poolcli.request import Request
from poolcli.windows import Grid

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from poolcli.engine.arrays import StoredOutput
    from poolcli.engine.blocks import Progress
    from poolcli.families import JsonObject

SMALL = 256
"""Where no number of levels is said they go on until no pooled axis is longer."""

MOST_LEVELS = 40


class LevelsOutput(Protocol):
    """Where an array and its overviews are stored."""

    @property
    def levels(self) -> Sequence[StoredOutput]:
        """The array itself, and every overview after it."""


@dataclass(frozen=True)
class Overviews:
    """An array and poolings of it at several resolutions: an operation.

    ``request`` says the op and how it pools; its geometry is that of the first level, windows of
    ``factors`` side by side. Level k has windows of ``factors`` to the power of k over the array
    itself, of which those at the far edges may reach beyond it: cells that are there count.
    Results have the array's dtype, rounded, unless the request says another, which is then that of
    the array at full resolution, too. ``levels`` None: until no pooled axis is longer than 256.
    """

    request: Request
    factors: int | tuple[int, ...] = 2
    levels: int | None = None

    def __post_init__(self) -> None:
        if self.levels is not None:
            whole_number("levels", self.levels, least=1)
            if self.levels > MOST_LEVELS:
                raise UsageError(f"levels {self.levels}: at most {MOST_LEVELS} are made")
        factors = self.factors if isinstance(self.factors, (tuple, list)) else (self.factors,)
        if max(whole_number("size", factor, least=1) for factor in factors) == 1:
            raise UsageError("size 1: overviews are smaller than the array; use 2, or 1x2x2")

    @classmethod
    def of(
        cls, op: str, factors: int | tuple[int, ...] = 2, levels: int | None = None, **how: Any
    ) -> Overviews:
        """Ask for overviews by an op; ``how`` are the other fields of a Request."""
        how.setdefault("fit", "round")
        return cls(Request(op, Sliding(factors, factors, ceil_mode=True), **how), factors, levels)

    @property
    def op(self) -> str:
        """The name of the op."""
        return self.request.op

    @property
    def dtype(self) -> DTypeLike | None:
        """The dtype of all levels; None for that of the array."""
        return self.request.dtype

    @property
    def fit(self) -> str:
        """How results enter an integer dtype."""
        return self.request.fit

    @property
    def nodata(self) -> float | None:
        """The value that means missing."""
        return self.request.nodata

    @property
    def fills_files(self) -> bool:
        """Whether there is no place for another result beside it: a file has one pyramid."""
        return True

    def with_nodata(self, nodata: float) -> Overviews:
        """Ask the same with this value missing, where none was said to be."""
        return replace(self, request=self.request.with_nodata(nodata))

    def with_results(self, dtype: DTypeLike | None, fit: str) -> Overviews:
        """Ask the same, with the results stored in this way."""
        return replace(self, request=self.request.with_results(dtype, fit))

    def with_threads(self, threads: int) -> Overviews:
        """Ask the same of so many threads, where no number was asked for."""
        return replace(self, request=self.request.with_threads(threads))

    def plan(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> OverviewsPlan:
        """Say what every level is, and refuse what cannot be. No value is read."""
        request = self.request
        if request.dtype is None:
            request = replace(request, dtype=np.dtype(dtype).newbyteorder("="))
        # Windows of any size tell the layout, and what cannot be pooled at all.
        first = replace(request, geometry=Sliding(1)).plan_alone(shape, dtype, layout)
        axes = Layout(first.layout)
        cells = [shape[axis] for axis in axes.spatial]
        factors = axis_values("size", self.factors, axes.spatial_names, least=1)
        plans: list[Plan] = []
        for size in _sizes(factors, cells, self.levels):
            geometry = Sliding(size, size, ceil_mode=True)
            level = replace(request, geometry=geometry, layout=first.layout)
            plans.append(level.plan_alone(shape, dtype))
        return OverviewsPlan(self, tuple(plans), first.warning)


def _sizes(
    factors: Sequence[int], cells: Sequence[int], levels: int | None
) -> list[tuple[int, ...]]:
    """The sizes of windows at every level; along short axes they end with the axis.

    >>> _sizes([2, 2], [1000, 600], None)
    [(2, 2), (4, 4)]
    >>> _sizes([2, 2], [5, 2], 3)
    [(2, 2), (4, 2), (5, 2)]
    """
    sizes: list[tuple[int, ...]] = []
    before: tuple[int, ...] = (1,) * len(cells)
    while levels is None or len(sizes) < levels:
        power = len(sizes) + 1
        size = tuple(min(f**power, max(1, n)) for f, n in zip(factors, cells, strict=True))
        if size == before:
            if levels is None and sizes:
                break
            raise InputError(
                f"{levels or 1} levels are wanted, and after {len(sizes)} nothing of"
                f" {show_shape(cells)} is left to pool by {show_shape(factors)}"
            )
        sizes.append(size)
        before = size
        left = [-(-n // s) for n, s, f in zip(cells, size, factors, strict=True) if f > 1]
        if levels is None and max(left) <= SMALL:
            break
    return sizes


@dataclass(frozen=True)
class OverviewsPlan:
    """What overviews of arrays of one shape and dtype are: the array, and a plan for each level."""

    operation: Overviews
    coarser: tuple[Plan, ...]
    warning: str | None = None
    """Why the layout, which nobody said, may be the wrong one."""

    single = None
    index_convention = "tensor"

    @property
    def layout(self) -> str:
        """The axis letters of the input."""
        return self.coarser[0].layout

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the input."""
        return self.coarser[0].input_shape

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """The dtype of the input."""
        return self.coarser[0].input_dtype

    @property
    def output_layout(self) -> str:
        """The axis letters of every level."""
        return self.layout

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the array at full resolution."""
        return self.input_shape

    @property
    def keepdims_shape(self) -> tuple[int, ...]:
        """The shape of the array at full resolution."""
        return self.input_shape

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """The dtype of every level."""
        return self.coarser[0].output_dtype

    @property
    def dropped(self) -> Mapping[str, int]:
        """Cells that no window covers: none."""
        return {}

    @property
    def grids(self) -> Mapping[str, Grid]:
        """The grid of the array at full resolution: its own."""
        return {letter: Grid(0, 1) for letter in Layout(self.layout).spatial_letters}

    @property
    def nodata(self) -> float | None:
        """The value that means missing."""
        return self.operation.nodata

    @property
    def factors(self) -> tuple[tuple[int, ...], ...]:
        """For each level, the array itself first, how many cells a result takes along each axis."""
        spatial = Layout(self.layout).spatial
        found = [(1,) * len(self.input_shape)]
        for plan in self.coarser:
            sizes = dict(zip(spatial, (w.largest for w in plan.windows), strict=True))
            found.append(tuple(sizes.get(axis, 1) for axis in range(len(self.input_shape))))
        return tuple(found)

    def describe(self, times: str = "x") -> str:
        """Say the op, and the windows of every level."""
        sizes = ", ".join(times.join(str(w.largest) for w in plan.windows) for plan in self.coarser)
        request = self.operation.request
        return " ".join([f"{request.op} overviews {sizes}", *request.rules])

    def as_json(self) -> JsonObject:
        """A record's ``op`` and ``windows``: the sizes of the windows and the shape, by level."""
        levels: list[Any] = [
            {"size": [w.largest for w in plan.windows], "shape": list(plan.output_shape)}
            for plan in self.coarser
        ]
        return {"op": self.operation.op, "windows": {"kind": "overviews", "levels": levels}}

    def memory(self, read: tuple[int, ...] | None, written: tuple[int, ...] | None) -> Memory:
        """About how much memory it takes; ``written`` are the chunks of every level."""
        outs = [written] * (1 + len(self.coarser))
        walk = self._walk(Outline(self.input_shape, self.input_dtype, read), outs)
        threads = self.operation.request.threads or processors()
        return Memory(walk.nbytes(self.input_dtype.itemsize, threads))

    def run(self, x: Readable, *, progress: Progress | None = None) -> NDArray[Any]:
        """Give the array at full resolution, in the dtype of all levels."""
        whole = read_whole(x)
        out = np.empty(whole.shape, self.output_dtype)
        convert(whole, out, self.operation.fit)
        return out

    def run_levels(self, x: Readable, *, progress: Progress | None = None) -> list[NDArray[Any]]:
        """Pool ``x`` into new arrays, one for each level."""
        plans = self.coarser
        kept = _Kept([np.empty(self.output_shape, self.output_dtype)])
        kept.arrays += [np.empty(plan.output_shape, plan.output_dtype) for plan in plans]
        self.run_into(x, kept, progress=progress)
        return kept.arrays[1:]

    def run_into(
        self, x: Readable, out: Writable | LevelsOutput, *, progress: Progress | None = None
    ) -> None:
        """Store ``x`` and every level of it. Raises InputError where ``out`` is no place."""
        outs: Sequence[StoredOutput] | None = getattr(out, "levels", None)
        if outs is None:
            raise InputError("overviews are written to a file: `output='FILE.ome.zarr'`, or .tif")
        _, order = view_order(Layout(self.layout).spatial, memory_order(x))
        levels = []
        for number, plan in enumerate(self.coarser, start=1):
            if self.chains and number > 1:
                levels.append(Level(self._chained(number, x, outs), chained=True))
            else:
                levels.append(Level(plan.task(x, outs[number])))
        try:
            run_levels(
                *(x, order, levels, outs, self._walk(x, [one.chunks for one in outs])),
                fit=self.operation.fit,
                threads=self.operation.request.threads,
                progress=progress,
            )
        except NanFound as found:
            raise self.coarser[0].refusal_of(found, x) from None

    def winners(self, x: Readable) -> NDArray[np.int64]:
        """Raise UsageError: every level would have its own."""
        raise UsageError("overviews have no indices; pool each level by itself")

    def _walk(self, x: Readable, written: Sequence[tuple[int, ...] | None]) -> Walk:
        read = None
        if not isinstance(x, np.ndarray) and x.chunks is not None:
            read = tuple(x.chunks[axis] for axis in x.axes)
        spatial, slow_first = Layout(self.layout).spatial, memory_order(x)
        lead, order = view_order(spatial, slow_first)
        args = self.input_shape, self.input_dtype.itemsize, self.factors, read, written
        return walk_of(*args, slow_first, order[lead + len(spatial) :])

    @cached_property
    def chains(self) -> bool:
        """Whether a level pooled from the one before is the same as from the array itself."""
        request, op = self.operation.request, find_op(self.operation.op)
        rule = self.coarser[0].kernel.result
        native = result_dtype(rule, self.input_dtype)
        return (
            self.input_dtype.kind in op.composes
            and native == self.output_dtype
            and request.min_valid == 0
            # A sum may be the value that means missing; and which cell is first is another's then.
            and (self.coarser[0].missing() is None or (rule == "keeps" and not op.by_position))
            and all(
                s % b == 0 or s == n
                for coarse, fine in zip(self.factors[1:], self.factors, strict=False)
                for s, b, n in zip(coarse, fine, self.input_shape, strict=True)
            )
        )

    def _chained(self, number: int, x: Readable, outs: Sequence[StoredOutput]) -> Any:
        """The task of a level whose cells are the results of the one before."""
        before, plan = self.coarser[number - 2], self.coarser[number - 1]
        spatial = Layout(self.layout).spatial
        steps = zip(self.factors[number], self.factors[number - 1], strict=True)
        sizes = [-(-a // b) for a, b in steps]
        size = tuple(sizes[axis] for axis in spatial)
        request = replace(plan.request, geometry=Sliding(size, size, ceil_mode=True))
        shape, dtype = before.output_shape, before.output_dtype
        chained = request.plan_alone(shape, dtype)
        slow_first = memory_order(x)
        stored = tuple(shape[axis] for axis in slow_first)
        return chained.task(_Results(stored, dtype, None, slow_first=slow_first), outs[number])


@dataclass(frozen=True)
class _Results(Outline):
    """The results of a level, of which only the outline matters, in the array's order of axes."""

    slow_first: tuple[int, ...] = ()

    @property
    def axes(self) -> tuple[int, ...]:
        """Which of the axes, from the slowest, is which of the array's own."""
        return tuple(self.slow_first.index(axis) for axis in range(len(self.shape)))


class _Kept:
    """Levels in memory."""

    def __init__(self, arrays: list[NDArray[Any]]) -> None:
        self.arrays = arrays

    @property
    def levels(self) -> list[StoredOutput]:
        """The arrays, to be written in boxes."""
        return [_InMemory(array) for array in self.arrays]


class _InMemory:
    """An array in memory that is written in boxes."""

    chunks: tuple[int, ...] | None = None

    def __init__(self, array: NDArray[Any]) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def write_box(self, box: tuple[tuple[int, int], ...], values: NDArray[Any]) -> None:
        """Store the values."""
        self._array[tuple(slice(*side) for side in box)] = values

    def complete(self) -> None:
        """Nothing is left to do."""
