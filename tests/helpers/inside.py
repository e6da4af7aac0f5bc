"""Fixtures to run the program inside this process: for tests/*/conftest.py to import."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from poolcli.cli.main import main
from tests.helpers.program import Outcome


@pytest.fixture(autouse=True)
def clean_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, without the user's own settings, and leave no trace."""
    monkeypatch.chdir(tmp_path)
    for name in ("POOLCLI_LAYOUT", "POOLCLI_LIKE", "POOLCLI_DEBUG"):
        monkeypatch.setenv(name, "")
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def poolcli(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Run the program in this process: fast, and with everything but signals and descriptors."""

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            main([os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments])
        assert isinstance(end.value.code, int)
        captured = capsysbinary.readouterr()
        return Outcome(end.value.code, captured.out, captured.err.decode())

    return run
