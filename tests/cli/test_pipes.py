"""What comes through a pipe: which kind goes on, and when one is read that nobody has named."""

from __future__ import annotations

import io
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from poolcli.batch import inputs
from tests.helpers.images import picture
from tests.helpers.program import Outcome, finished

Run = Callable[..., Outcome]

PICTURES = [
    ("L", "png"),
    ("1", "png"),
    ("I;16", "png"),
    ("P", "gif"),
    ("RGBA", "png"),
    ("RGBA", "webp"),
    ("RGB", "jpg"),
    ("CMYK", "jpg"),
    ("CMYK", "tif"),
    ("F", "tif"),
    ("RGB", "bmp"),
    ("RGB", "ppm"),
    ("L", "pgm"),
]


@pytest.mark.parametrize(("mode", "extension"), PICTURES)
@pytest.mark.parametrize("named", ["-", "file"])
def test_a_picture_stays_a_picture(poolcli: Run, mode: str, extension: str, named: str) -> None:
    path = Path(f"a.{extension}")
    picture(mode).save(path)
    assert poolcli("avg", "-k", 2, path, "-o", f"b.{extension}").code == 0
    given = path if named == "file" else "-"
    piped = poolcli("avg", "-k", 2, given, "-o", "-", stdin=path.read_bytes())
    assert (piped.code, piped.err) == (0, "")
    assert piped.out == Path(f"b.{extension}").read_bytes()


@pytest.mark.parametrize(
    ("pooling", "shape"),
    [
        (["max", "-k", 2, "--format", "npy"], (6, 8, 3)),
        (["global", "max"], (3,)),
        (["pyramid", "max", "--levels", "1,2"], (5, 3)),
        (["chain", "max 2 | global avg"], (3,)),
    ],
)
def test_what_is_no_picture_is_an_array(
    poolcli: Run, pooling: list[object], shape: tuple[int, ...]
) -> None:
    picture("RGB").save("a.jpg")
    stdin = Path("a.jpg").read_bytes()
    piped = poolcli(*pooling, "-", "-o", "-", stdin=stdin)
    assert (piped.code, piped.err) == (0, "")
    assert np.load(io.BytesIO(piped.out)).shape == shape
    assert poolcli(*pooling, "a.jpg", "-o", "b.npy").code == 0
    assert Path("b.npy").read_bytes() == piped.out


def test_several_pictures_are_arrays_in_a_row(poolcli: Run) -> None:
    picture("RGB").save("a.jpg")
    stream = io.BytesIO(poolcli("max", "-k", 2, "a.jpg", "a.jpg", "-o", "-").out)
    assert [np.load(stream).shape for _ in range(2)] == [(6, 8, 3)] * 2


def test_results_through_a_pipe_may_be_cut(poolcli: Run) -> None:
    picture("L").save("a.png")
    refused = poolcli("sum", "-k", 2, "a.png", "-o", "-")
    assert (refused.code, refused.out) == (1, b"")
    assert "--clip" in refused.err
    assert poolcli("sum", "-k", 2, "a.png", "-o", "b.png", "--clip").code == 0
    piped = poolcli("sum", "-k", 2, "a.png", "-o", "-", "--clip")
    assert (piped.code, piped.out) == (0, Path("b.png").read_bytes())


@contextmanager
def descriptor(kind: str) -> Iterator[int]:
    """Give standard input of a kind, opened for reading."""
    with ExitStack() as stack:
        if kind.endswith("pipe"):
            read, write = os.pipe()
            if kind == "pipe":
                os.write(write, b"1 2\n")
            if kind == "slow pipe":
                writer = threading.Thread(target=lambda: (time.sleep(0.3), os.write(write, b"1")))
                stack.callback(os.close, write)
                stack.callback(writer.join)
                writer.start()
            else:
                os.close(write)
        elif kind == "socket":
            ours, theirs = socket.socketpair()
            stack.callback(theirs.close)
            read = ours.detach()
        elif kind == "terminal":
            leader, read = os.openpty()
            stack.callback(os.close, leader)
        else:
            Path("file").write_bytes(b"1 2\n" if kind == "file" else b"")
            read = os.open("file" if kind.endswith("file") else kind, os.O_RDONLY)
        stack.callback(os.close, read)
        yield read


@pytest.mark.skipif(os.name != "posix", reason="descriptors of these kinds are of Unix")
@pytest.mark.parametrize(
    ("kind", "is_read"),
    [
        ("pipe", True),
        ("slow pipe", True),
        ("empty pipe", False),
        ("file", True),
        ("empty file", False),
        ("/dev/null", False),
        ("/dev/zero", False),
        ("socket", False),
        ("terminal", False),
    ],
)
def test_which_standard_input_is_an_input(
    kind: str, is_read: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    waited: list[str] = []
    with descriptor(kind) as number:
        raw = io.FileIO(number, closefd=False)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(raw)))
        found = inputs.comes_through_stdin(lambda: waited.append(kind), patience=0.1)
        assert found is is_read
        if found:
            assert sys.stdin.buffer.read(1) == b"1"  # nothing is lost by looking
    assert waited == (["slow pipe"] if kind == "slow pipe" else [])


@pytest.mark.parametrize("stdin", [None, io.StringIO("1 2"), io.TextIOWrapper(io.BytesIO(b"1"))])
def test_no_standard_input(stdin: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    assert not inputs.comes_through_stdin(lambda: None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["max", "-k", 2, "-o", "-"],
        ["chain", "max 2", "-o", "-"],
        ["info"],
        ["explain", "max", "-k", 2, "--json"],
        ["conform", "-k", 2, "--json"],
        ["unpool", "--indices", "i.npy", "-k", 2, "-o", "-"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_pipe_is_read_where_no_input_is_named(
    poolcli: Run, matrix: Path, arguments: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    if arguments[0] == "unpool":
        assert poolcli("max", "-k", 2, matrix, "-o", "y.npy", "--indices", "i.npy").code == 0
        matrix = Path("y.npy")
    place = 2 if arguments[0] in ("chain", "explain") else 1
    named = poolcli(*arguments[:place], "-", *arguments[place:], stdin=matrix.read_bytes())
    assert named.code == 0, named.err
    monkeypatch.setattr(inputs, "comes_through_stdin", lambda _: True)
    assert poolcli(*arguments, stdin=matrix.read_bytes()) == named


@pytest.mark.parametrize("more", [["x.npy"], ["--matrix", "1 2; 3 4"], ["--files-from", "list"]])
def test_a_pipe_is_left_alone_where_an_input_is_named(
    poolcli: Run, matrix: Path, more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(_: object) -> bool:
        raise AssertionError("standard input was looked at")

    Path("list").write_text("x.npy\n")
    monkeypatch.setattr(inputs, "comes_through_stdin", asked)
    assert poolcli("max", "-k", 2, "-q", *more).code == 0


def test_as_a_process(matrix: Path) -> None:
    piped = finished("max", "-k", 2, "-o", "-", given=matrix.read_bytes())
    assert (piped.code, piped.err) == (0, "")
    assert np.load(io.BytesIO(piped.out)).tolist() == [[6, 4], [4, 4]]
    with open(matrix, "rb") as file:
        assert finished("max", "-k", 2, "-q", stdin=file).text == "# shape: 2x2\n6 4\n4 4\n"
    empty = finished("max", "-k", 2, given=b"")
    assert (empty.code, empty.out) == (2, b"")
    assert empty.err.startswith("poolcli: no input: name a file")
