"""One thread's work: pool a block by calls of the kernels, or window by window of NumPy."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from poolcli import dtypes
from poolcli.engine import library, mirrored, native
from poolcli.engine.arrays import (
    Array,
    ArrayInputView,
    ArrayOutputView,
    Box,
    Buffers,
    InputView,
    OutputView,
    Range,
)
from poolcli.engine.combined import Part, combination_of
from poolcli.engine.gather import pool_gathered
from poolcli.engine.kernels import Compiled, Gathered, Kernel
from poolcli.engine.native import Missing, Work
from poolcli.engine.refusals import refusal
from poolcli.errors import InputError
from poolcli.windows import Windows

# A block larger than so much, as windows can be that are seen in pieces, is read in pieces of half
# of it. Ranks want every piece several times, and so do without pieces for longer.
PIECES_FROM = 1 << 21
RANKED_PIECES_FROM = 1 << 23
# Pieces of arrays whose fastest axis is cut have at least so many cells along it.
LEAST_RUN = 256
# Of a block of several windows.
WINDOWS_MOST = 1 << 25


class Task(NamedTuple):
    """The source and the target, the windows, and the rules that hold for all ops.

    Source and target have the axes (lead…, spatial…, inner…). ``windows`` are those of whole axes
    and ``ranges`` which of them are wanted: the target has one cell for each. ``cell_coefs`` and
    ``window_coefs`` number cells and windows: the number of one is the sum of coordinate times
    coefficient over these axes.
    """

    name: str
    """Of the op, as messages call it."""
    kernel: Kernel
    result: np.dtype[Any]
    """Of the op's own results, before they are stored."""
    source: InputView
    target: OutputView
    windows: tuple[Windows, ...]
    ranges: tuple[Range, ...]
    lead: int
    cell_coefs: tuple[int, ...]
    window_coefs: tuple[int, ...]
    missing: Missing | None = None
    weights: InputView | None = None
    """Of the cells, where a kernel is one of weighted cells; not negative."""
    refuse_nan: bool = False
    divisor: float | None = None
    count_include_pad: bool = False
    fit: str = "exact"

    @property
    def inner(self) -> tuple[Range, ...]:
        """The inner axis, where there is one."""
        return tuple((0, n) for n in self.source.shape[self.lead + len(self.windows) :])


class NanFound(InputError):
    """A NaN where none is allowed; ``position`` is its position in the task's view."""

    def __init__(self, position: tuple[int, ...]) -> None:
        super().__init__("NaN found")
        self.position = position


