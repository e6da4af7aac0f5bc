"""What was measured, as docs/benchmarks.md and as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks import machine
from benchmarks.timing import Times, Verdict
from benchmarks.where import PARTS, Profile

Measured = dict[str, list[Times]]

TITLE = """\
# Benchmarks

<!-- Written by `make bench`; changes made here are lost with the next run. -->

Measured on: {machine}.
{versions}.

`make bench` installs the libraries below, checks that all ways of doing a thing give the same
numbers (but for averages of bytes, which others round half up), and times them in turns
(A B C A B C …, after one warm-up of each), so that a slow moment of the machine hits all alike.
Times are medians, in milliseconds unless said; **ratios are what to look at**: in parentheses, how
many times as fast poolcli is. Everybody has two threads who takes them; copy is a copy of the input
by two. Rounds in which other programs worked do not count; where too few were quiet, all count and
a † says so. This run took {minutes:.0f} minutes{how}.
`make bench QUICK=1` takes a few rounds of everything, `make bench LARGE=1` adds what takes 64 GB
of disk addresses.

![Speed beside other libraries, and cost by window and array](images/benchmarks.svg)

{met} of {all} targets are met.
"""

NOTES = {
    "windows": "Windows over an array in memory\n\nfloat32, 1×16×2048×2048 (NHWC: 4×512×512×64).",
    "large": "Large windows\n\n4096×4096 float32, at every cell; OpenCV pads the edges.",
    "layers": "Layers as networks have them\n\nfloat32, NCHW, from the cache.",
    "pictures": "Pictures\n\n4096×6000 RGB, uint8; averages are rounded to uint8, half to even; "
    "Pillow and OpenCV round half up.",
    "ranks": "Medians\n\nOne plane of 1024×1024.",
    "labels": "Labels\n\nThe mode of segmentations.",
    "whole": "Global and adaptive windows\n\nThe array of the first table.",
    "types": "Number types\n\n1×16×1024×1024.",
    "ops": "Every op, beside NumPy's reshape and reduce\n\n1×16×600×600, float32 unless said.",
    "small": "Small arrays\n\nTwo hundred calls, milliseconds for all of them.",
    "files": "Files\n\n`.npy` to `.npy`, float32, whole processes, the file in the system's cache; "
    "cat writes to /dev/null; where it says so, a quarter of it to a new file, as pooling does.",
    "folders": "Folders\n\nWhole processes over the same folder, outputs written.",
    "starts": "Start-up\n\nWhole processes in an environment that holds poolcli and what it needs.",
    "size": "How cost grows with the array\n\nOne float32 plane, 2×2/2.",
    "kernel": "How cost grows with the window\n\nAt every cell of 1×4×1024×1024 float32.",
    "threads": "How cost changes with threads\n\nThe array of the first table.",
}


def render(
    measured: Measured,
    profiles: Sequence[Profile],
    sparse: Sequence[tuple[float, int]],
    minutes: float,
    how: str = "",
) -> str:
    """The whole page."""
    verdicts = [v for times in measured.values() for t in times for v in t.verdicts()]
    parts = [
        TITLE.format(
            machine=machine.describe(),
            versions=", ".join(f"{name} {number}" for name, number in machine.versions().items()),
            minutes=minutes,
            how=how,
            met=sum(v.met for v in verdicts),
            all=len(verdicts),
        )
    ]
    for name, times in measured.items():
        parts += ["\n## ", NOTES[name], "\n\n", _section(times)]
        if name == "files" and sparse:
            parts += ["\n", _flat(sparse)]
    if profiles:
        parts += ["\n", _where(profiles)]
    return "".join(parts)


def plain(times: Times) -> str:
    """One case for the terminal: every way's median, best time and rate, then its targets."""
    lines = [times.title + (" (disturbed by other programs)" if times.disturbed else "")]
    for name, seconds in times.seconds.items():
        peak = f"{times.peaks[name] / 1e6:8.0f} MB" if name in times.peaks else ""
        lines.append(
            f"  {name:30} {times.median(name) * 1e3:10.3f} ms, best {min(seconds) * 1e3:10.3f}"
            f"  {times.rate(name):7.2f} GB/s{peak}  ({len(seconds)} rounds)"
        )
    for verdict in times.verdicts():
        word = "met    " if verdict.met else "NOT MET"
        lines.append(f"  {word} {verdict.target}: {verdict.ratio:.2f}")
    return "\n".join(lines)


def _section(times: list[Times]) -> str:
    """A row for each work, a column for each way, and the targets."""
    ways = list(dict.fromkeys(way for t in times for way in t.seconds))
    targets = any(t.verdicts() for t in times)
    rows = [
        [
            t.title + " †" * t.disturbed,
            *(_cell(t, way, ways[0]) for way in ways),
            *([_told(t.verdicts())] if targets else []),
        ]
        for t in times
    ]
    return _table(["", *ways, *(["targets"] if targets else [])], rows)


def _cell(t: Times, way: str, first: str) -> str:
    if way not in t.seconds:
        return ""
    seconds = t.median(way)
    text = f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds:.2f} s"
    if way in t.peaks:
        text += f", {t.peaks[way] / 1e6:.0f} MB"
    if way == first or first != "poolcli":
        return text
    return f"{text} ({seconds / t.median(first):.2f})"


def _told(verdicts: Iterable[Verdict]) -> str:
    return "; ".join(
        f"{verdict.brief} {verdict.ratio:.2f} {'✓' if verdict.met else '**✗**'}"
        for verdict in verdicts
    )


def _where(profiles: Sequence[Profile]) -> str:
    rows = [
        [p.title, *(f"{p.parts[part]:.0f} %" for part in PARTS), f"{p.rest:.0f} %"]
        for p in profiles
    ]
    return (
        "## Where the time goes\n\nOf one thread that pools into a new array again and again, by a "
        "sampling profile: compiled kernels, Python around them, NumPy, and the system, which gives"
        " new arrays their pages.\n\n" + _table(["", *PARTS, "other"], rows)
    )


def _flat(sparse: Sequence[tuple[float, int]]) -> str:
    settled = [size / 1e6 for at, size in sparse if at > 1] or [size / 1e6 for _, size in sparse]
    return (
        f"A sparse 64 GiB `.npy` (131072×131072 float32, max 8×8/8): {sparse[-1][0]:.0f} s. Its "
        f"resident memory, looked at {len(sparse)} times, was {min(settled):.0f} to "
        f"{max(settled):.0f} MB after the first second.\n"
    )


def _table(head: list[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
