"""What the shell is told when somebody asks it to complete a line; and the manual page."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import make_man
from poolcli.cli.app import build
from poolcli.frameworks.table import TABLE as FRAMEWORKS
from poolcli.ops import OPS
from poolcli.parameters import DRAWS, METHODS, NEGATIVES
from tests.helpers.program import PROJECT, Outcome

Run = Callable[..., Outcome]


@pytest.fixture
def offered(poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Complete the last word of a line the way bash asks for it."""

    def complete(line: str) -> list[str]:
        with monkeypatch.context() as asked:
            asked.setenv("_POOLCLI_COMPLETE", "complete_bash")
            asked.setenv("COMP_WORDS", line)
            asked.setenv("COMP_CWORD", str(line.count(" ")))
            outcome = poolcli()
        assert (outcome.code, outcome.err) == (0, "")
        return outcome.text.split()

    return complete


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("poolcli m", ["max", "min", "median", "mode", "mixed"]),
        ("poolcli ada", ["adaptive"]),
        ("poolcli global ma", ["max"]),
        ("poolcli max --skip", ["--skip-existing", "--skip-header"]),
        ("poolcli max --nan ", ["propagate", "skip", "error"]),
        ("poolcli max --like ", list(FRAMEWORKS)),
        ("poolcli max --padding same", ["same", "same-upper", "same-lower"]),
        ("poolcli max --layout NC", ["NCHW", "NCDHW"]),
        ("poolcli max --dtype float", ["float16", "float32", "float64"]),
        ("poolcli max x.npy --to np", ["npy", "npz"]),
        ("poolcli max --colormap vi", ["viridis"]),
        ("poolcli quantile --method ", list(METHODS)),
        ("poolcli global stochastic --mode ", list(DRAWS)),
        ("poolcli stochastic --negatives ", list(NEGATIVES)),
        ("poolcli completion ", ["bash", "zsh", "fish"]),
        ("poolcli maxx --nan ", []),
        ("poolcli max pho", []),
    ],
)
def test_words(offered: Callable[[str], list[str]], line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_all_commands_are_offered(offered: Callable[[str], list[str]]) -> None:
    assert offered("poolcli ") == build().list_commands(None)
    assert offered("poolcli pyramid ") == list(OPS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(poolcli: Run, shell: str) -> None:
    outcome = poolcli("completion", shell)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"_POOLCLI_COMPLETE=complete_{shell}" in outcome.text
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n"], input=outcome.out, check=True)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered_in_their_words(
    poolcli: Run, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_POOLCLI_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "poolcli max --skip")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert "--skip-existing" in poolcli().text


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to ask")
def test_bash_itself(poolcli: Run, tmp_path: Path) -> None:
    import sys

    program = tmp_path / "poolcli"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m poolcli "$@"\n')
    program.chmod(0o755)
    script = poolcli("completion", "bash").text + (
        "\nCOMP_WORDS=(poolcli max --over); COMP_CWORD=2\n"
        '_poolcli_completion poolcli\necho "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc"],
        input=script.encode(),
        stdout=subprocess.PIPE,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": str(PROJECT)},
        check=True,
    )
    assert done.stdout == b"--overwrite\n"


def manual() -> str:
    """Give the manual page."""
    return "\n".join(make_man.page()) + "\n"


def test_the_manual_tells_every_command_and_option() -> None:
    page = manual().replace("\\-", "-")
    program = build()
    for name in program.list_commands(None):
        assert f".B {name}" in page or f".SS poolcli {name}" in page, name
    for name in OPS:
        for option in program.get_command(None, name).params[1:]:
            assert option.opts[0] in page, option
    assert ".SH EXIT STATUS" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff to set the page")
def test_the_manual_is_set_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "poolcli.1").write_text(manual(), encoding="utf-8")
    command = ["groff", "-K", "utf8", "-T", "utf8", "-man", "-ww", "poolcli.1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert done.stderr == b""
    plain = re.sub(rb".\x08|\x1b\[[0-9;]*m", b"", done.stdout)  # without its bold letters
    assert b"--resume" in plain


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    "variables", [{}, {"COMP_WORDS": "poolcli m", "COMP_CWORD": "x"}, {"COMP_WORDS": '"'}]
)
def test_what_the_shell_does_not_tell_is_no_error(
    poolcli: Run, shell: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COMP_WORDS", "COMP_CWORD", "_TYPER_COMPLETE_ARGS", "_TYPER_COMPLETE_FISH_ACTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("_POOLCLI_COMPLETE", f"complete_{shell}")
    outcome = poolcli()
    assert (outcome.code, outcome.err) in ((0, ""), (1, ""))
