"""Distributions that are installed into a folder of a test: their description, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from poolcli import plugins

Entries = Mapping[str, Mapping[str, str]]
"""By group (``ops``, ``formats``), the entry points by name."""


def install(site: Path, distribution: str, entries: Entries, version: str = "1.0") -> None:
    """Put there what an installer leaves of a distribution; its modules are on the path already."""
    folder = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    (folder / "METADATA").write_text(metadata, encoding="utf-8")
    lines = [
        line
        for group, points in entries.items()
        for line in (f"[poolcli.{group}]", *(f"{k} = {v}" for k, v in points.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Give a folder where distributions can be installed that this process then has."""
    folder = tmp_path_factory.mktemp("site")
    monkeypatch.syspath_prepend(str(folder))
    plugins.forget()
    yield folder
    plugins.forget()
