"""Runs into an object store that are taken up again: what is noted, and what is then done."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poolcli.errors import OutputError
from poolcli.formats import remote, remote_objects
from tests.helpers.every import every
from tests.helpers.far import BUCKET
from tests.helpers.folders import NOTES, contents, fill, save
from tests.helpers.program import HANGS, Outcome, start

Run = Callable[..., Outcome]
OUT = f"s3://{BUCKET}/out/"
AVG = ("avg", "-k", 2, "in", "-o", OUT)


def last(outcome: Outcome) -> str:
    return outcome.err.splitlines()[-1]


def objects(s3: Any, folder: str = "out") -> dict[str, bytes]:
    """Give the bytes of all outputs, by their names below a folder."""
    return {name: s3.cat_file(f"{BUCKET}/{folder}/{name}") for name in names(s3, folder)}


def names(s3: Any, folder: str = "out") -> list[str]:
    """Give the names of all outputs below a folder."""
    start = f"{BUCKET}/{folder}/"
    return [name.removeprefix(start) for name in s3.find(start) if f"/{NOTES}/" not in name]


def notes(s3: Any) -> list[str]:
    """Give the objects of the manifest."""
    return sorted(s3.find(f"{BUCKET}/out/{NOTES}"))


def test_what_is_left_is_done(s3: Any, poolcli: Run) -> None:
    fill(Path("in"), 5)
    assert poolcli(*AVG[:-1], "whole/").code == 0
    whole = contents(Path("whole"))
    assert last(poolcli(*AVG)) == "poolcli: 5 done"
    assert objects(s3) == whole
    assert len(notes(s3)) == 1  # what was noted one by one is joined
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 5 skipped"
    changes: list[tuple[Callable[[], object], str]] = [
        (lambda: s3.rm_file(f"{OUT}in003.csv"), "1 done, 4 skipped"),
        (lambda: s3.pipe_file(f"{OUT}in003.csv", b"x" * len(whole["in003.csv"])), "1 done, 4"),
        (lambda: save(Path("in/in000.npy")), "1 done, 4 skipped"),
        (lambda: Path("in/in001.png").unlink(), "0 done, 4 skipped"),
    ]
    for change, said in changes:
        change()
        assert last(poolcli(*AVG, "--resume")).startswith(f"poolcli: {said}")
        assert objects(s3) == whole
    refused = poolcli("avg", "-k", 4, "in", "-o", OUT, "--resume")
    assert (refused.code, "size 2, now 4" in refused.err) == (2, True)
    done = poolcli("avg", "-k", 4, "in", "-o", OUT, "--resume", "--overwrite")
    assert last(done) == "poolcli: 4 done"
    refused = poolcli(*AVG, "--resume")
    assert (refused.code, "size 4, now 2" in refused.err) == (2, True)


def test_what_others_have_put_there_stays(s3: Any, poolcli: Run) -> None:
    fill(Path("in"), 3)
    s3.pipe_file(f"{OUT}in001.png", b"mine")
    code, _, err = poolcli(*AVG, "--resume")
    assert (code, objects(s3)) == (2, {"in001.png": b"mine"})
    assert f"{OUT}in001.png: exists and was not made by such a run" in err
    assert poolcli(*AVG, "--resume", "--overwrite").code == 0
    assert objects(s3)["in001.png"] != b"mine"


def test_from_there_to_there(s3: Any, poolcli: Run) -> None:
    """An input is known by its size and ETag; and one that its output replaced is done."""
    for path in fill(Path("in"), 5):
        s3.pipe_file(f"{BUCKET}/in/{path.name}", path.read_bytes())
    command = ("avg", "-k", 2, f"s3://{BUCKET}/in/", "-o", OUT, "--resume")
    assert last(poolcli(*command)) == "poolcli: 5 done"
    assert last(poolcli(*command)) == "poolcli: 0 done, 5 skipped"
    s3.pipe_file(f"{BUCKET}/in/in000.npy", save(Path("other.npy"), 3).read_bytes())
    assert last(poolcli(*command)) == "poolcli: 1 done, 4 skipped"
    inside = ("avg", "-k", 2, f"s3://{BUCKET}/in/", "-o", f"s3://{BUCKET}/in/", "--overwrite")
    assert last(poolcli(*inside, "--resume")) == "poolcli: 5 done"
    once = objects(s3, "in")
    assert last(poolcli(*inside, "--resume")) == "poolcli: 0 done, 5 skipped"
    assert objects(s3, "in") == once


def test_shards_and_who_sweeps_up(s3: Any, poolcli: Run) -> None:
    fill(Path("in"), 10)
    assert poolcli(*AVG[:-1], "whole/").code == 0
    for shard in (0, 2):
        assert poolcli(*AVG, "--shard", f"{shard}/3", "--resume").code == 0
    assert len(notes(s3)) == 2
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 3 done, 7 skipped"
    assert objects(s3) == contents(Path("whole"))


def test_a_manifest_of_many_objects_is_joined_and_listed(
    s3: Any, poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run has few objects at any time; what is there is asked for by lists."""
    monkeypatch.setattr("poolcli.batch.manifest_objects.MOST", 4)
    monkeypatch.setattr(remote_objects, "SINGLY", 2)
    put, most = remote_objects.put, [0]

    def putting(address: str, data: bytes) -> None:
        put(address, data)
        most[0] = max(most[0], len(notes(s3)))

    monkeypatch.setattr(remote_objects, "put", putting)
    fill(Path("in"), 11)
    assert last(poolcli(*AVG)) == "poolcli: 11 done"
    assert len(notes(s3)) == 1
    assert most[0] <= 1 + 22 // 4 + 4 + 1
    states, asked = remote.state, []
    monkeypatch.setattr(remote, "state", lambda address: asked.append(address) or states(address))
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 11 skipped"
    assert len(asked) <= 2
    # Many runs leave no more than some objects, either.
    monkeypatch.setattr("poolcli.batch.manifest.FEW_FILES", 3)
    for number in range(5):
        save(Path("in/in000.npy"), number)
        assert last(poolcli(*AVG, "--resume")) == "poolcli: 1 done, 10 skipped"
        assert len(notes(s3)) <= 5
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 11 skipped"


