"""Folders of pictures, halved: beside mogrify and vips, which people would take otherwise.

``python -m benchmarks.pictures`` measures only this.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import processes
from benchmarks.timing import Case, Target, Way, measure

HEIGHT, WIDTH = 1536, 2048
JPEGS, PNGS = 40, 12
FEW = 6
JPEG_QUALITY = 90
# Lossless results may differ by one level, where halves are rounded elsewhere; those of JPEG by
# what a coder loses, which is less in the mean of a block.
PNG_APART = 1.01 / 128  # of the brightest value there is, which is more than that
JPEG_APART = 0.02
BLOCK = 32


def folders(scratch: Path, program: str, quick: bool) -> Iterator[Case]:
    """One case a kind of picture; what is not installed is left out."""
    for kind, count, apart in (("jpg", JPEGS, JPEG_APART), ("png", PNGS, PNG_APART)):
        with _pictures(scratch, kind, FEW if quick else count) as (source, target):
            paths = sorted(source.iterdir())
            ways = [
                _way(name, command, paths, target)
                for name, command in _commands(program, source, target, kind).items()
            ]
            targets = [Target(way.name, least=1) for way in ways[1:]]
            title = f"avg 2×2/2, a folder of {len(paths)} {kind} of {WIDTH}×{HEIGHT}"
            yield Case(title, ways, targets, tolerance=apart, rounds=2 if quick else 7)


def _commands(program: str, source: Path, target: Path, kind: str) -> dict[str, list[str]]:
    shell = ["sh", "-c"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    listed = f"ls '{source}'/*.{kind} | xargs -P {cores}"
    commands = {"poolcli": [program, "avg", "--size", "2", str(source), "-o", f"{target}/", "-q"]}
    if shutil.which("mogrify"):
        halve = f"mogrify -path '{target}' -scale 50%"
        commands["mogrify"] = [*shell, f"{halve} '{source}'/*.{kind}"]
        commands["mogrify, xargs -P"] = [*shell, f"{listed} -n 4 {halve}"]
    if shutil.which("vips"):
        one = f'vips shrink "$1" \'{target}\'/"$(basename "$1")" 2 2'
        commands["vips shrink, xargs -P"] = [*shell, f"{listed} -I@ sh -c '{_quoted(one)}' sh @"]
    return commands


def _quoted(command: str) -> str:
    return command.replace("'", "'\\''")


def _way(name: str, command: list[str], paths: list[Path], target: Path) -> Way:
    def empty() -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()

    size = sum(path.stat().st_size for path in paths)
    look = partial(_look, target, len(paths))
    return Way(name, partial(processes.run, command), size, before=empty, look=lambda _: look())


def _look(target: Path, count: int) -> Any:
    """Give the first result, coarsely where it was coded with losses, once all are there."""
    from PIL import Image

    written = sorted(path for path in target.iterdir() if not path.name.startswith("."))
    assert len(written) == count, f"{len(written)} of {count} results"
    with Image.open(written[0]) as image:
        pixels = np.asarray(image.convert("RGB"), np.float64)
    if written[0].suffix == ".png":
        return pixels
    height, width = (n // BLOCK for n in pixels.shape[:2])
    blocks = pixels[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK, 3)
    return blocks.mean(axis=(1, 3))


@contextmanager
def _pictures(scratch: Path, kind: str, count: int) -> Iterator[tuple[Path, Path]]:
    """Make pictures with the smooth parts, edges and grain of photographs."""
    from PIL import Image

    source, target = scratch / f"{kind}s", scratch / f"{kind}s_halved"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    options: dict[str, Any] = {"quality": JPEG_QUALITY} if kind == "jpg" else {"compress_level": 4}
    try:
        for number in range(count):
            Image.fromarray(_scene(number)).save(source / f"{number:03}.{kind}", **options)
        yield source, target
    finally:
        shutil.rmtree(source, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)


def _scene(seed: int) -> Any:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    wave: Callable[[int], Any] = lambda octave: np.sin(  # noqa: E731
        x * random.normal(0, 2**octave / 2000) + y * random.normal(0, 2**octave / 2000)
    )
    channels = [sum(wave(octave) * 0.6**octave for octave in range(1, 8)) for _ in range(3)]
    colours = np.stack(channels, axis=-1)
    colours = 128 + 90 * colours / np.abs(colours).max() + random.normal(0, 4, (HEIGHT, WIDTH, 1))
    return np.clip(colours, 0, 255).astype(np.uint8)


def main() -> None:
    """Measure, and say how poolcli compares."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few pictures")
    parser.add_argument("--scratch", type=Path, default=Path("build/bench"))
    parser.add_argument("--program", default=str(Path(sys.executable).with_name("poolcli")))
    options = parser.parse_args()
    for case in folders(options.scratch, options.program, options.quick):
        times = measure(case, budget=5 if options.quick else 60)
        print(case.title)
        for way in case.ways:
            print(f"  {way.name:24} {times.median(way.name) * 1000:7.0f} ms (median)")
        for verdict in times.verdicts():
            word = "met" if verdict.met else "MISSED"
            print(f"  {verdict.target}: {verdict.ratio:.2f}, {word}")


if __name__ == "__main__":
    main()
