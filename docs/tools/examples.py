"""Examples in Markdown: what is typed in console blocks, and what it prints.

``python docs/tools/examples.py README.md`` runs them and writes what they print now into the page.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[2]
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)


def console_blocks(page: str) -> list[str]:
    """Give the text of every console block."""
    return CONSOLE.findall(page)


def commands(block: str) -> list[str]:
    """Give the command lines of a block."""
    return COMMAND.findall(block)


@contextmanager
def playground() -> Iterator[Path]:
    """Give a folder that looks like a fresh clone, where examples may write."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "poolcli")
        shutil.copytree(PROJECT / "sample_data", copy / "sample_data")
        tools = Path(folder, "bin")
        tools.mkdir()
        script = tools / "poolcli"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m poolcli "$@"\n')
        script.chmod(0o755)
        yield copy


def replay(block: str, folder: Path) -> str:
    """Run the commands of a block; give the block as it would read now."""
    lines = []
    for command in commands(block):
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env={
                "PATH": f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(PROJECT),
                "LC_ALL": "C.UTF-8",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines.append(f"$ {command}\n{done.stdout}")
    return "".join(lines)


def rewrite(path: Path) -> None:
    """Put what the examples print now into the page."""
    page = path.read_text(encoding="utf-8")
    with playground() as folder:
        page = CONSOLE.sub(lambda m: f"```console\n{replay(m[1], folder)}```", page)
    path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name))
