"""Write conformance.md from the libraries that are installed: ``make conformance``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from tests.elsewhere import LIBRARIES
from tests.parity.campaigns import CAMPAIGNS, Campaign, Count

PAGE = Path(__file__).parents[1] / "conformance.md"
CASES = 2000
HEADER = """# Conformance

What poolcli's numbers are checked against, and with what result. Three second opinions come one
after another:

1. **The specification** in plain Python loops, `tests/spec/`: no code is shared with the program.
   The tests compare every operation, every family of windows, every dtype and every layout with it.
2. **What others answered**, kept in `tests/data/`: PyTorch, Keras, TensorFlow, ONNX's reference and
   node tests, scikit-image, SciPy and NumPy, each case with the version that answered it.
3. **What others answer now**: random cases, compared with whatever is installed. `make parity` runs
   them as tests, and `make conformance` counts them into the tables below.

Numbers are *the same* where all cells are equal; NaN equals NaN, and −0 equals 0. They are *rounded
otherwise* where they agree to the rounding of float32, or of the wider type: most libraries add in
another order, or in a narrower type. A *named difference* is explained in
[Where frameworks differ](differences.md) or listed below; the answer of the specification is then
ours. Nothing may be left *unexplained*.
"""
TABLE = """
| Library | What | Random | Cases | Same | Rounded otherwise | Named difference | Unexplained |
|---|---|---|--:|--:|--:|--:|--:|
"""
FOOTER = """
`make conformance` writes this page. It installs the libraries into an environment of its own, and
copies none of their files.
"""


def page(counts: list[tuple[Campaign, Count]]) -> str:
    """Give the text of the page."""
    rows = "".join(
        f"| {LIBRARIES[c.library].title.partition(':')[0]}"
        f" {version(LIBRARIES[c.library].distribution)} | {c.what} | {c.covers} | {n.cases:,} |"
        f" {n.same:,} | {n.rounded:,} | {sum(n.named.values()):,} | {n.different:,} |\n"
        for c, n in counts
    )
    return HEADER + TABLE + rows + "".join(named(counts)) + FOOTER


def named(counts: list[tuple[Campaign, Count]]) -> Iterator[str]:
    """Say how often which named difference was met."""
    yield "\n## Named differences that were met\n\n"
    for campaign, count in counts:
        for name, times in count.named.most_common():
            yield f"- {LIBRARIES[campaign.library].title}: {name} ({times:,})\n"


def main() -> None:
    """Run every campaign and write the page. Nothing may be missing or unexplained."""
    missing = sorted({c.library for c in CAMPAIGNS if not LIBRARIES[c.library].installed})
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; `make conformance` installs them")
    counts = []
    for campaign in CAMPAIGNS:
        counts.append((campaign, campaign.run(CASES)))
        print(f"{campaign.library}: {campaign.what}: {counts[-1][1]}", flush=True)
    PAGE.write_text(page(counts), encoding="utf-8")
    if any(count.different for _, count in counts):
        sys.exit("some cases differ without a name")


if __name__ == "__main__":
    main()
