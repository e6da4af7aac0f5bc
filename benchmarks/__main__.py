"""``python -m benchmarks``: measure, say what was measured, and write the page and its plot."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import arrays, files, growth, page, pictures, plot, starting, where
from benchmarks.timing import Case, Times, measure

ROOT = Path(__file__).parents[1]
SCRATCH = ROOT / "build" / "bench"


def main() -> None:
    """Run the sections that are asked for; the page is written when all were run."""
    options = _options()
    quick = options.quick
    program, python = (str(options.environment / "bin" / name) for name in ("poolcli", "python"))
    sections: dict[str, Callable[[], Iterable[Case]]] = {
        **{subject: partial(arrays.cases, subject) for subject in arrays.ROWS},
        "files": lambda: files.streams(SCRATCH, program, quick, options.large),
        "folders": lambda: folders(program, quick),
        "starts": lambda: starting.starts(SCRATCH, program, python, quick),
        "size": growth.by_size,
        "kernel": growth.by_kernel,
        "threads": growth.by_threads,
    }
    start = time.perf_counter()
    measured: dict[str, list[Times]] = {}
    for name in options.only or sections:
        print(f"\n== {name}")
        measured[name] = []
        for case in sections[name]():
            times = measure(case, budget=0.7 if quick else 10)
            measured[name].append(times)
            print(page.plain(times), flush=True)
            del case  # and its arrays
    sparse = files.sparse(SCRATCH, program) if options.large else []
    shutil.rmtree(SCRATCH, ignore_errors=True)
    if options.only:
        return
    profiles = where.profiles(1 if quick else 4)
    minutes = (time.perf_counter() - start) / 60
    docs = ROOT / "docs"
    plot.draw(measured, docs / "images" / "benchmarks.svg")
    how = ", with few rounds of each" if quick else ""
    text = page.render(measured, profiles, sparse, minutes, how)
    (docs / "benchmarks.md").write_text(text, encoding="utf-8")
    print(f"\nwrote {docs / 'benchmarks.md'} after {minutes:.0f} minutes")


def folders(program: str, quick: bool) -> Iterator[Case]:
    """Folders of pictures, and one of many small arrays."""
    yield from pictures.folders(SCRATCH, program, quick)
    yield files.many(SCRATCH, program, sys.executable, 300 if quick else 2000)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, small files")
    parser.add_argument("--large", action="store_true", help="also what takes 64 GB or all memory")
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="these sections, and no page")
    parser.add_argument(
        "--environment",
        type=Path,
        default=ROOT / ".venv",
        help="where poolcli is installed alone, for whole processes (default: .venv)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
