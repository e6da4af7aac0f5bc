"""What a run does with a cluster whose workers are pretended: they die as often as told."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poolcli.batch.outputs import Job
from poolcli.cluster.software import software
from poolcli.cluster.work import Band, Batch, Common, Ways, do
from tests.helpers.clusters import Pretended
from tests.helpers.folders import contents, fill, notes, save
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]
AVG = ("avg", "-k", 2, "in", "-o")
ON = ("--scheduler", "tcp://127.0.0.1:8786")


def last(outcome: Outcome) -> str:
    return outcome.err.splitlines()[-1]


def names(work: Batch | Band) -> list[str]:
    """Give the inputs of some work by their names."""
    jobs: list[Job] = list(work.jobs.values()) if isinstance(work, Batch) else [work.job]
    return [Path(str(job.input.path)).name for job in jobs]


@pytest.fixture
def whole(poolcli: Run) -> dict[str, bytes]:
    """Give what one process makes of a folder."""
    fill(Path("in"), 21)
    assert poolcli(*AVG, "whole/").code == 0
    return contents(Path("whole"))


@pytest.mark.parametrize(
    "options", [(), ("--overwrite",), ("--to", "npy", "--arrays", "a"), ("--shard", "1/3"), ("-q",)]
)
def test_it_makes_and_says_what_one_process_does(
    poolcli: Run, pretended: type[Pretended], options: tuple[str, ...]
) -> None:
    fill(Path("in"), 21)
    save(Path("in", "below", "more.npy"))
    Path("in", "bad.npy").write_bytes(b"\x93NUMPY")
    command = ("avg", "-k", 2, "-r", "in", *options)
    here = poolcli(*command, "-o", "out/")
    made = contents(Path("out"))
    Path("out").rename("alone")
    there = poolcli(*command, "-o", "out/", *ON)
    assert there == here
    assert contents(Path("out")) == made
    assert any(len(names(work)) > 1 for work in pretended.last.submitted)
    assert all(os.path.isabs(str(job.output)) for w in pretended.last.submitted for job in jobs(w))
    again = poolcli(*command, "-o", "out/", *ON, *{"--resume", *options} - {"--overwrite"})
    if not options:
        assert last(again) == "poolcli: 0 done, 22 skipped, 1 failed"


def jobs(work: Batch | Band) -> list[Job]:
    return list(work.jobs.values()) if isinstance(work, Batch) else [work.job]


@pytest.mark.parametrize("command", [("global", "avg"), ("max", "-k", 8, "--json")])
def test_results_that_are_only_shown_come_back(
    poolcli: Run, pretended: type[Pretended], command: tuple[object, ...]
) -> None:
    fill(Path("in"), 9)
    given = {"stdin": b"1 2\n3 4\n"}
    here = poolcli(*command, "in", "-", "--matrix", "1 2; 3 4", "-j", 1, **given)
    there = poolcli(*command, "in", "-", "--matrix", "1 2; 3 4", *ON, **given)
    lines = [sorted(outcome.out.splitlines()) for outcome in (here, there)]
    assert lines[0] == lines[1]
    if "--json" not in command:
        assert here == there


def test_the_file_that_kills_is_named_and_the_others_are_done(
    poolcli: Run, pretended: type[Pretended], whole: dict[str, bytes]
) -> None:
    pretended.kills = staticmethod(lambda work: "in008.png" in names(work))
    outcome = poolcli(*AVG, "out/", *ON)
    said = "in/in008.png: 3 workers died while they were at it; they may have too little memory"
    assert (outcome.code, said in outcome.err) == (1, True)
    assert last(outcome) == "poolcli: 20 done, 1 failed"
    assert contents(Path("out")) == {n: b for n, b in whole.items() if n != "in008.png"}
    tried = [names(work) for work in pretended.last.submitted if "in008.png" in names(work)]
    assert len(tried[0]) > 1
    assert tried[1:] == [["in008.png"]]  # which the scheduler begins again by itself
    # Neither is it done, nor in the way of anything.
    pretended.kills = staticmethod(Pretended.kills)
    assert last(poolcli(*AVG, "out/", *ON, "--resume")) == "poolcli: 1 done, 20 skipped"


@pytest.mark.parametrize("allowed", [0, 1, 10])
def test_a_death_that_was_not_the_files_fault_costs_nothing(
    poolcli: Run, pretended: type[Pretended], whole: dict[str, bytes], allowed: int
) -> None:
    deaths = []

    def kills(work: Batch | Band) -> bool:
        if "in012.tif" in names(work) and len(deaths) < 2:
            deaths.append(work)
            return True
        return False

    pretended.kills, pretended.allowed = staticmethod(kills), allowed
    outcome = poolcli(*AVG, "out/", *ON)
    assert (outcome.code, last(outcome)) == (0, "poolcli: 21 done")
    assert contents(Path("out")) == whole


def test_what_a_dead_worker_has_done_is_a_result(
    poolcli: Run, pretended: type[Pretended], whole: dict[str, bytes]
) -> None:
    """Its outputs stand there, and only that it was done has not come back."""
    died = []

    def work_and_die(common: Common, work: Batch | Band) -> None:
        do(common, work, Ways(lambda _ended, _part: None, lambda: False))
        died.append(work)

    pretended.kills = staticmethod(lambda _work: not died)
    pretended.before = staticmethod(work_and_die)
    outcome = poolcli(*AVG, "out/", *ON)
    assert (outcome.code, last(outcome)) == (0, "poolcli: 21 done")
    assert len(outcome.err.splitlines()) == 1 + 24  # of each archive two arrays
    assert contents(Path("out")) == whole


BIG = (3, 40, 50, 60)


@pytest.fixture
def big(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an array that is large beside the tasks."""
    monkeypatch.setattr("poolcli.cluster.sizes._BOXES", 2e6)
    monkeypatch.setattr("poolcli.engine.arrays.StoredInputView.block_bytes", 1 << 14)
    monkeypatch.setattr("poolcli.engine.blocks.MOST_BYTES", 1 << 15)
    array = np.random.default_rng(0).standard_normal(BIG).astype(np.float32)
    np.save("big.npy", array)
    return Path("big.npy")


