"""A target is as it was or complete, whatever happens in between."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from poolcli.errors import OutputError
from poolcli.formats import atomic
from poolcli.formats.atomic import atomic_target
from poolcli.formats.sinks import write_archive, write_file
from poolcli.formats.table import NPZ

ARRAY = np.arange(6.0).reshape(2, 3)
NAMES = ["a.npy", "a.npz", "a.csv", "a.tif"]


@pytest.fixture(params=NAMES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def test_an_existing_target_needs_overwrite(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(OutputError, match="it exists; say `overwrite` to replace it"):
        write_file(str(path), ARRAY)
    assert path.read_text() == "mine"
    write_file(str(path), ARRAY, overwrite=True)
    assert path.read_bytes() != b"mine"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("exists", [True, False])
def test_a_failure_while_writing(exists: bool, failure: BaseException, tmp_path: Path) -> None:
    target = tmp_path / "a.npy"
    if exists:
        target.write_text("mine")

    def half() -> None:
        with atomic_target(str(target), overwrite=True) as file:
            file.write(b"half")
            raise failure

    with pytest.raises(type(failure)):
        half()
    assert [p.read_text() for p in tmp_path.iterdir()] == (["mine"] if exists else [])


def test_a_full_disk_is_one_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("poolcli.formats.npy.write_all", full)
    with pytest.raises(OutputError, match=rf"{path.name}: No space left on device$"):
        write_file(str(path), ARRAY)
    assert list(path.parent.iterdir()) == []


def test_a_real_limit_on_the_size_of_files(tmp_path: Path) -> None:
    program = (
        "import resource, sys, numpy as np\n"
        "from poolcli.formats import write_file\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try: write_file(sys.argv[1], np.zeros(10_000), overwrite=True)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    (tmp_path / "a.npy").write_text("mine")
    root = str(Path(atomic.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program, "a.npy"],
        cwd=tmp_path,
        env={"PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "OutputError a.npy: File too large\n", done.stderr
    assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]


def write_while_another_does(target: Path) -> None:
    with atomic_target(str(target)) as file:
        file.write(b"ours")
        target.write_text("theirs")


def test_a_target_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it exists"):
        write_while_another_does(tmp_path / "a.npy")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["theirs"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_without_hard_links(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "a.npy"
    write_file(str(target), ARRAY)
    np.testing.assert_array_equal(np.load(target), ARRAY)
    with pytest.raises(OutputError, match="it exists"):
        write_while_another_does(tmp_path / "b.npy")
    assert (tmp_path / "b.npy").read_text() == "theirs"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npy", "b.npy"]


def test_of_many_writers_one_wins(tmp_path: Path) -> None:
    target = tmp_path / "a.npy"
    refused: list[OutputError] = []

    def write(number: int) -> None:
        try:
            write_file(str(target), np.full(1000, number))
        except OutputError as error:
            refused.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert len(set(np.load(target).tolist())) == 1
    assert list(tmp_path.iterdir()) == [target]


def test_names_of_255_bytes(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".npy")
    write_file(str(target), ARRAY)
    np.testing.assert_array_equal(np.load(target), ARRAY)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="File name too long$"):
        write_file(str(tmp_path / ("n" * 252 + ".npy")), ARRAY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_are_the_users_choice(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_file(str(tmp_path / "new.npy"), ARRAY)
        (tmp_path / "old.npy").write_text("mine")
        (tmp_path / "old.npy").chmod(0o640)
        write_file(str(tmp_path / "old.npy"), ARRAY, overwrite=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.npy").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((tmp_path / "old.npy").stat().st_mode) == 0o640


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.npy", tmp_path / "link.npy"
    link.symlink_to(target)
    write_file(str(link), ARRAY)  # a link to nothing yet
    with pytest.raises(OutputError, match="it exists"):
        write_file(str(link), ARRAY)
    write_file(str(link), ARRAY + 1, overwrite=True)
    assert link.is_symlink()
    np.testing.assert_array_equal(np.load(target), ARRAY + 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing/a.npy", "there is no folder .*/missing; make it first"),
        ("file.txt/a.npy", "there is no folder .*/file.txt; make it first"),
        ("folder.npy", "it is a folder; name a file in it"),
        ("socket.npy", "it is a socket or a disk"),
    ],
)
def test_targets_that_cannot_be(name: str, message: str, tmp_path: Path) -> None:
    import socket

    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "file.txt").write_text("mine")
    before = os.getcwd()
    os.chdir(tmp_path)  # a socket's path must be short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("socket.npy")
            with pytest.raises(OutputError, match=f"^{tmp_path}/{name}: {message}"):
                write_file(f"{tmp_path}/{name}", ARRAY, overwrite=True)
    finally:
        os.chdir(before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into every folder")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match=r"a\.npy: Permission denied$"):
            write_file(str(tmp_path / "a.npy"), ARRAY)
    finally:
        tmp_path.chmod(0o755)


def test_devices_are_written_straight() -> None:
    write_file("/dev/null", ARRAY)
    write_archive("/dev/null", {"a": ARRAY}, NPZ)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
def test_a_full_device() -> None:
    with pytest.raises(OutputError, match="^/dev/full: No space left on device$"):
        write_file("/dev/full", ARRAY, format=".npy")


def test_a_named_pipe_is_written_straight(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.npy"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write_file, args=(str(pipe), ARRAY))
    writer.start()
    np.testing.assert_array_equal(np.load(_whole(pipe)), ARRAY)
    writer.join()
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def _whole(pipe: Path) -> object:
    import io

    return io.BytesIO(pipe.read_bytes())


def test_dev_stdout_continues_where_stdout_is(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "from poolcli.formats import write_file\n"
        "print('first', flush=True)\n"
        "write_file('/dev/stdout', np.array([[1, 2]]), format='.txt')\n"
    )
    root = str(Path(atomic.__file__).parents[2])
    with open(tmp_path / "out.txt", "wb") as out:
        subprocess.run(
            [sys.executable, "-c", program], stdout=out, env={"PYTHONPATH": root}, check=True
        )
    assert (tmp_path / "out.txt").read_text() == "first\n1 2\n"


@pytest.mark.parametrize("room", [0, 100, 200])
def test_a_full_disk_before_the_first_block(tmp_path: Path, room: int) -> None:
    np.save(tmp_path / "a.npy", np.zeros((40, 40)))
    program = (
        "import resource\n"
        "from poolcli.cli import main\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
        "main(['max', '-k', '2', 'a.npy', '-o', 'out.npy'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        # Or Python's own compiled files would be cut, too.
        env={"PYTHONPATH": str(Path(atomic.__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, "poolcli: out.npy: File too large\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
