"""The check program's digests: the same by every instruction set; make digests has compilers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import poolcli
from poolcli.engine import library
from tests.native.programs import BLOCKS, SOURCE, TABLE

LIBRARY = next(Path(poolcli.__file__).parent.glob("_native.*"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The check program over the library that is installed."""
    compiler = next((c for c in ("g++", "clang++", "c++") if shutil.which(c)), None)
    if compiler is None:
        pytest.skip("needs g++ or clang++, to compile the check program")
    made = tmp_path_factory.mktemp("check") / "check"
    path = f"-Wl,-rpath,{LIBRARY.parent}"
    subprocess.run([compiler, "-std=c++17", SOURCE, LIBRARY, path, "-o", made], check=True)
    return made


@pytest.mark.parametrize("isa", range(len(library.ISAS)))
def test_digests(program: Path, isa: int) -> None:
    done = subprocess.run([program, str(BLOCKS), str(isa)], capture_output=True, text=True)
    if done.returncode == 2:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    assert done.stdout.splitlines() == TABLE.read_text().splitlines()


def test_the_table_has_every_op_with_blocks_and_pieces() -> None:
    rows = [line.split() for line in TABLE.read_text().splitlines()]
    assert [int(op) for op, *_ in rows] == list(range(len(library.OPS)))
    assert all(int(done) > 60 for _, done, *_ in rows)
    whole = {"find nan", "blur", "sample", "area"}
    assert {library.OPS[int(op)] for op, _, pieces, _ in rows if pieces == "0"} == whole
