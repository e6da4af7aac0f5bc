"""Every figure that docs/tutorial.md gives for what is said of pooling is measured again."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("skimage", reason="scikit-image comes with the dev extra")
sys.path.insert(0, str(Path(__file__).parent))

from claims import CLAIMS

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
ROWS = {
    match[2]: match[1].strip()
    for match in re.finditer(
        r"\| ([^|]*)<!-- (\w+) --> \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
}


def test_each_row_has_its_measurement() -> None:
    assert set(ROWS) == set(CLAIMS)


@pytest.mark.parametrize("name", CLAIMS)
def test_the_page_says_what_is_measured(name: str) -> None:
    row = ROWS[name]
    for figure in CLAIMS[name]():
        pattern = rf"(?<![\w.,]){re.escape(figure)}(?![\w])"
        assert re.search(pattern, row), f"{name}: {figure} is measured; the page says: {row}"
