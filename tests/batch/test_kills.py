"""A batch that is killed, or has no room, again and again, and what --resume makes of it."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from poolcli.cli.main import main
from poolcli.formats import npy
from tests.helpers.folders import NOTES, contents, fill, notes
from tests.helpers.program import Outcome, finished

Run = Callable[..., Outcome]
KILLS = 30
AVG = ("avg", "-k", 2, "in", "-o")
LOADED = ("pytest", "typer", "imagecodecs", "tifffile", "poolcli.batch.run", "poolcli.cli.pool")
# Processes begin with the program loaded: what is killed is its work, not the loading.
PROCESSES = multiprocessing.get_context("forkserver") if sys.platform != "win32" else None


def work(folder: Path, arguments: tuple[object, ...]) -> None:
    """Run the program in a folder, quietly."""
    os.chdir(folder)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    main([str(argument) for argument in arguments])


def begin(*arguments: object) -> Any:
    assert PROCESSES is not None
    PROCESSES.set_forkserver_preload([*LOADED, __name__])
    process = PROCESSES.Process(target=work, args=(Path.cwd(), arguments))
    process.start()
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="there it is terminated, not killed")
def test_killed_at_random_moments(tmp_path: Path) -> None:
    fill(Path("in"), 35, side=48)
    begin("--version").join()  # starts the server of processes, too
    begun = time.monotonic()
    begin(*AVG, "whole/").join()
    whole, seconds = contents(Path("whole")), time.monotonic() - begun
    moments = random.Random(4)
    kills = rounds = 0
    while kills < KILLS:
        out, rounds = Path(f"out{rounds}"), rounds + 1
        code = -9
        while code == -9 and kills < KILLS:
            program = begin(*AVG, f"{out}/", "--resume")
            time.sleep(seconds * moments.uniform(0.1, 1.0))
            program.kill()
            program.join()
            code = program.exitcode
            kills += code == -9
            # Whatever has its name is complete.
            found = contents(out) if out.exists() else {}
            complete = {name: data for name, data in found.items() if name in whole}
            assert complete == {name: whole[name] for name in complete}
            assert all(name.endswith(".tmp") for name in set(found) - set(whole))
        done = begin(*AVG, f"{out}/", "--resume")
        done.join()
        assert done.exitcode == 0
        assert contents(out) == whole
        shutil.rmtree(out)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder with room for very little."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only who may mount a file system can have a full disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def check_a_full_disk(outcome: Outcome, out: Path, whole: dict[str, bytes]) -> None:
    """Compare what a run without room has left with what there should be."""
    found = contents(out)
    assert outcome.code == 1
    assert 0 < len(found) < len(whole)
    assert found == {name: whole[name] for name in found}
    complaints = [line for line in outcome.err.splitlines() if "No space left" in line]
    assert len(complaints) == len(whole) - len(found)


def small_disk_left(folder: Path) -> int:
    """Say how many bytes there is room for."""
    left = os.statvfs(folder)
    return left.f_bavail * left.f_frsize


def test_a_full_disk(poolcli: Run, small_disk: Path) -> None:
    fill(Path("in"), 35, side=96)
    assert poolcli(*AVG, "whole/").code == 0
    whole = contents(Path("whole"))
    out = small_disk / "out"
    check_a_full_disk(finished(*AVG, f"{out}/", "--resume"), out, whole)
    before = contents(out)
    (small_disk / "rest").write_bytes(b"x" * small_disk_left(small_disk))
    again = finished(*AVG, f"{out}/", "--resume")
    assert again.err == f"poolcli: {out / NOTES}: No space left on device\n"
    assert (again.code, contents(out), len(notes(out))) == (1, before, 1)
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    done = finished(*AVG, f"{out}/", "--resume")
    assert (done.code, contents(out)) == (0, whole)


def test_a_disk_that_says_it_is_full(poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where nothing can be mounted: after some bytes, writing fails."""
    fill(Path("in"), 35, side=96)
    assert poolcli(*AVG, "whole/").code == 0
    whole = contents(Path("whole"))
    room = [150_000]
    write_all, pwrite = npy.write_all, os.pwrite

    def take(nbytes: int) -> None:
        room[0] -= nbytes
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def limited_write(stream: Any, data: Any) -> None:
        write_all(stream, memoryview(data)[: len(data) // 2])
        take(len(data))
        write_all(stream, memoryview(data)[len(data) // 2 :])

    def limited_pwrite(descriptor: int, data: Any, offset: int) -> int:
        take(len(data))
        return pwrite(descriptor, data, offset)

    with monkeypatch.context() as patched:
        patched.setattr(npy, "write_all", limited_write)
        patched.setattr(os, "pwrite", limited_pwrite)
        check_a_full_disk(poolcli(*AVG, "out/", "--resume"), Path("out"), whole)
    assert poolcli(*AVG, "out/", "--resume").code == 0
    assert contents(Path("out")) == whole
