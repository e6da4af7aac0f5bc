"""Taking up an interrupted run: what is done stays, the rest is done, and nothing is mixed."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli import formats
from poolcli.batch.manifest import Manifest
from poolcli.errors import OutputError
from tests.helpers.folders import MANIFEST, contents, fill, save
from tests.helpers.program import Outcome, finished, start

Run = Callable[..., Outcome]
AVG = ("avg", "-k", 2, "in", "-o", "out/")


def stamps(folder: str = "out") -> dict[str, int]:
    """Say when each output was written."""
    return {name: os.stat(Path(folder, name)).st_mtime_ns for name in contents(Path(folder))}


def last(outcome: Outcome) -> str:
    return outcome.err.splitlines()[-1]


@pytest.fixture
def done(poolcli: Run) -> dict[str, int]:
    """Give a finished batch, of 7 files: when its outputs were written."""
    fill(Path("in"), 7)
    assert poolcli(*AVG).code == 0
    return stamps()


def test_what_is_done_is_not_done_again(poolcli: Run, done: dict[str, int]) -> None:
    before = Path("out", MANIFEST).read_bytes()
    outcome = poolcli(*AVG, "--resume")
    assert (outcome.code, outcome.err) == (0, "poolcli: 0 done, 7 skipped\n")
    assert stamps() == done
    assert Path("out", MANIFEST).read_bytes() == before


def remove_output() -> None:
    Path("out/in003.csv").unlink()


def lengthen_output() -> None:
    with open("out/in003.csv", "a") as file:
        file.write("1")


def edit_output() -> None:
    os.utime("out/in003.csv", ns=(1, 1))


def change_input() -> None:
    save(Path("in/in003.csv"), number=50)


def touch_input() -> None:
    os.utime("in/in003.csv", ns=(1, 1))


def replace_input_by_another() -> None:
    Path("in/other.csv").write_bytes(Path("in/in003.csv").read_bytes())
    shutil.copystat("in/in003.csv", "in/other.csv")
    os.replace("in/other.csv", "in/in003.csv")


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (remove_output, 1),
        (lengthen_output, 1),
        (edit_output, 1),
        (change_input, 1),
        (touch_input, 1),
        (replace_input_by_another, 0),  # the same size, time and name: the same file
    ],
)
def test_what_has_changed_is_done_again(
    poolcli: Run, done: dict[str, int], change: Callable[[], None], again: int
) -> None:
    change()
    expected = f"poolcli: {again} done, {7 - again} skipped"
    assert last(poolcli(*AVG, "--resume")) == expected
    changed = {name for name, when in stamps().items() if when != done[name]}
    assert changed == ({"in003.csv"} if again else set())
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 7 skipped"


def test_new_inputs_are_done_and_failed_ones_tried_again(
    poolcli: Run, done: dict[str, int]
) -> None:
    save(Path("in", "new.npy"))
    bad = Path("in", "bad.npy")
    bad.write_bytes(b"\x93NUMPY")
    outcome = poolcli(*AVG, "--resume")
    assert (outcome.code, last(outcome)) == (1, "poolcli: 1 done, 7 skipped, 1 failed")
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 8 skipped, 1 failed"
    save(bad)
    outcome = poolcli(*AVG, "--resume")
    assert (outcome.code, last(outcome)) == (0, "poolcli: 1 done, 8 skipped")


def test_an_archive_of_which_an_array_has_failed_is_tried_again(poolcli: Run) -> None:
    arguments = ("max", "-k", 2, "in", "-o", "out/", "--resume")
    save(Path("in", "a.npz"))
    np.savez("in/maps.npz", one=np.eye(4), s=np.eye(1))
    assert last(poolcli(*arguments)) == "poolcli: 1 done, 1 failed"
    outcome = poolcli(*arguments)
    assert (outcome.code, last(outcome)) == (1, "poolcli: 0 done, 1 skipped, 1 failed")
    np.savez("in/maps.npz", one=np.eye(4), s=np.eye(2))
    assert last(poolcli(*arguments)) == "poolcli: 1 done, 1 skipped"
    assert last(poolcli(*arguments)) == "poolcli: 0 done, 2 skipped"


def test_the_output_folder_may_be_moved(poolcli: Run, done: dict[str, int]) -> None:
    Path("elsewhere").mkdir()
    os.rename("out", "elsewhere/moved")
    outcome = poolcli("avg", "-k", 2, "in", "-o", "elsewhere/moved", "--resume")
    assert outcome.err == "poolcli: 0 done, 7 skipped\n"


def test_another_folder_of_the_same_names_is_not_taken_for_done(
    poolcli: Run, done: dict[str, int]
) -> None:
    shutil.copytree("in", "in2", copy_function=shutil.copy2)
    outcome = poolcli("avg", "-k", 2, "in2", "-o", "out/", "--resume")
    assert last(outcome) == "poolcli: 7 done"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("avg -k 3", "size 2, now 3"),
        ("max -k 2", "op avg, now max"),
        ("avg -k 2 --layout HWC", "layout not given, now HWC"),
        ("avg -k 2 --dtype float32", "dtype not given, now float32"),
        ("avg -k 2 --to npy", "format not given, now .npy"),
        ("quantile -k 2 --q 0.25", "op avg, now quantile, q not given, now 0.25"),
        ("global avg", "asked"),
    ],
)
def test_other_options_are_not_mixed_in_one_folder(
    poolcli: Run, done: dict[str, int], arguments: str, said: str
) -> None:
    before = contents(Path("out"))
    code, _, err = poolcli(*arguments.split(), "in", "-o", "out/", "--resume")
    assert code == 2
    assert err.startswith("poolcli: out/: holds results of other options (")
    if said != "asked":
        assert said in err
    assert "name another folder, or say --overwrite" in err
    assert contents(Path("out")) == before


@pytest.mark.parametrize("options", [("--threads", 1), ("-j", 3), ("--max-memory", "100M")])
def test_how_the_work_is_shared_out_is_no_other_option(
    poolcli: Run, done: dict[str, int], options: tuple[object, ...]
) -> None:
    assert last(poolcli(*AVG, "--resume", *options)) == "poolcli: 0 done, 7 skipped"


def test_other_options_when_told(poolcli: Run, done: dict[str, int]) -> None:
    arguments = ("avg", "-k", 4, "in", "-o", "out/", "--resume", "--overwrite")
    assert last(poolcli(*arguments)) == "poolcli: 7 done"
    assert np.load("out/in000.npy").shape == (4, 4, 3)
    assert last(poolcli(*arguments)) == "poolcli: 0 done, 7 skipped"
    assert last(poolcli("avg", "-k", 4, "in", "-o", "out/", "--resume")) == (
        "poolcli: 0 done, 7 skipped"
    )


def test_files_of_others_are_not_replaced(poolcli: Run) -> None:
    fill(Path("in"), 7)
    Path("out").mkdir()
    Path("out", "in003.csv").write_text("mine")
    code, _, err = poolcli(*AVG, "--resume")
    assert (code, contents(Path("out"))) == (2, {"in003.csv": b"mine"})
    assert "out/in003.csv: exists and was not made by such a run" in err
    assert poolcli(*AVG, "--resume", "--overwrite").code == 0
    assert contents(Path("out"))["in003.csv"] != b"mine"


def test_in_place_nothing_is_pooled_twice(poolcli: Run) -> None:
    fill(Path("in"), 7)
    arguments = ("avg", "-k", 2, "in", "-o", "in/", "--overwrite", "--resume")
    assert last(poolcli(*arguments)) == "poolcli: 7 done"
    once = contents(Path("in"))
    assert last(poolcli(*arguments)) == "poolcli: 0 done, 7 skipped"
    save(Path("in/in000.npy"))
    assert last(poolcli(*arguments)) == "poolcli: 1 done, 6 skipped"
    assert contents(Path("in")) == once


def test_another_array_of_the_same_archive_is_another_input(poolcli: Run) -> None:
    np.savez("maps.npz", one=np.zeros((4, 4)), two=np.ones((4, 4)))
    for name, value in (("one", 0), ("two", 1), ("one", 0)):
        arguments = ("max", "-k", 2, f"maps.npz:{name}", "-o", "out/", "--to", "npy", "--resume")
        before = stamps() if Path("out").exists() else {}
        outcome = poolcli(*arguments)
        assert outcome.code == 0, outcome.err
        assert stamps() != before
        assert (np.load("out/maps.npy") == value).all()
        made = stamps()
        assert poolcli(*arguments).code == 0
        assert stamps() == made


def test_positions_are_outputs_too(poolcli: Run) -> None:
    fill(Path("in"), 2)
    arguments = ("max", "-k", 2, "in", "-o", "out/", "--indices", "where/", "--resume")
    assert last(poolcli(*arguments)) == "poolcli: 2 done"
    assert last(poolcli(*arguments)) == "poolcli: 0 done, 2 skipped"
    Path("where/in001.npy").unlink()
    assert last(poolcli(*arguments)) == "poolcli: 1 done, 1 skipped"


def test_a_manifest_that_was_torn_at_any_byte(poolcli: Run, done: dict[str, int]) -> None:
    path = Path("out", MANIFEST)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        manifest = Manifest("out", json.loads(whole.split(b"\n")[1])["options"])
        known = [name for name in done if manifest.knows(f"out/{name}")]
        complete = len([line for line in whole[:length].split(b"\n") if line.endswith(b"}")])
        assert len(known) == max(complete - 1, 0)
    path.write_bytes(whole[:-20])
    torn = json.loads(whole.split(b"\n")[-1])["output"]
    Path("out", torn).unlink()  # which would have got its name only after the line was whole
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 1 done, 6 skipped"
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 7 skipped"


def test_a_manifest_of_nonsense_is_no_manifest(poolcli: Run, done: dict[str, int]) -> None:
    Path("out", MANIFEST).write_bytes(
        b'\xff\n[]\n3\n{"output": 3}\n{"recipe": 1, "options": 2}\n{"output": "in000.npy"}\n'
    )
    assert poolcli(*AVG, "--resume").code == 2  # whose outputs these are nobody knows
    assert last(poolcli(*AVG, "--resume", "--overwrite")) == "poolcli: 7 done"
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 7 skipped"


STAMPS = {"state": [1, 2], "of": [1, 2]}
GOOD = {"output": "in000.npy", "input": "/in/in000.npy", "by": "x", **STAMPS}


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({**GOOD, "by": {"x": 1}}),
        json.dumps({**GOOD, "output": 3}),
        json.dumps({**GOOD, "input": None}),
        json.dumps({**GOOD, "state": [1.5, "x"]}),
        json.dumps({**GOOD, "of": [1, 2, 3]}),
        json.dumps({**GOOD, "array": 1}),
        json.dumps({"recipe": "x", "options": [[1, 2]]}),
        json.dumps({"recipe": {}, "options": {}}),
        json.dumps({"recipe": "x", "options": {"size": {}}}),
        "[" * 100_000,
        '{"output":' * 100_000,
        '"recipe and options"',
    ],
)
def test_lines_of_another_kind_are_passed_over(
    poolcli: Run, done: dict[str, int], line: str
) -> None:
    with open(Path("out", MANIFEST), "a") as file:
        file.write(f"\n{line}\n{json.dumps(dict(GOOD, output='gone.npy'))}")
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 7 skipped"
    refused = poolcli("avg", "-k", 3, "in", "-o", "out/", "--resume")
    assert (refused.code, "size 2, now 3" in refused.err) == (2, True)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_manifest_that_is_no_file(kind: str) -> None:
    fill(Path("in"), 2)
    path = Path("out", MANIFEST)
    path.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    done = finished(*AVG)
    assert done.code == 1
    assert done.err == f"poolcli: {path}: is no regular file; remove it\n"


def test_a_planted_link_is_not_followed(poolcli: Run) -> None:
    fill(Path("in"), 2)
    Path("out").mkdir()
    precious = Path("precious")
    for before in (b"mine", None):  # a link into nowhere is one, too
        path = Path("out", MANIFEST)
        path.unlink(missing_ok=True)
        precious.unlink(missing_ok=True)
        if before is not None:
            precious.write_bytes(before)
        path.symlink_to(precious.absolute())
        for options in ((), ("--resume",)):
            code, _, err = poolcli(*AVG, *options)
            assert (code, err) == (1, f"poolcli: {path}: is no regular file; remove it\n")
        assert (precious.read_bytes() if before else precious.exists()) == (before or False)
        assert os.listdir("out") == [MANIFEST]


def test_a_manifest_that_cannot_be_opened_again_keeps_no_closed_descriptor(
    tmp_path: Path,
) -> None:
    source, path = save(Path("in", "a.npy")), Path("out", MANIFEST)
    state = os.stat(source)
    manifest = Manifest("out", {})
    manifest.begin()
    path.unlink()
    path.mkdir()
    with pytest.raises(OutputError, match=f"{path}: is no regular file; remove it"):
        manifest.note("out/a.npy", str(source), None, state, state)
    path.rmdir()
    # Whatever is opened now gets the lowest number that is free.
    with open("output", "wb", buffering=0) as output:
        output.write(b"one")
        manifest.note("out/a.npy", str(source), None, state, state)
        output.write(b", two")
    assert Path("output").read_bytes() == b"one, two"
    assert path.read_bytes().count(b"a.npy") == 2  # the output, and its input
    manifest.close()
    with pytest.raises(OutputError, match="is over"):
        manifest.note("out/a.npy", str(source), None, state, state)


@pytest.mark.parametrize("why", ["folder", "pipe", "link", errno.EMFILE, errno.ESTALE, errno.EIO])
def test_whatever_happens_to_the_manifest_outputs_are_right_or_not_there(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch, why: str | int
) -> None:
    fill(Path("in"), 42)
    assert poolcli(*AVG[:-1], "whole/").code == 0
    whole, path = contents(Path("whole")), Path("out", MANIFEST)
    noted, note, open_ = [0], Manifest.note, os.open

    def note_and_spoil(self: Manifest, *arguments: Any, **named: Any) -> None:
        noted[0] += 1
        if noted[0] == 7:
            spoil()
        note(self, *arguments, **named)

    def spoil() -> None:
        path.rename("moved")
        if why == "folder":
            path.mkdir()
        elif why == "pipe":
            os.mkfifo(path)
        elif why == "link":
            path.symlink_to("/dev/null")
        else:
            monkeypatch.setattr(os, "open", cannot_open)

    def cannot_open(name: Any, *arguments: Any, **named: Any) -> int:
        if name == str(path) and noted[0] < 14:
            raise OSError(why, os.strerror(int(why)))
        return open_(name, *arguments, **named)

    monkeypatch.setattr(Manifest, "note", note_and_spoil)
    code, _, err = poolcli(*AVG, "--jobs", 4)
    found = contents(Path("out"))
    assert code == 1
    assert found == {name: whole[name] for name in found}
    assert 6 - 4 <= len(found) < 42  # of the first six, those that four jobs had at hand may fail
    complaints = [line for line in err.splitlines() if line.startswith("poolcli: out/in")]
    assert len(complaints) == 42 - len(found)
    said = os.strerror(why) if isinstance(why, int) else "is no regular file; remove it"
    assert all(line.endswith(f": {path}: {said}") for line in complaints)


def test_a_manifest_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poolcli.batch.manifest.FEW", 10)
    source = save(Path("in", "a.npy"))
    path = Path("out", MANIFEST)
    lines = []
    for number in range(40):
        manifest = Manifest("out", {"size": "2"})
        manifest.begin()
        target = Path("out", "a.npy")
        target.write_text("x" * number)
        manifest.note(str(target), str(source), None, os.stat(source), os.stat(target))
        manifest.close()
        lines.append(path.read_bytes().count(b"\n"))
    assert max(lines) < 20
    assert Manifest("out", {"size": "2"}).is_done(str(source), None, ["out/a.npy"])
    assert list(Path("out").glob(".poolcli-*")) == []


def test_a_run_goes_on_when_another_writes_the_manifest_anew(tmp_path: Path) -> None:
    source = save(Path("in", "a.npy"))
    Path("out").mkdir()
    first = Manifest("out", {})
    first.begin()
    for name in ("a.npy", "b.npy"):
        save(Path("out", name))
        with formats.atomic_target(str(Path("out", MANIFEST)), overwrite=True) as file:
            file.write(Path("out", MANIFEST).read_bytes())
        first.note(f"out/{name}", str(source), None, os.stat(source), os.stat(f"out/{name}"))
    first.close()
    second = Manifest("out", {})
    assert second.is_done(str(source), None, ["out/a.npy", "out/b.npy"])


def test_two_runs_at_once(poolcli: Run) -> None:
    fill(Path("in"), 60)
    assert poolcli("avg", "-k", 2, "in", "-o", "alone/").code == 0
    programs = [start(*AVG, "--resume") for _ in range(3)]
    for program in programs:
        _, err = program.communicate(timeout=120)
        assert program.returncode == 0, err
    assert contents(Path("out")) == contents(Path("alone"))
    assert list(Path("out").glob(".poolcli-*")) == []
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 60 skipped"


def test_leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not(poolcli: Run) -> None:
    fill(Path("in"), 7)
    Path("out").mkdir()
    dead = Path("out", ".poolcli-0123456789ab.tmp")
    dead.write_bytes(b"half")
    others = [
        Path("out", name)
        for name in (".poolcli-0123456789ab.tmp.bak", "poolcli-0123456789ab.tmp", ".a.tmp")
    ]
    for other in others:
        other.write_text("mine")
    descriptor, alive = formats.atomic.create_temporary("out")
    os.mkfifo("out/.poolcli-aaaaaaaaaaaa.tmp")
    try:
        assert poolcli(*AVG).code == 0
        assert not dead.exists()
        assert all(other.exists() for other in others)
        assert os.path.exists(alive)
    finally:
        os.close(descriptor)
    assert poolcli(*AVG, "--resume").code == 0
    assert not os.path.exists(alive)
