"""Shards: each process its part of the inputs, and all parts together what one run makes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from poolcli.batch.shards import Shard, parse_shard
from poolcli.errors import UsageError
from tests.helpers.folders import contents, fill, notes, save
from tests.helpers.program import Outcome, start

Run = Callable[..., Outcome]
AVG = ("avg", "-k", 2, "in", "-r", "-o")
TEN = range(10)


def last(outcome: Outcome) -> str:
    return outcome.err.splitlines()[-1]


@pytest.mark.parametrize(
    "options", [(), ("--name-template", "{n:03}_{stem}{ext}"), ("--jobs", "3")]
)
def test_ten_shards_of_one_folder_of_which_one_never_starts(
    poolcli: Run, options: tuple[str, ...]
) -> None:
    fill(Path("in"), 25)
    fill(Path("in", "below"), 12)
    assert last(poolcli(*AVG, "whole/", *options)) == "poolcli: 37 done"
    whole = contents(Path("whole"))
    counts = []
    for shard in [*TEN[:7], *TEN[8:]]:
        outcome = poolcli(*AVG, "out/", *options, "--shard", f"{shard}/10")
        assert outcome.code == 0, outcome.err
        counts.append(int(last(outcome).split()[1]))
    assert set(counts) == {3, 4}
    found = contents(Path("out"))
    assert found == {name: whole[name] for name in found}
    assert len(notes("out")) == 9
    missing = len(whole) - len(found)
    assert missing in (3, 4)
    # An array of tasks that is started once more does what is left, too.
    again = poolcli(*AVG, "out/", *options, "--resume", "--shard", "6/10")
    assert last(again) == f"poolcli: 0 done, {counts[6]} skipped"
    swept = poolcli(*AVG, "out/", *options, "--resume")
    assert last(swept) == f"poolcli: {missing} done, {len(found)} skipped"
    assert contents(Path("out")) == whole


def test_shards_at_the_same_time(poolcli: Run) -> None:
    fill(Path("in"), 30)
    assert poolcli(*AVG, "whole/").code == 0
    programs = [start(*AVG, "out/", "--resume", "--shard", f"{i}/3") for i in (0, 1, 2, 2)]
    for program in programs:
        _, err = program.communicate(timeout=120)
        assert program.returncode == 0, err
    assert contents(Path("out")) == contents(Path("whole"))
    assert last(poolcli(*AVG, "out/", "--resume")) == "poolcli: 0 done, 30 skipped"


def test_a_shard_without_inputs(poolcli: Run) -> None:
    fill(Path("in"), 2)
    outcome = poolcli(*AVG, "out/", "--shard", "2/3")
    assert (outcome.code, outcome.out) == (0, b"")
    assert outcome.err.splitlines() == [
        "poolcli: shard 2/3: of 2 inputs none is for it; nothing to do",
        "poolcli: 0 done",
    ]
    assert poolcli(*AVG, "out/", "--shard", "2/3", "-q").err == ""
    assert not Path("out").exists()


def test_results_that_are_only_shown_are_shared_out_too(poolcli: Run) -> None:
    fill(Path("in"), 9)
    command = ("global", "avg", "in", "--json")
    lines = poolcli(*command).out.splitlines()
    shards = [poolcli(*command, "--shard", f"{i}/4").out.splitlines() for i in range(4)]
    assert sorted(line for shard in shards for line in shard) == sorted(lines)


def test_inputs_of_other_shards_count_for_what_is_refused(poolcli: Run) -> None:
    for folder in ("a", "b"):
        save(Path(folder, "same.npy"))
    for shard in ("0/2", "1/2"):
        code, _, err = poolcli("max", "-k", 2, "a", "b", "-o", "out/", "--shard", shard)
        assert (code, "would be written for both a/same.npy and b/same.npy" in err) == (2, True)
    # An output that is another's input: whoever of the two it belongs to.
    save(Path("a", "other.npy"))
    named = ("a/same.npy", "b/other.npy")
    shutil.copy("a/same.npy", "b/other.npy")
    codes = [
        poolcli("max", "-k", 2, *named, "-o", "b/", "--to", "npy", "--overwrite", *rest).code
        for rest in (
            ("--name-template", "other{ext}", "--shard", "0/1"),
            ("--name-template", "{parent}_other.npy", "--shard", "0/2"),
        )
    ]
    assert codes == [2, 0]


def test_outputs_of_other_shards_are_no_obstacle_and_own_ones_are(poolcli: Run) -> None:
    fill(Path("in"), 6)
    for shard in ("0/2", "1/2"):
        assert poolcli(*AVG, "out/", "--shard", shard).code == 0
    code, _, err = poolcli(*AVG, "out/", "--shard", "1/2")
    assert (code, "out/in001.png: exists; --overwrite replaces it" in err) == (2, True)
    refused = poolcli("avg", "-k", 3, "in", "-o", "out/", "--shard", "1/2", "--resume")
    assert (refused.code, "size 2, now 3" in refused.err) == (2, True)


@pytest.mark.parametrize("count", [1, 2, 7, 103])
def test_every_input_is_in_one_shard_whatever_the_order_of_the_list(count: int) -> None:
    labels = [f"in/{number * 37 % 101:03}.png" for number in range(101)]
    shards = [Shard(index, count).takes(labels) for index in range(count)]
    assert sorted(place for shard in shards for place in shard) == list(range(101))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    turned = [Shard(index, count).takes(labels[::-1]) for index in range(count)]
    assert [{100 - place for place in shard} for shard in turned] == shards


SLURM = {
    "SLURM_ARRAY_TASK_ID": "12",
    "SLURM_ARRAY_TASK_COUNT": "5",
    "SLURM_ARRAY_TASK_MIN": "10",
    "SLURM_ARRAY_TASK_MAX": "14",
    "SLURM_ARRAY_TASK_STEP": "1",
}
STEPS = {**SLURM, "SLURM_ARRAY_TASK_STEP": "2", "SLURM_ARRAY_TASK_MAX": "18"}
AWS = {"AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "10"}
INDEXED = {"JOB_COMPLETION_INDEX": "3"}


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("0/1", {}, (0, 1)),
        ("15/16", INDEXED, (15, 16)),
        ("auto", SLURM, (2, 5)),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_ID": "10"}, (0, 5)),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_ID": "14"}, (4, 5)),
        ("auto", STEPS, (1, 5)),
        ("auto/20", SLURM, (12, 20)),
        ("auto", AWS, (3, 10)),
        ("auto/4", INDEXED, (3, 4)),
    ],
)
def test_shards_that_are_understood(
    text: str, environ: Mapping[str, str], expected: tuple[int, int]
) -> None:
    assert parse_shard(text, environ) == expected


@pytest.mark.parametrize(
    ("text", "environ", "said"),
    [
        ("", {}, "say which of how many"),
        ("3", {}, "say which of how many"),
        ("1/2/3", {}, "say which of how many"),
        ("-1/3", {}, "say which of how many"),
        ("auto/", SLURM, "say which of how many"),
        ("1/99999999999999999999", {}, "say which of how many"),
        ("16/16", {}, "shards count from 0, so 16 of them are 0/16 to 15/16"),
        ("0/0", {}, "at least one shard"),
        ("auto", {}, "none of SLURM_ARRAY_TASK_ID, AWS_BATCH_JOB_ARRAY_INDEX, JOB_COMPLETION_"),
        ("auto", INDEXED, "JOB_COMPLETION_INDEX is 3 of how many? say auto/N"),
        ("auto/3", INDEXED, "JOB_COMPLETION_INDEX is 3, and shards count from 0"),
        ("auto", {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX x: is no number of a task"),
        # --array=1,3,7 has three tasks, and which of them is 7 its variables do not tell.
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_MAX": "19"}, "have gaps"),
        ("auto", {**STEPS, "SLURM_ARRAY_TASK_ID": "13"}, "have gaps"),
    ],
)
def test_shards_that_mean_nothing(text: str, environ: Mapping[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        parse_shard(text, environ)


def test_a_task_of_an_array_takes_its_part(poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(Path("in"), 7)
    for index in range(3):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", str(index))
        assert poolcli(*AVG, "out/", "--shard", "auto/3").code == 0
    assert len(contents(Path("out"))) == 7
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "3")
    code, _, err = poolcli(*AVG, "out/", "--shard", "auto/3")
    assert (code, err.startswith("poolcli: --shard 3/3: JOB_COMPLETION_INDEX is 3")) == (2, True)
