"""The list of ops, for people and for scripts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

import pytest

from poolcli.ops import OPS
from tests.helpers.program import PROJECT, Outcome, start

Run = Callable[..., Outcome]


def test_a_line_for_each_op(poolcli: Run) -> None:
    outcome = poolcli("ops")
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line.split("\t") for line in outcome.text.splitlines()]
    assert rows == [
        [op.name, ",".join(op.aliases), op.summary, op.formula, op.source] for op in OPS.values()
    ]


PSEUDO = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")


@PSEUDO
@pytest.mark.parametrize("width", [80, 160])
def test_a_table_on_a_terminal(width: int) -> None:
    lines = drawn(width, "ops")
    assert lines[0].split()[:1] == ["op"]
    assert [line.split()[0].rstrip(",") for line in lines[2:] if line[0] != " "] == list(OPS)
    words = " ".join(" ".join(lines).split())
    assert "Stergiou," in words


@PSEUDO
def test_the_ops_one_below_the_other_on_a_narrow_terminal() -> None:
    lines = drawn(40, "ops")
    assert [line.split(",")[0] for line in lines if line[0] != " "] == list(OPS)


@PSEUDO
@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("command", ["ops quantile", "ops median", "--help", "global --help"])
def test_lines_fit_the_terminal(width: int, command: str) -> None:
    assert len(drawn(width, *command.split())) > 5


def drawn(width: int, *arguments: str) -> list[str]:
    """Give the lines that a run shows on a terminal, which they fit."""
    leader, follower = os.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "PYTHONPATH": str(PROJECT)}
    with start(*arguments, stdout=follower, env=environment) as program:
        os.close(follower)
        shown = b""
        while chunk := _read(leader):
            shown += chunk
    assert program.returncode == 0
    lines = shown.decode().splitlines()
    assert [line for line in lines if len(line) > width] == []
    return lines


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # Linux says so when the other end has closed
        return b""


@pytest.mark.parametrize("name", list(OPS))
def test_everything_about_one_op(poolcli: Run, name: str) -> None:
    op = OPS[name]
    outcome = poolcli("ops", name)
    assert (outcome.code, outcome.err) == (0, "")
    for fact in (op.name, *op.aliases, op.summary, op.formula, op.source):
        assert fact in outcome.text
    for param in op.params:
        assert f"--{param.name}" in outcome.text
        assert param.help in outcome.text
    assert ("--divisor" in outcome.text) == op.divides
    assert ("--indices" in outcome.text) == (op.winner is not None)
    commands = [
        line.split("poolcli ")[1] for line in outcome.text.splitlines() if "poolcli" in line
    ]
    assert len(commands) >= 5
    for command in commands:
        assert poolcli(*command.split()).code == 0


def test_json(poolcli: Run) -> None:
    outcome = poolcli("ops", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    records = {record["op"]: record for record in map(json.loads, outcome.text.splitlines())}
    assert list(records) == list(OPS)
    for name, op in OPS.items():
        record = records[name]
        assert (record["formula"], record["source"]) == (op.formula, op.source)
        assert [option["name"] for option in record["options"]] == [p.name for p in op.params]
        assert (record["divides"], record["positions"]) == (op.divides, op.winner is not None)
    assert records["avg"]["aliases"] == ["mean"]
    assert records["quantile"]["options"][0] == {
        "name": "q",
        "type": "float",
        "default": 0.5,
        "choices": None,
        "help": "the fraction, from 0 to 1",
    }
    assert json.loads(poolcli("ops", "mean", "--json").text) == records["avg"]


def test_an_alias_names_an_op(poolcli: Run) -> None:
    assert poolcli("ops", "mean").text == poolcli("ops", "avg").text
