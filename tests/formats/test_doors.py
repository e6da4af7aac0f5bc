"""What a path may name besides a good file, and what is imported for what."""

import gc
import io
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from poolcli import formats
from poolcli.errors import InputError
from poolcli.formats import npy_header, opening
from poolcli.formats.npy import StoredNpy
from poolcli.formats.readers import read_file, read_stdin
from poolcli.formats.sinks import write_stream

ROOT = str(Path(formats.__file__).parents[2])


def refusal(path: str) -> str:
    with pytest.raises(InputError) as refused:
        list(read_file(path))
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_missing() -> None:
    assert refusal("no/such.npy") == "No such file or directory"


def test_folder(tmp_path: Path) -> None:
    assert refusal(str(tmp_path)) == "it is a folder; name the files in it"


def test_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s")
        assert refusal("s") == "it is a socket; name a file or a pipe"


def test_link_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "a")
    assert "symbolic links" in refusal(str(tmp_path / "a"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"")
    (tmp_path / "a.npy").chmod(0)
    assert refusal(str(tmp_path / "a.npy")) == "Permission denied"


@pytest.mark.parametrize(
    ("device", "message"),
    [("/dev/null", "it is empty"), ("/dev/zero", "its first bytes"), ("/dev/urandom", "its first")],
)
def test_devices_do_not_hang(device: str, message: str) -> None:
    assert refusal(device).startswith(message)


@pytest.mark.parametrize(
    "address",
    ["imageio:chelsea.png", "a.zip/in.png", "<screen>", "http:/localhost/a.png"],
)
def test_names_are_never_addresses(address: str) -> None:
    assert refusal(address) in ("No such file or directory", "Not a directory")


def test_name_with_a_zero_byte() -> None:
    assert refusal("a\0b") == "embedded null byte"


def test_a_named_pipe_is_read_as_a_stream(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with open(pipe, "wb") as sink:
            write_stream(sink, np.eye(2))
            write_stream(sink, np.eye(3))

    writer = threading.Thread(target=write)
    writer.start()
    loaded = list(read_file(str(pipe)))
    writer.join()
    assert [item.label for item in loaded] == [str(pipe), f"{pipe}#2"]


@pytest.mark.parametrize("format", [".npy", ".npz", ".png", ".csv", ".tif"])
def test_everything_comes_through_stdin(format: str) -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    stream = io.BytesIO()
    write_stream(stream, array, format=format)
    (loaded,) = read_stdin(io.BytesIO(stream.getvalue()))
    assert loaded.label.startswith("-")
    np.testing.assert_array_equal(loaded.array, array)


def test_empty_stdin() -> None:
    with pytest.raises(InputError, match="^-: it is empty$"):
        list(read_stdin(io.BytesIO()))


def test_files_are_closed_when_the_reader_stops_early(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.eye(2), b=np.eye(2))
    arrays = read_file(str(tmp_path / "a.npz"))
    next(arrays)
    arrays.close()  # type: ignore[attr-defined]
    # An unclosed file would be a ResourceWarning, which is an error here.


HEAVY = ("PIL", "imageio", "tifffile", "zipfile", "rich", "typer")


@pytest.mark.parametrize(
    ("name", "loads"),
    [
        ("a.npy", set()),
        ("a.csv", set()),
        ("a.npz", {"zipfile"}),
        ("a.png", {"PIL"}),
        ("a.tif", {"tifffile"}),
    ],
)
def test_only_what_is_needed_is_imported(name: str, loads: set[str], tmp_path: Path) -> None:
    path = tmp_path / name
    formats.write_file(str(path), np.zeros((2, 2), np.uint8))
    program = (
        "import sys\n"
        "for module in [m for m in sys.modules if m.startswith('zipfile')]:\n"
        "    del sys.modules[module]  # editable installs load it at start-up\n"
        "from poolcli.formats import read_file, write_file\n"
        f"list(read_file({str(path)!r}))\n"
        f"print(*[m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    # imageio loads zipfile for its own ends.
    assert loaded - ({"zipfile"} if "imageio" in loads | {"tifffile"} else set()) == loads


def test_what_cannot_be_closed_after_reading_was_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network file system: the system says so only when the file is closed."""
    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    path = tmp_path / "a.npy"
    np.save(path, np.eye(4))
    file, _ = opening.open_input(str(path))
    stored = StoredNpy(file, npy_header.read_header(file))
    os.close(file.fileno())
    file.close()
    assert file.closed
    del stored
    gc.collect()
    assert complaints == []
