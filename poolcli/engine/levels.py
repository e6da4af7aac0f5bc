"""Several poolings of one array in one reading of it: the levels of a multiscale pyramid.

The array is read in blocks that hold whole windows of every level. What a level's output stores at
once is gathered from several blocks, in an order in which little has to wait.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from poolcli.dtypes import convert
from poolcli.engine import native
from poolcli.engine.arrays import (
    Array,
    Box,
    Buffers,
    InputView,
    OutputView,
    Readable,
    StoredOutput,
    read_part,
    shifted,
)
from poolcli.engine.blocks import Progress, processors
from poolcli.engine.chunks import touched
from poolcli.engine.worker import Task, Worker

BLOCK_BYTES = 1 << 23
"""A block grows to about so many bytes of cells, where whole windows of all levels are no more."""

_MOST_ALIGNED = 4  # times its least size a block may be so that it is made of whole chunks


class Level(NamedTuple):
    """One level: its windows over the cells, or over the results of the level before."""

    task: Task
    chained: bool = False


class Walk(NamedTuple):
    """How an array of a shape is cut into blocks: their sides along the array's own axes.

    factors: for each level how many cells one result takes along each axis, the array itself first
    chunks: for each level the shape of what its output stores at once, or None
    """

    shape: tuple[int, ...]
    sides: tuple[int, ...]
    factors: tuple[tuple[int, ...], ...]
    chunks: tuple[tuple[int, ...] | None, ...]

    def blocks(self) -> Iterator[Box]:
        """The blocks, those together whose results of a coarse level are stored together."""
        ranges = [range(0, n, side) for n, side in zip(self.shape, self.sides, strict=True)]
        wide = [
            tuple(f * c for f, c in zip(factors, chunks, strict=True))
            for factors, chunks in zip(self.factors, self.chunks, strict=True)
            if chunks is not None
        ]
        wide.reverse()

        def order(corner: tuple[int, ...]) -> list[int]:
            return [at // step for steps in wide for at, step in zip(corner, steps, strict=True)]

        for corner in sorted(itertools.product(*ranges), key=order):
            axes = zip(corner, self.sides, self.shape, strict=True)
            yield tuple((at, min(at + side, n)) for at, side, n in axes)

    @property
    def total(self) -> int:
        """How many blocks there are."""
        return math.prod(-(-n // side) for n, side in zip(self.shape, self.sides, strict=True))

    def part(self, level: int, block: Box, shape: tuple[int, ...]) -> Box:
        """The results of a level, of this shape, that a block has the cells of."""
        axes = zip(block, self.factors[level], shape, strict=True)
        return tuple((low // f, min(n, -(-high // f))) for (low, high), f, n in axes)

    def nbytes(self, itemsize: int, threads: int) -> int:
        """About how much memory it takes: blocks with their results, and chunks that wait."""
        block = 3 * threads * math.prod(self.sides) * itemsize
        waiting = sum(
            2 * math.prod(chunks) * itemsize for chunks in self.chunks if chunks is not None
        )
        return block + waiting


def walk_of(
    shape: tuple[int, ...],
    itemsize: int,
    factors: Sequence[tuple[int, ...]],
    read: tuple[int, ...] | None,
    written: Sequence[tuple[int, ...] | None],
    slow_first: Sequence[int],
    inner: Sequence[int],
) -> Walk:
    """Cut an array into blocks of about ``BLOCK_BYTES``.

    ``factors`` are those of :class:`Walk`, ``read`` the chunks of the array, ``written`` those of
    the outputs; ``inner`` are axes that kernels take whole.
    """
    sides = []
    for axis, n in enumerate(shape):
        side = n if axis in inner else factors[-1][axis]
        for chunks in (read, written[0]):
            whole = math.lcm(side, chunks[axis]) if chunks is not None else side
            side = whole if whole <= _MOST_ALIGNED * max(side, BLOCK_BYTES >> 14) else side
        sides.append(max(1, min(side, n)))
    for axis in reversed(slow_first):  # longest where neighbours lie side by side
        room = BLOCK_BYTES // max(1, math.prod(sides) * itemsize)
        sides[axis] = min(shape[axis], sides[axis] * max(1, room))
    return Walk(shape, tuple(sides), tuple(factors), tuple(written))


def run_levels(
    x: Readable,
    order: tuple[int, ...],
    levels: Sequence[Level],
    outs: Sequence[StoredOutput],
    walk: Walk,
    *,
    fit: str = "exact",
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Store ``x`` in the first of ``outs`` and the results of each level in one of the others.

    ``order`` is the view of the tasks: their axis i is the array's axis ``order[i]``. Neither the
    blocks nor ``threads`` change a byte of any result. Raises NanFound as pooling does.
    """
    if math.prod(walk.shape) == 0:
        return
    assemblers = [Assembler(out) for out in outs]
    threads = processors() if threads is None else threads
    if not isinstance(x, np.ndarray):
        threads = 1 if x.sequential else threads
        x.keep(threads * math.prod(walk.sides) * x.dtype.itemsize)
    blocks, stop = walk.blocks(), threading.Event()
    lock = threading.Lock()

    def work() -> None:
        worker = _LevelWorker(x, order, levels, assemblers, walk, fit, stop)
        while not stop.is_set():
            with lock:
                block = next(blocks, None)
            if block is None:
                return
            worker.block(block)
            if progress is not None:
                progress(1 / walk.total)

    if min(threads, walk.total) == 1:
        work()
    else:
        _in_threads(work, min(threads, walk.total), stop)
    if not isinstance(x, np.ndarray):
        x.finish()