class Worker:
    """Pools blocks of one task, one after another, with its own buffers. For one thread."""

    def __init__(self, task: Task, stop: threading.Event | None = None) -> None:
        self.task, self.stop, self.buffers = task, stop, Buffers()
        self.turned = is_turned(task)
        kernel, target, cells = task.kernel, task.target.dtype, task.source.dtype
        self.combination = combination_of(kernel, cells, task.missing, task.weights)
        # What kernels cannot fit into an integer type they leave as it is.
        fits = isinstance(kernel, Compiled) and task.fit in library.FITS
        self.direct = fits or target == task.result
        parts: Sequence[Part] = ()
        if self.combination is not None:
            parts = self.combination.parts
        elif isinstance(kernel, Compiled):
            parts = [Part(kernel, cells, target if self.direct else task.result, task.missing)]
        self.works = [self._work(part) for part in parts]
        self.nan_work = None
        if task.refuse_nan:
            self.nan_work = self._work(
                Part(Compiled("find nan"), cells, np.dtype(np.uint8), missing=None)
            )

    @property
    def single(self) -> Work | None:
        """The kernel whose call is all that a block of arrays in memory takes, if there is one."""
        source, target = self.task.source, self.task.target
        if not (isinstance(source, ArrayInputView) and isinstance(target, ArrayOutputView)):
            return None
        if not isinstance(self.task.kernel, Compiled) or self.nan_work or source.copies:
            return None
        if not self.direct:
            return None
        return self.works[0]

    def block(
        self, lead: tuple[Range, ...], ranges: tuple[Range, ...], target: Array
    ) -> Iterator[float]:
        """Pool one block into ``target``; give, after each step, what part of it was done."""
        task, out = self.task, target
        if not self.direct:
            out = self.buffers.take("results", target.shape, task.result)
        try:
            yield from self._pool(lead, ranges, out)
        except native.Problem as problem:
            raise refusal(task, problem) from None
        if not self.direct:
            dtypes.convert(out, target, task.fit)

    def _pool(
        self, lead: tuple[Range, ...], ranges: tuple[Range, ...], out: Array
    ) -> Iterator[float]:
        task, mirrors = self.task, self.task.kernel.mirrors
        spans = tuple(
            native.covered_cells(w, *part, mirrors=mirrors)
            for w, part in zip(task.windows, ranges, strict=True)
        )
        box = (*lead, *spans, *task.inner)
        nbytes = math.prod(high - low for low, high in box) * task.source.dtype.itemsize
        if nbytes > self._most_at_once(ranges):
            yield from self._windows_in_pieces(lead, ranges, out)
            return
        self._at_once(box, ranges, out)
        yield 1.0

    def _at_once(self, box: Box, ranges: tuple[Range, ...], out: Array) -> None:
        """Pool windows whose cells are all in the box."""
        task = self.task
        cells = task.source.read(box, self.buffers)
        nan = self._first_nan(cells, out, box, ranges)
        if nan is not None:
            raise NanFound(nan)
        spans = box[task.lead : task.lead + len(ranges)]
        if isinstance(task.kernel, Gathered):
            held = [low for low, _ in spans]
            args = (task.windows, ranges, held, task.lead, task.missing)
            pool_gathered(task.kernel, cells, out, *args)
            return
        outs = self._outs(out)
        for work, own, part in zip(self.works, self._cells(cells, box), outs, strict=True):
            work.block(
                self._turn(own),
                self._turn(part),
                self._turn_ranges(ranges),
                [low for low, _ in self._turn_ranges(spans)],
                [low for low, _ in box[: task.lead]],
            )
        self._finish(outs, out)

    def _most_at_once(self, ranges: Sequence[Range]) -> float:
        """How many bytes of cells are pooled in one piece.

        Several windows share what they overlap in, so that these are parted only where they must.
        """
        axes = self._piece_axes()
        if not axes or not self._takes_pieces:
            return math.inf
        if any(stop - first > 1 for first, stop in (ranges[axis] for axis in axes)):
            return WINDOWS_MOST
        return RANKED_PIECES_FROM if self.passes > 1 else PIECES_FROM

    @cached_property
    def _takes_pieces(self) -> bool:
        """Whether windows can come in pieces.

        Kernels fold at once what windows share that overlap by half and more, and their sums are
        other ones then; counting has no such order.
        """
        task = self.task
        if task.kernel.sees_whole(task.source.dtype):
            return False
        return not is_shared(task.kernel, task.windows, task.source.dtype.itemsize)

    @property
    def passes(self) -> int:
        """How often windows in pieces are read."""
        return max((work.passes for work in self.works), default=1)

    def _windows_in_pieces(
        self, lead: tuple[Range, ...], ranges: tuple[Range, ...], out: Array
    ) -> Iterator[float]:
        """Pool the windows of a block one after another along all axes but the last."""
        axes = self._piece_axes()
        each = [range(*ranges[axis]) for axis in axes]
        total = math.prod(map(len, each))
        for position in itertools.product(*each):
            some, slices = list(ranges), [slice(None)] * out.ndim
            for axis, i in zip(axes, position, strict=True):
                some[axis] = (i, i + 1)
                first = ranges[axis][0]
                slices[self.task.lead + axis] = slice(i - first, i - first + 1)
            for done in self._in_pieces(lead, tuple(some), out[tuple(slices)]):
                yield done / total

    def _piece_axes(self) -> list[int]:
        return piece_axes(self.task.windows, self.task.source.dtype.itemsize)

    def _in_pieces(
        self, lead: tuple[Range, ...], ranges: tuple[Range, ...], out: Array
    ) -> Iterator[float]:
        """Pool windows that are single along the axes along which pieces are cut."""
        task, axes = self.task, self._piece_axes()
        placed = list(zip(task.windows, ranges, strict=True))
        spans = [native.covered_cells(w, *part, mirrors=False) for w, part in placed]
        for axis in axes:  # the first piece begins with a cell of the window
            spans[axis] = task.windows[axis].real_span(ranges[axis][0])
        others = math.prod(high - low for low, high in (*lead, *task.inner))
        others *= task.source.dtype.itemsize
        for axis, (low, high) in enumerate(spans):
            others *= high - low if axis not in axes else 1
        nbytes = PIECES_FROM // 2
        if task.source.slow_first[-1] - task.lead in axes:  # rows lie across: read in runs
            nbytes = max(nbytes, min(LEAST_RUN * others, RANKED_PIECES_FROM))
        pieces = list(cut_pieces([spans[axis] for axis in axes], others, nbytes))
        if len(pieces) == 1:
            whole = [native.covered_cells(w, *part, mirrors=False) for w, part in placed]
            self._at_once((*lead, *whole, *task.inner), ranges, out)
            yield 1.0
            return
        outs = self._outs(out)
        firsts = [low for low, _ in lead]
        states: list[Array | None] = [None] * len(outs)
        found: list[tuple[int, ...]] = []
        for turn in range(self.passes):
            for number, piece in enumerate(pieces):
                if self.stop is not None and self.stop.is_set():
                    return
                part = list(spans)
                for axis, along in zip(axes, piece, strict=True):
                    part[axis] = along
                box = (*lead, *part, *task.inner)
                cells = task.source.read(box, self.buffers)
                nan = None if turn else self._first_nan(cells, out, box, ranges, pieces=True)
                if nan is not None:
                    found.append(nan)
                owns = [self._turn(own) for own in self._cells(cells, box)]
                where: dict[str, Any] = {
                    "windows": self._turn_ranges(ranges),
                    "held": [low for low, _ in self._turn_ranges(part)],
                    "lead": firsts,
                }
                for i, (work, own, results) in enumerate(zip(self.works, owns, outs, strict=True)):
                    if turn >= work.passes:
                        continue
                    state = states[i]
                    if state is None:
                        nbytes = work.state_bytes(own, self._turn(results), **where)
                        state = states[i] = np.empty(nbytes, np.uint8)
                    work.block(
                        own,
                        self._turn(results),
                        **where,
                        state=state,
                        continues=bool(number or turn),
                        unfinished=number + 1 < len(pieces),
                        pass_number=turn,
                    )
                yield 1 / (len(pieces) * self.passes)
            if found:  # the first in the order of cells need not be that in the order of pieces
                raise NanFound(min(found))
        self._finish(outs, out)

    # One kernel, or several.

    def _cells(self, cells: Array, box: Box) -> list[Array]:
        """What each kernel pools."""
        if self.combination is None:
            return [cells]
        return self.combination.cells(cells, box, self.buffers)

    def _outs(self, out: Array) -> list[Array]:
        """Where each kernel writes to."""
        if self.combination is None:
            return [out]
        return [
            self.buffers.take(("part", i), out.shape, work.out_dtype)
            for i, work in enumerate(self.works)
        ]

    def _finish(self, outs: list[Array], out: Array) -> None:
        """Make results of what the kernels have written."""
        if self.combination is not None:
            self.combination.combine(outs, out)

    def _work(self, part: Part) -> Work:
        task, kernel = self.task, part.kernel
        lead, count = task.lead, len(task.windows)
        windows = self._turn_windows(task.windows)
        places, results = (
            (*coefs[:lead], *self._turn_coefs(coefs[lead : lead + count]), *coefs[lead + count :])
            for coefs in (task.cell_coefs, task.window_coefs)
        )
        return Work(
            kernel.name,
            part.cells,
            part.result,
            windows,
            lead,
            inner=bool(task.inner),
            params=(kernel.p, kernel.q),
            missing=part.missing,
            divisor=task.divisor,
            count_include_pad=task.count_include_pad,
            fit=task.fit if self.direct else "exact",
            weights=mirrored.binomial_tables(windows) if kernel.mirrors else None,
            passes=kernel.passes(part.cells),
            cell_coefs=places,
            window_coefs=results,
        )

    # Pieces are cut along all axes but the last. A window of which one row is too large already is
    # seen with its last axis before the others; one that has no others gets one of a single cell.

    def _turn(self, view: Array) -> Array:
        if not self.turned:
            return view
        lead, count = self.task.lead, len(self.task.windows)
        if count == 1:
            return np.expand_dims(view, lead + 1)
        return np.moveaxis(view, lead + count - 1, lead)

    def _turn_windows(self, windows: tuple[Windows, ...]) -> tuple[Windows, ...]:
        if not self.turned:
            return windows
        single = Windows("single", 1, range(1), 1)
        return (*windows, single) if len(windows) == 1 else (windows[-1], *windows[:-1])

    def _turn_ranges(self, ranges: Sequence[Range]) -> list[Range]:
        if not self.turned:
            return list(ranges)
        return [*ranges, (0, 1)] if len(ranges) == 1 else [ranges[-1], *ranges[:-1]]

    def _turn_coefs(self, coefs: tuple[int, ...]) -> tuple[int, ...]:
        if not self.turned:
            return coefs
        return (*coefs, 0) if len(coefs) == 1 else (coefs[-1], *coefs[:-1])

    def _first_nan(
        self, cells: Array, out: Array, box: Box, ranges: Sequence[Range], *, pieces: bool = False
    ) -> tuple[int, ...] | None:
        """Where the first NaN of these windows is, where the task refuses it and there is one."""
        if self.nan_work is None:
            return None
        lead, count = self.task.lead, len(self.task.windows)
        unused = self.buffers.take("no results", out.shape, np.dtype(np.uint8))
        position = self.nan_work.first_nan(
            self._turn(cells),
            self._turn(unused),
            windows=self._turn_ranges(ranges),
            held=[low for low, _ in self._turn_ranges(box[lead : lead + count])],
            lead=[low for low, _ in box[:lead]],
            pieces=pieces,
        )
        if position is None:
            return None
        along = position[lead : len(position) - len(self.task.inner)]
        if self.turned:
            along = along[:1] if count == 1 else (*along[1:], along[0])
        whole = (*position[:lead], *along, *position[len(position) - len(self.task.inner) :])
        return tuple(low + i for (low, _), i in zip(box, whole, strict=True))


