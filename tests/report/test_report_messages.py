"""Hints, warnings and errors: one line each, whatever they quote."""

from __future__ import annotations

import io
from typing import Any

import pytest

from poolcli import report


@pytest.mark.parametrize(
    ("say", "line"),
    [
        (report.error, "poolcli: a\\nb\\x1b[0m: [bold] é\n"),
        (report.warning, "poolcli: warning: a\\nb\\x1b[0m: [bold] é\n"),
        (report.hint, "poolcli: hint: a\\nb\\x1b[0m: [bold] é\n"),
    ],
)
def test_messages_are_one_line_on_stderr(
    say: Any, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say("a\nb\x1b[0m: [bold] é")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", line)


def test_messages_survive_an_ascii_stream() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    report.error("ü.png: gone", stream=stream)
    assert raw.getvalue() == b"poolcli: \\xfc.png: gone\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.png", "plain name.png"),
        ("日本 é", "日本 é"),
        ("a\tb\r\n", "a\\tb\\r\\n"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2028", "\\u2028"),
        ("\udc80\udcff", "\\x80\\xff"),
        ("\ud800", "\\ud800"),
        ("C:\\new", "C:\\new"),
    ],
)
def test_safe(text: str, shown: str) -> None:
    assert report.safe(text) == shown
    assert report.safe(text).encode("utf-8").decode("utf-8").isprintable()
