"""The struct of native.py is that of pool.h, and the library is what it should be."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import poolcli
from poolcli.engine import native

PACKAGE = Path(poolcli.__file__).parent
HEADER = (PACKAGE / "kernels" / "pool.h").read_text()
LIBRARY = next(PACKAGE.glob("_native.*"))


def _enum(name: str) -> list[str]:
    body = re.search(rf"enum {name} \{{(.*?)\}}", HEADER, re.S)
    assert body
    plain = re.sub(r"/\*.*?\*/", "", body[1], flags=re.S)
    return [word.split("=")[0].strip() for word in plain.split(",")]


def test_sizes_and_offsets() -> None:
    assert native.layout() == native.library_layout()


def test_names_of_ops_and_types() -> None:
    ops = [name.removeprefix("POOL_").lower().replace("_", " ") for name in _enum("pool_op")]
    assert ops == [*native.OPS, "ops"]
    types = [name.removeprefix("POOL_").lower() for name in _enum("pool_type")]
    long = {"?": "bool", **{f"{k}{n}": f"{k}{8 * n}" for k in "iuf" for n in (1, 2, 4, 8)}}
    assert types == [*(long[name] for name in native.TYPES), "types"]


@pytest.mark.skipif(not shutil.which("nm"), reason="needs nm, of binutils")
def test_no_symbol_is_weak_and_nothing_of_a_library_is_needed() -> None:
    listed = subprocess.run(["nm", "-D", LIBRARY], capture_output=True, text=True, check=True)
    symbols = [line.split()[-2:] for line in listed.stdout.splitlines()]
    given = {name for kind, name in symbols if kind == "T"}
    assert given == {"pool_run", "pool_scratch", "pool_state", "pool_isa", "pool_layout"}
    assert {name for kind, name in symbols if kind not in "Tw"} <= {"memcpy", "memset", "memmove"}
