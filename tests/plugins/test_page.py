"""The op of docs/plugins.md, installed as the page says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np

import poolcli as library
from tests.helpers.plugins import install
from tests.helpers.program import PROJECT, Outcome

PAGE = (PROJECT / "docs/plugins.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_op_of_the_page(site: Path, poolcli: Callable[..., Outcome]) -> None:
    (code,) = blocks("python")
    project = tomllib.loads(blocks("toml")[0])["project"]
    (site / "poolcli_rates.py").write_text(code, encoding="utf-8")
    points = project["entry-points"]["poolcli.ops"]
    install(site, project["name"], {"ops": points}, project["version"])
    matrix = ("--matrix", "1 2 4; 4 4 8")
    expected = 4 / (1 + 1 / 2 + 1 / 4 + 1 / 4)
    assert poolcli("harmonic", "-k", 2, *matrix).text.splitlines()[-1] == str(expected)
    assert poolcli("global", "harmonic", *matrix).code == 0
    assert "harmonic(1, 2, 4, 4) = 2" in poolcli("explain", "harmonic", "-k", 2, *matrix).text
    assert poolcli("chain", "harmonic 2 | max 1", *matrix).code == 0
    x = np.array([[1.0, 2], [4, 4]])
    assert library.pool(x, "harmonic", 2).tolist() == [[expected]]
    assert (
        poolcli("info", "--plugins").text == "op harmonic: the harmonic mean (poolcli-rates 1.0)\n"
    )


def test_the_format_of_the_page_is_the_example() -> None:
    points = tomllib.loads(blocks("toml")[1])
    own = tomllib.loads((PROJECT / "examples/poolcli-nifti/pyproject.toml").read_text("utf-8"))
    assert points["project"]["entry-points"] == own["project"]["entry-points"]