def test_an_end_between_two_notes(s3: Any, poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever is the last that is written, what is left is done and nothing is refused."""
    fill(Path("in"), 2)
    assert poolcli(*AVG[:-1], "whole/").code == 0
    whole = contents(Path("whole"))

    def check(count: int) -> None:
        left, put = [count], remote_objects.put

        def putting(address: str, data: bytes) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OutputError("the line is cut")
            put(address, data)

        with monkeypatch.context() as patched:
            patched.setattr(remote_objects, "put", putting)
            poolcli(*AVG, "-j", 1)
        found = objects(s3)
        assert found == {name: whole[name] for name in found}
        assert len(found) == count // 2
        done = poolcli(*AVG, "--resume")
        assert (done.code, objects(s3)) == (0, whole)
        s3.rm(f"{BUCKET}/out", recursive=True)

    every(range(1, 6), check)


def test_lines_of_another_kind_are_passed_over(s3: Any, poolcli: Run) -> None:
    fill(Path("in"), 2)
    assert poolcli(*AVG).code == 0
    s3.pipe_file(f"{OUT}{NOTES}/a.jsonl", b"\xff\n[]\n3\n" + b"[" * 100_000)
    s3.pipe_file(f"{OUT}{NOTES}/notes.txt", b"mine")
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 2 skipped"
    record = json.loads(s3.cat_file(notes(s3)[-1]).split(b"\n")[2])
    assert set(record) == {"output", "state", "input", "of", "by", "when"}


def test_killed_at_random_moments(s3: Any, poolcli: Run) -> None:
    """As `kill -9` does it: nothing is lost, nothing is truncated, and what is done stays."""
    fill(Path("in"), 9, side=48)
    assert poolcli(*AVG[:-1], "whole/").code == 0
    whole, moments = contents(Path("whole")), random.Random(5)
    for _ in range(2):
        program = start(*AVG, "--resume")
        wanted = len(names(s3)) + moments.randint(1, 2)
        end = time.monotonic() + HANGS
        while len(names(s3)) < wanted and program.poll() is None:
            assert time.monotonic() < end
        time.sleep(moments.uniform(0, 0.05))
        program.kill()
        program.communicate()
        time.sleep(0.2)  # the server may still be at what it was sent
        found = objects(s3)
        assert found == {name: whole[name] for name in found}
        assert found
    kept = {name: s3.info(f"{OUT}{name}")["LastModified"] for name in names(s3)}
    done = poolcli(*AVG, "--resume", "--json")
    assert done.code == 0, done.err
    assert objects(s3) == whole
    # Made again was at most what two processes were at when they were killed.
    again = [n for n, when in kept.items() if s3.info(f"{OUT}{n}")["LastModified"] != when]
    assert len(again) <= 4
