"""The page as a file: whole in itself, safe, and of the program's own tables."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from poolcli.analysis.page import MOST_CELLS, known_ops, make_page
from poolcli.analysis.palette import HUES
from poolcli.errors import InputError, UsageError
from poolcli.geometry import Adaptive, Fractional, Global, Pyramid, Sliding
from poolcli.ops import OPS
from poolcli.request import Request

MATRIX = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]])
PAGE = make_page(MATRIX, Request("max", Sliding(2)))


def settings(page: str) -> Any:
    text = re.search(r'<script type="application/json" id="settings">(.*?)</script>', page)
    assert text is not None
    return json.loads(text[1])


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_it_is_small_and_whole() -> None:
    assert len(PAGE.encode()) < 100_000
    assert PAGE.startswith('<!doctype html>\n<html lang="en">')
    tags = Tags(PAGE).found
    assert [(tag, a) for tag, a in tags if {"src", "href", "style"} & set(a)] == []
    assert not {tag for tag, _ in tags} & {"link", "img", "iframe", "canvas", "object", "base"}
    # The one address in it is the name of nothing that is fetched.
    assert re.findall(r"https?://[^\"' ]+", PAGE) == []
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|eval|Function)\s*\(", PAGE)
    policies = [a["content"] for _, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"]
    assert "{{" not in re.sub(r"=> \(\{\{.*", "", PAGE)


def test_the_same_input_gives_the_same_page() -> None:
    assert make_page(MATRIX, Request("max", Sliding(2))) == PAGE


def test_it_does_every_op() -> None:
    # An op without a row in ops.js is one that the page does not offer, and says so.
    assert known_ops() == tuple(OPS)
    ops = settings(PAGE)["ops"]
    for name, op in OPS.items():
        assert ops[name]["summary"]
        assert set(ops[name]["params"]) == {param.name for param in op.params}


def test_colours_are_those_of_the_terminal() -> None:
    style = PAGE.partition("<style>")[2].partition("</style>")[0]
    for number, hue in enumerate(HUES):
        for variable, colour in (("w", hue.strong), ("t", hue.tint), ("t", hue.dark_tint)):
            assert f"--{variable}{number}: {colour};" in style


def test_what_is_asked_is_in_it() -> None:
    request = Request(
        "avg",
        Sliding((2, 3), (1, 2), ((0, 1), (1, 0)), 1, True),
        nan="skip",
        nodata=-9.5,
        min_valid=0.25,
        count_include_pad=True,
    )
    found = settings(make_page(MATRIX.astype(np.float32) / 10, request, seconds=0.5))
    assert found["size"] == [2, 3]
    assert found["stride"] == [1, 2]
    assert found["padding"] == [[0, 1], [1, 0]]
    assert (found["ceil"], found["seconds"]) == (True, 0.5)
    assert found["cells"][0] == [0.1, 0.3, 0.2, 0.4]
    assert found["policy"] == {
        "countPadding": True,
        "divisor": None,
        "skipNaN": True,
        "refuseNaN": False,
        "nodata": -9.5,
        "minValid": 0.25,
    }
    assert found["flags"] == ["--nan", "skip", "--nodata", "-9.5", "--min-valid", "0.25"]
    assert found["ops"]["avg"]["flags"] == ["--count-include-pad"]


@pytest.mark.parametrize(
    ("geometry", "size", "stride"),
    [
        (Global(), [4, 4], [1, 1]),
        (Adaptive(2), [2, 2], [2, 2]),
        (Sliding(3, 2, "same"), [3, 3], [2, 2]),
    ],
)
def test_windows_at_even_steps_slide(geometry: Any, size: Any, stride: Any) -> None:
    found = settings(make_page(MATRIX, Request("max", geometry)))
    assert (found["size"], found["stride"]) == (size, stride)


@pytest.mark.parametrize(
    ("x", "asked", "message"),
    [
        (MATRIX, Request("max", Adaptive(3)), "slides windows of one size"),
        (MATRIX, Request("max", Fractional(3)), "slides windows of one size"),
        (MATRIX, Request("max", Pyramid((1, 2))), "slides windows of one size"),
        (np.ones((2, 4, 4)), Request("max", Sliding(2)), "one or two axes"),
    ],
    ids=str,
)
def test_what_a_page_cannot_show(x: Any, asked: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_page(x, asked)


def test_what_the_engine_refuses() -> None:
    with pytest.raises(InputError, match="height: effective kernel 5 exceeds input 4"):
        make_page(MATRIX, Request("max", Sliding(5)))
    with pytest.raises(InputError, match="negative activation"):
        make_page(MATRIX - 9, Request("stochastic", Sliding(2)))
    with pytest.raises(InputError, match="at most 8 rows and columns"):
        make_page(np.ones((MOST_CELLS + 1, 2)), Request("max", Sliding(2)))


@pytest.mark.parametrize("hostile", ["</script><script>alert(1)</script>", "<!--", "&lt;", "'\""])
def test_nothing_typed_ends_the_script(hostile: str) -> None:
    # No text reaches the page today but that of the program; whatever will is data.
    from poolcli.analysis.page import _as_data

    text = _as_data({"cells": hostile})
    assert not re.search("[<>&]", text)
    assert json.loads(text) == {"cells": hostile}


def test_numbers_survive() -> None:
    x = np.array([[np.nan, np.inf, -np.inf, 1e300, 5e-324, -0.0, 1 / 3, 2.0]])
    cells = settings(make_page(x, Request("max", Sliding((1, 2)))))["cells"]
    assert cells == [["nan", "inf", "-inf", 1e300, 5e-324, 0, 1 / 3, 2]]
