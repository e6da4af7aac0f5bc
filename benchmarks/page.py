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
numbers, and times them in turns (A B C A B C …, after one warm-up of each), so that a slow moment
of the machine hits all alike. A time is the median of mostly fifteen rounds, at least three, which
is what ways have that take eight times as long as the middle one; times are of this machine,
**ratios are what to look at**. Rounds in which other programs worked do not
count; where too few were quiet, all count and a † says so: two threads then have less than two
processors. This run took {minutes:.0f} minutes.
`make bench QUICK=1` is a look in a minute; `make bench LARGE=1` adds what takes 64 GB of disk
addresses or all memory.

![Speed beside other libraries, and cost by window and array](images/benchmarks.svg)

## Targets

{met} of {all} met.

"""

NOTES = {
    "windows": """\
## Windows over an array in memory

float32, NCHW 1×16×2048×2048, two threads for everyone but `np.copyto`, NumPy and scikit-image,
which have one. In milliseconds, and in parentheses the speed as a share of `np.copyto`'s, which
copies the input once. `poolcli` writes to an array that is there already (onnxruntime keeps the
memory of its last result, which comes to the same); "new array" allocates its result each time,
as torch does.
""",
    "large": """\
## Large windows

The same array and threads. Milliseconds (share of `np.copyto`).
""",
    "types": """\
## Number types

The same shape in other types, two threads: milliseconds, and gigabytes of input per second.
""",
    "pictures": """\
## Pictures

4096×6000 RGB, uint8, channels last; averages are rounded to uint8. poolcli rounds half to even,
Pillow and OpenCV half up. Milliseconds (share of `np.copyto`).
""",
    "medians": """\
## Medians

2048×2048 float32. SciPy and OpenCV filter every cell; of a stride of 2 they throw away the rest.
Milliseconds (share of `np.copyto`).
""",
    "whole": """\
## Global and adaptive windows

The array of the first table. One pass over the data is `np.add.reduce` for windows that give a few
numbers, and `np.copyto` where the result is an array again. Milliseconds (share of `np.copyto`).
""",
    "files": """\
## Files

`.npy` to `.npy`, float32, 4.3 GB, as whole processes with the file in the system's cache: wall
time, how many times that of `cat FILE > /dev/null`, and the most resident memory.
""",
    "folders": """\
## Folders of pictures

Whole processes over the same folder, outputs written; they agree within what rounding and encoders
leave: milliseconds.
""",
    "starts": """\
## Start-up

Whole processes in an environment that holds poolcli and what it needs: milliseconds, and the most
resident memory.
""",
    "size": """\
## How cost grows with the array

One float32 plane of n×n, 2×2/2: milliseconds, and gigabytes of input per second.
""",
    "kernel": """\
## How cost grows with the window

k×k at every cell of 1×4×1024×1024 float32, two threads: a fold takes about log₂ k steps along each
axis.
""",
    "threads": """\
## How cost changes with threads

The array of the first table: milliseconds by number of threads, and how many times as fast as one.
""",
}

REASONS = """\
## What stands in the way

Of the targets that are not met, by what was measured beside the tables above:

- **Two threads.** Between any two ufunc calls a thread needs the interpreter lock, and Python's
  part of a block (the last column of the profile) is done by one thread at a time. With larger
  blocks threads meet less often: max 2×2/2 with two threads took 37, 33 and 21 ms with blocks of 1,
  2 and 4 MiB in one run, and 29 ms with 8 MiB.
- **Averages of more than four cells** are added in float64, as two ulp for any window asks, and in
  one fixed order, as the same bytes for any block and thread ask. 31×31 takes 16 float64 passes
  where 3×3 takes 4: the profile's first column. `np.add.reduce` and torch add in float32, in the
  order that is quickest.
- **Adaptive windows of many sizes** take their cells by index, which costs about a nanosecond each,
  two or three times for every window and axis.
- **Pictures.** Sums of bytes are widened to 16 bits and rounded half to even in several short
  passes for each block; Pillow and OpenCV do one pass of compiled code.
