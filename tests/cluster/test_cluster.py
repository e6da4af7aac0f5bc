"""The real thing: a scheduler and workers as processes, which die while they are at work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli.cluster.run import _Run
from poolcli.cluster.scheduler import Began, Message
from tests.helpers.clusters import Processes
from tests.helpers.folders import contents, fill, notes
from tests.helpers.program import HANGS, Outcome, start

Run = Callable[..., Outcome]
# Slow enough that a worker is killed while it is at work, for so small files.
SLOW = ("mode", "-k", "7", "-s", "1", "in", "-o")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Processes]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    processes = Processes(folder, workers=2)
    yield processes
    processes.stop()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """Give all that runs of this process hear, in small tasks."""
    messages: list[Message] = []
    take = _Run._take

    def hear(self: Any, message: Message) -> None:
        messages.append(message)
        for act in ACTS:
            act(self, message)
        take(self, message)

    monkeypatch.setattr(_Run, "_take", hear)
    monkeypatch.setattr("poolcli.cluster.sizes.LEAST", 0.01)
    monkeypatch.setattr("poolcli.cluster.sizes._BOXES", 100e6)
    ACTS.clear()
    return messages


ACTS: list[Callable[[Any, Message], None]] = []


def kill_at(cluster: Processes, heard: list[Message], number: int) -> None:
    """Kill the worker that begins with the work of this number, as soon as it is heard."""
    done = []

    def act(_run: Any, message: Message) -> None:
        begun = sum(isinstance(message, Began) for message in heard)
        if isinstance(message, Began) and begun >= number and not done:
            done.append(message.worker)
            cluster.kill(message.worker)

    ACTS[:] = [act]


def begun_again(heard: list[Message]) -> bool:
    """Whether another worker has begun with what one had begun with that died."""
    numbers = [message.number for message in heard if isinstance(message, Began)]
    return len(set(numbers)) < len(numbers)


def check_interrupting(cluster: Processes) -> None:
    """Ctrl-C: workers stop, and nothing half-written is left or has a name."""
    with start(*SLOW, "stopped/", "--scheduler", cluster.address) as program:
        end = time.monotonic() + HANGS
        while not any(path.name.startswith("in") for path in Path("stopped").glob("*")):
            assert time.monotonic() < end
            time.sleep(0.02)
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=HANGS)
    assert program.returncode == 130
    assert err.decode().splitlines()[-1].startswith("poolcli: interrupted: ")
    while any(name.endswith(".tmp") for name in os.listdir("stopped")):
        assert time.monotonic() < end
        time.sleep(0.02)
    whole, found = contents(Path("whole")), contents(Path("stopped"))
    assert 0 < len(found) < len(whole)
    assert found == {name: whole[name] for name in found}


def test_a_cluster_whose_workers_die(
    poolcli: Run, cluster: Processes, heard: list[Message]
) -> None:
    on = ("--scheduler", str(cluster.file))
    fill(Path("in"), 42, side=96)
    Path("in", "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    here = poolcli(*SLOW, "whole/")

    kill_at(cluster, heard, 4)
    there = poolcli(*SLOW, "out/", *on)
    assert there.err.replace("out/", "whole/") == here.err
    assert begun_again(heard)
    assert contents(Path("out")) == contents(Path("whole"))
    assert len(notes("out")) >= 2
    assert poolcli(*SLOW, "out/", "--resume").err.splitlines()[-1] == (
        "poolcli: 0 done, 42 skipped, 1 failed"
    )

    cluster.workers.append(cluster.start_worker())
    array = np.random.default_rng(1).standard_normal((2000, 2000)).astype(np.float32)
    np.save("big.npy", array)
    for command in (("max", "-k", 2), ("max", "-k", 3, "-s", 2, "-p", 1)):
        poolcli(*command, "big.npy", "-o", "alone.npy", "--overwrite")
        heard.clear()
        assert poolcli(*command, "big.npy", "-o", "bands.npy", "--overwrite", *on).code == 0
        assert len({message.number for message in heard if isinstance(message, Began)}) > 3
        assert Path("bands.npy").read_bytes() == Path("alone.npy").read_bytes()

    check_interrupting(cluster)

    # The scheduler ends while it has work: one line, and what is whole stays.
    def end_scheduler(_run: Any, message: Message) -> None:
        if isinstance(message, Began) and message.number == 3:
            cluster.scheduler.kill()

    ACTS[:] = [end_scheduler]
    lost = poolcli(*SLOW, "lost/", *on)
    assert (lost.code, lost.err.splitlines()[-1]) == (
        1,
        f"poolcli: {cluster.address}: the scheduler is gone; what was finished stays",
    )
    whole = contents(Path("whole"))
    assert all(whole[name] == data for name, data in contents(Path("lost")).items())
    assert not list(Path().glob(".poolcli*"))


def test_a_scheduler_that_is_not_there(poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poolcli.cluster.scheduler.CONNECTING", 0.5)
    fill(Path("in"), 2)
    code, _, err = poolcli(*SLOW, "out/", "--scheduler", "tcp://127.0.0.1:9")
    assert (code, len(err.splitlines())) == (1, 1)
    assert err.startswith("poolcli: tcp://127.0.0.1:9: no scheduler answers within 0 s (")
    assert contents(Path("out")) == {}
    assert notes("out") == []


def test_a_cluster_without_workers(
    poolcli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("poolcli.cluster.scheduler.STARTING", 0.5)
    fill(Path("in"), 2)
    (tmp_path / "cluster").mkdir()
    cluster = Processes(tmp_path / "cluster", workers=0)
    try:
        code, _, err = poolcli(*SLOW, "out/", "--scheduler", str(cluster.file))
    finally:
        cluster.stop()
    said = "it has no workers, and none came within 0 s"
    assert (code, err) == (1, f"poolcli: {cluster.address}: {said}\n")
