"""The codes that programs are told what went wrong by."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poolcli.errors import CODES, InputError, OutputError, PoolError, UsageError, code_of
from tests.helpers.images import picture
from tests.helpers.program import PROJECT, Outcome

Run = Callable[..., Outcome]

CASES = [
    ("max -k 2 no.npy", "not_found"),
    ("info no.npy", "not_found"),
    ("max -k 2 x.npy/", "not_found"),
    ("max -k 2 a.npz:no", "not_found"),
    ("max -k 2 a.npz --arrays no*", "not_found"),
    ("max -k 2 nothing", "not_found"),
    ("max -k 2 loop.npy", "unreadable"),
    ("max -k 2 closed.npy", "no_permission"),
    ("max -k 2 empty.npy", "unreadable"),
    ("max -k 2 short.npy", "unreadable"),
    ("max -k 2 broken.png", "unreadable"),
    ("max -k 2 words.csv", "unreadable"),
    ("explain max -k 2 words.csv", "unreadable"),
    ("max -k 2 program", "unreadable"),
    ("max -k 2 a.png --max-memory 1k", "too_large"),
    ("max -k 2 a.png --max-pixels 9", "too_large"),
    ("max -k 20 x.npy", "not_poolable"),
    ("conform -k 20 --layout NHW x.npy", "not_poolable"),
    ("compare -k 20 --ops max x.npy", "not_poolable"),
    ("max -k 2 --layout NCHW x.npy", "not_poolable"),
    ("max -k 2 words.npy", "unreadable"),
    ("max -k 2 --nan error nan.npy", "not_poolable"),
    ("sum -k 2 a.png -o out.png", "not_poolable"),
    ("global max a.png -o out.png", "not_held"),
    ("max -k 2 alpha.png -o out.jpg", "not_held"),
    ("max -k 2 nan.npy -o out.png", "not_held"),
    ("max -k 2 nan.npy -o full.npy", "no_space"),
    ("max -k 2 nan.npy -o there.npy", "exists"),
    ("max -k 2 nan.npy -o closed/out.npy", "no_permission"),
]


@pytest.fixture
def inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give good inputs, bad ones, and a system that refuses what is named for that."""
    np.save("x.npy", np.ones((4, 4)))
    np.save("nan.npy", np.full((4, 4), np.nan))
    np.save("words.npy", np.array([["a", "b"]]))
    np.save("closed.npy", np.ones((4, 4)))
    np.savez("a.npz", a=np.ones((4, 4)))
    picture("L").save("a.png")
    picture("RGBA").save("alpha.png")
    Path("broken.png").write_bytes(Path("a.png").read_bytes()[:60])
    Path("short.npy").write_bytes(Path("x.npy").read_bytes()[:-1])
    Path("empty.npy").touch()
    Path("words.csv").write_text("1,2\n3,four\n")
    Path("program").write_bytes(b"\x7fELF\0\0\0\0")
    Path("loop.npy").symlink_to("loop.npy")
    Path("nothing").mkdir()

    real_open, real_link = os.open, os.link
    numbers = {"closed": errno.EACCES, "full": errno.ENOSPC, "there": errno.EEXIST}

    def refused(path: object) -> None:
        name = re.split(r"[./]", os.path.relpath(os.fspath(path)))[0]  # type: ignore[call-overload]
        if name in numbers:
            raise OSError(numbers[name], os.strerror(numbers[name]), path)

    def opened(path: object, *more: object, **named: object) -> int:
        refused(path)
        return real_open(path, *more, **named)  # type: ignore[arg-type]

    def linked(source: object, target: object, *more: object, **named: object) -> None:
        refused(target)
        real_link(source, target, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "link", linked)


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize(("arguments", "code"), CASES)
def test_a_code_for_each_failure(poolcli: Run, arguments: str, code: str) -> None:
    outcome = poolcli(*arguments.split(), "--json")
    assert outcome.code == 1, outcome.err
    (record,) = [json.loads(line) for line in outcome.text.splitlines()]
    assert (record.keys(), record["code"]) == ({"label", "error", "code"}, code), record
    assert outcome.err == f"poolcli: {record['error']}\n"


def test_a_mistake_in_usage_that_shows_later(poolcli: Run) -> None:
    picture("L").save("a.png")
    np.save("b.npy", np.ones((4, 4)))
    outcome = poolcli("max", "-k", 2, "a.png", "b.npy", "--grid", 2, "-o", "out/", "--json")
    assert outcome.code == 1
    assert json.loads(outcome.text.splitlines()[1])["code"] == "usage"


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x"), "not_poolable"),
        (OutputError("x"), "not_written"),
        (UsageError("x"), "usage"),
        (PoolError("x"), "unexpected"),
        (ValueError("x"), "unexpected"),
        (InputError("x", code="too_large"), "too_large"),
        (caused(InputError("a: x"), InputError("x", code="too_large")), "too_large"),
        (caused(InputError("a: x"), caused(InputError("x"), MemoryError())), "too_large"),
        (caused(InputError("a: x"), UsageError("x")), "usage"),
        (caused(InputError("x", code="unreadable"), FileNotFoundError()), "unreadable"),
        (caused(OutputError("x"), OSError(errno.ENOSPC, "full")), "no_space"),
        (caused(OutputError("x"), OSError(errno.EIO, "worn out")), "not_written"),
    ],
)
def test_the_code_of_an_error(error: Exception, code: str) -> None:
    assert code_of(error) == code


def test_the_page_has_all_codes() -> None:
    page = (PROJECT / "docs" / "json.md").read_text(encoding="utf-8")
    rows = page.partition("| `code` | Meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", rows, re.MULTILINE)) == CODES
