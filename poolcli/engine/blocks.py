"""Blocks that fit the cache: how an array is cut into them, and how threads go through them.

Neither which blocks there are nor who pools them changes a byte of the result.
"""

from __future__ import annotations

import itertools
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from poolcli.engine import chunks
from poolcli.engine.arrays import Array, Range, shifted
from poolcli.engine.gather import gathered_bytes
from poolcli.engine.kernels import Gathered
from poolcli.engine.native import Work
from poolcli.engine.worker import Task, Worker
from poolcli.windows import Windows

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

# Below this many input bytes starting threads costs more than it gains.
THREADED_BYTES = 1 << 20

# Threads take the blocks in runs; one that others keep from its processor takes fewer of them.
RUNS_PER_THREAD = 8

MOST_RUNS = 1 << 16
"""Blocks of whole chunks are taken singly, in at most so many runs."""

# A block of windows that are seen whole, cell by cell, has up to so many cells in all of them, or
# nobody could stop it.
MOST_SEEN = 1 << 26

MOST_BYTES = 1 << 23
"""A block may grow to this many bytes so that overlapping windows share their work."""

LEAST_RUN = 256
"""Results are written in runs of at least so many where that costs reading in short runs."""


class Block(NamedTuple):
    """A part of the output: ranges of lead cells, and of windows along each spatial axis."""

    lead: tuple[Range, ...]
    windows: tuple[Range, ...]


