"""Every example in the README does what it says."""

from __future__ import annotations

import doctest
import re

from examples import PROJECT, commands, console_blocks, playground, replay

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_console_examples() -> None:
    blocks = console_blocks(README)
    assert sum(len(commands(block)) for block in blocks) >= 10
    with playground() as folder:
        for block in blocks:
            assert replay(block, folder) == block


def test_python_examples() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    for block in blocks:
        runner.run(parser.get_doctest(block, {}, "README.md", "README.md", 0))
    assert runner.tries >= 5
    assert runner.failures == 0


def test_every_command_is_mentioned() -> None:
    from poolcli.cli.app import build
    from poolcli.ops import OPS

    for name in ("OP", *build().list_commands(None)):
        if name not in OPS:
            assert re.search(rf"\bpoolcli {name}\b", README), name


def test_pictures_and_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("https://") or (PROJECT / target).exists(), target
