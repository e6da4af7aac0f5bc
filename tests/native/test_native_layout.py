"""The struct of native.py is that of pool.h, and the library is what it should be."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import poolcli
from poolcli.engine import library

PACKAGE = Path(poolcli.__file__).parent
HEADER = (PACKAGE / "kernels" / "pool.h").read_text()
LIBRARY = next(PACKAGE.glob("_native.*"))


def _enum(name: str) -> list[str]:
    body = re.search(rf"enum {name} \{{(.*?)\}}", HEADER, re.S)
    assert body
    plain = re.sub(r"/\*.*?\*/", "", body[1], flags=re.S)
    return [word.split("=")[0].strip() for word in plain.split(",")]


def test_sizes_and_offsets() -> None:
    assert library.layout() == library.library_layout()


def test_names_of_ops_and_types() -> None:
    ops = [name.removeprefix("POOL_").lower().replace("_", " ") for name in _enum("pool_op")]
    assert ops == [*library.OPS, "ops"]
    types = [name.removeprefix("POOL_").lower() for name in _enum("pool_type")]
    long = {"?": "bool", **{f"{k}{n}": f"{k}{8 * n}" for k in "iuf" for n in (1, 2, 4, 8)}}
    assert types == [*(long[name] for name in library.TYPES), "types"]


def symbols_of(path: Path, *flags: str) -> list[tuple[str, str]]:
    """The kind and name of each symbol, as nm has them."""
    listed = subprocess.run(["nm", *flags, path], capture_output=True, text=True, check=True)
    return [(line.split()[-2], line.split()[-1]) for line in listed.stdout.splitlines() if line]


def may_be_shared(path: Path) -> list[str]:
    """Symbols of which a linker keeps any one copy: that of AVX-512, perhaps."""
    return [name for kind, name in symbols_of(path) if kind in "VWu"]


needs_nm = pytest.mark.skipif(not shutil.which("nm"), reason="needs nm, of binutils")


@needs_nm
def test_the_library_gives_five_functions_and_needs_no_other() -> None:
    symbols = symbols_of(LIBRARY, "-D")
    given = {name for kind, name in symbols if kind in "TVWu"}
    assert given == {"pool_run", "pool_scratch", "pool_state", "pool_isa", "pool_layout"}
    needed = {name.split("@")[0] for kind, name in symbols if kind == "U"}
    assert needed <= {"memcpy", "memset", "memmove"}


@needs_nm
def test_no_symbol_is_weak() -> None:
    objects = list((PACKAGE.parent / "build" / "kernels").glob("*.o"))
    if not objects:
        pytest.skip("the library was built elsewhere")
    assert {path.name: names for path in objects if (names := may_be_shared(path))} == {}


@needs_nm
@pytest.mark.skipif(not shutil.which("g++"), reason="needs g++, to compile what is wrong")
def test_a_weak_symbol_would_be_seen(tmp_path: Path) -> None:
    source, target = tmp_path / "weak.cpp", tmp_path / "weak.o"
    source.write_text("inline int one() { return 1; }\nint two() { return one() + 1; }\n")
    subprocess.run(["g++", "-O0", "-c", source, "-o", target], check=True)
    assert may_be_shared(target) == ["_Z3onev"]
