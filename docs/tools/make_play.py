"""Write play.html, the page to play with: ``make docs``, or ``python docs/tools/make_play.py``.

It is what ``poolcli animate max --size 2 sample_data/max_4x4.npy -o play.html`` writes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from poolcli.analysis.page import make_page
from poolcli.geometry import Sliding
from poolcli.request import Request

PAGE = Path(__file__).parents[1] / "play.html"
MATRIX = [[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]]


def page() -> str:
    """Give the text of the page."""
    return make_page(np.array(MATRIX), Request("max", Sliding(2, 2)))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