@pytest.mark.parametrize(
    "command",
    [
        "max -k 2",
        "max -k 3 -s 2 -p 1",
        "avg -k 3 --like torch",
        "median -k 2 --layout NHWC",
        "stochastic -k 2 --seed 3 --negatives relu",
        "global avg --layout NCHW",
        "global max --like torch",
        "adaptive avg --output-size 7x5 --layout NCHW",
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_bands_of_one_large_array(
    poolcli: Run, pretended: type[Pretended], big: Path, command: str, order: str
) -> None:
    np.save(big, np.asarray(np.load(big), order=order))  # type: ignore[call-overload]
    assert poolcli(*command.split(), big, "-o", "whole.npy", "-q").code == 0
    died = []
    pretended.kills = staticmethod(lambda work: len(died) < 2 and not died.append(work))
    there = poolcli(*command.split(), big, "-o", "out.npy", *ON)
    assert there.code == 0, there.err
    assert Path("out.npy").read_bytes() == Path("whole.npy").read_bytes()
    bands = [work for work in pretended.last.submitted if isinstance(work, Band)]
    # Of planes that lie cell by cell beside each other there is one block.
    assert len(bands) > 1 or (order == "F" and command.startswith("global"))
    assert not list(Path().glob(".poolcli*"))


@pytest.mark.parametrize(
    ("source", "target"),
    [("big.npy", "out.zarr"), ("big.zarr", "out.zarr"), ("big.zarr", "out.npy")],
)
@pytest.mark.parametrize("command", ["max -k 2", "avg -k 3 -s 2 -p 1"])
def test_bands_of_chunks(
    poolcli: Run, pretended: type[Pretended], big: Path, source: str, target: str, command: str
) -> None:
    """No chunk is written by two, so that every file of a store is what one process makes."""
    array = np.load(big)
    if source.endswith(".zarr"):
        zarr = pytest.importorskip("zarr", reason="stores of Zarr need the library")
        made = zarr.create_array("big.zarr", shape=BIG, chunks=(1, 7, 50, 60), dtype="f4")
        made[...] = array
    layout = ("--layout", "NCHW")
    assert poolcli(*command.split(), source, "-o", f"whole-{target}", *layout, "-q").code == 0
    died: list[object] = []
    pretended.kills = staticmethod(lambda work: len(died) < 2 and not died.append(work))
    there = poolcli(*command.split(), source, "-o", target, *layout, *ON)
    assert there.code == 0, there.err
    bands = [work for work in pretended.last.submitted if isinstance(work, Band)]
    assert len(bands) > 1
    if target.endswith(".npy"):
        assert Path(target).read_bytes() == Path(f"whole-{target}").read_bytes()
    else:
        assert contents(Path(target)) == contents(Path(f"whole-{target}"))
        assert len(contents(Path(target))) > 3
    assert not list(Path().glob(".poolcli*"))


def test_large_arrays_among_small_files(
    poolcli: Run, pretended: type[Pretended], big: Path
) -> None:
    fill(Path("in"), 9)
    big.rename("in/in004z.npy")
    assert poolcli("max", "-k", 2, "in", "-o", "whole/").code == 0
    outcome = poolcli("max", "-k", 2, "in", "-o", "out/", *ON)
    assert (outcome.code, last(outcome)) == (0, "poolcli: 10 done")
    assert contents(Path("out")) == contents(Path("whole"))
    kinds = {type(work) for work in pretended.last.submitted}
    assert kinds == {Batch, Band}
    assert last(poolcli("max", "-k", 2, "in", "-o", "out/", "--resume")) == (
        "poolcli: 0 done, 10 skipped"
    )


def test_a_band_that_fails_leaves_nothing(
    poolcli: Run, pretended: type[Pretended], big: Path
) -> None:
    array = np.load(big)
    array[2, 39, 49, 59] = np.nan
    np.save(big, array)
    command = ("avg", "-k", 1, "--nan", "error", big, "-o", "out.npy")
    here, there = poolcli(*command), poolcli(*command, *ON)
    assert (there.code, there.err) == (1, here.err)
    assert sorted(os.listdir()) == ["big.npy"]


def test_a_band_over_which_workers_die(poolcli: Run, pretended: type[Pretended], big: Path) -> None:
    pretended.kills = staticmethod(lambda work: isinstance(work, Band) and work.first > 0)
    outcome = poolcli("max", "-k", 2, big, "-o", "out.npy", *ON)
    assert (outcome.code, "big.npy: 3 workers died while" in outcome.err) == (1, True)
    assert sorted(os.listdir()) == ["big.npy"]


@pytest.mark.parametrize("kind", ["software", "size", "time", "missing", "folder"])
@pytest.mark.parametrize("mixed", [(), ("--mixed",)])
def test_workers_that_differ_stop_the_run(
    poolcli: Run,
    pretended: type[Pretended],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    mixed: tuple[str, ...],
) -> None:
    fill(Path("in"), 5)
    allowed = bool(mixed) and kind in ("software", "size", "time")
    looked, check = Path("in/in000.npy").absolute(), Pretended.check
    said = {
        "software": r"it has numpy 1\.0, here is .*; bytes of results may differ, which --mixed",
        "size": "in000.npy: has 3199 bytes there, here 3200; workers need the same files",
        "time": "in000.npy: has another time there than here; workers need the same files",
        "missing": "in000.npy: No such file or directory; workers need the same files",
        "folder": "out/.poolcli/run-.*: No such file or directory; workers need the same files",
    }[kind]

    def differ(self: Pretended, common: Common) -> None:
        if kind == "software":
            other = {**software(), "numpy": "1.0"}
            monkeypatch.setattr("poolcli.cluster.work.software", lambda: other)
        elif kind == "size":
            looked.write_bytes(looked.read_bytes()[:-1])
        elif kind == "time":
            os.utime(looked, (1, 1))
        elif kind == "missing":
            looked.unlink()
        else:
            notes("out")[0].unlink()
        check(self, common)

    monkeypatch.setattr(pretended, "check", differ)
    looked.write_bytes(looked.read_bytes().ljust(3200, b"\0")[:3200])
    np.save(looked, np.zeros((48, 16), np.float32))
    outcome = poolcli(*AVG, "out/", *ON, *mixed)
    if allowed:
        assert last(outcome) == f"poolcli: {5 - (kind == 'size')} done" + (
            ", 1 failed" if kind == "size" else ""
        )
        return
    assert outcome.code == 1
    assert re.fullmatch(f"poolcli: tcp://pretended: .*{said}.*\n", outcome.err), outcome.err
    assert contents(Path("out")) == {}


def test_fail_fast_sends_no_more(poolcli: Run, pretended: type[Pretended]) -> None:
    fill(Path("in"), 40)
    Path("in", "in000.npy").write_bytes(b"\x93NUMPY")
    outcome = poolcli(*AVG, "out/", *ON, "--fail-fast")
    assert (outcome.code, "1 failed" in last(outcome)) == (1, True)


def test_json_has_an_object_for_every_input(poolcli: Run, pretended: type[Pretended]) -> None:
    fill(Path("in"), 8)
    Path("in", "in000.npy").write_bytes(b"\x93NUMPY")
    outcome = poolcli(*AVG, "out/", *ON, "--json", "--no-preview")
    records = [json.loads(line) for line in outcome.out.splitlines()]
    assert len(records) == 9  # of the archive both arrays
    (failed,) = [record for record in records if "error" in record]
    assert failed["error"].startswith("in/in000.npy: ")
    assert {record["written"] for record in records if "error" not in record} == {
        f"out/{path.name}" for path in Path("in").iterdir() if path.name != "in000.npy"
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--jobs", 2), "--jobs is for this machine"),
        (("-o", "-"), "-o - is written by one process"),
        (("-k", 99), "exceeds"),
    ],
)
def test_what_is_refused_beforehand(
    poolcli: Run, pretended: type[Pretended], options: tuple[object, ...], said: str
) -> None:
    fill(Path("in"), 2)
    code, _, err = poolcli("max", "-k", 2, "in", "-o", "out/", *options, *ON)
    assert (code != 0, said in err) == (True, True)


@pytest.mark.parametrize("flag", ["--mixed", "--insecure"])
def test_flags_that_need_a_scheduler(poolcli: Run, flag: str) -> None:
    code, _, err = poolcli("max", "-k", 2, "--matrix", "1 2; 3 4", flag)
    assert (code, err) == (2, f"poolcli: {flag} is about workers elsewhere: it needs --scheduler\n")


def test_without_dask_the_extra_is_named(poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    code, _, err = poolcli("max", "-k", 2, "--matrix", "1 2; 3 4", *ON)
    assert (code, err) == (2, "poolcli: --scheduler needs Dask: pip install 'poolcli[dask]'\n")
