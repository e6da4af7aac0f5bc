"""Examples in Markdown: what is typed in console blocks, and what it prints.

``python docs/tools/examples.py README.md`` runs them and writes what they print now into the page.
What is nothing but a call of the program runs inside this process, all else in a shell.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[2]
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)
QUOTED = re.compile(r"'[^']*'|\"[^\"$`\\]*\"")
FOR_A_SHELL = re.compile(r"[^\w\s./:,=@%+-]")


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
    return "".join(f"$ {command}\n{output_of(command, folder)}" for command in commands(block))


def output_of(command: str, folder: Path) -> str:
    """Run a command line in the folder and give all that it prints."""
    with tempfile.TemporaryFile("a+b") as printed:
        if command.startswith("poolcli ") and not FOR_A_SHELL.search(QUOTED.sub("", command)):
            _run_inside(shlex.split(command)[1:], folder, printed.fileno())
        else:
            environment = {
                "PATH": f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(PROJECT),
                "LC_ALL": "C.UTF-8",
            }
            subprocess.run(
                ["sh", "-c", command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        printed.seek(0)
        return printed.read().decode()


def _run_inside(arguments: list[str], folder: Path, descriptor: int) -> None:
    """Run the program as a shell would, with its output going to a file."""
    from poolcli.cli.main import main

    handler = signal.getsignal(signal.SIGTERM)
    with (
        contextlib.chdir(folder),
        _environment({"LC_ALL": "C.UTF-8"}),
        warnings.catch_warnings(),
        open(os.devnull, encoding="utf-8") as nothing,
        open(os.dup(descriptor), "w", encoding="utf-8") as out,
        open(os.dup(descriptor), "w", buffering=1, encoding="utf-8") as err,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.suppress(SystemExit),
    ):
        before, sys.stdin = sys.stdin, nothing
        try:
            main(arguments)
        finally:
            sys.stdin = before
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Let these be all variables but where programs are found."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({"PATH": before["PATH"], **variables})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def rewrite(path: Path) -> None:
    """Put what the examples print now into the page."""
    page = path.read_text(encoding="utf-8")
    with playground() as folder:
        page = CONSOLE.sub(lambda m: f"```console\n{replay(m[1], folder)}```", page)
    path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name))
