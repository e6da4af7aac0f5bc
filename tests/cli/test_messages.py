"""Hints, warnings and errors: one line each on standard error, in the words of the command line."""

from __future__ import annotations

import ast
import io
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import poolcli
from poolcli.cli import messages
from poolcli.cli.declare import flags_of
from poolcli.cli.flags import MARK, in_flags, known_flags
from poolcli.cli.takes import every_option
from poolcli.errors import InputError

PACKAGE = Path(poolcli.__file__).parent


def complain(text: str) -> None:
    messages.complain(InputError(text))


@pytest.mark.parametrize(
    ("say", "before"),
    [
        (complain, ""),
        (messages.warn, "warning: "),
        (messages.hint, "hint: "),
        (messages.summary, ""),
    ],
)
def test_messages_are_one_line_on_stderr(
    say: Any, before: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say("a\nb\x1b[0m: [bold] é")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"poolcli: {before}a\\nb\\x1b[0m: [bold] é\n")


def test_messages_survive_an_ascii_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    complain("ü.png: gone")
    assert raw.getvalue() == b"poolcli: \\xfc.png: gone\n"


@pytest.mark.parametrize("say", [complain, messages.warn, messages.hint])
def test_messages_name_flags(say: Any, capsys: pytest.CaptureFixture[str]) -> None:
    say("it exists; say `overwrite` to replace it")
    assert capsys.readouterr().err.endswith("it exists; say --overwrite to replace it\n")


def test_a_failed_input_is_told_in_flags(capsys: pytest.CaptureFixture[str]) -> None:
    messages.complain_of_input("x", InputError("x: use `nan='skip'`"), as_json=True)
    assert capsys.readouterr().out == '{"label": "x", "error": "x: use --nan skip"}\n'


@pytest.mark.parametrize(
    ("message", "typed"),
    [
        ("`overwrite`", "--overwrite"),
        ("`nodata=-9`", "--nodata -9"),
        ("`nan='skip'` or `nan='propagate'`", "--nan skip or --nan propagate"),
        ("`ceil_mode`", "--ceil"),
        ("`output_size=7`", "--output-size 7"),
        ("`signed=False`", "--no-signed"),
        ("`signed=True`", "--signed"),
        ("`count_include_pad=False`", "--no-count-include-pad"),
        ("`fit='clip'`", "--clip"),
        ("`method='lower'`", "--method lower"),
        ("`output='DIR/'`", "-o DIR/"),
        ("`output='-'`", "-o -"),
        ("`output='my photos/'`", "-o 'my photos/'"),
        ("`name_template='{stem}_{array}{ext}'`", "--name-template '{stem}_{array}{ext}'"),
        ("`max_pixels=5`", "--max-pixels 5"),
        ("`debug`", "--debug"),
        # What is no keyword of ours is somebody's text.
        ("`fit='wide'`", "`fit='wide'`"),
        ("a`overwrite`.png", "a`overwrite`.png"),
        ("`my`.npy ` `` `nan=`x`", "`my`.npy ` `` `nan=`x`"),
    ],
)
def test_marks_become_what_is_typed(message: str, typed: str) -> None:
    assert in_flags(message) == typed


def test_a_keyword_has_one_flag_in_all_commands() -> None:
    flags: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for option in every_option():
        flags[option.name].add(flags_of(option))
    assert not {name: found for name, found in flags.items() if len(found) > 1}


def _strings(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [value for value in constants if isinstance(value, str)]


LIBRARY = sorted(path for path in PACKAGE.rglob("*.py") if "cli" not in path.parts[-2:-1])


def test_only_the_command_line_names_flags() -> None:
    assert len(LIBRARY) > 50
    flag = re.compile(r"(?<![\w-])(--[a-z]|-[a-zA-Z]\b)")
    named = {
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in LIBRARY
        for text in _strings(path)
        # Those of other programs, where people are told what to type.
        if flag.search(
            re.sub("gunzip -c|python -m|nccopy -k|h5repack -f|scheduler --scheduler-file", "", text)
        )
    }
    assert not named


def test_marks_of_the_library_are_known() -> None:
    marks = {mark[1] for path in LIBRARY for text in _strings(path) for mark in MARK.finditer(text)}
    assert len(marks) > 15
    assert marks - set(known_flags()) <= {"fit"}
