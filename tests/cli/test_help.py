"""What ``--help`` and ``-h`` show: groups, examples that run, and lines that fit the terminal."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolcli.cli import takes
from poolcli.cli.app import COMMANDS
from poolcli.cli.declare import flags_of
from poolcli.cli.examples import EXAMPLES, examples_of
from poolcli.cli.help import GROUPS, IN_SHORT
from poolcli.families import FAMILIES, SLIDING
from poolcli.ops import OPS
from tests.helpers.every import every
from tests.helpers.program import PROJECT, Outcome

Run = Callable[..., Outcome]
IN_FAMILIES = ("max", "avg", "stochastic")  # they pick, average, and draw with a seed of their own
OTHERS = [name for name in FAMILIES if name != SLIDING.name]


def paths() -> Iterator[list[str]]:
    """Give the words of every command; of ops in other windows, some."""
    yield from ([], *([name] for name, _, _ in COMMANDS))
    for before, ops, families in (
        ([], list(OPS), OTHERS),
        (["explain"], ["max"], OTHERS),
        (["animate"], ["max"], ["global"]),  # each is as many pictures as windows
    ):
        yield from ([*before, op] for op in ops)
        for family in families:
            yield [*before, family]
            yield from ([*before, family, op] for op in ops if op in IN_FAMILIES)
        if before:
            yield [*before, "unpool"]


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poolcli: Run) -> Path:
    """Make what the examples name, in a home of their own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    numbers = np.random.default_rng(0).random((24, 24), np.float32)
    with Image.open(PROJECT / "sample_data/storm.png") as whole:
        whole.crop((100, 100, 140, 132)).save("photo.png")
    for name in ("home", "photos"):
        Path(name).mkdir()
    shutil.copy("photo.png", "photos")
    np.save("before.npy", numbers[:4, :4])
    made = poolcli("max", "-k", 2, "before.npy", "-o", "pooled.npy", "--indices", "where.npy")
    assert made.code == 0
    return tmp_path


def test_every_example_runs(poolcli: Run, surroundings: Path) -> None:
    kept = {*surroundings.iterdir(), surroundings / "input.npy"}
    numbers = np.random.default_rng(0).random((24, 24), np.float32)

    def check(path: list[str]) -> None:
        examples = examples_of(path)
        assert len(set(examples)) == 2
        np.save("input.npy", numbers[:4, :4] if path[:1] == ["animate"] else numbers)
        for example in examples:
            called = example.removeprefix('eval "$(').removesuffix(')"')
            words = shlex.split(called)
            assert words[0] == "poolcli"
            assert not path or words[1 : len(path) + 1] == path
            outcome = poolcli(*words[1:])
            if outcome.code != 0:
                raise AssertionError(f"{example}: {outcome.err}")
        for made in set(surroundings.iterdir()) - kept:
            shutil.rmtree(made) if made.is_dir() else made.unlink()

    every(paths(), check)
    assert {" ".join(path) for path in paths()} >= set(EXAMPLES)


def test_examples_are_shown(poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    def check(path: list[str]) -> None:
        for flag in ("-h", "--help"):
            text = poolcli(*path, flag).text
            assert "".join(f"  {example}\n" for example in examples_of(path)) in text

    every([[], ["max"], ["avg"], ["adaptive"], ["explain", "max"], ["shape"], ["ops"]], check)


def test_every_option_has_its_group() -> None:
    placing = {p.name for family in FAMILIES.values() for p in family.params}
    own = {param.name for op in OPS.values() for param in op.params}
    options = {p.name for p in takes.every_option() if flags_of(p)}
    grouped = [name for names in GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    program = {"debug", "version", "help"}
    assert set(grouped) - program <= options
    assert options - set(grouped) <= placing | own
    assert set(IN_SHORT) <= set(grouped)


def headings(text: str) -> list[str]:
    return [line[:-1] for line in text.splitlines() if line.endswith(":") and line[0] != " "]


def test_groups_come_in_order(poolcli: Run) -> None:
    assert headings(poolcli("max", "--help").text) == [
        *("Examples", "Arguments", "Windows", "Values", "Output", "Pictures", "Many files"),
        *("Other machines", "Input", "Program"),
    ]
    text = poolcli("--help").text
    assert headings(text) == ["Examples", "Ops", "Ops in other windows", "Tools", "Program"]
    rows = text.split("Ops in other windows:\n")[1].split("Tools:\n")
    assert [line.split()[0] for line in rows[0].splitlines() if line[2:3].strip()] == OTHERS


def test_the_short_help_is_part_of_the_long_one(poolcli: Run) -> None:
    short, long = poolcli("max", "-h").text, poolcli("max", "--help").text
    assert len(short.splitlines()) < len(long.splitlines()) * 2 / 3
    for flag in ("--size", "--stride", "--padding", "--layout", "--output", "--help"):
        assert flag in short
    assert "--max-memory" not in short
    assert "--max-memory" in long
    assert short.endswith("options.\n")
    assert "poolcli max --help shows all" in short
    assert "the p-norm" not in poolcli("-h").text
    assert "the p-norm" in poolcli("--help").text
    # Whatever else stands on the line, and without arguments to a group.
    assert poolcli("max", "-k", 2, "x.npy", "-h").text == short
    assert poolcli("max", "-h", "--help").text == long
    assert poolcli().err.rstrip("\n") == poolcli("-h").text.rstrip("\n")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_help_is_as_wide_as_the_terminal(
    poolcli: Run, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    def check(path: list[str]) -> None:
        text = poolcli(*path, "--help").text
        # A quoted chain, and the names of an option, cannot be broken.
        lines = [line for line in text.splitlines() if '"' not in line and "  -" not in line]
        widest = max(map(len, lines))
        assert widest <= columns
        assert widest > min(columns, 100) * 0.8
        assert "\u2011" not in text

    every([[], ["max"], ["shape"], ["explain", "max"]], check)


def test_no_line_ends_within_a_flag(poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in range(40, 100, 3):
        monkeypatch.setenv("COLUMNS", str(columns))
        text = poolcli("avg", "--help").text + poolcli("--help").text
        assert re.findall(r"\w-\n", text) == []
