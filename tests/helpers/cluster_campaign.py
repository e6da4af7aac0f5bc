"""A cluster of processes at full size: workers are killed, bytes compared, CPU seconds counted.

``python -m tests.helpers.cluster_campaign`` says what each way costs, and fails where a byte
differs. With ``kills`` only the kills are done, with ``costs`` only the costs are counted.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import zarr

from tests.helpers.clusters import Processes
from tests.helpers.folders import contents
from tests.helpers.many import make
from tests.helpers.program import PROJECT

SHARDS = 4
# Seconds until a run has reached the workers.
START = 1.0
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROJECT)}


class Cost(NamedTuple):
    """What a way took: seconds, and CPU seconds of all its processes."""

    seconds: float
    cpu: float


def poolcli(*arguments: object, wait: bool = True) -> subprocess.Popen[bytes]:
    """Run the program; one that fails is a failure."""
    program = subprocess.Popen(
        [sys.executable, "-m", "poolcli", *map(str, arguments), "-q"], env=ENVIRONMENT
    )
    if wait and program.wait() != 0:
        raise SystemExit(f"{' '.join(map(str, arguments))}: exit {program.returncode}")
    return program


def measured(work: Callable[[], object], others: Sequence[int] = ()) -> Cost:
    """Do something; count the processes that it starts, and some ``others`` that it uses."""
    begun, before = time.monotonic(), _cpu(others)
    work()
    return Cost(time.monotonic() - begun, _cpu(others) - before)


def _cpu(others: Sequence[int]) -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = children.ru_utime + children.ru_stime
    for pid in others:
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system
    return total


def in_shards(*arguments: object) -> None:
    """Start all shards at once, as an array of jobs would on as many machines."""
    programs = [
        poolcli(*arguments, "--shard", f"{shard}/{SHARDS}", wait=False) for shard in range(SHARDS)
    ]
    codes = [program.wait() for program in programs]
    if any(codes):
        raise SystemExit("a shard has failed")


def costs(folder: Path) -> None:
    """Count what files cost, one process beside shards and a cluster of two workers."""
    (folder / "cluster").mkdir()
    cluster = Processes(folder / "cluster", workers=2)
    try:
        on = ("--scheduler", str(cluster.file))
        ids = [cluster.scheduler.pid, *(worker.pid for worker in cluster.workers)]
        make(folder / "warm", 100)
        poolcli("avg", "-k", 2, folder / "warm", "-o", f"{folder}/warmed/", *on)
        for count, side in ((1000, 48), (200, 500)):
            _cost_of(folder, count, side, on, ids)
        print(f"a task costs {1000 * _task_cost(folder, on, ids):.1f} CPU ms beside its work")
    finally:
        cluster.stop()


def _cost_of(folder: Path, count: int, side: int, on: Sequence[str], ids: Sequence[int]) -> None:
    """Print what so many pictures cost, each way."""
    source = folder / f"in{side}"
    make(source, count, side)
    whole: dict[str, bytes] = {}
    ways: dict[str, Callable[[str], object]] = {
        "one process": lambda out: poolcli("avg", "-k", 2, source, "-o", out),
        f"{SHARDS} shards": lambda out: in_shards("avg", "-k", 2, source, "-o", out),
        "cluster": lambda out: poolcli("avg", "-k", 2, source, "-o", out, *on),
    }
    for way, do in ways.items():
        out = folder / f"{way}-{side}"
        cost = measured(partial(do, f"{out}/"), ids if way == "cluster" else ())
        whole = whole or contents(out)
        assert contents(out) == whole, way
        print(
            f"{count} PNG {side}x{side}x3  {way:12}  {cost.seconds:6.1f} s  "
            f"{cost.cpu:6.1f} CPU s  {1000 * cost.cpu / count:6.1f} CPU s for 1000"
        )


def _task_cost(folder: Path, on: Sequence[str], ids: Sequence[int]) -> float:
    """Compare a file for each task with all in one: CPU seconds for each task more."""
    files = 300
    make(folder / "tiny", files, 8)
    cpu = []
    for most in (1, files):
        code = (
            "import sys, poolcli.cluster.run as run; from poolcli.cli import main;"
            f"run.MOST_FILES = {most}; main(sys.argv[1:])"
        )
        arguments = ("avg", "-k", "2", f"{folder}/tiny", "-o", f"{folder}/tiny{most}/", "-q", *on)
        command = [sys.executable, "-c", code, *arguments]
        work = partial(subprocess.run, command, env=ENVIRONMENT, check=True)
        cpu.append(measured(work, ids).cpu)
    return (cpu[0] - cpu[1]) / (files - 1)


def kills(folder: Path) -> None:
    """Kill a worker half way through each kind of work; nothing may differ or be left."""
    (folder / "kills").mkdir()
    cluster = Processes(folder / "kills", workers=2)
    on = ("--scheduler", str(cluster.file))
    try:
        make(folder / "pictures", 200, 480)
        array = np.lib.format.open_memmap(
            folder / "big.npy", mode="w+", dtype=np.float32, shape=(16384, 16384)
        )
        for row in range(0, 16384, 1024):
            array[row : row + 1024] = np.random.default_rng(row).random((1024, 16384), np.float32)
        zarr.create_array(
            str(folder / "big.zarr"), data=array[:8192, :8192], chunks=(512, 1024), overwrite=True
        )
        del array
        for name, command in (
            ("200 pictures", ("avg", "-k", 2, folder / "pictures", "-o")),
            ("1 GiB .npy, 2x2", ("max", "-k", 2, folder / "big.npy", "-o")),
            ("1 GiB .npy, 3x3/2 p1", ("max", "-k", 3, "-s", 2, "-p", 1, folder / "big.npy", "-o")),
            (
                "256 MiB Zarr, 3x3/2 p1",
                ("max", "-k", 3, "-s", 2, "-p", 1, folder / "big.zarr", "-o"),
            ),
        ):
            ending = "/" if "pictures" in name else ".zarr" if "Zarr" in name else ".npy"
            alone, there = f"{folder}/alone{ending}", f"{folder}/there{ending}"
            one = measured(partial(poolcli, *command, alone, "--overwrite"))
            ids = [cluster.scheduler.pid]
            work = partial(poolcli, *command, there, "--overwrite", *on)
            two = measured(work, ids)
            half = (two.seconds + START) / 2
            victim = next(worker for worker in cluster.workers if worker.poll() is None)
            killer = threading.Timer(half, victim.kill)
            killer.start()
            many = measured(work, ids)
            killer.join()
            victim.wait()
            cluster.workers.append(cluster.start_worker())
            assert _bytes(Path(there)) == _bytes(Path(alone)), name
            left = list(folder.rglob(".poolcli-*"))
            assert not left, left
            print(
                f"{name:22} one process {one.seconds:5.1f} s; two workers {two.seconds:5.1f} s, "
                f"one killed at {half:.1f} s {many.seconds:5.1f} s; the same bytes"
            )
    finally:
        cluster.stop()


def _bytes(path: Path) -> object:
    return contents(path) if path.is_dir() else path.read_bytes()


def main(wanted: Sequence[str]) -> None:
    """Do what is wanted in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        if not wanted or "kills" in wanted:
            kills(Path(name))
        if not wanted or "costs" in wanted:
            costs(Path(name))


if __name__ == "__main__":
    main(sys.argv[1:])
