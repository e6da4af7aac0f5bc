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
        ("poolcli ops s", ["sum", "std", "stochastic", "soft", "subsample"]),
        ("poolcli max --name-template {s", ["{stem}_small{ext}", "{stem}_{op}{ext}"]),
        ("poolcli max --k", ["--kernel-size"]),
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


HOMES = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty home, in which no variable names another folder."""
    for name in HOMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def files(folder: Path) -> dict[str, str]:
    """Give the text of every file below a folder, by its name there."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("shell", "script", "starts"),
    [
        ("bash", ".local/share/poolcli/completion.bash", ".bashrc"),
        ("zsh", ".local/share/poolcli/completion.zsh", ".zshrc"),
        ("fish", ".config/fish/completions/poolcli.fish", None),
    ],
)
def test_install(poolcli: Run, home: Path, shell: str, script: str, starts: str | None) -> None:
    if starts is not None:
        (home / starts).write_text("alias ll='ls -l'")  # its last line is not ended
    first = poolcli("completion", shell, "--install")
    assert (first.code, first.out) == (0, b"")
    there = files(home)
    assert there.pop(script) == poolcli("completion", shell).text
    assert f"{home / script}: written\n" in first.err
    if starts is not None:
        before, added = there.pop(starts).splitlines()
        assert before == "alias ll='ls -l'"
        assert str(home / script) in added
        assert f"{home / starts}: this line was added: {added}\n" in first.err
    assert there == {}
    after = files(home)
    again = poolcli("completion", shell, "--install")
    assert (again.code, files(home)) == (0, after)
    assert "is there already" in again.err
    assert "written" not in again.err


def test_install_replaces_nothing_unless_asked(poolcli: Run, home: Path) -> None:
    script = home / ".config/fish/completions/poolcli.fish"
    script.parent.mkdir(parents=True)
    script.write_text("# mine\n")
    refused = poolcli("completion", "fish", "--install")
    assert refused.code == 1
    assert refused.err == f"poolcli: {script}: it exists; say --overwrite to replace it\n"
    assert script.read_text() == "# mine\n"
    assert poolcli("completion", "fish", "--install", "--overwrite").code == 0
    assert script.read_text() == poolcli("completion", "fish").text


def test_install_goes_where_variables_say(
    poolcli: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in HOMES:
        (home / name).mkdir()
        monkeypatch.setenv(name, str(home / name))
    assert poolcli("completion", "zsh", "--install").code == 0
    assert poolcli("completion", "fish", "--install").code == 0
    assert sorted(files(home)) == [
        "XDG_CONFIG_HOME/fish/completions/poolcli.fish",
        "XDG_DATA_HOME/poolcli/completion.zsh",
        "ZDOTDIR/.zshrc",
    ]


def test_a_folder_that_cannot_be_is_one_line(
    poolcli: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "file"))
    outcome = poolcli("completion", "bash", "--install")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert outcome.err.startswith(f"poolcli: {home}/file/poolcli/completion.bash: ")
    assert not (home / ".bashrc").exists()


@pytest.mark.parametrize("option", ["--install", "--overwrite"])
def test_a_script_is_printed_or_installed(poolcli: Run, home: Path, option: str) -> None:
    outcome = poolcli("completion", "fish", option)
    assert (outcome.code == 0) == (option == "--install")
    if option == "--overwrite":
        assert outcome.err == "poolcli: --overwrite needs --install\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to ask")
def test_bash_finds_what_was_installed(poolcli: Run, home: Path) -> None:
    assert poolcli("completion", "bash", "--install").code == 0
    done = subprocess.run(
        ["bash", "--rcfile", home / ".bashrc", "-i", "-c", "complete -p poolcli"],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert b"_poolcli_completion" in done.stdout
