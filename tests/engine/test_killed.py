"""Work that is ended from outside ends at once, and leaves no file under the target's name."""

import concurrent.futures
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from poolcli.geometry import Sliding
from poolcli.request import Request
from tests.helpers.program import HANGS, start
from tests.helpers.stores import Nowhere, Synthetic

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def streaming(*options: str) -> Iterator:
    """The program at work on something that takes it long: its output is begun, and not done."""
    np.save("x.npy", np.random.default_rng(2).random((1500, 1500), np.float32))
    before = set(Path().iterdir())
    command = ["quantile", "--q", "0.3", "-k", 12, "-s", 1, "x.npy", "-o", "out.npy", *options]
    with start(*command, "--threads", "2") as program:
        end = time.monotonic() + HANGS
        while not set(Path().iterdir()) - before:
            assert program.poll() is None, program.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.01)
        yield program
        program.kill()  # nothing, if it has ended as it should


def test_killed_it_leaves_nothing_under_the_target_name() -> None:
    with streaming() as program:
        program.kill()
        program.communicate(timeout=HANGS)
    assert program.returncode == -signal.SIGKILL
    assert not Path("out.npy").exists()


def test_killed_it_leaves_an_older_output_as_it_was() -> None:
    Path("out.npy").write_bytes(b"older")
    with streaming("--overwrite") as program:
        program.kill()
        program.communicate(timeout=HANGS)
    assert program.returncode == -signal.SIGKILL
    assert Path("out.npy").read_bytes() == b"older"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_told_to_end_it_leaves_no_temporary_file_either(number: int, code: int) -> None:
    with streaming() as program:
        program.send_signal(number)
        out, err = program.communicate(timeout=HANGS)
    assert (program.returncode, out) == (code, b"")
    # On a busy machine it has taken long enough to say how far it came.
    assert re.fullmatch(rb"(poolcli: interrupted at \d+ %, .* of 9.0 MB\n)?", err)
    assert [path.name for path in Path().iterdir()] == ["x.npy"]


class Slow(Synthetic):
    """Takes a moment to read, so that nothing is over before it is interrupted."""

    def read_box(self, box, out):
        time.sleep(0.005)
        super().read_box(box, out)


@pytest.mark.parametrize("started", [1, 2])
def test_an_interrupt_while_threads_are_started_stops_those_that_run(
    started: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = concurrent.futures.ThreadPoolExecutor.submit
    calls = []

    def interrupted(pool, *job):
        calls.append(job)
        if len(calls) > started:
            raise KeyboardInterrupt
        return submit(pool, *job)

    monkeypatch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", interrupted)
    source = Slow((600, 64))
    plan = Request("max", Sliding(2), threads=started + 2).plan(source.shape, source.dtype)
    target = Nowhere(plan.keepdims_shape, plan.output_dtype)
    done = []
    with pytest.raises(KeyboardInterrupt):
        plan.run_into(source, target, block_bytes=1, progress=done.append)
    # Of 100 blocks for each thread; stopped, each does the one that it had begun.
    assert len(done) < 50