def _in_threads(work: Callable[[], None], count: int, stop: threading.Event) -> None:
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(count) as pool:
        try:
            futures = [pool.submit(work) for _ in range(count)]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    for future in futures:
        future.result()


class _LevelWorker:
    """One thread's work: a block of the array, and all that is made of it."""

    def __init__(
        self,
        x: Readable,
        order: tuple[int, ...],
        levels: Sequence[Level],
        outs: Sequence[Assembler],
        walk: Walk,
        fit: str,
        stop: threading.Event,
    ) -> None:
        self._x, self._order, self._outs, self._walk, self._fit = x, order, outs, walk, fit
        self._levels = levels
        self._held = [HeldInput(levels[0].task.source)]
        self._workers = []
        for level in levels:
            source = self._held[-1] if level.chained else self._held[0]
            self._workers.append(Worker(level.task._replace(source=source), stop))
            self._held.append(HeldInput(level.task.target))

    def block(self, block: Box) -> None:
        """Read a block, with what windows at its edges reach beyond it; pool and store it."""
        box = self._reach(block)
        cells = read_part(self._x, box)
        if cells.dtype == np.bool_:
            cells = cells.view(np.uint8) != 0  # any byte but 0 is True, and kernels add bytes
        self._held[0].hold(self._seen(box), cells.transpose(self._order))
        inside = shifted(block, [-low for low, _ in box])
        self._copy(block, cells[tuple(slice(*side) for side in inside)])
        for number, (level, worker) in enumerate(
            zip(self._levels, self._workers, strict=True), start=1
        ):
            out = self._outs[number]
            part = self._walk.part(number, block, out.shape)
            results = np.empty([high - low for low, high in part], out.dtype)
            seen, lead = self._seen(part), level.task.lead
            count = len(level.task.windows)
            target = results.transpose(self._order)
            for _ in worker.block(seen[:lead], seen[lead : lead + count], target):
                pass
            self._held[number].hold(seen, target)
            out.write_box(part, results)

    def _copy(self, block: Box, cells: Array) -> None:
        """Store the cells themselves, in the dtype of the results."""
        out = self._outs[0]
        if cells.dtype == out.dtype:
            out.write_box(block, cells)
            return
        converted = np.empty(cells.shape, out.dtype)
        convert(cells, converted, self._fit)
        out.write_box(block, converted)

    def _seen(self, box: Box) -> Box:
        return tuple(box[axis] for axis in self._order)

    def _reach(self, block: Box) -> Box:
        """The cells of all windows of a block, and the block."""
        box = list(block)
        for number, level in enumerate(self._levels, start=1):
            if level.chained:
                continue
            part = self._walk.part(number, block, self._outs[number].shape)
            for place, w in enumerate(level.task.windows, start=level.task.lead):
                axis = self._order[place]
                mirrors = level.task.kernel.mirrors
                low, high = native.covered_cells(w, *part[axis], mirrors=mirrors)
                box[axis] = min(box[axis][0], low), max(box[axis][1], high)
        return tuple(box)