- **Files.** Of 0.30 s of processor time for a gigabyte, 0.18 s are the system's, for reading and
  for writing a quarter of it; `cat`, which writes nothing, takes 0.15 s.
"""


def render(
    measured: Measured,
    profiles: Sequence[Profile],
    sparse: Sequence[tuple[float, int]],
    minutes: float,
) -> str:
    """The whole page."""
    verdicts = [
        (name, verdict)
        for name, times in measured.items()
        for t in times
        for verdict in t.verdicts()
    ]
    head = TITLE.format(
        machine=machine.describe(),
        versions=", ".join(f"{name} {version}" for name, version in machine.versions().items()),
        minutes=minutes,
        met=sum(verdict.met for _, verdict in verdicts),
        all=len(verdicts),
    )
    parts = [head, _targets(verdicts)]
    for name, times in measured.items():
        parts += ["\n", NOTES[name], "\n", _section(name, times)]
        if name == "windows":
            parts += ["\n", _where(profiles)]
        if name == "files" and sparse:
            parts += ["\n", _flat(sparse)]
    parts += ["\n", REASONS]
    return "".join(parts)


def plain(times: Times) -> str:
    """One case for the terminal: every way's median, best time and rate, then its targets."""
    lines = [times.title + (" (disturbed by other programs)" if times.disturbed else "")]
    for name, seconds in times.seconds.items():
        peak = f"{times.peaks[name] / 1e6:8.0f} MB" if name in times.peaks else ""
        lines.append(
            f"  {name:30} {times.median(name) * 1e3:10.2f} ms, best {min(seconds) * 1e3:10.2f}"
            f"  {times.rate(name):7.2f} GB/s{peak}  ({len(seconds)} rounds)"
        )
    for verdict in times.verdicts():
        word = "met    " if verdict.met else "NOT MET"
        lines.append(f"  {word} {verdict.target}: {verdict.ratio:.2f}")
    return "\n".join(lines)


def _targets(verdicts: Iterable[tuple[str, Verdict]]) -> str:
    rows = [
        [name, v.case + " †" * v.disturbed, str(v.target), f"{v.ratio:.3g}", _yes(v.met)]
        for name, v in verdicts
    ]
    return _table(["", "", "target", "measured", "met"], rows)


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def _section(name: str, times: list[Times]) -> str:
    """A row for each way and a column for each case, or the other way round where that is less."""
    ways = list(dict.fromkeys(way for t in times for way in t.seconds))
    cells = [[_cell(name, t, way) for way in ways] for t in times]
    titles = [t.title + " †" * t.disturbed for t in times]
    if len(times) > len(ways):
        return _table(["", *ways], [[t, *row] for t, row in zip(titles, cells, strict=True)])
    turned = zip(*cells, strict=True)
    return _table(["", *titles], [[way, *row] for way, row in zip(ways, turned, strict=True)])


def _cell(section: str, t: Times, way: str) -> str:
    if way not in t.seconds:
        return ""
    seconds = t.median(way)
    time = f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
    if section in ("types", "size"):
        return f"{time} ({t.rate(way):.1f} GB/s)"
    if section == "files":
        return f"{time} ({seconds / t.median('cat'):.2f}), {t.peaks[way] / 1e6:.0f} MB"
    if section == "starts":
        return f"{time}, {t.peaks[way] / 1e6:.0f} MB"
    if section == "threads":
        return f"{time} ({t.median('1') / seconds:.2f})"
    if section == "kernel":
        return time
    return f"{time} ({t.rate(way) / t.rate('np.copyto'):.2f})" if "np.copyto" in t.seconds else time


def _where(profiles: Sequence[Profile]) -> str:
    rows = [
        [p.title, *(f"{seconds * 1e3:.0f}" for seconds in (*p.parts.values(), p.rest))]
        for p in profiles
    ]
    text = """\
Where the milliseconds of one thread go, by a profile: combining cells (ufuncs), loading them into
another type, finishing results (dividing, rounding, picking those that are wanted), checking
results for NaN and overflow, and Python around it (which the profiler itself makes look larger than
it is).

"""
    return text + _table(["", *PARTS, "Python"], rows)


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
