"""What only a process of its own can show: pipes, signals, closed streams."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.program import PROJECT, finished, npy_bytes, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and descriptors")


def test_results_and_messages_are_kept_apart(matrix: Path) -> None:
    done = finished("max", "-k", 2, "x.npy", "missing.npy")
    assert done.code == 1
    assert done.text.endswith("6 4\n4 4\n")
    assert done.err.splitlines()[-1].startswith("poolcli: missing.npy: ")


def test_a_pipe_of_two(matrix: Path) -> None:
    with (
        open(matrix, "rb") as file,
        start("max", "-k", 2, "-", "-o", "-", stdin=file) as first,
        start("global", "avg", "-", stdin=first.stdout) as second,
    ):
        assert first.stdout is not None
        first.stdout.close()
        out, err = second.communicate()
    assert (first.returncode, second.returncode, err) == (0, 0, b"")
    assert out.splitlines()[-1] == b"4.5"


def test_a_reader_that_closes_early_ends_it_quietly() -> None:
    np.save("long.npy", np.arange(4_000_000).reshape(-1, 4))
    with start("max", "-k", 1, "long.npy") as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline().startswith(b"# long.npy")
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 141


@pytest.mark.parametrize("output", [[], ["-o", "-"], ["--json"]])
def test_a_reader_that_never_reads_ends_it_quietly(matrix: Path, output: list[str]) -> None:
    with start("max", "-k", 2, "-", *output) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        program.stdin.write(matrix.read_bytes())
        program.stdin.close()
        assert program.stderr.read() == b""
    assert program.returncode == 141


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_end_it_quietly_and_leave_nothing(number: int, code: int, tmp_path: Path) -> None:
    with start("max", "-k", 2, "-", "-o", "out.npy") as program:
        assert program.stdin is not None
        # More than a pipe holds: once this is written, the program is reading its input.
        program.stdin.write(npy_bytes(np.zeros((1000, 1000)))[:4_000_000])
        program.stdin.flush()
        program.send_signal(number)
        out, err = program.communicate()
    assert (program.returncode, out, err) == (code, b"", b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("redirection", "code"), [(">&-", 1), ("2>&-", 0), ("<&-", 0), ("-o y.npy >&-", 0)]
)
def test_closed_streams(matrix: Path, redirection: str, code: int) -> None:
    command = f'"$0" -m poolcli max -k 2 x.npy {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") <= 1
    if code:
        assert b"standard output is closed" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_device(matrix: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = finished("max", "-k", 2, "x.npy", stdout=full)
    assert done.code == 1
    assert done.err == "poolcli: standard output: No space left on device\n"


def test_binary_is_not_written_to_a_terminal(matrix: Path) -> None:
    leader, follower = os.openpty()
    done = finished("max", "-k", 2, "x.npy", "-o", "-", stdout=follower)
    os.close(follower)
    os.close(leader)
    assert done.code == 2
    assert "would write binary to the terminal" in done.err


def test_the_numbers_do_not_depend_on_the_road(matrix: Path) -> None:
    piped = finished("avg", "-k", 2, "-", "-o", "-", given=matrix.read_bytes())
    assert finished("avg", "-k", 2, "x.npy", "-o", "y.npy").code == 0
    assert piped.out == Path("y.npy").read_bytes()
    assert np.load(io.BytesIO(piped.out)).tolist() == [[3.75, 2.25], [2.25, 2.0]]
