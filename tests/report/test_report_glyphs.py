"""Text that may hold anything, as it is shown on one line."""

from __future__ import annotations

import pytest

from poolcli import report


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
