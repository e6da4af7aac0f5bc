"""Hatchling's build hook: compile poolcli/kernels into one library with a plain C interface.

Every file is compiled once for each instruction set, and ``dispatch.cpp`` chooses among them when
the program runs. The compiler is the one that ``CXX`` names, else the first of g++, clang++ and c++
that works, else that of PyPI's ziglang, which is asked for as a build requirement only then, or
where ``CXX`` is the word ziglang.
There is no C++ library in it and nothing of Python's, so that one wheel serves every Python.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ZIG = "ziglang>=0.13"
KERNELS = Path(__file__).parent / "poolcli" / "kernels"

FLAGS = (
    *("-std=c++17", "-fPIC", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti"),
    *("-fno-threadsafe-statics", "-fno-strict-aliasing", "-fno-stack-protector"),
    # Results may not depend on the compiler: no fused multiply-add, no reordering.
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
    *("-Wall", "-Wextra", "-Wno-psabi", "-Wno-unknown-warning-option"),
)
# Ops are written in vectors; the plain loops of these files are left to the compiler.
PLAIN_LOOPS = ("load", "store", "walk")
# The files that are compiled for the widest vectors: run.cpp leaves other ops to x86-64-v3.
WIDEST = (
    *("extremes", "sums", "whole_sums", "powers", "softmax", "spread", "medians"),
    *("load", "store", "rows", "walk", "run"),
)
# The number of each instruction set (POOL_ISA), and what makes a compiler use it.
INSTRUCTIONS = {
    0: (),
    1: ("-march=x86-64-v3",),
    2: ("-march=x86-64-v4", "-mprefer-vector-width=512"),
}


class BuildHook(BuildHookInterface):
    """Compiles the kernels for wheels and editable installs; sdists carry the sources alone."""

    def dependencies(self) -> list[str]:
        """Ask for ziglang where a library is to be built and no compiler works."""
        return [ZIG] if self.target_name == "wheel" and _compiler() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library into the package, and name the wheel after the platform."""
        if self.target_name != "wheel":
            return
        build(Path(self.root))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(sysconfig.get_platform(), platform.machine())}"


def platform_tag(name: str, machine: str) -> str:
    """The platform of a wheel's name; a Mac's Python may serve two processors, the library one.

    >>> platform_tag("linux-x86_64", "x86_64")
    'linux_x86_64'
    >>> platform_tag("macosx-10.13-universal2", "arm64")
    'macosx_11_0_arm64'
    """
    if name.endswith("-universal2"):
        name = "macosx-11.0-arm64" if machine == "arm64" else name.replace("universal2", machine)
    return name.replace("-", "_").replace(".", "_")


def build(root: Path) -> Path:
    """Compile what has changed, link it, try it, and put it in the package."""
    command = compiler()
    many = platform.machine().lower() in ("x86_64", "amd64")
    objects = compile_kernels(command, root / "build" / "kernels", many=many)
    return _link(command, objects, root)


def compiler() -> list[str]:
    """The command of the compiler to use."""
    command = _compiler() or _zig()
    if command is None:
        sys.exit(
            "poolcli: no C++ compiler works here; install g++ or clang++, set CXX to one, or "
            "pip install ziglang and set CXX=ziglang"
        )
    return command


