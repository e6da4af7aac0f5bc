"""Taking up an interrupted run: what is done stays, the rest is done, and nothing is mixed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli import formats
from poolcli.batch.manifest import Manifest
from poolcli.errors import OutputError
from tests.helpers.folders import NOTES, contents, fill, notes, save
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
    (before,) = notes("out")
    said = before.read_bytes()
    outcome = poolcli(*AVG, "--resume")
    assert (outcome.code, outcome.err) == (0, "poolcli: 0 done, 7 skipped\n")
    assert stamps() == done
    assert (notes("out"), before.read_bytes()) == ([before], said)


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
    (path,) = notes("out")
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
    notes("out")[0].write_bytes(
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
    with open(notes("out")[0], "a") as file:
        file.write(f"\n{line}\n{json.dumps(dict(GOOD, output='gone.npy'))}")
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 7 skipped"
    refused = poolcli("avg", "-k", 3, "in", "-o", "out/", "--resume")
    assert (refused.code, "size 2, now 3" in refused.err) == (2, True)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("name", [f"{NOTES}.jsonl", f"{NOTES}/run-0.jsonl"])
def test_a_manifest_that_is_no_file(name: str, kind: str) -> None:
    fill(Path("in"), 2)
    path = Path("out", name)
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    done = finished(*AVG)
    assert done.code == 1
    assert done.err == f"poolcli: {path}: is no regular file; remove it\n"


def test_planted_links_are_not_followed(poolcli: Run) -> None:
    fill(Path("in"), 2)
    Path("out").mkdir()
    Path("precious").mkdir()
    for target in ("precious", "nowhere"):
        path = Path("out", NOTES)
        path.unlink(missing_ok=True)
        path.symlink_to(Path(target).absolute())
        for options in ((), ("--resume",)):
            code, _, err = poolcli(*AVG, *options)
            assert (code, err) == (1, f"poolcli: {path}: is no folder; remove it\n")
    assert (os.listdir("precious"), os.listdir("out")) == ([], [NOTES])


def test_a_manifest_that_cannot_be_opened_again_keeps_no_closed_descriptor(
    tmp_path: Path,
) -> None:
    source, path = save(Path("in", "a.npy")), Path("out", NOTES)
    state = os.stat(source)
    manifest = Manifest("out", {})
    manifest.begin()
    shutil.rmtree(path)
    path.touch()
    with pytest.raises(OutputError, match=f"{path}: is no folder; remove it"):
        manifest.note("out/a.npy", str(source), None, state, state)
    path.unlink()
    # Whatever is opened now gets the lowest number that is free.
    with open("output", "wb", buffering=0) as output:
        output.write(b"one")
        manifest.note("out/a.npy", str(source), None, state, state)
        output.write(b", two")
    assert Path("output").read_bytes() == b"one, two"
    assert notes("out")[0].read_bytes().count(b"a.npy") == 2  # the output, and its input
    manifest.close()
    with pytest.raises(OutputError, match="is over"):
        manifest.note("out/a.npy", str(source), None, state, state)


@pytest.mark.parametrize("why", ["file", "pipe", "link", errno.EMFILE, errno.ESTALE, errno.EIO])
def test_whatever_happens_to_the_manifest_outputs_are_right_or_not_there(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch, why: str | int
) -> None:
    fill(Path("in"), 42)
    assert poolcli(*AVG[:-1], "whole/").code == 0
    whole, path = contents(Path("whole")), Path("out", NOTES)
    noted, note, open_, one_by_one = [0], Manifest.note, os.open, threading.Lock()

    def note_and_spoil(self: Manifest, *arguments: Any, **named: Any) -> None:
        # Others would make the folder again while it is exchanged.
        with one_by_one:
            noted[0] += 1
            if noted[0] == 7:
                spoil()
            note(self, *arguments, **named)

    def spoil() -> None:
        path.rename("moved")
        if why == "file":
            path.touch()
        elif why == "pipe":
            os.mkfifo(path)
        elif why == "link":
            path.symlink_to("/dev/null")
        else:
            monkeypatch.setattr(os, "open", cannot_open)

    def cannot_open(name: Any, *arguments: Any, **named: Any) -> int:
        if str(name).startswith(str(path)) and noted[0] < 14:
            raise OSError(why, os.strerror(int(why)), str(path))
        return open_(name, *arguments, **named)

    monkeypatch.setattr(Manifest, "note", note_and_spoil)
    code, _, err = poolcli(*AVG, "--jobs", 4)
    found = contents(Path("out"))
    assert code == 1
    assert found == {name: whole[name] for name in found}
    assert 6 - 4 <= len(found) < 42  # of the first six, those that four jobs had at hand may fail
    complaints = [line for line in err.splitlines() if line.startswith("poolcli: out/in")]
    assert len(complaints) == 42 - len(found)
    said = os.strerror(why) if isinstance(why, int) else "is no folder; remove it"
    assert all(line.endswith(f": {path}: {said}") for line in complaints)


@pytest.mark.parametrize("name", ["a", "a{}"])
def test_a_manifest_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Neither where one output is made again and again, nor by one file for each of many runs."""
    monkeypatch.setattr("poolcli.batch.manifest.FEW", 10)
    source = save(Path("in", "a.npy"))
    lines, files, made = [], [], set()
    for number in range(50):
        manifest = Manifest("out", {"size": "2"})
        manifest.begin()
        target = Path("out", name.format(number))
        target.write_text("x" * number)
        made.add(str(target))
        manifest.note(str(target), str(source), None, os.stat(source), os.stat(target))
        manifest.close()
        lines.append(sum(path.read_bytes().count(b"\n") for path in notes("out")))
        files.append(len(notes("out")))
    assert max(files) < 20
    assert max(lines) < len(made) + 40
    assert Manifest("out", {"size": "2"}).is_done(str(source), None, sorted(made))
    assert list(Path("out").glob(".poolcli-*")) == []