@dataclass(frozen=True)
class Tiling:
    """The blocks of one array, numbered in C order of the output; block ``i`` is made on demand."""

    lead: tuple[int, ...]
    out: tuple[int, ...]
    steps: tuple[int, ...]
    """Cells or windows per block, for each lead axis and then each spatial axis."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Blocks along each lead axis and each spatial axis."""
        return tuple(-(-n // s) for n, s in zip(self.lead + self.out, self.steps, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def blocks(self, first: int, stop: int) -> Iterator[Block]:
        """The blocks numbered ``first .. stop-1``."""
        axes = self.lead + self.out
        places = itertools.product(*map(range, self.counts))
        for place in itertools.islice(places, first, stop):
            ranges = tuple(
                (i * step, min((i + 1) * step, n))
                for i, step, n in zip(place, self.steps, axes, strict=True)
            )
            yield Block(ranges[: len(self.lead)], ranges[len(self.lead) :])


def tile(
    lead: tuple[int, ...],
    windows: Sequence[Windows],
    inner_bytes: int,
    slow_first: Sequence[int],
    block_bytes: int,
    *,
    pieces: bool = True,
    along: int | None = None,
) -> Tiling:
    """Cut the windows of an array into blocks of about ``block_bytes`` of input.

    ``inner_bytes`` is the size of one cell with all its inner axes. Axes are cut from the one that
    is slowest in memory, so that a block is as contiguous as it can be: whole planes where several
    fit, else runs of rows of one plane, else parts of rows. ``pieces``: a single window can be
    larger than a block, as it can be taken in pieces. ``along``: the axis along which results lie
    in memory, where that is not the cells' own; it stays long enough for results to be written in
    runs, and the others are cut more.
    """
    axes = len(lead) + len(windows)
    # Where padding makes more windows than there are cells, it is results that take the memory.
    extents = [*lead, *(max(w.n, w.out) for w in windows)]
    steps = [*lead, *(w.out for w in windows)]
    for axis in slow_first:
        if axis >= axes or math.prod(extents) * inner_bytes <= block_bytes:
            continue
        others = math.prod(extents[:axis] + extents[axis + 1 :]) * inner_bytes
        if axis < len(lead):
            steps[axis] = extents[axis] = max(1, min(lead[axis], block_bytes // max(1, others)))
        else:
            w = windows[axis - len(lead)]
            if pieces and w.out == 1 and others <= block_bytes:
                break  # one window, which is folded in pieces
            if w.out > 1 and 2 * _reach(w, 1) * others > MOST_BYTES:
                cells = 2 * _reach(w, 1)
                _narrow(axis, slow_first, windows, len(lead), steps, extents, cells, inner_bytes)
                others = math.prod(extents[:axis] + extents[axis + 1 :]) * inner_bytes
            steps[axis] = _windows_within(w, others, block_bytes)
            if axis == along:
                steps[axis] = min(w.out, max(steps[axis], LEAST_RUN))
            extents[axis] = _reach(w, steps[axis])
        if steps[axis] > 1 and axis != along:
            break
    return Tiling(lead, tuple(w.out for w in windows), tuple(steps))


def _narrow(
    axis: int,
    slow_first: Sequence[int],
    windows: Sequence[Windows],
    lead: int,
    steps: list[int],
    extents: list[int],
    cells: int,
    inner_bytes: int,
) -> None:
    """Take part of the next faster spatial axis, so that ``cells`` along this one fit a block.

    A block of fewer would fold every one of its large windows from the start.
    """
    later = [a for a in slow_first[slow_first.index(axis) + 1 :] if lead <= a < lead + len(windows)]
    if later:
        w, rest = windows[later[0] - lead], math.prod(extents) // max(1, extents[axis])
        room = MOST_BYTES * extents[later[0]] // max(1, cells * rest * inner_bytes)
        steps[later[0]] = max(1, min(w.out, (room - _reach(w, 1)) // _stride(w) + 1))
        extents[later[0]] = _reach(w, steps[later[0]])


def _windows_within(w: Windows, cell_bytes: int, block_bytes: int) -> int:
    """How many windows along an axis a block takes, at least one.

    Neighbouring blocks read the overlap of their windows twice, so a block holds at least as many
    cells again as one window overlaps with the next, where memory allows it.
    """
    one = _reach(w, 1)
    wanted = max(block_bytes, min(2 * one * cell_bytes, MOST_BYTES))
    cells = wanted // max(1, cell_bytes)
    return max(1, min(w.out, (cells - one) // _stride(w) + 1))


def _reach(w: Windows, count: int) -> int:
    low, high = w.span(0, w.out)
    return min((count - 1) * _stride(w) + (w.largest - 1) * w.dilation + 1, high - low)


def _stride(w: Windows) -> int:
    return w.starts.step if isinstance(w.starts, range) and w.out > 1 else w.largest


Progress = Callable[[float], None]
"""Told, by any thread, what part of the whole was done since it was last told."""


def run(
    task: Task,
    *,
    threads: int | None = None,
    block_bytes: int | None = None,
    some: Range | None = None,
    progress: Progress | None = None,
) -> Work | None:
    """Pool ``task.source`` into ``task.target``.

    ``threads`` defaults to the processors this process may use; ``block_bytes`` is the input that
    one block aims at. Neither changes a byte of the result. ``some``: of all blocks, as many as
    :func:`count_blocks` says, only those numbered ``first .. stop-1``.

    Returns the kernel's work where one call of it, on the arrays as they are, was all.
    """
    if math.prod(task.target.shape) == 0:
        return None
    threads = _thread_count(task, threads)
    block_bytes = _block_bytes(task, threads, block_bytes)
    part_bytes, count = None, RUNS_PER_THREAD * threads
    tiling = _of_chunks(task, block_bytes)
    if tiling is None:
        tiling = _tiling(task, _all(task), block_bytes)
    else:
        # One after another: what threads read at the same time lies side by side.
        part_bytes, count = block_bytes, MOST_RUNS
        task.source.keep(_kept_bytes(task, tiling, threads))
    first, end = some or (0, len(tiling))
    runs = [
        (first + low, first + high)
        for low, high in _contiguous_runs(end - first, count if threads > 1 else 1)
    ]
    workers = min(threads, len(runs))
    left, stop = iter(runs), threading.Event()
    helpers: list[Future[None]] = []
    try:
        for _ in range(workers - 1):
            helpers.append(
                _threads(workers - 1).submit(_help, task, tiling, part_bytes, left, stop, progress)
            )
        worker = _walk(task, tiling, part_bytes, left, stop, progress)
        for helper in helpers:  # those that have not begun would find nothing to do
            if not helper.cancel():
                helper.result()
    except BaseException:
        stop.set()
        for helper in helpers:
            if not helper.cancel():
                helper.exception()
        raise
    nbytes = math.prod(task.source.shape) * task.source.dtype.itemsize
    small = nbytes < THREADED_BYTES and len(tiling) == 1 and threads == 1 and some is None
    return worker.single if small else None


_helpers: ThreadPoolExecutor | None = None
_most_helpers = 0


def _threads(count: int) -> ThreadPoolExecutor:
    """So many other threads. They are kept: to start one takes as long as a network's layer."""
    # Late: a small run, which is most of them, starts no thread and should start quickly.
    from concurrent.futures import ThreadPoolExecutor

    global _helpers, _most_helpers
    helpers = _helpers
    if helpers is None or _most_helpers < count:
        helpers = _helpers = ThreadPoolExecutor(count, "poolcli")
        _most_helpers = count
    return helpers


def _forget_helpers() -> None:
    global _helpers
    _helpers = None


if hasattr(os, "register_at_fork"):  # threads do not come along
    os.register_at_fork(after_in_child=_forget_helpers)


def _help(
    task: Task,
    tiling: Tiling,
    part_bytes: int | None,
    runs: Iterator[tuple[int, int]],
    stop: threading.Event,
    progress: Progress | None,
) -> None:
    try:
        _walk(task, tiling, part_bytes, runs, stop, progress)
    except BaseException:
        stop.set()
        raise


def count_blocks(task: Task, *, threads: int | None = None) -> int:
    """How many blocks :func:`run` cuts the array into with so many threads."""
    if math.prod(task.target.shape) == 0:
        return 0
    block_bytes = _block_bytes(task, _thread_count(task, threads), None)
    return len(_of_chunks(task, block_bytes) or _tiling(task, _all(task), block_bytes))


def _thread_count(task: Task, threads: int | None) -> int:
    nbytes = math.prod(task.source.shape) * task.source.dtype.itemsize
    if threads is None:
        threads = processors() if nbytes >= THREADED_BYTES else 1
    return threads


class Memory(NamedTuple):
    """About how many bytes :func:`run` takes: at least, and what it keeps so as to decode once."""

    needed: int
    kept: int = 0


def memory_of(task: Task, *, threads: int | None = None) -> Memory:
    """About how much memory :func:`run` takes besides source and target."""
    if math.prod(task.target.shape) == 0:
        return Memory(0)
    threads = processors() if threads is None else threads
    block_bytes = _block_bytes(task, threads, None)
    tiling = _of_chunks(task, block_bytes)
    if tiling is None:
        return Memory(2 * threads * block_bytes)
    results = math.prod(tiling.steps) * math.prod(high for _, high in task.inner)
    chunk = math.prod(task.source.chunks or (0,)) * task.source.dtype.itemsize
    each = block_bytes + chunk + 2 * results * task.target.dtype.itemsize
    return Memory(threads * each, _kept_bytes(task, tiling, threads))


def _block_bytes(task: Task, threads: int, block_bytes: int | None) -> int:
    block_bytes = task.source.block_bytes if block_bytes is None else block_bytes
    if threads > 1:  # some for each
        nbytes = math.prod(task.source.shape) * task.source.dtype.itemsize
        block_bytes = min(block_bytes, max(1, nbytes // (2 * threads)))
    return block_bytes


def _walk(
    task: Task,
    tiling: Tiling,
    part_bytes: int | None,
    runs: Iterator[tuple[int, int]],
    stop: threading.Event,
    progress: Progress | None,
) -> Worker:
    """Pool runs of blocks while there are any left, with buffers of this thread's own.

    All threads take from the same ``runs``: ``next`` on the iterator of a list is one step. Blocks
    of whole chunks are pooled in parts of about ``part_bytes``.
    """
    worker = Worker(task, stop)
    firsts = [first for first, _ in task.ranges]
    for block in itertools.chain.from_iterable(tiling.blocks(*run) for run in runs):
        box = (*block.lead, *block.windows, *task.inner)
        target = task.target.open(box, worker.buffers)
        parts = [block] if part_bytes is None else _parts(task, block, part_bytes)
        for part in parts:
            ranges = shifted(part.windows, firsts)
            for done in worker.block(part.lead, ranges, _view(target, part, block)):
                if progress is not None:
                    progress(done / (len(tiling) * len(parts)))
            if stop.is_set():
                return worker
        task.target.close(box, target)
    return worker


def _view(target: Array, part: Block, block: Block) -> Array:
    """The results of a part of a block, in those of the block."""
    axes = zip((*part.lead, *part.windows), (*block.lead, *block.windows), strict=True)
    return target[tuple(slice(low - at, high - at) for (low, high), (at, _) in axes)]


def _parts(task: Task, block: Block, part_bytes: int) -> list[Block]:
    """Cut a block into parts of about ``part_bytes`` of cells."""
    tiling = _tiling(task, block, part_bytes)
    lead, windows = ([low for low, _ in ranges] for ranges in block)
    return [
        Block(shifted(part.lead, lead), shifted(part.windows, windows))
        for part in tiling.blocks(0, len(tiling))
    ]


def _all(task: Task) -> Block:
    """All results as one block."""
    lead = tuple((0, n) for n in task.source.shape[: task.lead])
    return Block(lead, tuple((0, stop - first) for first, stop in task.ranges))


def _of_chunks(task: Task, block_bytes: int) -> Tiling | None:
    """Blocks of whole chunks, which are as long as memory should have; None without chunks."""
    if task.source.chunks is None and task.target.chunks is None:
        return None
    steps = chunks.whole_chunks(
        _axes(task), task.source.slow_first, _inner_bytes(task), block_bytes
    )
    lead = task.source.shape[: task.lead]
    return Tiling(lead, tuple(stop - first for first, stop in task.ranges), steps)


def _kept_bytes(task: Task, tiling: Tiling, threads: int) -> int:
    """How much of decoded chunks is worth keeping."""
    if task.source.chunks is None:
        return 0
    return chunks.wanted_again(_axes(task), tiling.steps, task.lead, _inner_bytes(task), threads)


def _inner_bytes(task: Task) -> int:
    return task.source.dtype.itemsize * math.prod(high for _, high in task.inner)


def _axes(task: Task) -> list[chunks.Along]:
    """The lead and the spatial axes with their chunks."""
    lead, count = task.lead, task.lead + len(task.windows)
    none = (1,) * count
    read, written = task.source.chunks or none, task.target.chunks or none
    windows = [w.part(*part) for w, part in zip(task.windows, task.ranges, strict=True)]
    return [
        *map(chunks.along_lead, task.source.shape[:lead], read[:lead], written[:lead]),
        *map(chunks.along_windows, windows, read[lead:count], written[lead:count]),
    ]


def _tiling(task: Task, area: Block, block_bytes: int) -> Tiling:
    """Cut an area into blocks of about ``block_bytes`` of cells, or of what is made of them."""
    source, kernel = task.source, task.kernel
    whole = kernel.sees_whole(source.dtype)
    ranges = shifted(area.windows, [first for first, _ in task.ranges])
    windows = tuple(w.part(*part) for w, part in zip(task.windows, ranges, strict=True))
    itemsize = source.dtype.itemsize
    if isinstance(kernel, Gathered):
        # What fills memory is not the cells but the windows, with all of their cells each.
        itemsize = gathered_bytes(windows, itemsize)
        windows = tuple(Windows(w.axis, w.out, range(w.out), 1) for w in windows)
    if 2 * math.prod(task.target.shape) > math.prod(source.shape):
        # Results are as large as the cells; the cache should hold them, too.
        block_bytes //= 2
    inner_bytes = itemsize * math.prod(high for _, high in task.inner)
    if whole:
        seen = math.prod(min(w.largest, w.n) for w in windows) * inner_bytes
        block_bytes = max(1, min(block_bytes, MOST_SEEN // max(1, seen // inner_bytes)))
    pieces = not whole and all(w.out == 1 for w in windows[:-1])
    slow_first, fastest = source.slow_first, task.target.slow_first[-1]
    along = None
    if fastest != slow_first[-1]:
        along, block_bytes = fastest, max(block_bytes, MOST_BYTES)
    lead = tuple(high - low for low, high in area.lead)
    return tile(lead, windows, inner_bytes, slow_first, block_bytes, pieces=pieces, along=along)


def _contiguous_runs(blocks: int, count: int) -> list[tuple[int, int]]:
    """Cut ``blocks`` into at most ``count`` runs of about equal length.

    >>> _contiguous_runs(7, 2)
    [(0, 3), (3, 7)]
    """
    count = max(1, min(count, blocks))
    edges = [i * blocks // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
