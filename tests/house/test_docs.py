"""The pages in docs/ say what the program does."""

from __future__ import annotations

import doctest
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageChops, ImageStat

import make_conformance
import make_differences
import make_ops
import make_play
import make_terminal
import poolcli
from examples import CONSOLE, PROJECT, commands, console_blocks, playground, replay
from poolcli.analysis.palette import HUES
from poolcli.frameworks.defaults import PLAIN, Preset
from poolcli.frameworks.table import TABLE
from poolcli.ops import OPS
from tests.elsewhere import LIBRARIES
from tests.parity.campaigns import CAMPAIGNS

DOCS = PROJECT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
RUN = [page for page in PAGES if console_blocks(page.read_text(encoding="utf-8"))]


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_there_are_examples() -> None:
    assert {"ops.md", "windows.md", "layouts-and-frameworks.md"} <= {page.name for page in RUN}
    assert sum(len(commands(block)) for page in RUN for block in console_blocks(text(page))) >= 40


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_examples(page: Path) -> None:
    blocks = console_blocks(text(page))
    with playground() as folder:
        for block in blocks:
            assert replay(block, folder) == block


def test_python_examples() -> None:
    page = text(DOCS / "python.md")
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    runner.run(parser.get_doctest(page.replace("```", ""), {}, "python.md", "python.md", 0))
    assert runner.tries >= 15
    assert runner.failures == 0


def test_every_public_name_is_told() -> None:
    page = text(DOCS / "python.md")
    assert [name for name in poolcli.__all__ if f"`{name}" not in page] == []


def test_the_page_of_the_ops_is_what_its_script_makes() -> None:
    made = make_ops.page()
    assert text(DOCS / "ops.md") == made, "renew it: make docs"
    assert re.findall(r"^## (.*)$", made, re.MULTILINE) == list(OPS)


def test_the_page_of_differences_is_what_its_script_makes() -> None:
    assert text(DOCS / "differences.md") == make_differences.page(), "renew it: make docs"


def test_the_page_to_play_with_is_what_its_script_makes() -> None:
    assert text(DOCS / "play.html") == make_play.page(), "renew it: make docs"


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal to look at needs Unix")
@pytest.mark.parametrize("name", [*make_terminal.TERMINALS, *make_terminal.PREVIEWS])
def test_pictures_of_terminals_are_what_the_program_prints(name: str) -> None:
    lines = make_terminal.USUAL_LINES if name in make_terminal.PREVIEWS else make_terminal.LINES
    arguments = (make_terminal.TERMINALS | make_terminal.PREVIEWS)[name]
    assert text(DOCS / "images" / name) == make_terminal.draw(arguments, lines), "make pictures"
    shown = [page for page in (*PAGES, PROJECT / "README.md") if f"images/{name})" in text(page)]
    assert shown, f"{name} is on no page"


def test_pictures_of_terminals_keep_colours_and_signs() -> None:
    picture = text(DOCS / "images" / "explain-max.svg")
    root = ElementTree.fromstring(picture)
    words = "".join(one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "⌊(4−2)/2⌋+1=2" in words
    assert "max(1,3,5,6)=6" in words
    assert all(f'fill="{hue.strong}"' in picture for hue in HUES)
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")  # it asks for nothing


def test_the_animation_is_what_the_program_writes(tmp_path: Path) -> None:
    for name, arguments in make_terminal.ANIMATIONS.items():
        make_terminal.run(f"{arguments} -o {tmp_path / name}")
        with Image.open(tmp_path / name) as new, Image.open(DOCS / "images" / name) as old:
            assert (new.size, new.n_frames) == (old.size, old.n_frames)
            for number in range(old.n_frames):
                new.seek(number)
                old.seek(number)
                assert new.info["duration"] == old.info["duration"]
                differences = ImageChops.difference(new.convert("RGB"), old.convert("RGB"))
                # Letters are drawn a little otherwise by other versions of Pillow.
                assert max(ImageStat.Stat(differences).mean) < 1, "make pictures"


def test_the_page_about_json_tells_every_field_that_its_examples_show() -> None:
    page = text(DOCS / "json.md")
    lines = [line for block in console_blocks(page) for line in block.splitlines()]
    said = CONSOLE.sub("", page)
    fields: set[str] = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            fields.update(value)
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    for line in lines:
        if line.startswith("{"):
            collect(json.loads(line))
    assert len(fields) >= 40
    assert [field for field in sorted(fields) if f"`{field}`" not in said] == []


def test_the_table_of_frameworks_says_what_the_presets_do() -> None:
    presets = [row.load().preset for row in TABLE.values()]

    def row(name: str, value: object, option: str) -> str:
        shown = [value(preset) for preset in (*presets, PLAIN)]  # type: ignore[operator]
        return f"| {name} | {' | '.join(shown)} | `--{option}` |"

    def yes(value: bool) -> str:
        return "yes" if value else "no"

    def stride(preset: Preset) -> str:
        return "1" if preset.unit_stride else "the size"

    page = text(DOCS / "layouts-and-frameworks.md")
    rows = [
        f"| | {' | '.join(TABLE)} | without `--like` | Option |",
        *(row(f"{n} axes", lambda p, n=n: p.layouts[n], "layout") for n in (3, 4, 5)),
        row("stride", stride, "stride"),
        row(
            "padding counted by averages",
            lambda p: yes(p.count_include_pad),
            "count-include-pad",
        ),
        row("positions count", lambda p: p.index, "index"),
        row(
            "lp of the values, not their magnitudes",
            lambda p: yes(p.params.get("signed", False)),
            "signed",
        ),
    ]
    for line in rows:
        assert line in page
    # A new setting of a preset, or of an op by a preset, needs a row of its own.
    assert set(Preset.__dataclass_fields__) == {
        *["layouts", "unit_stride", "count_include_pad", "index", "params"]
    }
    assert {name for row in TABLE.values() for name in row.load().preset.params} == {"signed"}
    for axes, letters in PLAIN.layouts.items():
        assert f"| {axes} | `{letters}` |" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", text(page)):
        path, _, heading = target.partition("#")
        there = DOCS / path if path else page
        assert there.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", text(there), re.MULTILINE)
            assert heading in {one.lower().replace(" ", "-") for one in headings}, target


def test_the_site_leads_to_every_page() -> None:
    named = re.findall(r"^ +- [^:]+: (\S+\.md)$", text(PROJECT / "mkdocs.yml"), re.MULTILINE)
    tops = {"index.md", "CONTRIBUTING.md", "CHANGELOG.md"}
    assert sorted(named) == sorted({page.name for page in PAGES} | tops)


def test_conformance_names_every_library() -> None:
    page = text(DOCS / "conformance.md")
    counted = {campaign.library for campaign in CAMPAIGNS}
    titles = [LIBRARIES[name].title for name in counted]
    assert [title for title in titles if f"| {title} " not in page] == []
    assert page.startswith(make_conformance.HEADER)
    assert set(LIBRARIES) - counted == {"onnx"}  # whose node tests are among the goldens
