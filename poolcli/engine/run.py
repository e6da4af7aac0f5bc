"""Walking an array: blocks in order, each thread a contiguous run of them."""

from __future__ import annotations

import itertools
import math
import os
import threading
from collections.abc import Callable, Iterator

import numpy as np

from poolcli.engine import cast, tiles
from poolcli.engine.block import BlockFolder
from poolcli.engine.buffers import Array, Buffers
from poolcli.engine.job import Job
from poolcli.engine.kernel import Fold, Kernel, Select
from poolcli.engine.order import first_fold, trimmed_windows
from poolcli.engine.select import BlockSelector, has_network, places
from poolcli.engine.tiles import Tiling
from poolcli.windows import Windows

# Below this many input bytes starting threads costs more than it gains.
THREADED_BYTES = 1 << 22

# Threads take the blocks in runs; one that others keep from its processor takes fewer of them.
RUNS_PER_THREAD = 8

# NumPy copies rows that are shorter than its buffer into it, several at a time, although no cast
# needs it: that costs three times as much as a maximum itself. Smaller buffers than this one, in
# elements, would slow the casts that do need it.
BUFFERED = 512

Progress = Callable[[float], None]
"""Told, by any thread, what part of the whole was done since it was last told."""


def run(
    job: Job,
    *,
    threads: int | None = None,
    block_bytes: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Pool ``job.source`` into ``job.target``.

    ``threads`` defaults to the processors this process may use; ``block_bytes`` is the input that
    one block aims at. Neither changes a byte of the result.
    """
    if math.prod(job.target.shape) == 0:
        return
    if threads is None:
        nbytes = math.prod(job.source.shape) * job.source.dtype.itemsize
        threads = processors() if nbytes >= THREADED_BYTES else 1
    block_bytes = job.source.block_bytes if block_bytes is None else block_bytes
    tiling = _tiling(job, block_bytes, threads)
    runs = _contiguous_runs(len(tiling), threads * RUNS_PER_THREAD if threads > 1 else 1)
    workers = min(threads, len(runs))
    left, stop = iter(runs), threading.Event()
    if workers == 1:
        _walk(job, tiling, left, block_bytes, stop, progress)
        return
    # Late: a small run, which is most of them, starts no thread and should start quickly.
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(workers) as pool:
        try:
            futures = [
                pool.submit(_walk, job, tiling, left, block_bytes, stop, progress)
                for _ in range(workers)
            ]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    for future in futures:
        future.result()


def _tiling(job: Job, block_bytes: int, threads: int) -> Tiling:
    """Blocks whose working memory is about ``block_bytes``."""
    lead, windows = job.source.shape[: job.lead], job.windows
    itemsize = job.source.dtype.itemsize
    if isinstance(job.kernel, Select):
        # What fills memory is not the cells but the windows, with all of their cells each. The
        # many short steps of a network want large blocks, or threads wait for the interpreter; of
        # many threads each gets less, so that all together stay within the usual limit of memory.
        block_bytes *= max(1, 8 // max(2, threads)) if has_network(job, job.kernel) else 1
        itemsize *= math.prod(places(w, mirrors=job.kernel.mirrors) for w in windows)
        windows = tuple(Windows(w.axis, w.out, range(w.out), 1) for w in windows)
    else:
        windows = trimmed_windows(job.kernel, windows)
        if (first := first_fold(job.kernel, job.windows)).load is not None:
            state = sum(part.itemsize for part in first.parts)
            block_bytes = block_bytes * itemsize // max(itemsize, state)
    if 2 * math.prod(job.target.shape) > math.prod(job.source.shape):
        # Results, and what is between, are as large as the cells; the cache should hold them, too.
        block_bytes //= 2
    inner_bytes = itemsize * math.prod(job.inner)
    pieces = isinstance(job.kernel, Fold)
    slow_first, fastest = job.source.slow_first, job.target.slow_first[-1]
    along = None
    if fastest != slow_first[-1]:
        along, block_bytes = fastest, max(block_bytes, tiles.MOST_BYTES)
    return tiles.tile(
        lead, windows, inner_bytes, slow_first, block_bytes, pieces=pieces, along=along
    )


def _walk(
    job: Job,
    tiling: Tiling,
    runs: Iterator[tuple[int, int]],
    block_bytes: int,
    stop: threading.Event,
    progress: Progress | None,
) -> None:
    """Pool runs of blocks while there are any left, with buffers of this thread's own.

    All threads take from the same ``runs``: ``next`` on the iterator of a list is one step.
    """
    buffers = Buffers()
    worker = _worker(job, job.kernel, block_bytes, buffers)
    result = job.kernel.result
    picks = isinstance(job.kernel, Fold) and job.kernel.picks is not None
    arithmetic = result.kind == "f" and not picks
    with np.errstate(all="ignore"):
        np.setbufsize(BUFFERED)  # until errstate ends
        for block in itertools.chain.from_iterable(tiling.blocks(*run) for run in runs):
            if stop.is_set():
                return
            box = (*block.lead, *block.windows, *((0, n) for n in job.inner))
            out = job.target.open(box, buffers)
            direct = out.dtype == result
            results = out if direct else buffers.take("results", out.shape, result)
            worker.results(block, results)
            if arithmetic and not np.isfinite(np.add.reduce(results, axis=None)):
                _settle(job, block, results, block_bytes, buffers)
            if not direct:
                cast.convert(results, out, job.fit)
            job.target.close(box, out)
            if progress is not None:
                progress(1 / len(tiling))


def _worker(
    job: Job, kernel: Kernel, block_bytes: int, buffers: Buffers
) -> BlockFolder | BlockSelector:
    if isinstance(kernel, Select):
        return BlockSelector(job, kernel, buffers)
    return BlockFolder(job, kernel, max(block_bytes, 1), buffers)


def _settle(
    job: Job, block: tiles.Block, results: Array, block_bytes: int, buffers: Buffers
) -> None:
    """Give results that are not finite their chance, and NaN one form.

    Which of two NaNs survives an addition depends on how NumPy's loops are cut, and the bytes of
    the result may not.
    """
    rescue = job.kernel.rescue if isinstance(job.kernel, Fold) else None
    lost = ~np.isfinite(results)
    if rescue is not None and lost.any():
        second = np.empty(results.shape, results.dtype)
        _worker(job, rescue, block_bytes, buffers).results(block, second)
        np.copyto(results, second, where=lost)
    np.copyto(results, np.nan, where=np.isnan(results))


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