class HeldInput:
    """A part of an array that is in memory, read by its places in the whole: an InputView."""

    chunks: tuple[int, ...] | None = None
    block_bytes = 1 << 21

    def __init__(self, like: InputView | OutputView) -> None:
        self.shape, self.dtype, self.slow_first = like.shape, like.dtype, like.slow_first
        self._cells: Array = np.empty(0, self.dtype)
        self._lows: tuple[int, ...] = ()

    def hold(self, box: Box, cells: Array) -> None:
        """Hold the cells of a box, in the view's order of axes."""
        self._cells, self._lows = cells, tuple(low for low, _ in box)

    def read(self, box: Box, buffers: Buffers) -> Array:
        """A view of a box, which must be a part of what is held."""
        return self._cells[tuple(slice(*side) for side in shifted(box, [-n for n in self._lows]))]

    def keep(self, nbytes: int) -> None:
        """All of it is in memory."""


class Assembler:
    """Takes boxes of any shape, each cell once, and stores them in whole chunks of an output."""

    def __init__(self, out: StoredOutput) -> None:
        self._out, self.shape, self.dtype, self._chunks = out, out.shape, out.dtype, out.chunks
        self._waiting: dict[tuple[int, ...], _Waiting] = {}
        self._lock = threading.Lock()

    def write_box(self, box: Box, values: Array) -> None:
        """Take the values of a box, of its shape; the array may be used for others afterwards."""
        chunks = self._chunks
        if chunks is None or all(
            low % step == 0 and (high % step == 0 or high == n)
            for (low, high), step, n in zip(box, chunks, self.shape, strict=True)
        ):
            self._out.write_box(box, np.ascontiguousarray(values, self.dtype))
            return
        for place in touched(box, chunks):
            full = self._add(place, box, values)
            if full is not None:
                self._out.write_box(self._box(place, chunks), full)

    def _box(self, place: tuple[int, ...], chunks: tuple[int, ...]) -> Box:
        axes = zip(place, chunks, self.shape, strict=True)
        return tuple((i * step, min((i + 1) * step, n)) for i, step, n in axes)

    def _add(self, place: tuple[int, ...], box: Box, values: Array) -> Array | None:
        """Put what a box has of a chunk into it; give the chunk when it is complete."""
        assert self._chunks is not None
        whole = self._box(place, self._chunks)
        with self._lock:
            waiting = self._waiting.get(place)
            if waiting is None:
                cells = np.empty([high - low for low, high in whole], self.dtype)
                waiting = self._waiting[place] = _Waiting(cells)
        shared = [(max(a, b), min(c, d)) for (a, c), (b, d) in zip(whole, box, strict=True)]
        to = shifted(shared, [-low for low, _ in whole])
        of = shifted(shared, [-low for low, _ in box])
        part = values[tuple(slice(*side) for side in of)]
        waiting.cells[tuple(slice(*side) for side in to)] = part
        with self._lock:
            waiting.missing -= part.size
            if waiting.missing:
                return None
            del self._waiting[place]
        return waiting.cells


class _Waiting:
    """A chunk some of whose cells are not there yet."""

    def __init__(self, cells: Array) -> None:
        self.cells, self.missing = cells, cells.size