def overlaps_much(w: Windows) -> bool:
    """Whether evenly spaced windows share half of their cells and more with the next."""
    return isinstance(w.starts, range) and w.out > 1 and 2 * w.starts.step <= w.largest


def is_shared(kernel: Kernel, windows: Sequence[Windows], itemsize: int) -> bool:
    """Whether windows overlap so much that they are folded together, and not in pieces."""
    if isinstance(kernel, Compiled) and kernel.digits:
        return False
    return any(overlaps_much(windows[axis]) for axis in piece_axes(windows, itemsize))


def piece_axes(windows: Sequence[Windows], itemsize: int) -> list[int]:
    """The axes along which pieces of windows are cut, from the outermost."""
    count = len(windows)
    if not has_long_rows(windows, itemsize):
        return list(range(count - 1))
    return [count - 1, *range(count - 2)] if count > 1 else [0]


def has_long_rows(windows: Sequence[Windows], itemsize: int) -> bool:
    """Whether one row of a window is larger than a piece."""
    return min(windows[-1].largest, windows[-1].n) * itemsize > RANKED_PIECES_FROM


def is_turned(task: Task) -> bool:
    """Whether rows are so long that they are cut first; follows from the windows alone."""
    whole = task.kernel.sees_whole(task.source.dtype)
    return has_long_rows(task.windows, task.source.dtype.itemsize) and not whole


def cut_pieces(
    spans: Sequence[Range], others: int, piece_bytes: int
) -> Iterator[tuple[Range, ...]]:
    """Parts of about ``piece_bytes`` of one or two axes, in C order; ``others``: bytes of a cell.

    >>> list(cut_pieces([(0, 3)], 10, 20))
    [((0, 2),), ((2, 3),)]
    """
    inner = math.prod(high - low for low, high in spans[1:]) * others
    low, high = spans[0]
    step = max(1, piece_bytes // max(1, inner))
    for start in range(low, high, step):
        part = (start, min(start + step, high))
        if len(spans) == 1 or step > 1 or inner <= piece_bytes:
            yield (part, *spans[1:])
        else:
            for rest in cut_pieces(spans[1:], others, piece_bytes):
                yield (part, *rest)
