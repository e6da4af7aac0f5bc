"""Pictures in real pixels: what is asked of a terminal, and what comes of its answers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from poolcli.report import inline
from tests.helpers.program import finished, with_keys

pytest.importorskip("textual_image", reason="textual-image is not there: poolcli[terminal]")
if os.name != "posix":
    pytest.skip("terminals are asked on POSIX alone", allow_module_level=True)

QUESTION = "\x1b[c"
STORM = Path(__file__).parents[2] / "sample_data" / "storm.png"
CELL = b"\x1b[6;20;10t"


@pytest.mark.parametrize(
    ("answer", "sends"),
    [
        (CELL + b"\x1b[?62;4;22c", b"\x1bP"),  # Sixel
        (b"\x1b_Gi=4211;OK\x1b\\" + CELL + b"\x1b[?62c", b"\x1b_Gi="),  # kitty's protocol
        (CELL + b"\x1b[?62;22c", None),  # a terminal that shows none
        (b"\x1b[?62;4c", None),  # how large its cells are nobody knows
    ],
)
def test_pictures_as_the_terminal_says(answer: bytes, sends: bytes | None) -> None:
    done = with_keys("max", "--size", 2, STORM, keys=[(QUESTION, answer)])
    assert done.code == 0
    shown = done.out.split(QUESTION.encode(), 1)[1]
    assert shown.count(QUESTION.encode()) == 0  # it is asked once
    if sends is None:
        assert "▀".encode() in shown
    else:
        assert sends in shown
        assert "▀".encode() not in shown
    assert b"before" in shown
    assert b"after" in shown


def test_a_terminal_that_is_silent_is_not_waited_for() -> None:
    done = with_keys("max", "--size", 2, STORM)
    assert (done.code, done.out.count(QUESTION.encode())) == (0, 1)
    assert "▀".encode() in done.out


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "linux"}, {"TERM": "dumb"}])
def test_nothing_is_asked_where_nothing_can_be_shown(variables: dict[str, str]) -> None:
    done = with_keys("max", "--size", 2, STORM, **variables)
    assert done.code == 0
    assert b"\x1b[c" not in done.out
    assert b"\x1b_G" not in done.out


def test_a_pipe_is_not_asked() -> None:
    done = finished("max", "--size", 60, STORM)
    assert (done.code, done.err) == (0, "")
    assert b"\x1b" not in done.out


def test_without_the_extra_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    monkeypatch.setattr(inline, "_is_ours", lambda: True)
    monkeypatch.setattr(inline, "find_spec", lambda _: None)
    monkeypatch.setattr(inline, "_answer", lambda question, _: asked.append(question))
    monkeypatch.setenv("TERM", "xterm-kitty")
    inline._ask.cache_clear()
    assert inline._ask() is None
    inline._ask.cache_clear()
    assert asked == []


def test_what_was_typed_before_is_left_for_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()
    with open(follower, "r+b", buffering=0) as terminal:
        monkeypatch.setattr(inline.sys, "stdin", terminal)
        monkeypatch.setattr(inline.sys, "stdout", terminal)
        os.write(leader, b"ls\n")
        assert inline._answer(b"?", 0.0) == ""
        assert os.read(follower, 10) == b"ls\n"
    os.close(leader)


def test_answers_stop_at_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()

    class Answering:
        """A terminal that answers as soon as it is asked."""

        def fileno(self) -> int:
            return follower

        def flush(self) -> None:
            os.write(leader, CELL + b"\x1b[?64;4c")

    monkeypatch.setattr(inline.sys, "stdin", Answering())
    monkeypatch.setattr(inline.sys, "stdout", Answering())
    said = inline._answer(b"", 5.0)
    monkeypatch.undo()
    assert re.fullmatch(r"\x1b\[6;20;10t\x1b\[\?64;4c", said)
    os.close(leader)
    os.close(follower)


def test_pictures_beside_each_other_are_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    pages = []
    png = inline._png
    monkeypatch.setattr(inline, "_png", lambda page: pages.append(page) or png(page))
    left = np.full((40, 30, 3), 7, np.uint8)
    right = np.full((20, 10, 3), 9, np.uint8)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        terminal = inline.Terminal("sixel", (10, 20))
        console = Console(file=nowhere, force_terminal=True)
        inline.show([left, right], ["before", "after"], console, terminal, 2, 2)
    (page,) = pages
    assert page.shape == (40, (2 + 3 + 2 + 1) * 10, 4)
    np.testing.assert_array_equal(page[:, 20:50, :3], left)
    np.testing.assert_array_equal(page[:20, 70:80, :3], right)
    shown = np.zeros((40, 80), bool)
    shown[:, 20:50] = shown[:20, 70:80] = True
    np.testing.assert_array_equal(page[..., 3] == 255, shown)
