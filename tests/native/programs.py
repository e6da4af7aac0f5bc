"""The check program of the kernels, under sanitizers or by other compilers and processors.

``python -m tests.native.programs sanitize`` and ``… digests``; the Makefile has both.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import hatch_build

ROOT = Path(__file__).parents[2]
SOURCE = hatch_build.KERNELS / "check" / "main.cpp"
TABLE = Path(__file__).with_name("digests.txt")
BLOCKS = 300  # of each op, for the table

SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def sanitized(isa: int) -> list[str]:
    """The flags of the sanitizers.

    Nothing is optimized, which takes a fifth of the time to compile and drops no access; but gcc 12
    cannot compile AVX-512's masks like that.
    """
    return ["-O1" if isa == 2 else "-O0", *SANITIZERS]


class Target(NamedTuple):
    """A compiler, and what runs what it makes."""

    name: str
    command: tuple[str, ...]
    many: bool = False
    run: tuple[str, ...] = ()

    @property
    def lacks(self) -> str | None:
        """The program that is not there."""
        return next((p for p in (self.command[0], *self.run) if not shutil.which(p)), None)


ZIG = (sys.executable, "-m", "ziglang", "c++")
QEMU = ("qemu-aarch64",)
TARGETS = (
    Target("gcc", ("g++",), many=True),
    Target("clang", ("clang++",), many=True),
    Target("zig", ZIG, many=True),
    Target("gcc, aarch64", ("aarch64-linux-gnu-g++", "-static"), run=QEMU),
    Target("zig, aarch64", (*ZIG, "-target", "aarch64-linux-musl", "-static"), run=QEMU),
)


def make_program(target: Target, more: Callable[[int], Sequence[str]] = lambda isa: ()) -> Path:
    """Compile kernels and check program together; links no C++ library."""
    name = target.name.replace(", ", "-") + "-one" * (not target.many)
    folder = ROOT / "build" / "programs" / name
    command = list(target.command)
    objects = hatch_build.compile_kernels(command, folder, many=target.many, more=more)
    program = folder / "check"
    flags = [*more(0), "-std=c++17", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra"]
    main = folder / "main.obj"
    subprocess.run([*command, *flags, "-c", str(SOURCE), "-o", str(main)], check=True)
    link = ["cc" if word == "c++" else word for word in command]  # zig would build its libc++
    subprocess.run([*link, *more(0), str(main), *map(str, objects), "-o", str(program)], check=True)
    return program


def instruction_sets(target: Target) -> range:
    """The numbers of the instruction sets that the target can be compiled for."""
    return range(len(hatch_build.INSTRUCTIONS) if target.many else 1)


def run_program(program: Path, target: Target, blocks: int, isa: int) -> str | None:
    """What the program prints; None where the processor lacks the instruction set."""
    done = subprocess.run(
        [*target.run, str(program), str(blocks), str(isa)], capture_output=True, text=True
    )
    if done.returncode == 2:
        return None
    if done.returncode:
        sys.exit(f"{target.name}, instruction set {isa}:\n{done.stdout[-500:]}{done.stderr}")
    return done.stdout


def sanitize(blocks: int, *, many: bool) -> None:
    """Run every kernel under the sanitizers; ``many``: for every instruction set."""
    target = Target("sanitized", tuple(hatch_build.compiler()), many=many)
    program = make_program(target, sanitized)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sets = instruction_sets(target)
        outputs = list(pool.map(lambda isa: run_program(program, target, blocks, isa), sets))
    for isa, output in zip(sets, outputs, strict=True):
        if output is None:
            print(f"instruction set {isa}: this processor lacks it")
        elif output != outputs[0]:
            sys.exit(f"instruction set {isa} gives other bytes:\n{output}")
        else:
            calls = sum(int(word) for line in output.splitlines() for word in line.split()[1:3])
            print(f"instruction set {isa}: {calls} calls, clean")


def digests(*, write: bool) -> None:
    """Compare the digests of every compiler and processor that can be had with the table."""
    wrong = False
    for target in TARGETS:
        if target.lacks or (target.many and not _is_x86()):
            print(f"{target.name}: not tried, {target.lacks or 'x86-64'} is not here")
            continue
        program = make_program(target)
        for isa in instruction_sets(target):
            output = run_program(program, target, BLOCKS, isa)
            if write and output:
                TABLE.write_text(output)
                write = False
            said = "lacks it" if output is None else "same" if output == TABLE.read_text() else None
            wrong |= said is None
            print(f"{target.name}, instruction set {isa}: {said or 'OTHER'}")
    if wrong:
        sys.exit("some digests are not those of tests/native/digests.txt")


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def main() -> None:
    """Do what the Makefile wants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["sanitize", "digests"])
    parser.add_argument("--blocks", type=int, default=3000, help="of each op")
    parser.add_argument("--one", action="store_true", help="sanitize one instruction set only")
    parser.add_argument("--write", action="store_true", help="renew the table")
    args = parser.parse_args()
    if args.what == "sanitize":
        sanitize(args.blocks, many=_is_x86() and not args.one)
    else:
        digests(write=args.write)


if __name__ == "__main__":
    main()