def test_what_others_are_writing_is_not_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of a file tells on its own machine only; elsewhere it counts that it is old."""
    monkeypatch.setattr("poolcli.batch.manifest.FEW_FILES", 1)
    source = save(Path("in", "a.npy"))

    def run(name: str, *, close: bool = True) -> Manifest:
        manifest = Manifest("out", {})
        manifest.begin()
        target = save(Path("out", name))
        manifest.note(str(target), str(source), None, os.stat(source), os.stat(target))
        if close:
            manifest.close()
        return manifest

    alive = run("alive.npy", close=False)
    (own,) = notes("out")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("poolcli.formats.atomic._machine", lambda: "00000000")
        for name in ("young.npy", "old.npy"):
            run(name)
    young, old = sorted(set(notes("out")) - {own}, key=lambda path: path.stat().st_mtime_ns)
    os.utime(old, (1, 1))
    for name in ("b.npy", "c.npy", "d.npy"):
        run(name)
    left = notes("out")
    assert (own in left, young in left, old in left) == (True, True, False)
    alive.close()
    names = ("alive", "young", "old", "b", "c", "d")
    assert Manifest("out", {}).is_done(str(source), None, [f"out/{name}.npy" for name in names])


def test_a_run_goes_on_when_its_file_is_taken_away(tmp_path: Path) -> None:
    source = save(Path("in", "a.npy"))
    first = Manifest("out", {})
    first.begin()
    for name in ("a.npy", "b.npy"):
        save(Path("out", name))
        first.note(f"out/{name}", str(source), None, os.stat(source), os.stat(f"out/{name}"))
        if name == "a.npy":
            notes("out")[0].rename(Path("out", NOTES, "merged.jsonl"))
    first.close()
    second = Manifest("out", {})
    assert second.is_done(str(source), None, ["out/a.npy", "out/b.npy"])


def test_the_single_file_of_earlier_versions_is_read(poolcli: Run, done: dict[str, int]) -> None:
    (path,) = notes("out")
    path.rename(Path("out", f"{NOTES}.jsonl"))
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 7 skipped"
    change_input()
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 1 done, 6 skipped"
    assert last(poolcli(*AVG, "--resume")) == "poolcli: 0 done, 7 skipped"
    assert len(notes("out")) == 1


def test_of_several_runs_the_latest_says_which_options(poolcli: Run) -> None:
    fill(Path("in"), 3)
    for size in (2, 4, 2, 3):
        arguments = ("avg", "-k", size, "in", "-o", "out/", "--overwrite")
        assert poolcli(*arguments).code == 0
    for path, name in zip(notes("out"), "dbca", strict=True):  # read in any order
        path.rename(Path("out", NOTES, f"{name}.jsonl"))
    assert last(poolcli("avg", "-k", 3, "in", "-o", "out/", "--resume")) == (
        "poolcli: 0 done, 3 skipped"
    )


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
    dead = Path("out", f".poolcli-{formats.own_name()}.tmp")
    dead.write_bytes(b"half")
    others = [
        Path("out", name)
        for name in (f"{dead.name}.bak", dead.name[1:], ".a.tmp", f".poolcli-{'0' * 16}.tmp")
    ]
    for other in others:
        other.write_text("mine")
    descriptor, alive = formats.atomic.create_temporary("out")
    os.mkfifo(f"out/.poolcli-{formats.own_name()}.tmp")
    elsewhere = Path("out", f".poolcli-{'1' * 16}.tmp")  # another machine's, of some days ago
    elsewhere.touch()
    os.utime(elsewhere, (1, 1))
    try:
        assert poolcli(*AVG).code == 0
        assert not dead.exists()
        assert not elsewhere.exists()
        assert all(other.exists() for other in others)
        assert os.path.exists(alive)
    finally:
        os.close(descriptor)
    assert poolcli(*AVG, "--resume").code == 0
    assert not os.path.exists(alive)
