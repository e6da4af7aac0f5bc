"""Files: .npy to .npy as whole processes, beside ``cat FILE > /dev/null`` with a warm cache.

``cat, and write`` also writes as many bytes as the result has: most of the time goes there.
"""

from __future__ import annotations

import os
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import processes
from benchmarks.timing import Case, Target, Way

# What people write without poolcli.
SCRIPTS = {
    "np.load, NumPy slices": """
import sys, numpy as np
x = np.load(sys.argv[1])
y = np.maximum(x[..., ::2, ::2], x[..., 1::2, ::2])
np.maximum(y, x[..., ::2, 1::2], out=y)
np.maximum(y, x[..., 1::2, 1::2], out=y)
np.save(sys.argv[2], y)
""",
    "torch script": """
import sys, numpy as np, torch
torch.set_num_threads(2)
x = torch.from_numpy(np.load(sys.argv[1]))
with torch.inference_mode():
    y = torch.nn.functional.max_pool2d(x if x.ndim == 4 else x[None], 2)
np.save(sys.argv[2], y.numpy().reshape(*x.shape[:-2], *y.shape[-2:]))
""",
}
SHAPES = {
    "HW": (32768, 32768),
    "NCHW": (16, 16, 2048, 2048),
    "NHWC": (16, 2048, 2048, 16),
}
SMALL_SHAPES = {"HW": (16384, 8192), "NCHW": (8, 16, 1024, 1024), "NHWC": (8, 1024, 1024, 16)}
SPARSE_SIDE = 131072
HEADER = 128


def streams(folder: Path, program: str, quick: bool, large: bool) -> Iterator[Case]:
    """One case a layout over the same data file, which is there while its cases are measured.

    Programs that load all of it come along where it is small, or with ``large``.
    """
    shapes = SMALL_SHAPES if quick else SHAPES
    with _data(folder, shapes["HW"]) as (source, target):
        for layout, shape in shapes.items():
            with source.open("r+b") as file:  # the data stay, in the cache too
                file.write(header(shape))
            pool = [program, "max", "-k", "2", "-l", layout, str(source), "-o", str(target)]
            avg = [*pool[:1], "avg", *pool[2:]]
            ways = [
                _way("poolcli", pool, source, target),
                _way("cat", ["sh", "-c", f"cat '{source}' > /dev/null"], source, None),
                _way("cat, and write", ["sh", "-c", _read_and_write(source, target)], source, None),
                _way("poolcli avg", avg, source, target, answer="avg"),
            ]
            if layout == "HW" and large:
                for name, text in SCRIPTS.items():
                    command = [sys.executable, "-c", text, str(source), str(target)]
                    ways.append(_way(name, command, source, target))
            targets = [
                Target("cat", most=1.5),
                Target("cat", most=1.5, of="poolcli avg"),
                Target("cat, and write", most=1.5),
                Target(memory=200),
                Target(memory=200, of="poolcli avg"),
            ]
            title = f"2×2/2, {layout} {'×'.join(map(str, shape))}"
            yield Case(title, ways, targets, rounds=3 if quick else 7)


def _read_and_write(source: Path, target: Path) -> str:
    """What nobody can do without: read the input, and write as many bytes as the output has."""
    bytes_out = source.stat().st_size // 4
    return (
        f"rm -f '{target}'; cat '{source}' > /dev/null; head -c {bytes_out} '{source}' > '{target}'"
    )


MANY = """
import sys, os, numpy as np
source, target = sys.argv[1:]
for name in sorted(os.listdir(source)):
    x = np.load(os.path.join(source, name))
    np.save(os.path.join(target, name), x.reshape(16, 2, 16, 2).max((1, 3)))
"""


def many(folder: Path, program: str, python: str, count: int) -> Case:
    """A folder of small arrays, beside a loop in NumPy."""
    source, target = folder / "many", folder / "many_pooled"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    x = np.random.default_rng(8).standard_normal((32, 32), np.float32)
    for number in range(count):
        np.save(source / f"{number:05}.npy", x + np.float32(number))

    def empty() -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()

    def look(_: Any) -> Any:
        written = sorted(path for path in target.iterdir() if path.suffix == ".npy")
        assert len(written) == count
        return np.load(written[-1])

    commands = {
        "poolcli": [program, "max", "-k", "2", str(source), "-o", f"{target}/", "-q"],
        "NumPy, a loop": [python, "-c", MANY, str(source), str(target)],
    }
    ways = [
        Way(name, partial(processes.run, command), count * x.nbytes, before=empty, look=look)
        for name, command in commands.items()
    ]
    return Case(f"max 2×2/2, {count} .npy of 32×32", ways, rounds=5)


def _way(
    name: str, command: list[str], source: Path, target: Path | None, answer: str = "file"
) -> Way:
    def settle() -> None:
        if target is not None:
            target.unlink(missing_ok=True)
        # Writers are slowed down while much of what others wrote is on its way to the disk.
        os.sync()

    return Way(
        name,
        partial(processes.run, command),
        source.stat().st_size,
        answer=None if target is None else answer,
        before=settle,
        look=lambda _: _checksum(target),
    )


def _checksum(target: Path | None) -> Any:
    check = 0
    if target is not None:
        with target.open("rb") as file:
            while block := file.read(1 << 24):
                check = zlib.crc32(block, check)
    return check


@contextmanager
def _data(folder: Path, shape: tuple[int, ...]) -> Iterator[tuple[Path, Path]]:
    """A file of numbers and a name to write to; both vanish at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    source, target = folder / "input.npy", folder / "output.npy"
    numbers = np.random.default_rng(7).standard_normal(1 << 24, np.float32)
    total = int(np.prod(shape))
    try:
        with source.open("wb") as file:
            file.write(header(shape))
            for done in range(0, total, len(numbers)):
                numbers[0] = done  # no two parts are quite the same
                file.write(numbers[: total - done].data)
        yield source, target
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)


def header(shape: tuple[int, ...]) -> bytes:
    """The 128 bytes before the data of a float32 array of this shape."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    size = (HEADER - 10).to_bytes(2, "little")
    return b"\x93NUMPY\x01\x00" + size + text.ljust(HEADER - 11).encode() + b"\n"


def sparse(folder: Path, program: str) -> list[tuple[float, int]]:
    """Resident memory over time while a sparse array of 64 GiB is pooled, as (seconds, bytes)."""
    folder.mkdir(parents=True, exist_ok=True)
    source, target = folder / "sparse.npy", folder / "output.npy"
    try:
        with source.open("wb") as file:
            file.write(header((SPARSE_SIDE, SPARSE_SIDE)))
            file.truncate(HEADER + 4 * SPARSE_SIDE**2)
        command = [program, "max", "-k", "8", str(source), "-o", str(target)]
        return processes.memory_over_time(command, every=0.2)
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