def compile_kernels(
    command: list[str],
    folder: Path,
    *,
    many: bool,
    more: Callable[[int], Sequence[str]] = lambda isa: (),
) -> list[Path]:
    """Compile each file for each instruction set, unless that was done; returns the objects.

    ``many``: for the three of x86-64. ``more``: flags that come last, of an instruction set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    for source in sorted(KERNELS.glob("*.cpp"), key=lambda path: -path.stat().st_size):
        for isa in _instructions(source.stem, many=many):
            # Processors of before 2013 get by with less, for it takes a third of the time to build.
            fast = "-O3" if source.stem in PLAIN_LOOPS else "-O2"
            level = "-O1" if many and isa == 0 else fast
            named = [f"-DPOOL_ISA={isa}", *many * ["-DPOOL_MANY"]]
            flags = [level, *FLAGS, *_march(command, isa), *named, *more(isa)]
            key = hashlib.sha256(_text_of(source) + repr((command, flags)).encode())
            target = folder / f"{source.stem}-{isa}-{key.hexdigest()[:16]}.o"
            jobs.append(([*command, *flags, "-c", str(source)], target))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: _compile(*job), jobs))
    for old in set(folder.glob("*.o")) - {target for _, target in jobs}:
        old.unlink()
    return [target for _, target in jobs]


def _text_of(source: Path) -> bytes:
    """A file with all that it includes, each once: what its object is made of."""
    texts: dict[Path, bytes] = {}
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path not in texts:
            texts[path] = path.read_bytes()
            names = re.findall(r'^#include "(.+)"', texts[path].decode(), re.MULTILINE)
            waiting += [path.parent / name for name in names]
    return b"".join(texts.values())


def _instructions(stem: str, *, many: bool) -> list[int]:
    if not many or stem == "dispatch":
        return [0]
    return [isa for isa in INSTRUCTIONS if isa < 2 or stem in WIDEST]


def _compile(command: list[str], target: Path) -> None:
    if not target.exists():
        _make(command, target)


def _link(command: list[str], objects: list[Path], root: Path) -> Path:
    library = root / "poolcli" / ("_native.dll" if os.name == "nt" else "_native.so")
    command = ["cc" if word == "c++" else word for word in command]  # zig would build its libc++
    how = ["-shared"]
    if sys.platform == "darwin":
        how += ["-undefined", "dynamic_lookup"]
    elif os.name != "nt":
        how += ["-nostdlib", "-Wl,-s"]  # memcpy comes from the process
    _make([*command, *how, *map(str, objects)], library, check=_load)
    return library


def _load(library: Path) -> None:
    """A symbol that is missing is no error of linking, but of loading."""
    ctypes.CDLL(str(library), mode=getattr(os, "RTLD_NOW", 0)).pool_layout(None, 0)


def _make(command: list[str], target: Path, check: Any = None) -> None:
    """Run a compiler; what it makes appears whole or not at all."""
    made = target.with_name(f".{target.stem}-{os.getpid()}{target.suffix}")
    try:
        done = subprocess.run([*command, "-o", str(made)], capture_output=True, text=True)
        failed = done.returncode != 0
        why = done.stderr.strip() or f"exit code {done.returncode}"
    except OSError as error:
        failed, why = True, str(error)
    if failed:
        made.unlink(missing_ok=True)
        last = why.splitlines()
        sys.exit(
            "\n".join(last[-20:])
            + f"\npoolcli: {' '.join(command[:2])} … cannot make {target.name}; set CXX to another "
            "C++17 compiler"
        )
    if check is not None:
        check(made)
    made.replace(target)


def _march(command: list[str], isa: int) -> list[str]:
    flags = list(INSTRUCTIONS[isa])
    return [f.replace("x86-64-v", "x86_64_v") for f in flags] if "ziglang" in command else flags


def _compiler() -> list[str] | None:
    """The command of a compiler that works; some are names that only offer to install one."""
    named = os.environ.get("CXX")
    if named == "ziglang":
        return None
    if named:
        return shlex.split(named)
    return next((c for c in (["g++"], ["clang++"], ["c++"]) if _works(c)), None)


def _zig() -> list[str] | None:
    command = [sys.executable, "-m", "ziglang", "c++"]
    return command if _works(command) else None


def _works(command: list[str]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "try.cpp")
        source.write_text("template <class T> constexpr T one = 1; int f() { return one<int>; }\n")
        call = [*command, "-std=c++17", "-c", str(source), "-o", str(source.with_suffix(".o"))]
        try:
            return subprocess.run(call, capture_output=True, timeout=120).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False


if __name__ == "__main__":
    print(build(Path(__file__).parent))
