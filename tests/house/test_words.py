"""The words of pages, help and messages: plain ones, and one sign for each thing.

In prose it is × between numbers and … for what is left out. What is typed and printed as code has
an x (``2x3``), and three dots after what may be repeated (``INPUT...``).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from poolcli.cli import takes
from tests.helpers.every import every

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((PROJECT / "docs").glob("*.md"))
CODE = re.compile(r"^```.*?^```$|``.+?``|`[^`]*`|<!--.*?-->|\]\([^)]*\)", re.MULTILINE | re.DOTALL)
# What may be repeated or stands for more arguments; alone it is what is written in ASCII for ….
USAGE = re.compile(r"(?<=[A-Z])\.\.\.|(?<=poolcli )\.\.\.|^ ?\.\.\.$")
UNCLEAR = {
    "told": "say 'described', 'named' or 'said'",
    r"tells (?!apart|fewer|one|two|them)": "say 'describes', 'shows' or 'says'",
    r"nobody (says?|sees|means)": "say 'not given' or 'invisible'",
}


def prose(page: Path) -> str:
    """Give the text of a page without what is code in it."""
    return CODE.sub(" ", page.read_text(encoding="utf-8"))


def messages(path: Path) -> Iterator[str]:
    """Give the text of every string of a file that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_has_one_sign_for_each_thing(page: Path) -> None:
    text = prose(page)
    assert re.findall(r".{0,30}\.\.\..{0,10}", text) == [], "write …"
    assert re.findall(r".{0,30}\b\d+ ?[xX*] ?\d+\b.{0,10}", text) == [], "write ×"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_is_plain(page: Path) -> None:
    text = " ".join(prose(page).split())

    def check(word: str) -> None:
        found = re.findall(rf".{{0,40}}\b{word}.{{0,20}}", text)
        assert found == [], UNCLEAR[word]

    every(UNCLEAR, check)


def test_messages_have_one_sign_for_what_is_left_out() -> None:
    def check(path: Path) -> None:
        assert [text for text in messages(path) if "..." in USAGE.sub("", text)] == []

    every(sorted((PROJECT / "poolcli").rglob("*.py")), check)


def test_help_is_plain() -> None:
    helps = {
        declared.help
        for parameter in takes.every_option()
        for declared in parameter.annotation.__metadata__
    }
    assert len(helps) > 60

    def check(help: str) -> None:
        assert not re.search(r"\.\.\.|…|\btold\b|\btells\b|\bnobody\b", help)

    every(helps, check)


def test_the_signs_are_looked_for(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a 2x3 window ... `2x3 ...`\n```console\n$ poolcli 2x3 ...\n```\n", "utf-8")
    assert prose(page).count("...") == prose(page).count("2x3") == 1
    (tmp_path / "code.py").write_text('"""x..."""\nf("INPUT...", "and so on ...", "a...")\n')
    found = [text for text in messages(tmp_path / "code.py") if "..." in USAGE.sub("", text)]
    assert found == ["and so on ...", "a..."]
